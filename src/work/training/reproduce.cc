// `wh reproduce`: the entry, and training sets.
#include <arrow/api.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "ground/base/text.h"
#include "ground/platform/io/local_store.h"
#include "work/training/reproduction.h"
#include "work/workspace/applied.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;
constexpr const char* kMarker = "reproduction.json";
constexpr std::size_t kDifferencesMax = 20;

Status FolderTrouble(const std::string& folder, const std::error_code& error) {
  return Status(Code::kUnavailable,
                fmt::format("could not use the folder \"{}\": {}", folder, error.message()))
      .WithError("WH6012");
}

// What is missing, changed or fails on the way is a world in which it cannot be done.
Status CannotBeDone(const std::string& id, const Status& why) {
  Status status(Code::kUnavailable, fmt::format("{} cannot be reproduced: {}", id, why.message()));
  if (!why.error_code().empty()) status = std::move(status).WithError(why.error_code());
  if (!why.hint().empty()) status = std::move(status).WithHint(why.hint());
  return status;
}

void CompareNames(const std::string& what, const std::map<std::string, std::string>& recorded,
                  const std::map<std::string, std::string>& found, Reproduction& reproduction) {
  for (const auto& [name, digest] : recorded) {
    const auto other = found.find(name);
    const std::string now = other == found.end() ? "absent" : other->second;
    if (now != digest)
      reproduction.differences.push_back({fmt::format("{} {}", what, name), digest, now});
  }
}

// Files of the pinned snapshots whose bytes are not those that were committed.
Status CompareInputFiles(Workspace& workspace, const PinnedTables& inputs,
                         Reproduction& reproduction) {
  for (const auto& [name, pinned] : inputs) {
    WEIRHOUSE_TRY(const auto files, workspace.catalog().Files(name));
    std::map<std::string, Digest> recorded;
    for (const catalog::FileRecord& file : files)
      recorded[workspace.store().Spelling(file.path)] = file.sha256;
    iceberg::ScanOptions options;
    options.snapshot = pinned.at.snapshot;
    WEIRHOUSE_TRY(const iceberg::Scan scan,
                  iceberg::Scan::Plan(workspace.store(), pinned.table, options));
    const auto compare = [&](const iceberg::DataFile& file) {
      const auto known = recorded.find(workspace.store().Spelling(file.path));
      if (known == recorded.end()) return;
      const auto bytes = workspace.store().Read(file.path);
      const std::string found = bytes.ok() ? Sha256Of(*bytes).ToHex() : bytes.status().message();
      if (found == known->second.ToHex() || reproduction.differences.size() >= kDifferencesMax)
        return;
      reproduction.differences.push_back(
          {fmt::format("input {}@{}, file {}", name, pinned.at.seq.value(), file.path),
           known->second.ToHex(), found});
    };
    for (const iceberg::Scan::Task& task : scan.tasks()) {
      compare(task.file);
      for (const auto& deletes : task.deletes) compare(*deletes);
    }
  }
  return Status();
}

std::string CellText(const arrow::ChunkedArray& column, std::int64_t row) {
  const auto scalar = column.GetScalar(row);
  return scalar.ok() ? (*scalar)->ToString() : scalar.status().ToString();
}

// The first column, and in it the first row, where two tables of equal columns differ.
std::optional<Difference> FirstDifferingCell(const arrow::Table& recorded,
                                             const arrow::Table& found) {
  if (recorded.num_rows() != found.num_rows()) {
    return Difference{"training set rows", std::to_string(recorded.num_rows()),
                      std::to_string(found.num_rows())};
  }
  for (const auto& field : recorded.schema()->fields()) {
    const auto before = recorded.GetColumnByName(field->name());
    const auto after = found.GetColumnByName(field->name());
    if (after == nullptr) return Difference{"column " + field->name(), "present", "absent"};
    if (before->Equals(*after)) continue;
    for (std::int64_t row = 0; row < recorded.num_rows(); ++row) {
      const std::string was = CellText(*before, row);
      const std::string is = CellText(*after, row);
      if (was != is)
        return Difference{fmt::format("column {}, row {}", field->name(), row), was, is};
    }
  }
  return std::nullopt;
}

Status ExplainContent(Workspace& workspace, const TrainingSetRecord& record,
                      const PinnedTables& inputs, const TrainingRows& rows,
                      Reproduction& reproduction) {
  WEIRHOUSE_TRY_STATUS(CompareInputFiles(workspace, inputs, reproduction));
  if (rows.spine != record.spine)
    reproduction.differences.push_back({"spine rows", record.spine.ToHex(), rows.spine.ToHex()});
  const auto stored = workspace.ReadTable(record.table, record.columns, record.snapshot);
  if (!stored.ok()) return Status();  // the digests have told that they differ
  if (auto cell = FirstDifferingCell(**stored, *rows.result.rows))
    reproduction.differences.push_back(*std::move(cell));
  return Status();
}

Result<Reproduction> ReproduceTrainingSet(Workspace& workspace, const catalog::Node& node,
                                          const std::string& folder, const json& overrides,
                                          Progress& progress) {
  if (overrides.is_object() && !overrides.empty()) {
    return Status(Code::kInvalidInput, "a training set has no parameters to override")
        .WithError("WH6011");
  }
  Reproduction reproduction;
  reproduction.id = node.node.key;
  WEIRHOUSE_TRY(const TrainingSetRecord record, TrainingSetFromJson(node.node.record));
  WEIRHOUSE_TRY(const auto work, ReproductionFolder::Make(folder));
  const auto rows = RebuildTrainingSet(workspace, node.node.key, record, *work / "project",
                                       reproduction, progress);
  if (!rows.ok()) return CannotBeDone(node.node.key, rows.status());
  reproduction.same = reproduction.differences.empty();
  return reproduction;
}

Status CheckOverrides(const ModelRecord& record, const std::string& id, const json& overrides) {
  if (!overrides.is_object()) return Status();
  std::vector<std::string> known;
  for (const auto& [name, value] : record.parameters.items()) known.push_back(name);
  for (const auto& [name, value] : overrides.items()) {
    if (record.parameters.contains(name)) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("{} was trained without a parameter \"{}\"", id, EscapeControl(name)))
        .WithError("WH6011")
        .WithHint(DidYouMean(name, known));
  }
  return Status();
}

Result<Reproduction> ReproduceModel(Workspace& workspace, const catalog::Node& node,
                                    const std::string& folder, const json& overrides,
                                    Progress& progress) {
  Reproduction reproduction;
  reproduction.id = node.node.key;
  WEIRHOUSE_TRY(const ModelRecord record, ModelFromJson(node.node.record));
  WEIRHOUSE_TRY_STATUS(CheckOverrides(record, node.node.key, overrides));
  WEIRHOUSE_TRY(
      const catalog::Node set_node,
      FindNumbered(workspace.catalog(), catalog::NodeKind::kTrainingSet, record.training_set, ""));
  WEIRHOUSE_TRY(const TrainingSetRecord set, TrainingSetFromJson(set_node.node.record));
  WEIRHOUSE_TRY(const auto work, ReproductionFolder::Make(folder));
  // The set may come of other code than the model: each is laid out by itself.
  const bool one_code = set.code == record.code;
  const auto rows = RebuildTrainingSet(workspace, record.training_set, set,
                                       *work / (one_code ? "project" : "training_set_project"),
                                       reproduction, progress);
  if (!rows.ok()) return CannotBeDone(node.node.key, rows.status());
  if (!reproduction.differences.empty()) return reproduction;
  const Status trained =
      Retrain(workspace, record, set, *rows, overrides, *work, reproduction, progress);
  if (!trained.ok()) return CannotBeDone(node.node.key, trained);
  reproduction.same = reproduction.differences.empty() && reproduction.unproven.empty();
  return reproduction;
}
}  // namespace

Result<std::unique_ptr<ReproductionFolder>> ReproductionFolder::Make(const std::string& folder) {
  std::error_code error;
  if (folder.empty()) {
    std::string pattern = (fs::temp_directory_path(error) / "weirhouse-reproduce-XXXXXX").string();
    if (error || mkdtemp(pattern.data()) == nullptr)
      return FolderTrouble(pattern, std::error_code(errno, std::generic_category()));
    return std::unique_ptr<ReproductionFolder>(new ReproductionFolder(pattern, true));
  }
  const fs::path path = fs::absolute(folder, error).lexically_normal();
  if (!error && fs::exists(path, error)) {
    const bool ours = fs::exists(path / kMarker, error);
    if (!ours && (!fs::is_directory(path, error) || !fs::is_empty(path, error))) {
      return Status(Code::kInvalidInput,
                    fmt::format("the folder \"{}\" holds other files", path.string()))
          .WithError("WH6012")
          .WithHint("name a folder that is empty or does not exist");
    }
    for (const char* part : {"project", "training_set_project", "job"})
      fs::remove_all(path / part, error);
    fs::remove(path / "training_set.parquet", error);
  }
  fs::create_directories(path, error);
  if (error) return FolderTrouble(path.string(), error);
  WEIRHOUSE_TRY_STATUS(
      platform::LocalStore().Replace((path / kMarker).string(), "{\"schema_version\": 1}\n"));
  return std::unique_ptr<ReproductionFolder>(new ReproductionFolder(path.string(), false));
}

ReproductionFolder::~ReproductionFolder() {
  std::error_code error;
  if (scratch_) fs::remove_all(path_, error);
}

Result<std::shared_ptr<const ProjectDefinition>> LayOutProject(Workspace& workspace,
                                                               const std::string& key,
                                                               const std::string& folder) {
  WEIRHOUSE_TRY(const auto code, LoadCode(workspace, key));
  for (const auto& [path, bytes] : code) {
    const fs::path relative = fs::path(path).lexically_normal();
    if (relative.is_absolute() || relative.string().starts_with("..")) {
      return Status(Code::kCorruption,
                    fmt::format("stored code names a file outside its folder: \"{}\"",
                                EscapeControl(path)))
          .WithError("WH2024");
    }
    WEIRHOUSE_TRY_STATUS(workspace.local_store().Write(folder + "/" + path, bytes));
  }
  WEIRHOUSE_TRY(auto project, LoadProject(folder, ""));
  if (CodeKey(project->code) != key) {
    return Status(Code::kCorruption, fmt::format("the stored code {} gives the digest {}", key,
                                                 CodeKey(project->code)))
        .WithError("WH6013")
        .WithHint("`wh verify --deep` tells whether its bytes changed");
  }
  return project;
}

Result<TrainingRows> RebuildTrainingSet(Workspace& workspace, const std::string& id,
                                        const TrainingSetRecord& record,
                                        const std::string& code_folder, Reproduction& reproduction,
                                        Progress& progress) {
  WEIRHOUSE_TRY(const auto project, LayOutProject(workspace, record.code, code_folder));
  const feature::TrainingSetDefinition* definition = project->FindTrainingSet(record.name);
  if (definition == nullptr) {
    return Status(Code::kCorruption, fmt::format("the stored code {} does not define \"{}\"",
                                                 record.code, record.name))
        .WithError("WH6013");
  }
  WEIRHOUSE_TRY(const TrainingSetSource source, SourceOf(workspace, *project, *definition));
  WEIRHOUSE_TRY(const PinnedTables inputs, PinRecorded(workspace, record));
  std::map<std::string, std::string> views;
  for (const feature::ViewPlan* plan : source.views)
    views[plan->view.id()] = plan->view.digest.ToHex();
  std::map<std::string, std::string> seeds;
  for (const Seed& seed : project->seeds) seeds[seed.name] = seed.digest.ToHex();
  if (definition->digest != record.definition) {
    reproduction.differences.push_back(
        {"definition " + record.name, record.definition.ToHex(), definition->digest.ToHex()});
  }
  CompareNames("view", record.views, views, reproduction);
  CompareNames("seed", record.seeds, seeds, reproduction);

  auto rows = ComputeTrainingRows(workspace, source, inputs, progress);
  if (!rows.ok()) {
    // Bytes that cannot be read any more are a difference with a name.
    Reproduction found;
    CompareInputFiles(workspace, inputs, found).Ignore("the first error is the one to tell");
    if (found.differences.empty()) return rows;
    return std::move(rows.status())
        .WithContext(fmt::format("{} has other bytes", found.differences.front().what));
  }
  reproduction.digests.emplace_back(fmt::format("training set {} content", id),
                                    rows->content.ToHex());
  if (rows->content != record.content) {
    reproduction.differences.push_back(
        {"training set content", record.content.ToHex(), rows->content.ToHex()});
    WEIRHOUSE_TRY_STATUS(ExplainContent(workspace, record, inputs, *rows, reproduction));
  }
  return rows;
}

namespace {
Result<Reproduction> ReproduceAny(Workspace& workspace, const std::string& id,
                                  const std::string& folder, const json& overrides,
                                  Progress& progress) {
  const auto known = [&](catalog::NodeKind kind) {
    return FindNumbered(workspace.catalog(), kind, id, "`wh model list`, `wh train-set list`");
  };
  const auto model = known(catalog::NodeKind::kModel);
  if (model.ok()) return ReproduceModel(workspace, *model, folder, overrides, progress);
  if (model.status().code() != Code::kNotFound) return model.status();
  const auto set = known(catalog::NodeKind::kTrainingSet);
  if (set.ok()) return ReproduceTrainingSet(workspace, *set, folder, overrides, progress);
  if (set.status().code() != Code::kNotFound) return set.status();
  return Status(Code::kNotFound,
                fmt::format("no such model or training set: \"{}\"", EscapeControl(id)))
      .WithError("WH6001")
      .WithHint("`wh model list` and `wh train-set list` show what there is");
}
}  // namespace

Result<Reproduction> Reproduce(Workspace& workspace, const std::string& id,
                               const std::string& folder, const json& overrides,
                               Progress& progress) {
  try {
    return ReproduceAny(workspace, id, folder, overrides, progress);
  } catch (const json::exception& error) {
    return Status(Code::kCorruption,
                  fmt::format("the record of {} cannot be read: {}", id, error.what()))
        .WithError("WH5025")
        .WithHint("`wh verify` checks the catalog");
  }
}
}  // namespace weirhouse::work
