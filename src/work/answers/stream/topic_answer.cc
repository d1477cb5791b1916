#include "work/answers/stream/topic_answer.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "work/ingest/topic_arrivals.h"
#include "work/workspace/state/topic_logs.h"

namespace weirhouse::answers {
using nlohmann::json;

Result<TopicsAnswer> ListTopics(work::Workspace& workspace) {
  WEIRHOUSE_TRY(const std::vector<work::TopicBacklog> backlogs, work::TopicBacklogs(workspace));
  std::map<std::string, Topic> topics;
  for (const work::TopicBacklog& backlog : backlogs) {
    Topic& topic = topics[backlog.topic];
    topic.readers.push_back({backlog.source, backlog.taken, backlog.records(),
                             backlog.problem.ok() ? "" : backlog.problem.ToString()});
    if (!std::exchange(topic.name, backlog.topic).empty()) continue;
    const auto log = workspace.topics().Of(backlog.topic);
    if (!log.ok()) continue;  // its readers tell
    topic.begin = (*log)->begin();
    topic.end = (*log)->end();
    topic.size_bytes = (*log)->size_bytes();
  }
  TopicsAnswer answer;
  for (auto& [name, topic] : topics) answer.topics.push_back(std::move(topic));
  return answer;
}

json ToJson(const TopicsAnswer& answer) {
  json topics = json::array();
  for (const Topic& topic : answer.topics) {
    json readers = json::array();
    for (const TopicReader& reader : topic.readers) {
      readers.push_back({{"source", reader.source},
                         {"taken", reader.taken},
                         {"waiting", reader.waiting},
                         {"problem", reader.problem.empty() ? json() : json(reader.problem)}});
    }
    topics.push_back({{"topic", topic.name},
                      {"begin", topic.begin},
                      {"end", topic.end},
                      {"bytes", topic.size_bytes},
                      {"readers", std::move(readers)}});
  }
  return {{"topics", std::move(topics)}};
}

Result<TopicRecordsAnswer> ReadTopic(work::Workspace& workspace, const std::string& topic,
                                     std::optional<std::int64_t> from, std::int64_t limit) {
  WEIRHOUSE_TRY_STATUS(work::RequireTopic(workspace, topic));
  WEIRHOUSE_TRY(const auto log, workspace.topics().Of(topic));
  const std::int64_t end = log->end();
  const std::int64_t first = from.value_or(std::max(log->begin(), end - limit));
  WEIRHOUSE_TRY(const auto reader, log->Read(first));
  TopicRecordsAnswer answer;
  answer.topic = topic;
  while (std::ssize(answer.records) < limit) {
    WEIRHOUSE_TRY(const auto some, reader->Next(std::size_t{1} << 20));
    if (some.empty()) break;
    for (const stream::StoredRecord& record : some) {
      if (std::ssize(answer.records) == limit) break;
      answer.records.push_back(
          {record.offset, record.appended_at, std::string(record.key), std::string(record.value)});
    }
  }
  return answer;
}

json ToJson(const TopicRecordsAnswer& answer) {
  json records = json::array();
  for (const TopicRecord& record : answer.records) {
    records.push_back({{"offset", record.offset},
                       {"appended_at", FormatTime(record.appended_at)},
                       {"key", record.key},
                       {"value", record.value}});
  }
  return {{"topic", answer.topic}, {"records", std::move(records)}};
}
}  // namespace weirhouse::answers
