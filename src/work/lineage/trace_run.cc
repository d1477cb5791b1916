// Runs, commits and snapshots in a trace: which run wrote something, which gate judged it, from
// which code and inputs.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "work/lineage/trace_walk.h"
#include "work/records/batch_records.h"
#include "work/workspace/applied.h"

namespace weirhouse::work {
namespace {
using lineage::TraceNode;
using nlohmann::json;
constexpr std::int64_t kVerdictsMax = 1'000'000;

json VerdictJson(const catalog::VerdictRecord& verdict) {
  json stored = {{"gate", verdict.gate}, {"table", verdict.table}, {"state", verdict.state}};
  if (!verdict.override_reason.empty()) {
    stored["override_reason"] = verdict.override_reason;
    stored["override_by"] = verdict.override_by;
  }
  json reasons = json::array();
  for (const json& check : verdict.checks) {
    if (check.is_object() && check.contains("reason") && check["reason"].is_string() &&
        !check["reason"].get<std::string>().empty())
      reasons.push_back(check["reason"]);
  }
  stored["reasons"] = std::move(reasons);
  return stored;
}

// The number that Commit wrote at the end of a node's key: "1101", "processed.arrival@1101".
CommitSeq SeqOfKey(std::string_view key) {
  if (const auto at = key.rfind('@'); at != std::string_view::npos) key.remove_prefix(at + 1);
  std::int64_t seq = 0;
  std::from_chars(key.data(), key.data() + key.size(), seq);
  return CommitSeq(seq);
}

// One gate judges a table and its history.
bool Judges(const catalog::VerdictRecord& verdict, std::string_view table) {
  return verdict.table == WithoutHistory(table);
}

// The records or the table whose new rows drive `table`.
std::string DriverOf(const ProjectDefinition& project, std::string_view table) {
  const transform::CheckedTransform* transform = project.FindTransform(WithoutHistory(table));
  return transform == nullptr ? std::string() : transform->driver.value_or("");
}

// How a run followed tables of other engines: "feature.x_v1 by retractions (2 keys, 1 rows)".
std::string PhraseOfChanges(const json& inputs) {
  const auto changes = inputs.find("changes");
  if (changes == inputs.end() || !changes->is_object()) return "";
  if (changes->contains("how")) return ", rebuilt: " + changes->value("why", "");
  std::string phrase;
  for (const auto& [table, change] : changes->items()) {
    const std::string how = change.value("how", "");
    phrase += fmt::format(", {} by {} ", table, how);
    phrase += how == "rebuild" ? fmt::format("({})", change.value("why", ""))
                               : fmt::format("({} keys left, {} rows came)",
                                             change.value("keys", 0), change.value("rows", 0));
  }
  return phrase;
}
}  // namespace

std::string PhraseOf(const std::vector<catalog::VerdictRecord>& verdicts) {
  std::string phrase;
  for (const catalog::VerdictRecord& verdict : verdicts) {
    if (!phrase.empty()) phrase += ", ";
    const bool failed = verdict.state == catalog::VerdictState::kFailed ||
                        verdict.state == catalog::VerdictState::kError;
    phrase +=
        fmt::format("gate {} {}", verdict.gate, failed ? "FAILED" : catalog::Name(verdict.state));
    if (!verdict.override_reason.empty())
      phrase += fmt::format(", OVERRIDDEN by {}: {}", verdict.override_by, verdict.override_reason);
  }
  return phrase;
}

Tracer::Tracer(Workspace& workspace, const lineage::TraceOptions& options)
    : workspace_(workspace),
      options_(options),
      objects_(workspace.catalog(), workspace.store(),
               [&workspace](const std::string& name) -> std::optional<contract::SourceFormat> {
                 const Source* source = workspace.project().FindSource(name);
                 if (source == nullptr) return std::nullopt;
                 return FormatOf(*source);
               }) {}

Result<Tracer::Judged> Tracer::JudgedBy(CommitSeq seq, const std::string& table) {
  const auto known = judged_.find({seq.value(), table});
  if (known != judged_.end()) return known->second;
  WEIRHOUSE_TRY(const auto entries, workspace_.catalog().Commits(CommitSeq(seq.value() - 1), 1));
  if (entries.empty() || entries.front().seq != seq) {
    return Status(Code::kNotFound, fmt::format("no such commit: {}", seq.value()))
        .WithError("WH6001");
  }
  const auto& entry = entries.front();
  catalog::VerdictFilter filter;
  filter.run = entry.run;
  WEIRHOUSE_TRY(std::vector<catalog::VerdictRecord> verdicts,
                workspace_.catalog().Verdicts(filter));
  std::reverse(verdicts.begin(), verdicts.end());  // oldest first
  if (!table.empty()) {
    const std::string driver = DriverOf(workspace_.project(), table);
    std::erase_if(verdicts, [&](const catalog::VerdictRecord& verdict) {
      return !Judges(verdict, table) && verdict.table != driver;
    });
  }
  Judged judged;
  judged.title = ToString(entry.run);
  if (!entry.batch.empty()) judged.title += fmt::format(" (batch {})", entry.batch);
  if (!verdicts.empty()) judged.title += ", " + PhraseOf(verdicts);
  json list = json::array();
  for (const catalog::VerdictRecord& verdict : verdicts) list.push_back(VerdictJson(verdict));
  judged.detail = {{"seq", seq.value()},
                   {"run", ToString(entry.run)},
                   {"layer", entry.layer},
                   {"batch", entry.batch},
                   {"committed_at", FormatTime(entry.committed_at)},
                   {"chain", entry.chain.ToHex()},
                   {"verdicts", std::move(list)}};
  judged_[{seq.value(), table}] = judged;
  return judged;
}

// "gate arrival: 352 passed, 13 warned up to here": the verdicts on the rows of a snapshot.
Result<std::string> Tracer::VerdictsUpTo(const std::string& table, CommitSeq seq) {
  if (!verdicts_) {
    catalog::VerdictFilter filter;
    filter.limit = kVerdictsMax;
    WEIRHOUSE_TRY(verdicts_, workspace_.catalog().Verdicts(filter));
  }
  std::map<std::string, std::map<std::string, std::int64_t>> by_gate;
  for (const catalog::VerdictRecord& verdict : *verdicts_) {
    if (verdict.seq > seq || !Judges(verdict, table)) continue;
    ++by_gate[verdict.gate][verdict.override_reason.empty()
                                ? std::string(catalog::Name(verdict.state))
                                : "overridden"];
  }
  std::string text;
  for (const auto& [gate, states] : by_gate) {
    text += fmt::format("{}gate {}: ", text.empty() ? "" : "; ", gate);
    bool first = true;
    for (const auto& [state, count] : states) {
      text += fmt::format("{}{} {}", first ? "" : ", ", WithThousands(count), state);
      first = false;
    }
  }
  return text;
}

Result<TraceNode> Tracer::InputSnapshotNode(const std::string& table, CommitSeq seq) {
  TraceNode node;
  node.kind = "snapshot";
  node.key = fmt::format("{}@{}", table, seq.value());
  WEIRHOUSE_TRY(const auto stored,
                workspace_.catalog().FindNode({catalog::NodeKind::kSnapshot, node.key}));
  node.title = node.key;
  if (stored) {
    node.detail = stored->node.record;
    if (node.detail.contains("rows"))
      node.title +=
          fmt::format(", {} rows", WithThousands(node.detail["rows"].get<std::int64_t>()));
  }
  WEIRHOUSE_TRY(const std::string verdicts, VerdictsUpTo(table, seq));
  if (!verdicts.empty()) {
    node.title += ", " + verdicts;
    node.detail["verdicts"] = verdicts;
  }
  WEIRHOUSE_TRY(const auto recorded, workspace_.catalog().SnapshotAsOf(table, seq));
  if (!recorded || recorded->seq != seq) return node;
  WEIRHOUSE_TRY(const std::optional<Expiry> expired, FindExpiry(workspace_, *recorded));
  if (expired) {
    node.title += ", " + expired->phrase;
    node.detail["expired"] = expired->detail;
  }
  return node;
}

// The stored code, hashed again, with the digests of those of `files` that it holds.
Result<TraceNode> Tracer::Code(const std::string& key, const std::vector<std::string>& files) {
  WEIRHOUSE_TRY(const auto artifacts, workspace_.catalog().Files(std::string()));
  const std::string suffix = "/code/" + key + ".json";
  for (const catalog::FileRecord& file : artifacts) {
    if (!file.path.ends_with(suffix)) continue;
    TraceNode node = lineage::CheckedFile(workspace_.store(), "code", key, file.path, file.sha256);
    const auto code = LoadCode(workspace_, key);
    if (!code.ok()) {
      node.title += ", " + code.status().message();
      return node;
    }
    json digests = json::object();
    for (const auto& [path, bytes] : *code) digests[path] = Sha256Of(bytes).ToHex();
    node.title = fmt::format("code {}, {} files", key, code->size());
    for (const std::string& path : files) {
      if (digests.contains(path))
        node.title += fmt::format(", {} sha256 {}", path,
                                  lineage::ShortDigest(digests[path].get<std::string>()));
    }
    node.detail["files"] = std::move(digests);
    return node;
  }
  TraceNode node;
  node.kind = "code";
  node.key = key;
  node.title = fmt::format("code {}", key);
  return node;
}

Result<std::optional<RunId>> Tracer::WriterOf(const catalog::NodeRef& ref) {
  WEIRHOUSE_TRY(const auto edges, workspace_.catalog().EdgesInto(ref));
  for (const catalog::EdgeRecord& edge : edges) {
    if (edge.kind != catalog::EdgeKind::kWrote || edge.from.kind != catalog::NodeKind::kRun)
      continue;
    WEIRHOUSE_TRY(const RunId run, ParseRunId(edge.from.key));
    return std::optional<RunId>(run);
  }
  return std::optional<RunId>();
}

// What a run read and used: objects hashed again, commits and snapshots with their verdicts. Does
// not follow inputs of folded inputs.
Result<std::vector<TraceNode>> Tracer::Inputs(const catalog::NodeRef& run, bool folded) {
  WEIRHOUSE_TRY(const auto edges, workspace_.catalog().EdgesInto(run));
  std::vector<TraceNode> inputs;
  for (const catalog::EdgeRecord& edge : edges) {
    TraceNode node;
    node.kind = catalog::Name(edge.from.kind);
    node.key = edge.from.key;
    if (edge.from.kind == catalog::NodeKind::kObject) {
      WEIRHOUSE_TRY(const ObjectId id, ParseObjectId(edge.from.key));
      WEIRHOUSE_TRY(const auto object, workspace_.catalog().FindObject(id));
      if (!object) continue;
      node = objects_.Object(*object);
    } else if (edge.from.kind == catalog::NodeKind::kCommit) {
      WEIRHOUSE_TRY(const Judged judged, JudgedBy(SeqOfKey(edge.from.key)));
      node.title = fmt::format("commit {} by {}", edge.from.key, judged.title);
      node.detail = judged.detail;
    } else if (edge.from.kind == catalog::NodeKind::kSnapshot) {
      const auto at = edge.from.key.rfind('@');
      WEIRHOUSE_TRY(node, InputSnapshotNode(edge.from.key.substr(0, at), SeqOfKey(edge.from.key)));
    } else if (edge.from.kind == catalog::NodeKind::kCode) {
      WEIRHOUSE_TRY(node, Code(edge.from.key, {}));
    } else if (edge.from.kind == catalog::NodeKind::kRun) {
      WEIRHOUSE_TRY(const RunId id, ParseRunId(edge.from.key));
      catalog::VerdictFilter filter;
      filter.run = id;
      WEIRHOUSE_TRY(const auto verdicts, workspace_.catalog().Verdicts(filter));
      node.title =
          fmt::format("{} {}, {}", catalog::Name(edge.kind), edge.from.key, PhraseOf(verdicts));
    } else {
      WEIRHOUSE_TRY(const auto stored, workspace_.catalog().FindNode(edge.from));
      if (stored) node.detail = stored->node.record;
      node.title = fmt::format("{} {}", node.kind, edge.from.key);
      if (node.detail.contains("digest"))
        node.title += ", digest " + lineage::ShortDigest(node.detail["digest"].get<std::string>());
    }
    node.folded = node.folded || folded;
    inputs.push_back(std::move(node));
  }
  return inputs;
}

Result<TraceNode> Tracer::Run(RunId id) {
  WEIRHOUSE_TRY(const catalog::Run run, workspace_.catalog().GetRun(id));
  TraceNode node;
  node.kind = "run";
  node.key = ToString(id);
  node.title = fmt::format("run {} {} {}: {}", node.key, catalog::ShownName(run.plan.kind),
                           run.plan.name, catalog::RunStateName(run.state));
  if (run.seq) node.title += fmt::format(" as commit {}", run.seq->value());
  if (run.attempt > 1) node.title += fmt::format(", attempt {}", run.attempt);
  node.detail = {{"kind", catalog::ShownName(run.plan.kind)},
                 {"name", run.plan.name},
                 {"state", catalog::RunStateName(run.state)},
                 {"attempt", run.attempt},
                 {"step_identity", run.plan.step_identity.ToHex()},
                 {"inputs", run.plan.inputs},
                 {"parameters", run.plan.parameters},
                 {"planned_at", FormatTime(run.planned_at)}};
  if (run.finished_at) node.detail["finished_at"] = FormatTime(*run.finished_at);
  if (!run.error.is_null()) node.detail["error"] = run.error;
  catalog::VerdictFilter filter;
  filter.run = id;
  WEIRHOUSE_TRY(const auto verdicts, workspace_.catalog().Verdicts(filter));
  json list = json::array();
  for (const catalog::VerdictRecord& verdict : verdicts) list.push_back(VerdictJson(verdict));
  node.detail["verdicts"] = std::move(list);
  if (!verdicts.empty()) node.title += ", " + PhraseOf(verdicts);
  if (run.plan.inputs.is_object()) node.title += PhraseOfChanges(run.plan.inputs);
  WEIRHOUSE_TRY(node.parents, Inputs(catalog::RunNode(id), /*folded=*/true));
  return node;
}

Result<TraceNode> Tracer::Commit(CommitSeq seq) {
  WEIRHOUSE_TRY(const Judged judged, JudgedBy(seq));
  TraceNode node;
  node.kind = "commit";
  node.key = std::to_string(seq.value());
  node.title =
      fmt::format("commit {} {}, chain {}", seq.value(), judged.detail.value("committed_at", ""),
                  lineage::ShortDigest(judged.detail.value("chain", "")));
  node.detail = judged.detail;
  WEIRHOUSE_TRY(const RunId run, ParseRunId(judged.detail.value("run", "")));
  WEIRHOUSE_TRY(TraceNode parent, Run(run));
  node.parents.push_back(std::move(parent));
  return node;
}

Result<TraceNode> Tracer::Snapshot(const std::string& table, CommitSeq seq) {
  const catalog::NodeRef ref = catalog::SnapshotNode(table, seq);
  WEIRHOUSE_TRY(const auto stored, workspace_.catalog().FindNode(ref));
  if (!stored) {
    WEIRHOUSE_TRY_STATUS(workspace_.LoadTable(table).status());  // names the nearest table
    WEIRHOUSE_TRY(const auto before, workspace_.catalog().SnapshotAsOf(table, seq));
    Status missing =
        Status(Code::kNotFound, fmt::format("commit {} did not change {}", seq.value(), table))
            .WithError("WH6001");
    if (!before) return missing;
    return std::move(missing).WithHint(
        fmt::format("as of {} it stood at {}@{}", seq.value(), table, before->seq.value()));
  }
  WEIRHOUSE_TRY(TraceNode node, InputSnapshotNode(table, seq));
  node.title = "snapshot " + node.title;
  WEIRHOUSE_TRY(const auto writer, WriterOf(ref));
  if (!writer) return node;
  WEIRHOUSE_TRY(TraceNode run, Run(*writer));
  node.parents.push_back(std::move(run));
  return node;
}
}  // namespace weirhouse::work
