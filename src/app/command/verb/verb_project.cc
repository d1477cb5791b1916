// init, demo-data, validate: a project before anything runs.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "app/command/verb/run_report.h"
#include "app/command/verbs.h"
#include "app/demo/demo_data.h"
#include "app/demo/example.h"
#include "ground/base/text.h"
#include "work/project/landing_place.h"
#include "work/project/new_project.h"
#include "work/project/project_head.h"
#include "work/project/seed_join.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;
namespace fs = std::filesystem;

Result<double> Share(const Invocation& invocation, std::string_view option) {
  const std::optional<std::string> text = invocation.Option(option);
  if (!text) return 0.0;
  std::string number = *text;
  const bool percent = number.ends_with('%');
  if (percent) number.pop_back();
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !(value >= 0))
    return UsageError(fmt::format("--{} takes a share, found \"{}\"", option, *text),
                      "for example 1% or 0.01");
  return percent ? value / 100 : value;
}

Result<std::string> InitFolder(const Context& context, const std::string& example) {
  const std::string word = context.invocation().Word(0);
  if (!word.empty()) return context.PathOf(word);
  const std::string here = context.PathOf(context.invocation().project);
  // In a project without state (cloned, or written by hand), only the state is made.
  if (example.empty() || fs::exists(here + "/weirhouse.yaml")) return here;
  return here + "/" + example;
}

json ToJson(const demo::DemoDataReport& report) {
  json sources = json::array();
  for (const demo::SourceReport& source : report.sources) {
    sources.push_back({{"source", source.source},
                       {"files", source.files},
                       {"records", source.records},
                       {"duplicates", source.duplicates},
                       {"late", source.late},
                       {"malformed", source.malformed},
                       {"corrections", source.corrections},
                       {"malformed_kinds", source.malformed_kinds}});
  }
  return {{"sources", std::move(sources)}, {"files_written", report.files_written}};
}
}  // namespace

Result<int> RunInit(Context& context) {
  const std::string example = context.invocation().Option("example").value_or("");
  WEIRHOUSE_TRY(const std::string given, InitFolder(context, example));
  const std::string folder = fs::path(given).lexically_normal().string();
  const std::string name = fs::path(folder + "/.").parent_path().filename().string();
  const bool is_new = !fs::exists(folder + "/weirhouse.yaml");
  if (context.invocation().dry_run) {
    context.Line(fmt::format("would make {} in {}", is_new ? "a project" : "the state", folder));
    context.Answer({{"project", folder}, {"new", is_new}});
    return kExitOk;
  }
  if (!example.empty() && is_new) {
    WEIRHOUSE_TRY_STATUS(demo::WriteExample(example, folder));
  } else if (is_new) {
    if (!work::IsProjectName(name)) {
      return UsageError(fmt::format("the folder's name cannot be a project's: \"{}\"", name),
                        "letters, digits, - and _");
    }
    WEIRHOUSE_TRY_STATUS(work::WriteEmptyProject(folder, name));
  }
  auto project = work::LoadProject(folder, context.invocation().profile);
  const Status problem = project.status();
  // Making the state needs the project file alone; errors in the others can be corrected
  // afterwards.
  if (!problem.ok()) project = work::LoadProjectHead(folder, context.invocation().profile);
  if (!project.ok()) return problem;
  WEIRHOUSE_TRY(const std::string token, work::InitializeState(**project));
  context.Line(fmt::format("project {} in {}", (*project)->name, folder));
  context.Line(
      fmt::format("token   {}     shown this once: export WEIRHOUSE_TOKEN={}", token, token));
  if (!problem.ok()) {
    context.Say(EscapeControl(
        fmt::format("files of the project have errors (`wh validate` lists all): {} {}",
                    problem.error_code(), problem.message())));
  }
  context.Answer({{"project", (*project)->name}, {"folder", folder}, {"token", token}});
  return kExitOk;
}

Result<int> RunDemoData(Context& context) {
  const Invocation& invocation = context.invocation();
  demo::DemoDataOptions options;
  WEIRHOUSE_TRY(options.project, context.Root());
  WEIRHOUSE_TRY(const std::int64_t seed, context.IntOption("seed", 7, 0, 1LL << 62));
  options.seed = static_cast<std::uint64_t>(seed);
  WEIRHOUSE_TRY(options.duplicates, Share(invocation, "duplicates"));
  WEIRHOUSE_TRY(options.late, Share(invocation, "late"));
  WEIRHOUSE_TRY(options.malformed, Share(invocation, "malformed"));
  WEIRHOUSE_TRY(options.corrections, Share(invocation, "corrections"));
  WEIRHOUSE_TRY(const std::int64_t days, context.IntOption("days", 0, 0, 366));
  options.days = static_cast<int>(days);
  WEIRHOUSE_TRY(const std::int64_t speed, context.IntOption("speed", 0, 0, 1LL << 40));
  options.speed = static_cast<double>(speed);
  options.bad_day = invocation.Option("bad-day");
  options.go_on = [&] { return !context.progress().Cancelled(); };
  WEIRHOUSE_TRY(const demo::DemoDataReport report, demo::WriteDemoData(options));
  context.Line(demo::Describe(report));
  context.Answer(ToJson(report));
  return context.progress().was_cancelled() ? kExitInterrupted : kExitOk;
}

Result<int> RunValidate(Context& context) {
  WEIRHOUSE_TRY(auto project, context.Project());
  WEIRHOUSE_TRY_STATUS(work::CheckSeedKeys(*project));
  std::int64_t checks = 0;
  for (const gate::GateDefinition& gate : project->gates)
    checks += static_cast<std::int64_t>(gate.checks.size());
  const auto count = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  context.Line(
      fmt::format("valid: {} files; source {}, contract {}, processed {}, gate {} ({} checks), "
                  "feature view {}, "
                  "training set {}, model {}",
                  project->files.size(), project->sources.size(), project->contracts.size(),
                  project->transforms.size(), project->gates.size(), checks, project->views.size(),
                  project->training_sets.size(), project->models.size()));
  json seeds = json::object();
  for (const work::Seed& seed : project->seeds) {
    std::vector<std::string> columns;
    for (const work::SeedColumn& column : seed.columns) {
      columns.push_back(fmt::format("{} {}", column.name, column.type));
      seeds[seed.name][column.name] = column.type;
    }
    context.Line(EscapeControl(fmt::format("seed {}: {}", seed.name, Join(columns, ", "))));
  }
  for (const std::string& note : project->notes) context.Say("note: " + EscapeControl(note));
  const std::map<std::string, std::string> missing = work::MissingLandingFolders(*project);
  SayMissingFolders(context, missing);
  context.Answer({{"valid", true},
                  {"project", project->name},
                  {"code", project->code.ToHex()},
                  {"files", count(project->files.size())},
                  {"sources", count(project->sources.size())},
                  {"contracts", count(project->contracts.size())},
                  {"processed", count(project->transforms.size())},
                  {"gates", count(project->gates.size())},
                  {"checks", checks},
                  {"feature_views", count(project->views.size())},
                  {"training_sets", count(project->training_sets.size())},
                  {"models", count(project->models.size())},
                  {"seeds", std::move(seeds)},
                  {"missing_folders", missing},
                  {"notes", project->notes}});
  return kExitOk;
}
}  // namespace weirhouse::command
