#include "work/ingest/topic_arrivals.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "ground/base/running_digest.h"
#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "work/ingest/raw_step.h"
#include "work/workspace/state/topic_logs.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kObjectBytesMax = std::int64_t{64} << 20;
constexpr std::size_t kReadBytes = std::size_t{1} << 20;

// The records [from, to) as lines.
class TopicReader final : public ArrivalReader {
 public:
  TopicReader(std::shared_ptr<stream::Log> log, std::unique_ptr<stream::LogReader> reader,
              std::int64_t to)
      : log_(std::move(log)), reader_(std::move(reader)), to_(to) {}

  Result<std::size_t> Read(char* into, std::size_t room) override {
    if (at_ == lines_.size()) WEIRHOUSE_TRY_STATUS(ReadLines());
    const std::size_t count = std::min(room, lines_.size() - at_);
    lines_.copy(into, count, at_);
    at_ += count;
    return count;
  }

  Result<std::optional<Digest>> Finish(const std::optional<Digest>& /*whole*/) override {
    for (at_ = lines_.size(); reader_->offset() < to_; at_ = lines_.size())
      WEIRHOUSE_TRY_STATUS(ReadLines());
    return std::optional(digest_.Finish());
  }

 private:
  Status ReadLines() {
    lines_.clear();
    at_ = 0;
    if (reader_->offset() >= to_) return Status();
    WEIRHOUSE_TRY(const auto records, reader_->Next(kReadBytes));
    for (const stream::StoredRecord& record : records) {
      if (record.offset >= to_) break;
      lines_.append(record.value).push_back('\n');
    }
    digest_.Update(lines_);
    return Status();
  }

  std::shared_ptr<stream::Log> log_;
  std::unique_ptr<stream::LogReader> reader_;
  std::int64_t to_;
  std::string lines_;
  std::size_t at_ = 0;  // of `lines_`
  Sha256 digest_;
};

// As many records from `from` on as one object holds: the offset behind them, and their bytes as
// lines.
struct Extent {
  std::int64_t to = 0;
  std::int64_t bytes = 0;
};
Result<Extent> ExtentFrom(const stream::Log& log, std::int64_t from, std::int64_t end) {
  Extent extent{from, 0};
  WEIRHOUSE_TRY(const std::unique_ptr<stream::LogReader> reader, log.Read(from));
  while (extent.to < end && extent.bytes < kObjectBytesMax) {
    WEIRHOUSE_TRY(const auto records, reader->Next(kReadBytes));
    for (const stream::StoredRecord& record : records) {
      if (record.offset >= end || extent.bytes >= kObjectBytesMax) break;
      extent.bytes += std::ssize(record.value) + 1;
      extent.to = record.offset + 1;
    }
  }
  return extent;
}

// Absent if the source never took anything.
Result<std::optional<std::int64_t>> TakenBy(Workspace& workspace, const Source& source) {
  return catalog::setting::TopicOffsets(source.topic).Of(source.name).In(workspace.catalog());
}

// Where `backlog` stands in its log.
Status Find(Workspace& workspace, std::optional<std::int64_t> taken, TopicBacklog& backlog) {
  WEIRHOUSE_TRY(const auto log, workspace.topics().Of(backlog.topic));
  const std::int64_t begin = log->begin();
  backlog.taken = taken.value_or(begin);
  backlog.end = std::max(backlog.taken, log->end());
  if (backlog.taken >= begin) return Status();
  return Status(Code::kCorruption,
                fmt::format("records {} to {} of the topic \"{}\" are gone, and the source \"{}\" "
                            "has not taken them",
                            backlog.taken, begin - 1, backlog.topic, backlog.source))
      .WithError("WH7207")
      .WithHint("put the files of .weirhouse/log back from a copy");
}
}  // namespace

Result<std::vector<TopicBacklog>> TopicBacklogs(Workspace& workspace) {
  std::vector<TopicBacklog> backlogs;
  for (const Source& source : workspace.project().sources) {
    if (source.topic.empty()) continue;
    TopicBacklog& backlog = backlogs.emplace_back();
    backlog.source = source.name;
    backlog.topic = source.topic;
    WEIRHOUSE_TRY(const std::optional<std::int64_t> taken, TakenBy(workspace, source));
    backlog.problem = Find(workspace, taken, backlog);
  }
  return backlogs;
}

namespace {
// Calls `act(topic, source, taken)` for each source that has a place in a topic and does not name it
// any more.
template <typename Act>
Status ForEachThatLeft(Workspace& workspace, const Act& act) {
  WEIRHOUSE_TRY(const auto places, catalog::setting::AllTopicOffsets().In(workspace.catalog()));
  for (const auto& [place, taken] : places) {
    const std::size_t slash = place.find('/');
    const std::string topic = place.substr(0, slash);
    const std::string name = place.substr(slash + 1);
    const Source* source = workspace.project().FindSource(name);
    if (source != nullptr && source->topic == topic) continue;
    WEIRHOUSE_TRY_STATUS(act(topic, name, taken));
  }
  return Status();
}
}  // namespace

Status RegisterTopics(Workspace& workspace, catalog::CommitRequest& request) {
  for (const Source& source : workspace.project().sources) {
    if (source.topic.empty()) continue;
    WEIRHOUSE_TRY(const std::optional<std::int64_t> taken, TakenBy(workspace, source));
    if (taken) continue;
    WEIRHOUSE_TRY(const auto log, workspace.topics().Of(source.topic));
    request.settings.push_back(
        catalog::setting::TopicOffsets(source.topic).Of(source.name).To(log->begin()));
  }
  return ForEachThatLeft(
      workspace, [&](const std::string& topic, const std::string& source, std::int64_t) {
        request.settings.push_back(catalog::setting::TopicOffsets(topic).Of(source).Removed());
        return Status();
      });
}

Status RefuseLostRecords(Workspace& workspace) {
  return ForEachThatLeft(
      workspace,
      [&](const std::string& topic, const std::string& source, std::int64_t taken) -> Status {
        WEIRHOUSE_TRY(const auto log, workspace.topics().Of(topic));
        if (log->end() <= taken) return Status();
        return Status(Code::kContractRefused,
                      fmt::format("the source \"{}\" leaves the topic \"{}\", and has not taken {} "
                                  "of its records",
                                  source, topic, log->end() - taken))
            .WithError("WH2028")
            .WithHint("restore it until `wh run` has taken them in");
      });
}

Result<std::optional<Arrival>> TopicArrivals::Next() {
  while (next_ < backlogs_.size() && backlogs_[next_].records() == 0) ++next_;
  if (next_ == backlogs_.size()) return std::optional<Arrival>();
  const TopicBacklog& backlog = backlogs_[next_++];
  const std::int64_t from = backlog.taken;
  WEIRHOUSE_TRY(std::shared_ptr<stream::Log> log, workspace_.topics().Of(backlog.topic));
  WEIRHOUSE_TRY(const Extent extent, ExtentFrom(*log, from, backlog.end));
  Arrival arrival;
  arrival.source = backlog.source;
  arrival.name = fmt::format("{}-{:020}-{:020}.jsonl", backlog.topic, from, extent.to - 1);
  arrival.place = fmt::format("topic:{}/{}", backlog.topic, from);
  arrival.occurrence = arrival.name;
  arrival.version = arrival.name;
  arrival.size_bytes = extent.bytes;
  arrival.sender = "topic:" + backlog.topic;
  arrival.open = [log, from, to = extent.to]() -> Result<OpenedArrival> {
    WEIRHOUSE_TRY(auto reader, log->Read(from));
    OpenedArrival opened;
    opened.reader = std::make_unique<TopicReader>(log, std::move(reader), to);
    return opened;
  };
  arrival.settings.push_back(
      catalog::setting::TopicOffsets(backlog.topic).Of(backlog.source).To(extent.to));
  arrival.acknowledgement = backlog.topic;
  return std::optional(std::move(arrival));
}

void TopicArrivals::Acknowledge(const Arrival& arrival, const Digest& /*digest*/,
                                std::map<std::string, std::string>& untaken) {
  const std::string& topic = arrival.acknowledgement;
  const auto trim = [&]() -> Status {
    std::int64_t done = std::numeric_limits<std::int64_t>::max();
    for (const Source& source : workspace_.project().sources) {
      if (source.topic != topic) continue;
      WEIRHOUSE_TRY(const std::optional<std::int64_t> taken, TakenBy(workspace_, source));
      done = std::min(done, taken.value_or(0));
    }
    WEIRHOUSE_TRY(const auto log, workspace_.topics().Of(topic));
    return log->Trim(done);
  };
  if (const Status trimmed = trim(); !trimmed.ok())
    untaken[arrival.place] = "it is stored and cannot be trimmed: " + trimmed.message();
}

Result<bool> LandTopics(Workspace& workspace, std::vector<TopicBacklog>& backlogs,
                        RunSummary& summary) {
  for (const TopicBacklog& backlog : backlogs) {
    if (!backlog.problem.ok()) summary.untaken_files[backlog.place()] = backlog.problem.ToString();
  }
  if (std::ranges::all_of(backlogs, [](const TopicBacklog& one) { return one.records() == 0; }))
    return false;
  TopicArrivals arrivals(workspace, backlogs);
  const std::string batch = "arrival-" + FormatTime(Micros(workspace.clock().Now()));
  WEIRHOUSE_TRY_STATUS(StoreArrivals(workspace, batch, arrivals, summary).status());
  bool taken = false;
  for (TopicBacklog& backlog : backlogs) {
    const Source* source = workspace.project().FindSource(backlog.source);
    WEIRHOUSE_CHECK(source != nullptr);
    WEIRHOUSE_TRY(const std::optional<std::int64_t> now, TakenBy(workspace, *source));
    if (!now || *now <= backlog.taken) continue;
    taken = true;
    backlog.taken = std::min(*now, backlog.end);
  }
  return taken;
}

Status RequireTopic(const Workspace& workspace, const std::string& topic) {
  const std::vector<Source>& sources = workspace.project().sources;
  const bool known = !topic.empty() && std::ranges::any_of(sources, [&](const Source& source) {
    return source.topic == topic;
  });
  if (known) return Status();
  return Status(Code::kNotFound, fmt::format("no source has the topic \"{}\"", topic))
      .WithError("WH1320")
      .WithHint(fmt::format("weirhouse.yaml declares it: landing: topic:{}", topic));
}

Result<std::int64_t> AppendToTopic(Workspace& workspace, const std::string& topic,
                                   std::span<const stream::Record> records) {
  WEIRHOUSE_TRY_STATUS(RequireTopic(workspace, topic));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::string_view value = records[i].value;
    const bool broken = value.find('\n') != std::string_view::npos;
    if (!broken && !Trim(value).empty()) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("record {} {}", i + 1, broken ? "holds a line break" : "is empty"))
        .WithError("WH1321")
        .WithHint(broken ? "a record of JSON lines is one line: jq -c writes it so"
                         : "leave the line out");
  }
  WEIRHOUSE_TRY(const auto log, workspace.topics().Of(topic));
  return log->Append(records);
}
}  // namespace weirhouse::work
