#include "work/project/project.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/training/training_set.h"
#include "rules/gate/parse/parse_gates.h"
#include "work/project/as_written.h"
#include "work/project/project_code.h"
#include "work/project/project_file.h"
#include "work/project/project_findings.h"
#include "work/project/seed.h"

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;
constexpr std::string_view kProjectFile = "weirhouse.yaml";

struct Folder {
  std::string_view name;
  std::string_view ending;
};
constexpr Folder kFolders[] = {
    {"contracts", ".odcs.yaml"}, {"processed", ".sql"}, {"gates", ".yaml"}, {"features", ".yaml"},
    {"training_sets", ".yaml"},  {"models", ".yaml"},   {"tests", ".yaml"}};

bool IsCode(const std::string& path) {
  return path.ends_with(".py") || path.ends_with(".lock") || path.ends_with("requirements.txt");
}

// Files that somebody may expect to be read.
bool LooksLikeADefinition(std::string_view name) {
  constexpr std::string_view kEndings[] = {".yaml", ".yml", ".sql", ".json"};
  return std::ranges::any_of(kEndings, [&](std::string_view end) { return name.ends_with(end); });
}

// Definitions lie in the folder itself; files in folders below it are not read.
void NoteUnreadBelow(const std::string& root, const std::string& path, const Folder& folder,
                     std::vector<std::string>& notes) {
  const auto entries = platform::ListFolder(root + "/" + path);
  if (!entries.ok()) return;
  for (const platform::FileInfo& entry : *entries) {
    const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
    if (entry.is_folder || name[0] == '.' || !LooksLikeADefinition(name)) continue;
    notes.push_back(
        fmt::format("{}/{} is not read: definitions lie in {}/ itself", path, name, folder.name));
  }
}

Status ReadDefinitionFiles(ProjectDefinition& project) {
  platform::ObjectStore& store = platform::LocalStore();
  auto add = [&](const std::string& relative) -> Status {
    if (project.files.size() >= kDefinitionFilesMax) {
      return Status(Code::kInvalidInput, fmt::format("more than {} definition files: {}",
                                                     kDefinitionFilesMax, project.root))
          .WithError("WH2033")
          .WithHint("\"" + EscapeControl(relative) + "\" is one too many");
    }
    auto bytes = store.Read(project.root + "/" + relative);
    if (!bytes.ok())
      return std::move(bytes.status()).WithContext("could not read a definition file");
    project.files[relative] = std::move(bytes).value();
    return Status();
  };
  WEIRHOUSE_TRY_STATUS(add(std::string(kProjectFile)));
  for (const Folder& folder : kFolders) {
    auto entries = platform::ListFolder(project.root + "/" + std::string(folder.name));
    if (!entries.ok()) {
      if (entries.status().code() == Code::kNotFound) continue;
      return entries.status();
    }
    for (const platform::FileInfo& entry : *entries) {
      const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
      const std::string path = std::string(folder.name) + "/" + name;
      if (name[0] == '.') continue;
      if (entry.is_folder) {
        NoteUnreadBelow(project.root, path, folder, project.notes);
      } else if (name.ends_with(folder.ending)) {
        WEIRHOUSE_TRY_STATUS(add(path));
      } else if (LooksLikeADefinition(name)) {
        project.notes.push_back(fmt::format("{} is not read: files of {}/ end in {}", path,
                                            folder.name, folder.ending));
      }
    }
  }
  WEIRHOUSE_TRY(const std::vector<platform::FileInfo> top, platform::ListFolder(project.root));
  for (const platform::FileInfo& entry : top) {
    const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
    if (!entry.is_folder && IsCode(name)) WEIRHOUSE_TRY_STATUS(add(name));
  }
  return Status();
}

// Applies `parse` to every definition file of `folder`.
template <typename Parse>
void ForEachFile(const ProjectDefinition& project, std::string_view folder,
                 ProjectFindings& findings, Parse parse) {
  const std::string prefix = std::string(folder) + "/";
  const bool reads_tables = folder == "gates" || folder == "training_sets";
  for (auto at = project.files.lower_bound(prefix);
       at != project.files.end() && at->first.starts_with(prefix); ++at) {
    if (at->first.ends_with(".py")) continue;  // code that lies in the same folder
    const bool follows = reads_tables && findings.MentionsBroken(at->second);
    const Status parsed = follows ? Status() : parse(at->first, at->second);
    findings.Add(parsed);
    if (follows || !parsed.ok()) findings.NoteBrokenFile(folder, at->first, at->second);
  }
}

template <typename T, typename Matches>
const T* FindIf(const std::vector<T>& list, Matches matches) {
  const auto found = std::find_if(list.begin(), list.end(), matches);
  return found == list.end() ? nullptr : &*found;
}

// Two definitions of one name: it would be an accident which of them counts.
Status DefinedTwice(std::string_view kind, const std::string& name, const SourceSpan& span) {
  return Status(Code::kInvalidInput, fmt::format("the {} \"{}\" is defined twice", kind, name))
      .WithError("WH2007")
      .WithSpan(span)
      .WithHint("rename one of them, or remove it");
}

void ParseContracts(ProjectDefinition& project, ProjectFindings& findings) {
  ForEachFile(project, "contracts", findings,
              [&](const std::string& path, const std::string& text) -> Status {
                WEIRHOUSE_TRY(contract::Contract contract, contract::ParseContract(text, path));
                const std::string id = contract.id();
                if (project.contracts.count(id) != 0)
                  return DefinedTwice("contract", id, contract.span());
                project.contracts[id] =
                    std::make_shared<const contract::Contract>(std::move(contract));
                return Status();
              });
  std::vector<std::string> ids;
  for (const auto& [id, contract] : project.contracts) ids.push_back(id);
  for (const Source& source : project.sources) {
    if (project.contracts.count(source.contract) != 0) continue;
    findings.NoteBrokenTable("records." + source.name);
    if (findings.IsBrokenContract(source.contract)) continue;
    findings.Add(Status(Code::kInvalidInput,
                        fmt::format("the source \"{}\" names an unknown contract: \"{}\"",
                                    source.name, source.contract))
                     .WithError("WH2008")
                     .WithHint(DidYouMean(source.contract, ids)));
  }
}

std::string TitleOf(const contract::Contract& contract) {
  return fmt::format("contract {} ({}:{})", contract.Title(), contract.span().path,
                     contract.span().line);
}

Result<transform::SchemaCatalog> BaseSchemas(const ProjectDefinition& project) {
  transform::SchemaCatalog schemas;
  for (const Source& source : project.sources) {
    const auto contract = project.contracts.find(source.contract);
    if (contract == project.contracts.end()) continue;
    schemas.Add("records." + source.name, contract::RecordsSchema(*contract->second),
                TitleOf(*contract->second));
  }
  for (const Seed& seed : project.seeds) {
    if (seed.rows)
      schemas.Add("ref." + seed.name, seed.rows->schema(),
                  fmt::format("seed {} ({}:1)", seed.name, seed.path));
  }
  return schemas;
}

// An external table: its columns are those of the contract it names.
Result<transform::CheckedTransform> CheckExternal(
    const ProjectDefinition& project, const transform::TransformDefinition& definition) {
  const transform::HeaderName& name = *definition.contract;
  const auto contract = project.contracts.find(name.name);
  if (contract != project.contracts.end()) {
    return transform::CheckExternal(definition, *contract::ToArrowSchema(*contract->second),
                                    TitleOf(*contract->second));
  }
  std::vector<std::string> ids;
  for (const auto& [id, known] : project.contracts) ids.push_back(id);
  return Status(Code::kInvalidInput,
                fmt::format("the table \"{}\" names an unknown contract: \"{}\"", definition.name(),
                            name.name))
      .WithError("WH2008")
      .WithSpan(name.span)
      .WithHint(DidYouMean(name.name, ids));
}

void ParseTransforms(ProjectDefinition& project, platform::SqlSession& session,
                     transform::SchemaCatalog& schemas, ProjectFindings& findings) {
  std::vector<transform::TransformDefinition> definitions;
  ForEachFile(project, "processed", findings,
              [&](const std::string& path, const std::string& text) -> Status {
                WEIRHOUSE_TRY(transform::TransformDefinition definition,
                              transform::ParseTransform(text, path));
                definitions.push_back(std::move(definition));
                return Status();
              });
  auto order = transform::OrderTransforms(definitions);
  if (!order.ok()) {
    findings.Add(order.status());
    for (const transform::TransformDefinition& definition : definitions)
      findings.NoteBrokenTable(definition.name());
    return;
  }
  for (const std::size_t index : *order) {
    const std::optional<transform::HeaderName>& contract = definitions[index].contract;
    if (findings.MentionsBroken(definitions[index].text) ||
        (contract && findings.IsBrokenContract(contract->name))) {
      findings.NoteBrokenTable(definitions[index].name());
      continue;
    }
    auto checked = definitions[index].is_external()
                       ? CheckExternal(project, definitions[index])
                       : transform::CheckTransform(session, definitions[index], schemas);
    if (!checked.ok()) {
      findings.Add(checked.status());
      findings.NoteBrokenTable(definitions[index].name());
      continue;
    }
    const std::string declared = fmt::format("{}", definitions[index].path);
    std::vector<std::string> key;  // empty for external tables, whose keys are not enforced
    for (const transform::HeaderName& name : checked->definition.key) key.push_back(name.name);
    if (checked->definition.is_external()) key.clear();
    schemas.Add(checked->definition.name(), checked->output, declared, std::move(key));
    if (checked->definition.history == transform::History::kKeep) {
      schemas.Add(checked->definition.history_table(), checked->output, declared);
    }
    project.transforms.push_back(std::move(checked).value());
  }
}

void ParseGateFiles(ProjectDefinition& project, platform::SqlSession& session,
                    const transform::SchemaCatalog& schemas, ProjectFindings& findings) {
  gate::GateSchemas known;
  known.other = [&](const std::string& name) -> std::shared_ptr<arrow::Schema> {
    const auto* entry = schemas.Find(name);
    return entry == nullptr ? nullptr : entry->schema;
  };
  known.known_tables = schemas.names();
  ForEachFile(
      project, "gates", findings, [&](const std::string& path, const std::string& text) -> Status {
        WEIRHOUSE_TRY(std::vector<gate::GateDefinition> gates, gate::ParseGates(text, path));
        for (gate::GateDefinition& gate : gates) {
          if (FindIf(project.gates, [&](const auto& one) { return one.name == gate.name; }))
            return DefinedTwice("gate", gate.name, gate.span);
          const auto* judged = schemas.Find(gate.table);
          known.table = judged == nullptr ? nullptr : judged->schema;
          // Outside SQL, names are case-sensitive.
          if (judged == nullptr || judged->name != gate.table) {
            return Status(Code::kInvalidInput,
                          fmt::format("the gate \"{}\" judges an unknown table: \"{}\"", gate.name,
                                      gate.table))
                .WithError("WH3007")
                .WithSpan(gate.span)
                .WithHint(
                    DidYouMean(judged == nullptr ? gate.table : judged->name, known.known_tables));
          }
          WEIRHOUSE_TRY_STATUS(gate::CheckGate(gate, known, session));
          if (gate.owner.empty()) {
            const std::string base(TableNameView(gate.table).own());
            const Source* source = project.FindSource(base);
            const transform::CheckedTransform* table = project.FindTransform(gate.table);
            std::string id = source == nullptr ? base : source->contract;
            if (table != nullptr && table->definition.contract)
              id = table->definition.contract->name;
            const auto contract = project.contracts.find(id);
            if (contract != project.contracts.end()) gate.owner = contract->second->owner();
          }
          if (gate.on_fail.names_keep_staging) {
            project.notes.push_back(fmt::format(
                "on_fail.keep_staging of gate {} has no effect yet: a halted batch stays staged "
                "until it is decided",
                gate.name));
          }
          project.gates.push_back(std::move(gate));
        }
        return Status();
      });
}

// The table whose rows do not come from one record each: `table` or a table that it is made of row
// by row; null if each row has a record and so an ingestion time. A history is like its table.
const transform::CheckedTransform* RowsWithoutIngestion(const ProjectDefinition& project,
                                                        const std::string& table) {
  const auto made = std::find_if(
      project.transforms.begin(), project.transforms.end(), [&](const auto& transform) {
        const transform::TransformDefinition& definition = transform.definition;
        return table == definition.name() || table == definition.history_table();
      });
  if (made == project.transforms.end()) return nullptr;  // it reads records
  if (!made->row_wise) return &*made;
  return *made->driver == table ? nullptr : RowsWithoutIngestion(project, *made->driver);
}

// Rows that come from no raw record, or from several, have no ingestion time: a view over them must
// say from when a row counts, or a rebuild could give other answers.
Status CheckKnownTime(const ProjectDefinition& project, const feature::FeatureView& view) {
  if (view.known_time.kind != feature::KnownTime::Kind::kIngestion) return Status();
  const transform::CheckedTransform* source = RowsWithoutIngestion(project, view.source);
  if (source == nullptr) return Status();
  std::string hint = "known_time: a timestamp column of the table, or { delay: 20m }";
  const transform::CheckedTransform* direct = project.FindTransform(view.source);
  if (direct != nullptr && direct->definition.known)
    hint = "known_time: " + direct->definition.known->name;
  if (direct == source && source->definition.is_external()) {
    return Status(Code::kInvalidInput,
                  fmt::format("the feature view \"{}\" reads an external table and names no known "
                              "time: \"{}\"",
                              view.id(), view.source))
        .WithError("WH4026")
        .WithSpan(view.span)
        .WithHint(std::move(hint));
  }
  return Status(Code::kInvalidInput,
                fmt::format(
                    "the feature view \"{}\" names no known time, and rows of \"{}\" come from "
                    "no single record, so they have no ingestion time",
                    view.id(), source->definition.name()))
      .WithError("WH4015")
      .WithSpan(view.span)
      .WithHint(std::move(hint));
}

void ParseFeatures(ProjectDefinition& project, platform::SqlSession& session,
                   const transform::SchemaCatalog& schemas, ProjectFindings& findings) {
  ForEachFile(project, "features", findings,
              [&](const std::string& path, const std::string& text) -> Status {
                WEIRHOUSE_TRY(std::vector<feature::FeatureView> views,
                              feature::ParseFeatureViews(text, path));
                for (feature::FeatureView& view : views) project.views.push_back(std::move(view));
                return Status();
              });
  findings.Add(feature::CheckDistinct(project.views));
  const std::vector<std::string> tables = schemas.names();
  for (const feature::FeatureView& view : project.views) {
    if (findings.MentionsBroken(view.source)) continue;
    Result<feature::ViewPlan> plan = Status(Code::kInvalidInput, "unbound");
    const auto* source = schemas.Find(view.source);
    if (view.is_request()) {
      plan = feature::BindRequestView(view, session);
    } else if (source != nullptr && source->name == view.source) {
      plan = feature::BindView(view, *source->schema, session);
      if (plan.ok()) {
        if (const Status timed = CheckKnownTime(project, view); !timed.ok()) plan = timed;
      }
    } else {
      plan = Status(Code::kInvalidInput,
                    fmt::format("the feature view \"{}\" reads an unknown table: \"{}\"", view.name,
                                view.source))
                 .WithError("WH4005")
                 .WithSpan(view.span)
                 .WithHint(DidYouMean(source == nullptr ? view.source : source->name, tables));
    }
    findings.Add(plan.status());
    if (plan.ok()) project.view_plans.push_back(std::move(plan).value());
  }
  ForEachFile(project, "training_sets", findings,
              [&](const std::string& path, const std::string& text) -> Status {
                WEIRHOUSE_TRY(std::vector<feature::TrainingSetDefinition> sets,
                              feature::ParseTrainingSets(text, path));
                for (feature::TrainingSetDefinition& set : sets) {
                  if (project.FindTrainingSet(set.name) != nullptr)
                    return DefinedTwice("training set", set.name, set.spine_span);
                  WEIRHOUSE_TRY_STATUS(feature::SelectFeatures(set, project.views).status());
                  project.training_sets.push_back(std::move(set));
                }
                return Status();
              });
}

// Checks that the spine has the columns that the set needs, under names that can be joined.
Status CheckSpine(const ProjectDefinition& project, const feature::TrainingSetDefinition& set,
                  const std::shared_ptr<arrow::Schema>& spine, platform::SqlSession& session) {
  WEIRHOUSE_TRY(const auto selected, feature::SelectFeatures(set, project.views));
  return feature::CheckSpine(set, selected, spine, session);
}

void ParseModelFiles(ProjectDefinition& project, ProjectFindings& findings) {
  ForEachFile(
      project, "models", findings, [&](const std::string& path, const std::string& text) -> Status {
        WEIRHOUSE_TRY(std::vector<model::ModelDefinition> models, model::ParseModels(text, path));
        for (model::ModelDefinition& model : models) {
          if (project.FindModel(model.name) != nullptr)
            return DefinedTwice("model", model.name, model.span);
          if (project.FindTrainingSet(model.training_set) == nullptr) {
            if (findings.IsBrokenTrainingSet(model.training_set)) continue;
            return Status(Code::kInvalidInput,
                          fmt::format("the model \"{}\" names an unknown training set: \"{}\"",
                                      model.name, model.training_set))
                .WithError("WH2008")
                .WithSpan(model.span);
          }
          project.notes.insert(project.notes.end(), model.notes.begin(), model.notes.end());
          project.models.push_back(std::move(model));
        }
        return Status();
      });
}

Digest CodeDigest(const std::map<std::string, std::string>& files) {
  Sha256 hash;
  for (const auto& [path, bytes] : files) {
    hash.UpdateSized(path);
    hash.UpdateSized(bytes);
  }
  return hash.Finish();
}

// Notes views that ask what was known when, over a table that forgets what corrections replaced.
void NoteLostVersions(ProjectDefinition& project) {
  for (const feature::FeatureView& view : project.views) {
    if (view.is_request() || view.as_of_latest ||
        view.known_time.kind != feature::KnownTime::Kind::kColumn ||
        view.event_time == view.known_time.column)
      continue;
    const transform::CheckedTransform* table = project.FindTransform(view.source);
    if (table == nullptr || table->definition.is_external() ||
        view.source != table->definition.name())
      continue;
    project.notes.push_back(fmt::format(
        "view {} uses {}, but {} holds only the newest row of a key: after a correction a "
        "training set lacks what was served before it. Give the table `history keep` and read "
        "{}, or say `as_of: latest`",
        view.id(), view.known_time.column, view.source, table->definition.history_table()));
  }
}

// The canonical form of the folder, because the catalog records it: "dir/." and "dir/" are "dir".
std::shared_ptr<ProjectDefinition> ProjectIn(const std::string& root) {
  auto project = std::make_shared<ProjectDefinition>();
  project->root = fs::path(root + "/").lexically_normal().parent_path().string();
  return project;
}

// Parses weirhouse.yaml, which all other files depend on.
Status ParseHead(ProjectDefinition& project, const std::string& profile) {
  ProjectFindings findings;
  findings.Add(ParseProjectFile(project.files[std::string(kProjectFile)], std::string(kProjectFile),
                                profile, project));
  return findings.empty() ? Status() : findings.ToStatus();
}

// Files as they are now, or code that some release applied.
enum class Origin : std::uint8_t { kFiles, kApplied };

// Parses everything except weirhouse.yaml and the seeds, which are read already.
Result<std::shared_ptr<const ProjectDefinition>> ParseRest(
    const std::shared_ptr<ProjectDefinition>& project, Origin origin, ProjectFindings& findings) {
  const bool as_written = origin == Origin::kFiles;
  for (const Seed& seed : project->seeds) {
    if (!seed.rows) findings.NoteBrokenTable("ref." + seed.name);
    project->files["seed:" + seed.path] = seed.digest.ToHex();
    for (std::string& note : SeedNotes(seed)) project->notes.push_back(std::move(note));
  }
  project->code = CodeDigest(project->files);

  platform::SqlOptions options;
  options.threads = 1;
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlEngine> engine,
                platform::SqlEngine::Open(options));
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlSession> session, engine->Connect());
  ParseContracts(*project, findings);
  for (const auto& [id, contract] : project->contracts)
    if (as_written) findings.Add(CheckFormats(*contract));
  WEIRHOUSE_TRY(transform::SchemaCatalog schemas, BaseSchemas(*project));
  ParseTransforms(*project, *session, schemas, findings);
  ParseGateFiles(*project, *session, schemas, findings);
  ParseFeatures(*project, *session, schemas, findings);
  for (const feature::TrainingSetDefinition& set : project->training_sets) {
    const transform::SelectSource spine{set.spine_span.path, set.spine, set.spine_span.line,
                                        set.spine_span.column};
    const auto checked = transform::CheckSelect(*session, spine, schemas);
    findings.Add(checked.status());
    if (!checked.ok()) continue;
    if (as_written) findings.Add(CheckSpineReads(set, checked->references));
    findings.Add(CheckSpine(*project, set, checked->output, *session));
  }
  ParseModelFiles(*project, findings);
  for (const model::ModelDefinition& model : project->models)
    if (as_written) findings.Add(CheckServedFields(*project, model));
  if (as_written && !findings.any_broken_table()) findings.Add(CheckNotified(*project));
  if (!findings.empty()) return findings.ToStatus();
  NoteLostVersions(*project);
  if (!project->files.empty() && project->files.lower_bound("tests/") != project->files.end() &&
      project->files.lower_bound("tests/")->first.starts_with("tests/")) {
    project->notes.push_back("tests/*.yaml are kept and not yet run");
  }
  return std::shared_ptr<const ProjectDefinition>(project);
}
}  // namespace

const Source* ProjectDefinition::FindSource(std::string_view wanted) const {
  return FindIf(sources, [&](const Source& source) { return source.name == wanted; });
}
const transform::CheckedTransform* ProjectDefinition::FindTransform(std::string_view table) const {
  return FindIf(transforms, [&](const transform::CheckedTransform& transform) {
    return transform.definition.name() == table;
  });
}
const feature::FeatureView* ProjectDefinition::FindView(std::string_view wanted,
                                                        int version) const {
  return FindIf(views, [&](const feature::FeatureView& view) {
    return view.name == wanted && view.version == version;
  });
}
const feature::ViewPlan* ProjectDefinition::FindPlan(std::string_view view_id) const {
  return FindIf(view_plans,
                [&](const feature::ViewPlan& plan) { return plan.view.id() == view_id; });
}
const feature::TrainingSetDefinition* ProjectDefinition::FindTrainingSet(
    std::string_view wanted) const {
  return FindIf(training_sets,
                [&](const feature::TrainingSetDefinition& set) { return set.name == wanted; });
}
const model::ModelDefinition* ProjectDefinition::FindModel(std::string_view wanted) const {
  return FindIf(models, [&](const model::ModelDefinition& model) { return model.name == wanted; });
}

Result<std::string> FindProjectRoot(const std::string& start) {
  std::error_code error;
  fs::path folder = fs::absolute(start, error);
  for (; !error; folder = folder.parent_path()) {
    if (fs::exists(folder / kProjectFile, error))
      return (folder / "").lexically_normal().parent_path().string();
    if (folder == folder.parent_path()) break;
  }
  return Status(Code::kNotFound,
                fmt::format("no weirhouse.yaml here or in a folder above: {}", start))
      .WithError("WH2009")
      .WithHint("`wh init NAME` makes a project; --project DIR names one");
}

Result<std::shared_ptr<const ProjectDefinition>> LoadProject(const std::string& root,
                                                             const std::string& profile) {
  const std::shared_ptr<ProjectDefinition> project = ProjectIn(root);
  WEIRHOUSE_TRY_STATUS(ReadDefinitionFiles(*project));
  WEIRHOUSE_TRY_STATUS(ParseHead(*project, profile));
  WEIRHOUSE_TRY_STATUS(ReadPackages(*project));
  ProjectFindings findings;
  for (Seed& seed : project->seeds) findings.Add(LoadSeed(root, seed));
  return ParseRest(project, Origin::kFiles, findings);
}

Result<std::shared_ptr<const ProjectDefinition>> ProjectOfCode(
    const std::string& root, const std::string& profile, std::map<std::string, std::string> files) {
  const std::shared_ptr<ProjectDefinition> project = ProjectIn(root);
  project->files = std::move(files);
  WEIRHOUSE_TRY_STATUS(ParseHead(*project, profile));
  ProjectFindings findings;
  for (Seed& seed : project->seeds) {
    const auto bytes = project->files.extract(seed.path);
    if (bytes.empty()) {
      return Status(Code::kCorruption, "the applied code lacks the seed " + seed.path)
          .WithError("WH2024");
    }
    findings.Add(ParseSeed(bytes.mapped(), seed));
  }
  return ParseRest(project, Origin::kApplied, findings);
}
}  // namespace weirhouse::work
