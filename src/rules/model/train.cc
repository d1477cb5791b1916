#include "rules/model/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "ground/base/environment.h"
#include "ground/base/request/json_depth.h"
#include "ground/base/text.h"
#include "rules/model/inputs.h"

namespace weirhouse::model {
namespace {
namespace fs = std::filesystem;
constexpr int kJobSchemaVersion = 1;
constexpr std::size_t kArtifactsMax = 10'000;
constexpr std::size_t kMetricsMax = 10'000;
constexpr std::int64_t kReportBytesMax = 16 << 20;

std::string Absolute(const fs::path& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return (error ? path : absolute).lexically_normal().string();
}

Result<Digest> HashArtifact(const fs::path& path) {
  if (const std::optional<Digest> digest = DigestOfFile(path)) return *digest;
  return Status(Code::kUnavailable, fmt::format("could not read \"{}\"", path.string()))
      .WithError("WH5004");
}

Status UnusableArtifacts(std::string why) {
  return Status(Code::kInvalidInput, "the model's artifacts cannot be used: " + std::move(why))
      .WithError("WH5004")
      .WithHint("write plain files below job.path(NAME), for example job.path(\"model.joblib\")");
}

// Clears what an earlier attempt left. Never touches a folder that no attempt made.
Status PrepareFolder(platform::ObjectStore& store, const std::string& folder) {
  std::error_code error;
  if (fs::exists(folder, error)) {
    if (!fs::is_empty(folder, error) && !fs::exists(fs::path(folder) / "job.json", error)) {
      return Status(Code::kInvalidInput,
                    fmt::format("the job folder \"{}\" holds files that are not a job's", folder))
          .WithError("WH5004")
          .WithHint("name an empty folder");
    }
    // job.json is removed last, so that after a crash the folder is still known to be ours.
    fs::directory_iterator entries(folder, error);
    std::vector<fs::path> left;
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      if (entries->path().filename() != "job.json") left.push_back(entries->path());
    }
    for (auto path = left.begin(); !error && path != left.end(); ++path)
      fs::remove_all(*path, error);
    if (!error) fs::remove(fs::path(folder) / "job.json", error);
  }
  if (error) {
    return Status(Code::kUnavailable,
                  fmt::format("could not clear the job folder \"{}\": {}", folder, error.message()))
        .WithError("WH5004");
  }
  return store.MakeFolder(folder);
}

nlohmann::json DescribeJob(const TrainingJob& job, const nlohmann::json& parameters,
                           const std::map<std::string, std::string>& environment) {
  const TrainingSetFile& set = job.training_set;
  nlohmann::json names = nlohmann::json::array();  // values may be secrets: only names are recorded
  for (const auto& [name, value] : environment) names.push_back(name);
  return {{"schema_version", kJobSchemaVersion},
          {"model", job.definition.name},
          {"params", parameters},
          {"project", Absolute(job.project_folder)},
          {"variables", names},
          {"training_set",
           {{"id", set.id},
            {"path", Absolute(set.path)},
            {"format", "parquet"},
            {"split_column", set.split_column},
            {"features", set.features},
            {"label", set.label},
            {"digest", set.digest.ToHex()}}}};
}

Result<nlohmann::json> ReadReport(platform::ObjectStore& store, const std::string& path) {
  WEIRHOUSE_TRY(const platform::FileInfo info, store.Stat(path));
  const auto refuse = [&path](std::string_view why) {
    return Status(Code::kInvalidInput, fmt::format("could not read \"{}\": {}", path, why))
        .WithError("WH5006");
  };
  if (info.size_bytes > kReportBytesMax) return refuse("larger than 16 MiB");
  WEIRHOUSE_TRY(const std::string text, store.Read(path));
  if (MeasureJsonDepth(text) > kSentDepthMax) return refuse("nested too deep");
  nlohmann::json report = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!report.is_object()) return refuse("not a JSON object");
  return report;
}

// The environment as the command's side wrote it, completed with what we know: so interpreter,
// packages and script are recorded even if the command never calls current_job.
nlohmann::json RecordedEnvironment(platform::ObjectStore& store, const TrainingJob& job,
                                   const nlohmann::json& asked,
                                   const std::map<std::string, std::string>& scripts,
                                   const std::map<std::string, std::string>& variables,
                                   const std::string& python) {
  nlohmann::json environment = nlohmann::json::object();
  if (auto report = ReadReport(store, job.output_folder + "/environment.json"); report.ok())
    environment = std::move(report).value();
  for (const char* name : {"python", "implementation", "platform", "packages"}) {
    if (!environment.contains(name) && asked.contains(name)) environment[name] = asked[name];
  }
  environment["interpreter"] = python;
  environment["command"] = job.definition.command;
  environment["folder"] = Absolute(job.project_folder);
  environment["processors"] = job.processors_max > 0
                                  ? std::min(job.processors_max, platform::UsableProcessors())
                                  : platform::UsableProcessors();
  auto& recorded = environment["variables"];
  recorded = nlohmann::json::object();
  for (const auto& [name, value] : platform::ChildEnvironment())
    recorded[name] = variables.at(name);
  if (!environment["scripts"].is_object()) environment["scripts"] = nlohmann::json::object();
  for (const auto& [path, digest] : scripts) environment["scripts"][path] = digest;
  return environment;
}

// The interpreter's version and package folders, found before any script of the project could
// change them. An object without "folders" if it could not be found.
nlohmann::json AskInterpreter(platform::ObjectStore& store, const std::string& python,
                              const std::string& folder,
                              const std::map<std::string, std::string>& variables,
                              const std::string& answer) {
  static constexpr char kQuestion[] = R"(
import json, platform, sys, sysconfig
from importlib import metadata
folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path[1:]]
own = sysconfig.get_paths()["stdlib"]
sites = [p for p in sys.path[1:] if p and "-packages" in p or not p.startswith((own, own.replace(sys.prefix, sys.base_prefix)))]
packages = {}
for one in metadata.distributions():
    name = one.metadata["Name"]
    if name: packages.setdefault(name.lower().replace("_", "-"), one.version)
with open(sys.argv[1], "w") as file:
    json.dump({"python": platform.python_version(), "implementation": platform.python_implementation(),
               "platform": f"{platform.system()} {platform.machine()} {'-'.join(platform.libc_ver())}",
               "packages": packages, "sites": sites, "folders": [f for f in folders if f]}, file)
)";
  platform::ChildCommand command;
  command.argv = {python, "-c", kQuestion, answer};
  command.folder = folder;
  command.environment = variables;
  command.limits.wall_time = std::chrono::seconds(60);
  const auto exit = platform::RunChild(std::move(command));
  if (exit.ok() && exit->ok()) {
    if (auto report = ReadReport(store, answer); report.ok()) return std::move(report).value();
  }
  return nlohmann::json::object();
}

// Compares what the command's processes opened with what the job was given.
nlohmann::json JudgeOpened(platform::ObjectStore& store, const TrainingJob& job,
                           const std::string& told, const nlohmann::json& asked) {
  Given given;
  given.project_folder = job.project_folder;
  given.code = job.code;
  given.declared = job.inputs;
  given.folders = {job.output_folder, job.training_set.path};
  if (const auto folders = asked.find("folders"); folders != asked.end() && folders->is_array()) {
    for (const auto& folder : *folders) {
      if (folder.is_string()) given.folders.push_back(folder.get<std::string>());
    }
  }
  std::vector<std::string> sites;
  if (const auto known = asked.find("sites"); known != asked.end() && known->is_array()) {
    for (const auto& site : *known) {
      if (site.is_string()) sites.push_back(site.get<std::string>());
    }
  }
  const auto log = store.Read(told);
  const Opened opened = ParseOpened(log.ok() ? *log : std::string());
  nlohmann::json judged = Undeclared(opened, given);
  judged["installed"] = Installed(opened, sites);
  return judged;
}

// Digests, taken before the run, of those words of the command that name files of the project.
Result<std::map<std::string, std::string>> HashScripts(const TrainingJob& job) {
  std::map<std::string, std::string> scripts;
  for (const std::string& word : job.definition.command) {
    const fs::path path = fs::path(job.project_folder) / word;
    std::error_code error;
    if (fs::path(word).is_absolute() || !fs::is_regular_file(path, error)) continue;
    WEIRHOUSE_TRY(const Digest digest, HashArtifact(path));
    scripts[word] = digest.ToHex();
  }
  return scripts;
}

Status JudgeExit(const TrainingJob& job, const platform::ChildExit& exit) {
  if (exit.ok()) return Status();
  // Earlier lines were shown when they were printed, and are in the log.
  std::string said;
  for (const std::string& line : exit.last_lines) {
    if (!Trim(line).empty()) said = ": " + EscapeControl(Trim(line));
  }
  const bool late = exit.reason == platform::ChildExit::Reason::kTimedOut;
  return Status(Code::kInvalidInput,
                fmt::format("training of model \"{}\" failed: \"{}\" {}{}", job.definition.name,
                            Join(job.definition.command, " "), platform::Describe(exit), said))
      .WithError(late ? "WH5003" : "WH5002")
      .WithHint(fmt::format("its whole output: {}/train.log", job.output_folder));
}
}  // namespace

Result<std::string> ResolvePython(const std::string& choice) {
  std::string program = choice;
  if (program.empty()) program = ProcessEnvironment("WEIRHOUSE_PYTHON").value_or("");
  if (program.empty()) program = "python3";
  const std::string path = platform::FindProgram(program, platform::ChildEnvironment()["PATH"]);
  if (path.empty()) {
    return Status(Code::kInvalidInput, fmt::format("there is no Python at \"{}\"", program))
        .WithError("WH5007")
        .WithHint("set WEIRHOUSE_PYTHON to an interpreter that has pyarrow and weirhouse");
  }
  return Absolute(path);  // not resolved: the link identifies a virtual environment
}

Status JudgeMetrics(const std::string& model, const std::vector<MetricBound>& bounds,
                    const std::map<std::string, double>& metrics) {
  std::string failures;
  for (const MetricBound& bound : bounds) {
    const auto found = metrics.find(bound.metric);
    std::string failure;
    if (found == metrics.end() || !std::isfinite(found->second)) {
      failure = fmt::format("{} was not reported", bound.metric);
    } else if (bound.min && !(found->second >= *bound.min)) {
      failure =
          fmt::format("{} is {:.6g}, below min {:.6g}", bound.metric, found->second, *bound.min);
    } else if (bound.max && !(found->second <= *bound.max)) {
      failure =
          fmt::format("{} is {:.6g}, above max {:.6g}", bound.metric, found->second, *bound.max);
    }
    if (!failure.empty()) failures += (failures.empty() ? "" : "; ") + failure;
  }
  if (failures.empty()) return Status();
  return Status(Code::kGateFailed,
                fmt::format("model \"{}\" is not good enough: {}", model, failures))
      .WithError("WH5005")
      .WithHint("look at the training data and parameters, or change the bound in models/");
}

Result<std::map<std::string, double>> ReadMetrics(platform::ObjectStore& store,
                                                  const std::string& job_folder) {
  const std::string path = job_folder + "/metrics.json";
  std::map<std::string, double> metrics;
  auto report = ReadReport(store, path);
  if (!report.ok()) {
    if (report.status().code() == Code::kNotFound) return metrics;  // none were reported
    return report.status();
  }
  if (report->size() > kMetricsMax) {
    return Status(Code::kInvalidInput, fmt::format("\"{}\" holds too many metrics", path))
        .WithError("WH5006");
  }
  for (const auto& [name, value] : report->items()) {
    if (value.is_number()) {
      const double number = value.get<double>();
      if (std::isfinite(number)) metrics[name] = number;
    } else if (!value.is_null()) {
      return Status(Code::kInvalidInput, fmt::format("metric \"{}\" is not a number", name))
          .WithError("WH5006");
    }
  }
  return metrics;
}

Result<std::vector<Artifact>> ListArtifacts(const std::string& folder) {
  std::vector<Artifact> artifacts;
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    const fs::file_status status = entries->symlink_status(error);
    if (error) break;
    const std::string name = entries->path().lexically_relative(folder).generic_string();
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status))
      return UnusableArtifacts(fmt::format("\"{}\" is a link or no file", EscapeControl(name)));
    if (!IsValidUtf8(name) || EscapeControl(name) != name)
      return UnusableArtifacts(fmt::format("\"{}\" is no plain name", EscapeControl(name)));
    if (artifacts.size() == kArtifactsMax)
      return UnusableArtifacts(fmt::format("more than {} files", kArtifactsMax));
    WEIRHOUSE_TRY(const Digest digest, HashArtifact(entries->path()));
    artifacts.push_back({name, digest, static_cast<std::int64_t>(entries->file_size(error))});
  }
  if (error) return UnusableArtifacts(fmt::format("{}: {}", folder, error.message()));
  std::sort(artifacts.begin(), artifacts.end(),
            [](const Artifact& a, const Artifact& b) { return a.name < b.name; });
  return artifacts;
}

Digest ModelDigest(const std::vector<Artifact>& artifacts) {
  std::vector<const Artifact*> sorted;
  for (const Artifact& artifact : artifacts) sorted.push_back(&artifact);
  std::sort(sorted.begin(), sorted.end(),
            [](const Artifact* a, const Artifact* b) { return a->name < b->name; });
  Sha256 hash;
  for (const Artifact* artifact : sorted) {
    hash.UpdateSized(artifact->name);
    hash.UpdateSized(artifact->digest.view());
  }
  return hash.Finish();
}

namespace {
// The command as it is started: interpreter, variables, limits, and the library that reports opened
// files.
platform::ChildCommand CommandOf(const TrainingJob& job, const std::string& job_folder,
                                 const std::string& python) {
  platform::ChildCommand command;
  command.argv = job.definition.command;
  WEIRHOUSE_CHECK(!command.argv.empty());
  if (command.argv[0] == "python" || command.argv[0] == "python3") command.argv[0] = python;
  command.folder = job.project_folder;
  command.environment = platform::ChildEnvironment(job.environment);
  command.environment["WEIRHOUSE_JOB"] = job_folder;
  command.environment["PYTHONUNBUFFERED"] = "1";         // progress comes as it is printed
  command.environment["PYTHONDONTWRITEBYTECODE"] = "1";  // the project stays as it was
  command.limits.wall_time = job.timeout;
  command.limits.rss_bytes_max = job.rss_bytes_max;
  command.limits.processors_max = job.processors_max;
  command.limits.told_to_stop = job.told_to_stop;
  command.log_path = job_folder + "/train.log";
  command.on_line = job.on_line;
  return command;
}

Status RequireInputsUnchanged(const TrainingJob& job, const TrainingOutcome& outcome) {
  WEIRHOUSE_TRY(const auto now, DigestInputs(job.inputs, job.project_folder));
  for (const auto& [path, digest] : now) {
    if (outcome.inputs.at(path) == digest) continue;
    return Status(Code::kConflict,
                  fmt::format("an input changed while the model was trained: {}", path))
        .WithError("WH5026")
        .WithHint("run the command again");
  }
  return Status();
}
}  // namespace

Result<TrainingOutcome> RunTraining(platform::ObjectStore& store, const TrainingJob& job) {
  const nlohmann::json& parameters =
      job.parameters.is_null() ? job.definition.params : job.parameters;
  WEIRHOUSE_TRY(const std::string python, ResolvePython(job.python));
  TrainingOutcome outcome;
  WEIRHOUSE_TRY(outcome.inputs, DigestInputs(job.inputs, job.project_folder));
  WEIRHOUSE_TRY(const auto scripts, HashScripts(job));
  WEIRHOUSE_TRY_STATUS(PrepareFolder(store, job.output_folder));
  const std::string job_folder = Absolute(job.output_folder);
  platform::ChildCommand command = CommandOf(job, job_folder, python);
  const auto variables = command.environment;

  // Written first: job.json identifies the folder as ours.
  const std::string description =
      DescribeJob(job, parameters, variables)
          .dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  WEIRHOUSE_TRY_STATUS(store.Write(job_folder + "/job.json", description + "\n"));
  WEIRHOUSE_TRY_STATUS(store.MakeFolder(job_folder + "/model"));
  const bool is_python = fs::path(command.argv[0]).filename().string().starts_with("python");
  const nlohmann::json asked =
      AskInterpreter(store, is_python ? command.argv[0] : python, job.project_folder, variables,
                     job_folder + "/interpreter.json");
  if (const std::string library = OpenedFilesLibrary(); !library.empty()) {
    command.environment["LD_PRELOAD"] = library;
    command.environment["WEIRHOUSE_OPENED"] = job_folder + "/opened";
  }

  WEIRHOUSE_TRY(outcome.exit, platform::RunChild(std::move(command)));
  WEIRHOUSE_TRY_STATUS(JudgeExit(job, outcome.exit));
  WEIRHOUSE_TRY(outcome.artifacts, ListArtifacts(job_folder + "/model"));
  if (outcome.artifacts.empty()) return UnusableArtifacts("there are none");
  outcome.model_digest = ModelDigest(outcome.artifacts);
  WEIRHOUSE_TRY(outcome.metrics, ReadMetrics(store, job_folder));
  WEIRHOUSE_TRY_STATUS(RequireInputsUnchanged(job, outcome));
  outcome.environment = RecordedEnvironment(store, job, asked, scripts, variables, python);
  outcome.environment.update(JudgeOpened(store, job, job_folder + "/opened", asked));
  WEIRHOUSE_TRY_STATUS(JudgeMetrics(job.definition.name, job.definition.metrics, outcome.metrics));

  std::vector<std::string> paths;
  for (const Artifact& artifact : outcome.artifacts)
    paths.push_back(job_folder + "/model/" + artifact.name);
  WEIRHOUSE_TRY_STATUS(store.Flush(paths));
  return outcome;
}
}  // namespace weirhouse::model
