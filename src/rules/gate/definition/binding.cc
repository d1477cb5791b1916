#include "rules/gate/definition/binding.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"

namespace weirhouse::gate {
namespace {
// Where in a file a place in its SQL is, as far as that can be told: plain one-line texts only.
SourceSpan PlaceInSql(const SourceSpan& sql, const Status& status, std::string_view text,
                      int offset) {
  SourceSpan span = sql;
  const bool one_line = sql.source_line.find(text) != std::string::npos;
  if (one_line && status.span() && status.span()->column > offset) {
    const auto begin = static_cast<int>(sql.source_line.find(text)) + 1;
    span.column = begin + status.span()->column - 1 - offset;
    span.width = std::max(status.span()->width, 1);
  }
  return span;
}
}  // namespace

Status UnknownColumn(const std::string& name, const std::string& table, const arrow::Schema& schema,
                     const SourceSpan& span) {
  SourceSpan place = span;
  place.width = static_cast<int>(std::max<std::size_t>(name.size(), 1));
  return Status(Code::kInvalidInput, fmt::format("unknown column \"{}\" in {}", name, table))
      .WithError("WH3004")
      .WithSpan(std::move(place))
      .WithHint(DidYouMean(name, schema.field_names()));
}

Status RefuseSql(const SqlPlace& place, const Status& status) {
  const std::string code =
      status.error_code().starts_with("WH3") ? status.error_code() : std::string("WH3006");
  return Status(Code::kInvalidInput, status.message())
      .WithError(code)
      .WithSpan(PlaceInSql(place.span, status, place.text, place.offset))
      .WithHint(status.hint());
}

Binding::~Binding() {
  for (const std::string& name : registered_) {
    session_.Unregister(name).Ignore("the names were only for checking");
  }
}

std::shared_ptr<arrow::Schema> Binding::SchemaOf(const std::string& table) const {
  if (table == "this" || table == "this_table" || table == table_) return schemas_.table;
  // Records of other sources are not there when a batch is judged.
  if (table.starts_with("records.")) return nullptr;
  return schemas_.other ? schemas_.other(table) : nullptr;
}

Status Binding::UnknownTable(const std::string& name, const SourceSpan& span) const {
  const auto alike = std::find_if(
      schemas_.known_tables.begin(), schemas_.known_tables.end(),
      [&](const std::string& known) { return strcasecmp(known.c_str(), name.c_str()) == 0; });
  const bool other_case = alike != schemas_.known_tables.end();
  return Status(Code::kInvalidInput, fmt::format("unknown table \"{}\"", name))
      .WithError("WH3007")
      .WithSpan(span)
      .WithHint(DidYouMean(other_case ? *alike : name, schemas_.known_tables));
}

bool Binding::IsSpelled(const std::string& table) const {
  const std::vector<std::string>& known = schemas_.known_tables;
  return known.empty() || SchemaOf(table) == schemas_.table ||
         std::find(known.begin(), known.end(), table) != known.end();
}

// The table's name as the project writes it: SQL is blind to case, the engine's tables are not.
std::string Binding::CanonicalName(const std::string& name) const {
  const auto same = [&](const std::string& known) { return SameButForCase(known, name); };
  if (same(table_)) return table_;
  const auto& known = schemas_.known_tables;
  const auto found = std::find_if(known.begin(), known.end(), same);
  return found == known.end() ? name : *found;
}

Status Binding::RegisterTables(SqlReads& reads, const SqlPlace& place) {
  for (SqlReads::TableRead& table : reads.tables) {
    table.name = CanonicalName(table.name);
    const auto schema = SchemaOf(table.name);
    if (schema == nullptr) return UnknownTable(table.name, place.span);
    reads.Resolve(table, schema->field_names());
    auto empty = arrow::Table::MakeEmpty(schema);
    if (!empty.ok()) return Status(Code::kInternal, empty.status().message());
    WEIRHOUSE_TRY_STATUS(session_.Register(table.name, *empty));
    registered_.insert(table.name);
  }
  return Status();
}
}  // namespace weirhouse::gate
