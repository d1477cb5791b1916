#include "work/project/project_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "ground/base/yaml.h"
#include "rules/gate/parse/check_kind.h"
#include "work/project/event/event_type.h"
#include "work/project/landing_place.h"
#include "work/project/spelling.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kUpkeepNumberMax = 100'000;
const std::vector<std::string> kHistoryKinds = {"row_count_change", "mean", "distribution"};

// Notes a key that is accepted but has no effect in this release.
void Note(ProjectDefinition& project, std::string note) {
  project.notes.push_back(std::move(note));
}

Result<std::string> Text(const YamlNode& map, std::string_view key, std::string_view what,
                         std::string fallback) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return fallback;
  return node->AsString(fmt::format("{} of {}", key, what));
}

// An element of a list, which may also be written as a single value.
const YamlNode& ElementOf(const YamlNode& list, std::size_t i) {
  return list.is_scalar() ? list : list.items()[i];
}

std::string Suggested(const std::string& wrong, const std::vector<std::string>& known) {
  std::string hint = DidYouMean(wrong, known);
  return hint.empty() ? "known: " + Join(known, ", ") : hint;
}

// `sqlite`, or `{ postgres: URL }`.
Status ParseCatalog(const YamlNode& node, const std::string& what, Profile& profile) {
  if (node.is_scalar()) {
    if (node.text() == "sqlite") return Status();
    return node.Error(
        "WH2005", fmt::format("catalog of {} is not served by this release: \"{}\" (sqlite, or a "
                              "map with the key postgres)",
                              what, node.text()));
  }
  const std::string catalog = "catalog of " + what;
  WEIRHOUSE_TRY_STATUS(node.CheckKeys(catalog, {"postgres"}));
  WEIRHOUSE_TRY(const YamlNode* url, node.Require("postgres", catalog));
  WEIRHOUSE_TRY(profile.catalog_url, url->AsString("postgres of " + catalog));
  if (profile.catalog_url.empty()) {
    return url->Error("WH2004", fmt::format("postgres of {} is empty", catalog));
  }
  return Status();
}

Status ParseProfile(const YamlNode& node, const std::string& name, ProjectDefinition& project) {
  const std::string what = fmt::format("the profile \"{}\"", name);
  WEIRHOUSE_TRY_STATUS(
      node.CheckKeys(what, {"warehouse", "catalog", "log", "online", "batch", "skip_checks"}));
  Profile& profile = project.profile;
  profile.name = name;
  WEIRHOUSE_TRY(profile.warehouse, Text(node, "warehouse", what, profile.warehouse));
  if (const YamlNode* catalog = node.Find("catalog")) {
    WEIRHOUSE_TRY_STATUS(ParseCatalog(*catalog, what, profile));
  }
  for (const std::string_view key : {"log", "online"}) {
    const YamlNode* choice = node.Find(key);
    if (choice != nullptr && (!choice->is_scalar() || choice->text() != "embedded")) {
      return choice->Error("WH2005",
                           fmt::format("{} of {} is not served by this release", key, what));
    }
  }
  if (profile.warehouse.starts_with("s3://")) {
    return node.Find("warehouse")
        ->Error("WH2005", fmt::format("warehouse of {} is not served by this release", what));
  }
  if (const YamlNode* batch = node.Find("batch")) {
    if (!batch->is_scalar() || (batch->text() != "arrival" && batch->text() != "name")) {
      return batch->Error("WH2004",
                          fmt::format("batch of {} must be \"arrival\" or \"name\"", what));
    }
    profile.batch_by_arrival = batch->text() == "arrival";
  }
  if (const YamlNode* skip = node.Find("skip_checks")) {
    WEIRHOUSE_TRY(profile.skip_checks, skip->AsStringList(fmt::format("skip_checks of {}", what)));
    for (std::size_t i = 0; i < profile.skip_checks.size(); ++i) {
      const std::string& kind = profile.skip_checks[i];
      const std::vector<std::string>& known = gate::CheckKinds();
      if (std::find(known.begin(), known.end(), kind) != known.end()) continue;
      return ElementOf(*skip, i)
          .Error("WH2004", fmt::format("skip_checks of {} names an unknown kind of check: \"{}\"",
                                       what, kind))
          .WithHint(Suggested(kind, known));
    }
  }
  return Status();
}

Status ParseProfiles(const YamlNode& root, const std::string& wanted, ProjectDefinition& project) {
  const YamlNode* profiles = root.Find("profiles");
  const std::string name = wanted.empty() ? "local" : wanted;
  if (profiles == nullptr) {
    if (!wanted.empty() && wanted != "local")
      return root.Error("WH2006", fmt::format("no such profile: \"{}\"", wanted));
    return Status();
  }
  std::vector<std::string> names;
  for (const YamlNode::Entry& entry : profiles->entries()) names.push_back(entry.key);
  const YamlNode* chosen = profiles->Find(name);
  if (chosen == nullptr) {
    Status status(Code::kNotFound, fmt::format("no such profile: \"{}\"", name));
    return std::move(status)
        .WithError("WH2006")
        .WithSpan(profiles->span())
        .WithHint("profiles: " + Join(names, ", "));
  }
  return ParseProfile(*chosen, name, project);
}

Status ParseBatch(const YamlNode& node, const std::string& what, landing::BatchRule& batch) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("batch of " + what, {"by", "pattern"}));
  WEIRHOUSE_TRY(const std::string by, Text(node, "by", "batch of " + what, "name"));
  if (by != "name" && by != "arrival") {
    return node.Find("by")->Error(
        "WH2004", fmt::format("batch of {} must be by \"name\" or \"arrival\"", what));
  }
  if (by == "arrival") return Status();
  WEIRHOUSE_TRY(const YamlNode* pattern, node.Require("pattern", "batch of " + what));
  WEIRHOUSE_TRY(batch.pattern, pattern->AsString("pattern"));
  if (batch.pattern.find("{date}") == std::string::npos) {
    return pattern->Error("WH2004",
                          fmt::format("the batch pattern of {} lacks \"{{date}}\"", what));
  }
  return Status();
}

Result<char> ParseDelimiter(const YamlNode& node, const std::string& what,
                            const std::string& format) {
  WEIRHOUSE_TRY(const std::string text, node.AsString("delimiter of " + what));
  if (format != "csv") {
    return node.Error("WH2004",
                      fmt::format("delimiter of {} has no effect: its format is {}", what, format));
  }
  const auto is_fit = [](char c) {
    return (c >= ' ' && c <= '~' && c != '"' && c != '-' && c != '.' && std::isalnum(c) == 0) ||
           c == '\t';
  };
  if (text.size() != 1 || !is_fit(text[0])) {
    return node.Error(
        "WH2004",
        fmt::format("delimiter of {} must be one character that no value holds, for example ';', "
                    "'|' or \"\\t\"",
                    what));
  }
  return text[0];
}

constexpr std::size_t kTopicNameMax = 200;

// NAME of `landing: topic:NAME`. What holds for files alone is refused.
Result<std::string> ParseTopic(const YamlNode& node, const YamlNode& landing,
                               const std::string& text, const std::string& what) {
  std::string topic = text.substr(std::string_view("topic:").size());
  const bool fits = !topic.empty() && topic.size() <= kTopicNameMax &&
                    std::isalpha(static_cast<unsigned char>(topic[0])) != 0 &&
                    std::ranges::all_of(topic, [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '_' || c == '-';
                    });
  if (!fits) {
    return landing.Error("WH2004", fmt::format("landing of {} names no topic: \"{}\"", what, text))
        .WithHint("a topic is named with letters, digits, _ and -, a letter first: topic:orders");
  }
  for (const char* key : {"batch", "after", "delimiter"}) {
    if (const YamlNode* given = node.Find(key)) {
      return given->Error(
          "WH2004",
          fmt::format("{} of {} has no effect: its records come from a topic", key, what));
    }
  }
  if (const YamlNode* format = node.Find("format");
      format != nullptr && format->text() != "jsonl") {
    return format->Error("WH2004",
                         fmt::format("format of {} must be jsonl: its records come from a "
                                     "topic, which holds lines",
                                     what));
  }
  return topic;
}

Status ParseSource(const YamlNode::Entry& entry, ProjectDefinition& project) {
  const std::string what = fmt::format("the source \"{}\"", entry.key);
  const YamlNode& node = entry.value;
  WEIRHOUSE_TRY_STATUS(
      node.CheckKeys(what, {"landing", "format", "nulls", "delimiter", "contract", "dedup_key",
                            "event_time", "lateness", "batch", "after"}));
  Source source;
  source.name = entry.key;
  WEIRHOUSE_TRY(const YamlNode* landing, node.Require("landing", what));
  WEIRHOUSE_TRY(source.landing, landing->AsString("landing of " + what));
  if (source.landing.starts_with("topic:")) {
    WEIRHOUSE_TRY(source.topic, ParseTopic(node, *landing, source.landing, what));
  } else if (source.landing.starts_with("s3://")) {
    return landing->Error(
        "WH2005",
        fmt::format("landing of {} is not served by this release: \"{}\"", what, source.landing));
  }
  WEIRHOUSE_TRY(source.format, Text(node, "format", what, "jsonl"));
  if (!contract::ParseRecordFormat(source.format).ok()) {
    return node.Find("format")
        ->Error("WH2004", fmt::format("unknown format \"{}\" of {}", source.format, what))
        .WithHint("formats that are read: jsonl (one record a line), json, csv, parquet");
  }
  source.nulls = {""};
  if (const YamlNode* nulls = node.Find("nulls")) {
    if (source.format == "parquet") {
      return nulls->Error("WH2004",
                          fmt::format("nulls of {} has no effect: its format is parquet", what));
    }
    WEIRHOUSE_TRY(source.nulls, nulls->AsStringList("nulls of " + what));
  }
  if (const YamlNode* delimiter = node.Find("delimiter")) {
    WEIRHOUSE_TRY(source.delimiter, ParseDelimiter(*delimiter, what, source.format));
  }
  WEIRHOUSE_TRY(source.contract, Text(node, "contract", what, entry.key));
  if (const YamlNode* key = node.Find("dedup_key")) {
    WEIRHOUSE_TRY(source.dedup_key, key->AsStringList("dedup_key of " + what));
  }
  WEIRHOUSE_TRY(source.event_time, Text(node, "event_time", what, ""));
  if (const YamlNode* lateness = node.Find("lateness")) {
    WEIRHOUSE_TRY(const std::string text, lateness->AsString("lateness of " + what));
    auto parsed = ParseDurationMicros(text);
    if (!parsed.ok()) return lateness->Error("WH2004", parsed.status().message());
    source.lateness_us = *parsed;
  }
  if (const YamlNode* batch = node.Find("batch"))
    WEIRHOUSE_TRY_STATUS(ParseBatch(*batch, what, source.batch));
  if (const YamlNode* after = node.Find("after")) {
    if (!after->is_scalar() || (after->text() != "delete" && after->text() != "keep")) {
      return after->Error("WH2004",
                          fmt::format("after of {} must be \"keep\" or \"delete\"", what));
    }
    source.delete_after = after->text() == "delete";
  }
  if (project.profile.batch_by_arrival) source.batch.pattern.clear();
  project.sources.push_back(std::move(source));
  return Status();
}

Result<std::vector<std::string>> ParseCommand(const YamlNode& node, const std::string& what) {
  WEIRHOUSE_TRY(std::vector<std::string> command, node.AsStringList("command of " + what));
  if (command.empty()) return node.Error("WH2004", fmt::format("command of {} is empty", what));
  return command;
}

// "1%" of "quarantine_rate > 1%", if `text` begins with `what`.
std::optional<std::string> ParseLimit(const std::string& text, std::string_view what) {
  if (!text.starts_with(what)) return std::nullopt;
  const std::string_view rest = Trim(std::string_view(text).substr(what.size()));
  if (!rest.starts_with('>')) return std::nullopt;
  return std::string(Trim(rest.substr(1)));
}

Status CheckWhen(const YamlNode& node, const std::string& when) {
  static const std::vector<std::string> known = {"gate_failed", "gate_recovered",
                                                 "quarantine_rate > 1%"};
  if (const auto kind = KindWaitedFor(AlertConditions(), when);
      kind && *kind != EventKind::kRecordQuarantined)
    return Status();
  if (const auto rate = ParseLimit(when, "quarantine_rate")) {
    char* end = nullptr;
    const double percent = std::strtod(rate->c_str(), &end);
    const bool number =
        end != rate->c_str() && std::isdigit(static_cast<unsigned char>((*rate)[0]));
    if (number && Trim(end) == "%" && percent <= 100) return Status();
    return node
        .Error("WH2004", fmt::format("the rate of an alert must be a share of 0% to 100%, "
                                     "found \"{}\"",
                                     *rate))
        .WithHint("for example 'quarantine_rate > 1%'");
  }
  if (const auto age = ParseLimit(when, "freshness")) {
    const auto parsed = ParseDurationMicros(*age);
    return parsed.ok() ? Status() : node.Error("WH2004", parsed.status().message());
  }
  std::string hint = DidYouMean(when, known);
  if (hint.empty()) hint = fmt::format("known: {}", Join(known, ", "));
  return node.Error("WH2004", fmt::format("an alert has no condition \"{}\"", when))
      .WithHint(std::move(hint));
}

// A condition with a limit in one spelling, whatever white space it has, so that it need not be
// parsed again for each event.
std::string InOneSpelling(std::string when) {
  for (const std::string_view what : {"quarantine_rate", "freshness"}) {
    if (const auto limit = ParseLimit(when, what)) return fmt::format("{} > {}", what, *limit);
  }
  return when;
}

Status ParseAlert(const YamlNode& node, ProjectDefinition& project) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("an alert", {"when", "to", "url", "command"}));
  Alert alert;
  WEIRHOUSE_TRY(const YamlNode* when, node.Require("when", "an alert"));
  WEIRHOUSE_TRY(alert.when, when->AsStringList("when of an alert"));
  if (alert.when.empty()) return when->Error("WH2004", "when of an alert names nothing");
  for (std::size_t i = 0; i < alert.when.size(); ++i)
    WEIRHOUSE_TRY_STATUS(CheckWhen(ElementOf(*when, i), alert.when[i]));
  std::transform(alert.when.begin(), alert.when.end(), alert.when.begin(), InOneSpelling);
  if (std::any_of(alert.when.begin(), alert.when.end(),
                  [](const std::string& one) { return one.starts_with("freshness"); })) {
    Note(project,
         "an alert on freshness is kept and never fires: the gate checks freshness and arrives do "
         "its work");
  }
  if (const YamlNode* command = node.Find("command")) {
    WEIRHOUSE_TRY(alert.command, ParseCommand(*command, "an alert"));
  }
  if (const YamlNode* to = node.Find("to")) {
    if (!to->is_scalar() || to->text() != "webhook")
      return to->Error("WH2005", "an alert goes to a command or a webhook");
    WEIRHOUSE_TRY(alert.webhook, Text(node, "url", "an alert", ""));
    Note(project, "alerts to a webhook are kept and not yet sent: give the alert a command");
  }
  project.alerts.push_back(std::move(alert));
  return Status();
}

Status ParseNotify(const YamlNode& node, ProjectDefinition& project) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("a notify rule", {"when", "table", "command"}));
  Notify notify;
  WEIRHOUSE_TRY(const YamlNode* when, node.Require("when", "a notify rule"));
  WEIRHOUSE_TRY(notify.when, when->AsString("when of a notify rule"));
  const std::optional<EventKind> kind = KindWaitedFor(NotifyConditions(), notify.when);
  if (!kind) {
    return when->Error(
        "WH2004",
        fmt::format("when of a notify rule must be table_committed or run_finished, found \"{}\"",
                    notify.when));
  }
  WEIRHOUSE_TRY(notify.table, Text(node, "table", "a notify rule", ""));
  if (!notify.table.empty() && kind == EventKind::kRunFinished) {
    return node.Find("table")->Error(
        "WH2004", "table of a notify rule has no effect: run_finished concerns runs");
  }
  WEIRHOUSE_TRY(const YamlNode* command, node.Require("command", "a notify rule"));
  WEIRHOUSE_TRY(notify.command, ParseCommand(*command, "a notify rule"));
  project.notify.push_back(std::move(notify));
  return Status();
}

// Names become tables, so SQL must be able to tell them apart.
Status CheckSpellings(const YamlNode& node, std::string_view kind) {
  std::map<std::string, std::string> known;
  for (const YamlNode::Entry& entry : node.entries()) {
    const auto [other, fresh] = known.emplace(Folded(entry.key), entry.key);
    if (fresh) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("the {} \"{}\" and \"{}\" differ only in case, which SQL "
                              "ignores",
                              kind, other->second, entry.key))
        .WithError("WH2007")
        .WithSpan(entry.key_span)
        .WithHint("give one another name");
  }
  return Status();
}

// `zip: seeds/zip.csv`, or `zip: { path: seeds/zip.csv, types: { zip: string } }`.
Status ParseSeed(const YamlNode::Entry& entry, ProjectDefinition& project) {
  Seed seed;
  seed.name = entry.key;
  const std::string what = fmt::format("the seed \"{}\"", entry.key);
  const YamlNode* path = &entry.value;
  if (entry.value.is_map()) {
    WEIRHOUSE_TRY_STATUS(entry.value.CheckKeys(what, {"path", "types"}));
    WEIRHOUSE_TRY(path, entry.value.Require("path", what));
    if (const YamlNode* types = entry.value.Find("types")) {
      if (!types->is_map()) return types->Error("WH2004", "types must be a map of columns");
      for (const YamlNode::Entry& column : types->entries()) {
        SeedType declared;
        declared.column = column.key;
        declared.span = column.key_span;
        WEIRHOUSE_TRY(declared.text, column.value.AsString("the type of a column"));
        const auto type = contract::ParseFieldType(declared.text);
        if (!type.ok()) {
          return column.value.Error("WH2004", type.status().message())
              .WithHint(type.status().hint());
        }
        declared.type = type->type;
        declared.decimal = type->decimal;
        seed.types.push_back(std::move(declared));
      }
    }
  }
  WEIRHOUSE_TRY(seed.path, path->AsString(what));
  project.seeds.push_back(std::move(seed));
  return Status();
}
Result<std::chrono::seconds> ParseSeconds(const YamlNode& node, const std::string& what,
                                          std::chrono::seconds least) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(what));
  const auto micros = ParseDurationMicros(text);
  if (!micros.ok()) {
    return node.Error("WH2004", fmt::format("{} is {}", what, micros.status().message()))
        .WithHint(micros.status().hint());
  }
  const auto time =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::microseconds(*micros));
  if (time >= least) return time;
  return node.Error("WH2004", fmt::format("{} must be at least {}", what,
                                          FormatDuration(1'000'000 * least.count())));
}

Status ParseUpkeep(const YamlNode& node, UpkeepPolicy& policy) {
  if (!node.is_map()) return node.Error("WH2004", "upkeep must be a map");
  WEIRHOUSE_TRY_STATUS(node.CheckKeys(
      "upkeep", {"by_itself", "after_changes", "small_files", "grace", "orphan_age"}));
  if (const YamlNode* by_itself = node.Find("by_itself")) {
    WEIRHOUSE_TRY(policy.by_itself, by_itself->AsBool("by_itself of upkeep"));
  }
  for (const auto& [key, number] :
       {std::pair{"after_changes", &policy.after_changes}, {"small_files", &policy.small_files}}) {
    const YamlNode* given = node.Find(key);
    if (given == nullptr) continue;
    WEIRHOUSE_TRY(*number, given->AsInt(fmt::format("{} of upkeep", key)));
    if (*number < 2 || *number > kUpkeepNumberMax) {
      return given->Error("WH2004", fmt::format("{} of upkeep must be 2 to {}", key,
                                                WithThousands(kUpkeepNumberMax)));
    }
  }
  if (const YamlNode* grace = node.Find("grace")) {
    WEIRHOUSE_TRY(policy.grace, ParseSeconds(*grace, "grace of upkeep", std::chrono::seconds(60)));
  }
  if (const YamlNode* age = node.Find("orphan_age")) {
    // Younger files may belong to a writer that still holds its lease.
    WEIRHOUSE_TRY(policy.orphan_age,
                  ParseSeconds(*age, "orphan_age of upkeep", UpkeepPolicy().orphan_age));
  }
  return Status();
}
}  // namespace

bool SkipsHistory(const Profile& profile) {
  for (const std::string& kind : kHistoryKinds) {
    if (std::find(profile.skip_checks.begin(), profile.skip_checks.end(), kind) ==
        profile.skip_checks.end())
      return false;
  }
  return true;
}

Status ParseProjectFile(std::string_view text, const std::string& path, const std::string& profile,
                        ProjectDefinition& project) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(text, path));
  if (documents.size() != 1) {
    return Status(Code::kInvalidInput,
                  fmt::format("the project file must hold one document, found {}: {}",
                              documents.size(), path))
        .WithError("WH2001");
  }
  const YamlNode& root = documents[0];
  WEIRHOUSE_TRY_STATUS(
      root.CheckKeys("the project", {"name", "version", "clock", "profiles", "sources", "seeds",
                                     "alerts", "notify", "retention", "upkeep"}));
  WEIRHOUSE_TRY(const YamlNode* name, root.Require("name", "the project"));
  WEIRHOUSE_TRY(project.name, name->AsString("the project's name"));
  if (const YamlNode* version = root.Find("version")) {
    WEIRHOUSE_TRY(const std::int64_t number, version->AsInt("the project's version"));
    if (number != 1)
      return version->Error(
          "WH2005", fmt::format("this release reads projects of version 1, found {}", number));
  }
  if (const YamlNode* clock = root.Find("clock")) {
    if (!clock->is_scalar() || (clock->text() != "wall" && clock->text() != "replay")) {
      return clock->Error("WH2004", "clock must be \"wall\" or \"replay\"");
    }
    project.replay_clock = clock->text() == "replay";
  }
  WEIRHOUSE_TRY_STATUS(ParseProfiles(root, profile, project));
  if (const YamlNode* sources = root.Find("sources")) {
    if (!sources->is_map()) return sources->Error("WH2004", "sources must be a map of names");
    WEIRHOUSE_TRY_STATUS(CheckSpellings(*sources, "sources"));
    for (const YamlNode::Entry& entry : sources->entries())
      WEIRHOUSE_TRY_STATUS(ParseSource(entry, project));
  }
  if (const YamlNode* seeds = root.Find("seeds")) {
    if (!seeds->is_map()) return seeds->Error("WH2004", "seeds must be a map of names to files");
    WEIRHOUSE_TRY_STATUS(CheckSpellings(*seeds, "seeds"));
    for (const YamlNode::Entry& entry : seeds->entries())
      WEIRHOUSE_TRY_STATUS(ParseSeed(entry, project));
  }
  if (const YamlNode* sources = root.Find("sources")) {
    WEIRHOUSE_TRY_STATUS(CheckLandingPlaces(*sources, project));
  }
  if (const YamlNode* alerts = root.Find("alerts")) {
    for (const YamlNode& alert : alerts->items()) WEIRHOUSE_TRY_STATUS(ParseAlert(alert, project));
  }
  if (const YamlNode* notify = root.Find("notify")) {
    for (const YamlNode& rule : notify->items()) WEIRHOUSE_TRY_STATUS(ParseNotify(rule, project));
  }
  if (const YamlNode* upkeep = root.Find("upkeep")) {
    WEIRHOUSE_TRY_STATUS(ParseUpkeep(*upkeep, project.upkeep));
  }
  if (const YamlNode* retention = root.Find("retention")) {
    WEIRHOUSE_TRY_STATUS(retention->CheckKeys("retention", {"raw", "snapshots", "quarantine"}));
    const YamlNode* snapshots = retention->Find("snapshots");
    if (snapshots != nullptr && (!snapshots->is_scalar() || snapshots->text() != "100")) {
      return snapshots->Error("WH2005",
                              "this release keeps the last 100 snapshots: write snapshots: 100");
    }
  }
  return Status();
}

Status CheckNotified(const ProjectDefinition& project) {
  const std::string path = "weirhouse.yaml";
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(project.files.at(path), path));
  const YamlNode* rules = documents.at(0).Find("notify");
  if (rules == nullptr) return Status();
  std::vector<std::string> known;
  for (const transform::CheckedTransform& transform : project.transforms)
    known.push_back(transform.definition.name());
  for (const feature::FeatureView& view : project.views) {
    if (!view.is_request()) known.push_back(view.table_name());
  }
  for (const Source& source : project.sources) known.push_back("raw." + source.name);
  static const std::set<std::string> ours = {"",        "processed",  "feature", "raw",
                                             "records", "quarantine", "ref",     "system"};
  for (const YamlNode& rule : rules->items()) {
    const YamlNode* node = rule.Find("table");
    if (node == nullptr) continue;
    WEIRHOUSE_TRY(const std::string table, node->AsString("table of a notify rule"));
    // Other namespaces belong to other engines.
    const std::string space(NamespaceView(TableNameView(table).name_space()).first());
    if (table.empty() || ours.count(space) == 0) continue;
    if (std::find(known.begin(), known.end(), table) != known.end()) continue;
    return node
        ->Error("WH2008",
                fmt::format("a notify rule names a table that has no events: \"{}\"", table))
        .WithHint(Suggested(table, known));
  }
  return Status();
}
}  // namespace weirhouse::work
