// Topics: what was sent to them, and how far their sources have taken it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct TopicReader {
  std::string source;
  std::int64_t taken = 0;    // the offset behind the last record that is in raw
  std::int64_t waiting = 0;  // records that are not
  std::string problem;       // why none can be taken
};
struct Topic {
  std::string name;
  std::int64_t begin = 0;  // the least offset that is kept
  std::int64_t end = 0;    // the next one
  std::int64_t size_bytes = 0;
  std::vector<TopicReader> readers;
};
struct TopicsAnswer {
  std::vector<Topic> topics;  // by name
};
Result<TopicsAnswer> ListTopics(work::Workspace& workspace);
// {"topics": [{topic, begin, end, bytes, readers: [{source, taken, waiting, problem}]}]}; no problem is null
nlohmann::json ToJson(const TopicsAnswer& answer);

struct TopicRecord {
  std::int64_t offset = 0;
  ProcessTime appended_at;
  std::string key;
  std::string value;
};
struct TopicRecordsAnswer {
  std::string topic;
  std::vector<TopicRecord> records;
};
// Up to `limit` records from `from` on; without `from` the last ones. kNotFound: no source has the
// topic (WH1320), or the record was trimmed (WH7205).
Result<TopicRecordsAnswer> ReadTopic(work::Workspace& workspace, const std::string& topic,
                                     std::optional<std::int64_t> from, std::int64_t limit);
// {"topic", "records": [{offset, appended_at, key, value}]}; a value is the text that was sent.
nlohmann::json ToJson(const TopicRecordsAnswer& answer);
}  // namespace weirhouse::answers
