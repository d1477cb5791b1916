// The logs of a project's topics: what was sent to a source and is not in raw yet.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/settings.h"
#include "ground/log/log.h"

namespace weirhouse::work {

// Opens each log when it is first asked for. Threads: any.
class TopicLogs {
 public:
  // One folder for each topic below `folder`. The arguments must outlive it.
  TopicLogs(std::string folder, catalog::SettingStore& settings, Clock& clock, Random& random,
            bool read_only)
      : folder_(std::move(folder)),
        settings_(settings),
        clock_(clock),
        random_(random),
        read_only_(read_only) {}

  // The log of a topic, made if there is none. Its first offset is the greatest that a reader of it
  // has committed. Errors: those of stream::Log::Open.
  Result<std::shared_ptr<stream::Log>> Of(const std::string& topic);

 private:
  const std::string folder_;
  catalog::SettingStore& settings_;
  Clock& clock_;
  Random& random_;
  const bool read_only_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<stream::Log>> logs_;  // guarded by mutex_
};
}  // namespace weirhouse::work
