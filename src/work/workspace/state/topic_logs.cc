#include "work/workspace/state/topic_logs.h"

#include <algorithm>
#include <utility>

namespace weirhouse::work {

Result<std::shared_ptr<stream::Log>> TopicLogs::Of(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  if (const auto open = logs_.find(topic); open != logs_.end()) return open->second;
  stream::LogOptions options;
  options.read_only = read_only_;
  WEIRHOUSE_TRY(const auto readers, catalog::setting::TopicOffsets(topic).In(settings_));
  for (const auto& [reader, offset] : readers)
    options.first_offset = std::max(options.first_offset, offset);
  WEIRHOUSE_TRY(std::shared_ptr<stream::Log> log,
                stream::Log::Open(folder_ + "/" + topic, options, clock_, random_));
  return logs_.emplace(topic, std::move(log)).first->second;
}
}  // namespace weirhouse::work
