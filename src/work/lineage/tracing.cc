#include "work/lineage/tracing.h"

#include <fmt/format.h>

#include <charconv>

#include "ground/base/text.h"
#include "work/lineage/trace_walk.h"
#include "work/serving/predictions.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kRecordPrefix = "record:";

std::optional<std::int64_t> NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end || text.empty()) return std::nullopt;
  return number;
}

Status NotKnown(const std::string& what) {
  return Status(Code::kNotFound,
                fmt::format("nothing of this name can be traced: \"{}\"", EscapeControl(what)))
      .WithError("WH6001")
      .WithHint(
          "p-… (a prediction), late#1 (a model or training set), r12, o7, 1101 (a commit), "
          "processed.arrival@1101, processed.arrival:KEY, record:4021");
}

Result<lineage::TraceNode> TraceNumbered(Workspace& workspace, Tracer& tracer,
                                         const std::string& what) {
  WEIRHOUSE_TRY(const auto model, workspace.catalog().FindNode({catalog::NodeKind::kModel, what}));
  if (model) return tracer.Model(what);
  WEIRHOUSE_TRY(const auto set,
                workspace.catalog().FindNode({catalog::NodeKind::kTrainingSet, what}));
  if (set) return tracer.TrainingSet(what);
  WEIRHOUSE_TRY(const auto deployment,
                workspace.catalog().FindNode({catalog::NodeKind::kDeployment, what}));
  if (deployment) return tracer.Deployment(what);
  return NotKnown(what);
}

// The newest model or training set of a name without number.
Result<lineage::TraceNode> TraceNewest(Workspace& workspace, Tracer& tracer,
                                       const std::string& what) {
  for (const catalog::NodeKind kind :
       {catalog::NodeKind::kModel, catalog::NodeKind::kTrainingSet}) {
    WEIRHOUSE_TRY(const auto nodes, NumberedNodes(workspace.catalog(), kind, what));
    if (!nodes.empty()) return TraceNumbered(workspace, tracer, nodes.back().node.key);
  }
  return NotKnown(what);
}

Result<lineage::TraceNode> TraceAny(Workspace& workspace, const std::string& what,
                                    const lineage::TraceOptions& options) {
  Tracer tracer(workspace, options);
  if (what.starts_with("p-")) return tracer.Prediction(what);
  if (what.starts_with(kRecordPrefix)) {
    const auto record = NumberOf(std::string_view(what).substr(kRecordPrefix.size()));
    if (record) return tracer.Record(RecordId(*record));
  }
  // A key may hold any character, a table's name none of these.
  if (const auto colon = what.find(':'); colon != std::string::npos && what.find('.') < colon)
    return tracer.Row(what.substr(0, colon), what.substr(colon + 1));
  if (what.find('#') != std::string::npos) return TraceNumbered(workspace, tracer, what);
  if (const auto at = what.rfind('@'); at != std::string::npos) {
    const auto seq = NumberOf(std::string_view(what).substr(at + 1));
    if (seq && what.find('.') < at) return tracer.Snapshot(what.substr(0, at), CommitSeq(*seq));
  }
  if (const auto run = ParseRunId(what); run.ok()) return tracer.Run(*run);
  if (const auto object = ParseObjectId(what); object.ok()) return tracer.Object(*object);
  if (const auto seq = NumberOf(what)) return tracer.Commit(CommitSeq(*seq));
  return TraceNewest(workspace, tracer, what);
}
}  // namespace

Result<lineage::TraceNode> Trace(Workspace& workspace, const std::string& what,
                                 const lineage::TraceOptions& options) {
  try {
    return TraceAny(workspace, what, options);
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kCorruption, fmt::format("a record of lineage behind \"{}\" cannot be "
                                                 "read: {}",
                                                 EscapeControl(what), error.what()))
        .WithError("WH6005")
        .WithHint("`wh verify` checks the catalog");
  }
}
}  // namespace weirhouse::work
