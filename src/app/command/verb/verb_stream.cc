// stream list, tail, append: what was sent to topics.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/stream/topic_answer.h"
#include "work/ingest/topic_arrivals.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::int64_t kTailDefault = 10;
constexpr std::int64_t kTailMax = 10'000;
constexpr std::size_t kLinesTogether = 10'000;
constexpr std::size_t kBytesTogether = std::size_t{8} << 20;

// Appends lines, some thousands at a time.
class LineAppender {
 public:
  LineAppender(work::Workspace& workspace, std::string topic, std::string key)
      : workspace_(workspace), topic_(std::move(topic)), key_(std::move(key)) {}

  Status Add(std::string line) {
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    return lines_.size() < kLinesTogether && bytes_ < kBytesTogether ? Status() : Flush();
  }
  Status Flush() {
    if (lines_.empty()) return Status();
    std::vector<stream::Record> records;
    for (const std::string& line : lines_) records.push_back({key_, {}, line});
    const auto first = work::AppendToTopic(workspace_, topic_, records);
    if (!first.ok())
      return Status(first.status()).WithContext(fmt::format("after line {}", appended_));
    if (appended_ == 0) first_ = *first;
    appended_ += std::ssize(lines_);
    lines_.clear();
    bytes_ = 0;
    return Status();
  }
  std::int64_t appended() const { return appended_; }
  std::int64_t first() const { return first_; }

 private:
  work::Workspace& workspace_;
  const std::string topic_;
  const std::string key_;
  std::vector<std::string> lines_;
  std::size_t bytes_ = 0;
  std::int64_t appended_ = 0;
  std::int64_t first_ = 0;
};
}  // namespace

Result<int> RunStreamList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::TopicsAnswer answer, answers::ListTopics(*workspace));
  Listing listing("topics",
                  {"topic", "begin", "end", "bytes", "source", "taken", "waiting", "problem"});
  for (const answers::Topic& topic : answer.topics) {
    for (const answers::TopicReader& reader : topic.readers) {
      listing.Add({topic.name, topic.begin, topic.end, topic.size_bytes, reader.source,
                   reader.taken, reader.waiting,
                   reader.problem.empty() ? json() : json(reader.problem)});
    }
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunStreamTail(Context& context) {
  WEIRHOUSE_TRY(const std::int64_t limit, context.IntOption("limit", kTailDefault, 1, kTailMax));
  std::optional<std::int64_t> from;
  if (context.invocation().Option("from")) {
    WEIRHOUSE_TRY(from, context.IntOption("from", 0, 0, std::numeric_limits<std::int64_t>::max()));
  }
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::TopicRecordsAnswer answer,
                answers::ReadTopic(*workspace, context.invocation().Word(0), from, limit));
  Listing listing("records", {"offset", "appended_at", "key", "value"});
  for (const answers::TopicRecord& record : answer.records)
    listing.Add({record.offset, FormatTime(record.appended_at), record.key, record.value});
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunStreamAppend(Context& context) {
  const Invocation& invocation = context.invocation();
  const std::string path = context.PathOf(invocation.Word(1));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY_STATUS(work::RequireTopic(*workspace, invocation.Word(0)));
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    return Status(Code::kNotFound, fmt::format("could not read {}", path)).WithError("WH7012");
  }
  LineAppender lines(*workspace, invocation.Word(0), invocation.Option("key").value_or(""));
  for (std::string line; std::getline(file, line);)
    WEIRHOUSE_TRY_STATUS(lines.Add(std::move(line)));
  WEIRHOUSE_TRY_STATUS(lines.Flush());
  context.Line(fmt::format("{} records appended to {}, from offset {} on",
                           WithThousands(lines.appended()), invocation.Word(0), lines.first()));
  context.Answer({{"topic", invocation.Word(0)},
                  {"records", lines.appended()},
                  {"first_offset", lines.first()}});
  return kExitOk;
}
}  // namespace weirhouse::command
