#include "ground/catalog/read/chain_names.h"

#include <fmt/format.h>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/schema.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

nlohmann::json ListOf(const nlohmann::json& record, const char* member) {
  return record.value(member, nlohmann::json::array());
}
}  // namespace

Status ChainBroken(std::int64_t seq, std::string_view why) {
  return Status(Code::kCorruption,
                fmt::format("commit {} does not match the hash chain: {}", seq, why))
      .WithError("WH7008")
      .WithHint("the catalog was changed from outside: keep the file and restore a backup");
}

std::string JsonSafe(const std::string& text) {
  return nlohmann::json::parse(JsonText(text)).get<std::string>();
}

NamesCheck::NamesCheck() {
  for (const std::string_view name : kLayerNamespaces) namespaces_[std::string(name)] = {};
}

TableSpans NamesCheck::FindSpans(const std::string& name) const {
  const auto found = spans_.find(name);
  return found == spans_.end() ? DefaultSpans(name) : found->second;
}

void NamesCheck::Follow(std::int64_t seq, const nlohmann::json& record) {
  const nlohmann::json namespaces = ListOf(record, "namespaces");
  for (const auto& change : namespaces) {
    if (change.value("what", "") == "drop") continue;
    namespaces_[change.value("name", "")] = {
        seq, change.at("properties").get<std::map<std::string, std::string>>()};
  }
  for (const auto& drop : ListOf(record, "drops")) {
    const std::string name = drop.value("name", "");
    pointers_.erase(name);
    spans_[name] = SpansAfterDrop(FindSpans(name), seq);
  }
  for (const auto& rename : ListOf(record, "renames")) {
    const std::string name = rename.value("name", "");
    const std::string new_name = rename.value("new_name", "");
    auto pointer = pointers_.extract(name);
    if (!pointer.empty())
      pointers_[new_name] = {pointer.mapped().location, pointer.mapped().kind, seq};
    const TableSpans spans = FindSpans(name);
    spans_[new_name] = SpansAfterRename(spans, new_name, seq);
    spans_[name] = SpansAfterDrop(spans, seq);
  }
  for (const auto& table : ListOf(record, "tables")) {
    const std::string name = table.value("name", "");
    if (!pointers_.contains(name) && spans_.contains(name)) {
      spans_[name] = SpansAfterCreate(spans_[name], name);
    }
    pointers_[name] = {table.value("new", ""), table.value("kind", "table"), seq};
  }
  for (const auto& change : namespaces) {
    if (change.value("what", "") == "drop") namespaces_.erase(change.value("name", ""));
  }
}

Status NamesCheck::Check(Database& db, std::int64_t last) const {
  WEIRHOUSE_TRY_STATUS(CheckPointers(db, last));
  WEIRHOUSE_TRY_STATUS(CheckNamespaces(db, last));
  return CheckSpans(db, last);
}

Status NamesCheck::CheckPointers(Database& db, std::int64_t last) const {
  std::size_t count = 0;
  WEIRHOUSE_TRY_STATUS(db.Each(
      "SELECT name, metadata_location, kind, seq FROM table_pointer", {},
      [&](const DatabaseRow& row) -> Status {
        ++count;
        const auto stated = pointers_.find(JsonSafe(row.Text(0)));
        const Pointer stored{JsonSafe(row.Text(1)), row.Text(2), row.Int(3)};
        if (stated != pointers_.end() && stated->second == stored) return Status::Ok();
        return ChainBroken(stored.seq,
                           fmt::format("the pointer of table \"{}\" was changed", row.Text(0)));
      }));
  if (count == pointers_.size()) return Status::Ok();
  return ChainBroken(last, "the pointer of a table was removed");
}

Status NamesCheck::CheckNamespaces(Database& db, std::int64_t last) const {
  std::map<std::string, Namespace> stored;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT name, seq FROM namespace", {}, [&](const DatabaseRow& row) {
    stored[JsonSafe(row.Text(0))].seq = row.Int(1);
    return Status::Ok();
  }));
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT namespace, key, value FROM namespace_property", {},
                               [&](const DatabaseRow& row) {
                                 stored[JsonSafe(row.Text(0))].properties.emplace(
                                     JsonSafe(row.Text(1)), JsonSafe(row.Text(2)));
                                 return Status::Ok();
                               }));
  for (const auto& [name, found] : stored) {
    const auto stated = namespaces_.find(name);
    if (stated == namespaces_.end() || stated->second != found) {
      return ChainBroken(found.seq, fmt::format("namespace \"{}\" was changed", name));
    }
  }
  if (stored.size() == namespaces_.size()) return Status::Ok();
  return ChainBroken(last, "a namespace was removed");
}

Status NamesCheck::CheckSpans(Database& db, std::int64_t last) const {
  std::map<std::string, TableSpans> stored;
  WEIRHOUSE_TRY_STATUS(db.Each(
      "SELECT name, recorded_as, after_seq, until_seq FROM table_span ORDER BY name, number", {},
      [&](const DatabaseRow& row) {
        stored[JsonSafe(row.Text(0))].push_back({JsonSafe(row.Text(1)), row.Int(2), row.Int(3)});
        return Status::Ok();
      }));
  if (stored == spans_) return Status::Ok();
  return ChainBroken(last, "the recorded names of tables were changed");
}
}  // namespace weirhouse::catalog
