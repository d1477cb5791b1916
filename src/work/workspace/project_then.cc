#include "work/workspace/project_then.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/catalog/run_log.h"
#include "work/workspace/applied.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kAppliesRead = 1'000'000;

// The last run up to `seq` that registered definitions, alone or with rebuilt tables.
Result<std::optional<catalog::Run>> LastApply(catalog::RunLog& catalog, CommitSeq seq) {
  std::optional<catalog::Run> last;
  using KindAndName = std::pair<catalog::RunKind, const char*>;
  for (const auto& [kind, name] : {KindAndName{catalog::RunKind::kApply, nullptr},
                                   KindAndName{catalog::RunKind::kProcessed, "rebuild"}}) {
    catalog::RunFilter filter;
    filter.kind = kind;
    filter.state = catalog::RunState::kCommitted;
    if (name != nullptr) filter.name = name;
    filter.limit = kAppliesRead;
    WEIRHOUSE_TRY(std::vector<catalog::Run> runs, catalog.Runs(filter));
    for (catalog::Run& run : runs) {
      const bool registers = name == nullptr || run.plan.inputs.contains("apply");
      if (!registers || !run.seq || *run.seq > seq) continue;
      if (!last || *last->seq < *run.seq) last = std::move(run);
    }
  }
  return last;
}

Status NotKept(CommitSeq seq, const std::string& why) {
  return Status(Code::kNotFound,
                fmt::format("the definitions registered at commit {} cannot be read: {}",
                            seq.value(), why))
      .WithError("WH2035")
      .WithHint(
          "tables of the catalog can be read as they were; records and seeds as they are now");
}
}  // namespace

Result<std::shared_ptr<const ProjectDefinition>> ProjectAsOf(Workspace& workspace, CommitSeq seq) {
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(const std::optional<catalog::Run> apply, LastApply(catalog, seq));
  if (!apply) return std::shared_ptr<const ProjectDefinition>();
  WEIRHOUSE_TRY(const auto edges, catalog.EdgesInto(catalog::RunNode(apply->id)));
  const auto code = std::find_if(edges.begin(), edges.end(), [](const catalog::EdgeRecord& edge) {
    return edge.from.kind == catalog::NodeKind::kCode;
  });
  if (code == edges.end())
    return NotKept(seq, fmt::format("{} names no code", ToString(apply->id)));
  const std::string& key = code->from.key;
  auto files = LoadCode(workspace, key);
  if (files.status().code() == Code::kNotFound) return NotKept(seq, files.status().message());
  WEIRHOUSE_TRY_STATUS(files.status());
  const ProjectDefinition& today = workspace.project();
  auto project = ProjectOfCode(today.root, today.profile.name, std::move(files).value());
  if (project.status().code() == Code::kInvalidInput) {
    return NotKept(seq, fmt::format("this release cannot read it: {} {}",
                                    project.status().error_code(), project.status().message()));
  }
  WEIRHOUSE_TRY_STATUS(project.status());
  if (CodeKey((*project)->code) != key) {
    return Status(Code::kCorruption, fmt::format("the stored code is not what was applied: "
                                                 "recorded {}, found {}",
                                                 key, CodeKey((*project)->code)))
        .WithError("WH2024");
  }
  return project;
}
}  // namespace weirhouse::work
