#include "work/upkeep/upkeep_log.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "work/upkeep/upkeep_tables.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 62;  // a time of the year 148,000

std::string PathIn(const Workspace& workspace) { return workspace.state_folder() + "/upkeep.json"; }

// 0 for what this program never writes.
std::int64_t NumberIn(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  const auto number = found->get<std::uint64_t>();
  return number <= kNumberMax ? static_cast<std::int64_t>(number) : 0;
}
std::string TextIn(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<ProcessTime> TimeIn(const json& object, const char* key) {
  const std::int64_t us = NumberIn(object, key);
  return us == 0 ? std::nullopt : std::optional(ProcessTimeOfMicros(us));
}
json TimeOrNull(const std::optional<ProcessTime>& time) {
  return time ? json(Micros(*time)) : json();
}
}  // namespace

std::int64_t UpkeepLog::ChangesOf(const std::string& table, std::int64_t version) const {
  const auto turn = tables.find(table);
  const bool counts = turn != tables.end() && turn->second.version <= version;
  return version - (counts ? turn->second.version : 0);
}

UpkeepLog UpkeepLog::Read(Workspace& workspace) {
  UpkeepLog log;
  const auto text = workspace.local_store().Read(PathIn(workspace));
  if (!text.ok()) return log;
  const json stored = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!stored.is_object()) return log;
  log.removed_at = TimeIn(stored, "removed_at");
  log.swept_at = TimeIn(stored, "swept_at");
  log.error = TextIn(stored, "error");
  const auto tables = stored.find("tables");
  if (tables == stored.end() || !tables->is_object()) return log;
  for (const auto& [name, turn] : tables->items()) {
    if (!turn.is_object()) continue;
    log.tables[name] = {NumberIn(turn, "version"), ProcessTimeOfMicros(NumberIn(turn, "at")),
                        TextIn(turn, "told"), TextIn(turn, "error")};
  }
  return log;
}

Status UpkeepLog::Write(Workspace& workspace) const {
  json stored = {{"removed_at", TimeOrNull(removed_at)},
                 {"swept_at", TimeOrNull(swept_at)},
                 {"error", error},
                 {"tables", json::object()}};
  for (const auto& [name, turn] : tables) {
    stored["tables"][name] = {{"version", turn.version},
                              {"at", Micros(turn.at)},
                              {"told", turn.told},
                              {"error", turn.error}};
  }
  // An error may name a path that is not UTF-8.
  const std::string text = stored.dump(1, ' ', false, json::error_handler_t::replace);
  return workspace.local_store().Replace(PathIn(workspace), text + "\n");
}

std::size_t UpkeepDebt::due() const {
  return static_cast<std::size_t>(
      std::count_if(tables.begin(), tables.end(), [](const TableDebt& one) { return one.due; }));
}

Result<UpkeepDebt> ReadUpkeepDebt(Workspace& workspace) {
  const UpkeepPolicy& policy = workspace.project().upkeep;
  const UpkeepLog log = UpkeepLog::Read(workspace);
  UpkeepDebt debt;
  debt.by_itself = policy.by_itself;
  WEIRHOUSE_TRY(const std::vector<OwnTable> tables, OwnTables(workspace));
  for (const OwnTable& table : tables) {
    const auto turn = log.tables.find(table.name);
    const std::int64_t changes = log.ChangesOf(table.name, table.version);
    if (changes > 0) debt.tables.push_back({table.name, changes, changes >= policy.after_changes});
    if (turn == log.tables.end()) continue;
    if (!turn->second.error.empty()) debt.failed.emplace_back(table.name, turn->second.error);
    if (!turn->second.told.empty() && (!debt.last || debt.last->at < turn->second.at)) {
      debt.last = turn->second;
      debt.last_table = table.name;
    }
  }
  if (!log.error.empty()) debt.failed.emplace_back("(removal of files)", log.error);
  const auto noted = workspace.local_store().Read(PathIn(workspace));
  if (!noted.ok() && noted.status().code() != Code::kNotFound)
    debt.failed.emplace_back("(what it noted)", noted.status().message());
  std::stable_sort(debt.tables.begin(), debt.tables.end(),
                   [](const auto& a, const auto& b) { return a.changes > b.changes; });
  WEIRHOUSE_TRY(const auto released, workspace.catalog().ReleasedFiles(ProcessTime::max()));
  debt.released_files = static_cast<std::int64_t>(released.size());
  WEIRHOUSE_TRY(const auto ripe,
                workspace.catalog().ReleasedFiles(workspace.clock().Now() - policy.grace));
  debt.removable_files = static_cast<std::int64_t>(ripe.size());
  return debt;
}
}  // namespace weirhouse::work
