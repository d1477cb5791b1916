// Records of topics as arrivals: the driver behind `landing: topic:NAME` of a source.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ground/catalog/commit.h"
#include "ground/log/log.h"
#include "work/ingest/arrival.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// What waits in the topic of a source.
struct TopicBacklog {
  std::string source;
  std::string topic;
  std::int64_t taken = 0;  // the offset behind the last record that is in raw
  std::int64_t end = 0;    // of the topic
  // Why nothing can be taken: those of TopicLogs::Of; kCorruption (WH7207), records that the source
  // has not taken are gone.
  Status problem;
  std::int64_t records() const { return problem.ok() ? end - taken : 0; }
  std::string place() const { return "topic:" + topic; }
};
// Of all sources with a topic, in the project's order. One that is not applied begins with what the
// topic still holds.
Result<std::vector<TopicBacklog>> TopicBacklogs(Workspace& workspace);

// A backlog becomes an object: the records as they were sent, a line each, in their order, named after
// topic and offsets; some 64 MiB of them at a time. Where the source is in its topic is recorded by the
// same commit, so that a record is in one object. Acknowledging lets the log give up what every source
// of the topic has taken.
class TopicArrivals final : public Arrivals {
 public:
  // `workspace` must outlive it. What is appended after `backlogs` were read is left to the next.
  TopicArrivals(Workspace& workspace, std::vector<TopicBacklog> backlogs)
      : workspace_(workspace), backlogs_(std::move(backlogs)) {}
  Result<std::optional<Arrival>> Next() override;
  void Acknowledge(const Arrival& arrival, const Digest& digest,
                   std::map<std::string, std::string>& untaken) override;

 private:
  Workspace& workspace_;
  std::vector<TopicBacklog> backlogs_;
  std::size_t next_ = 0;
};

// For the commit that registers the project's sources: one that is new to its topic begins with what
// the topic still holds, and one that left it has no place there any more.
Status RegisterTopics(Workspace& workspace, catalog::CommitRequest& request);
// kContractRefused (WH2028) if a source left its topic before it had taken all records.
Status RefuseLostRecords(Workspace& workspace);

// Takes in the next objects of `backlogs`, one of each source, in one commit, and moves them on; the
// summary reports those with a problem. Returns whether anything was taken.
Result<bool> LandTopics(Workspace& workspace, std::vector<TopicBacklog>& backlogs,
                        RunSummary& summary);

// kNotFound (WH1320) if no source of the project has this topic.
Status RequireTopic(const Workspace& workspace, const std::string& topic);
// Appends records to a topic of the project, and returns the offset of the first once all are
// durable. Errors: those of RequireTopic; kInvalidInput (WH1321), a record is
// empty or holds a line break, which its number says (from 1); those of stream::Log::Append.
Result<std::int64_t> AppendToTopic(Workspace& workspace, const std::string& topic,
                                   std::span<const stream::Record> records);
}  // namespace weirhouse::work
