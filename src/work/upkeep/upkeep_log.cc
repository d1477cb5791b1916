#include "work/upkeep/upkeep_log.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "work/upkeep/upkeep_tables.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

std::string PathIn(const Workspace& workspace) { return workspace.state_folder() + "/upkeep.json"; }

template <typename T>
T Member(const json& object, const char* key, T fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->template get<T>() : fallback;
  } else {
    return found->is_number_integer() ? found->template get<T>() : fallback;
  }
}

std::optional<ProcessTime> TimeIn(const json& object, const char* key) {
  const auto us = Member<std::int64_t>(object, key, 0);
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
  log.error = Member<std::string>(stored, "error", "");
  const auto tables = stored.find("tables");
  if (tables == stored.end() || !tables->is_object()) return log;
  for (const auto& [name, turn] : tables->items()) {
    if (!turn.is_object()) continue;
    log.tables[name] = {Member<std::int64_t>(turn, "version", 0),
                        ProcessTimeOfMicros(Member<std::int64_t>(turn, "at", 0)),
                        Member<std::string>(turn, "told", ""),
                        Member<std::string>(turn, "error", "")};
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
  return workspace.local_store().Replace(PathIn(workspace), stored.dump(1) + "\n");
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
  std::stable_sort(debt.tables.begin(), debt.tables.end(),
                   [](const auto& a, const auto& b) { return a.changes > b.changes; });
  WEIRHOUSE_TRY(const auto released, workspace.catalog().ReleasedFiles(ProcessTime::max()));
  debt.released_files = static_cast<std::int64_t>(released.size());
  return debt;
}
}  // namespace weirhouse::work
