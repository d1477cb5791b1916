#include "ground/catalog/store/span.h"

namespace weirhouse::catalog {
namespace {
bool Open(const TableSpans& spans) { return spans.back().until == TableSpan::kOpen; }
}  // namespace

TableSpans DefaultSpans(std::string_view name) {
  TableSpan span;
  span.recorded_as = name;
  return {span};
}

TableSpans SpansAfterDrop(TableSpans spans, std::int64_t seq) {
  if (Open(spans)) spans.back().until = seq - 1;
  return spans;
}

TableSpans SpansAfterCreate(const TableSpans& spans, std::string_view name) {
  // Records made under the name since its last table ended belong to the new table: a batch may be
  // judged and staged before its table exists.
  if (Open(spans)) return spans;
  return {{std::string(name), spans.back().until, TableSpan::kOpen}};
}

TableSpans SpansAfterRename(TableSpans spans, std::string_view new_name, std::int64_t seq) {
  spans = SpansAfterDrop(std::move(spans), seq);
  if (spans.back().after == spans.back().until) spans.pop_back();
  spans.push_back({std::string(new_name), seq - 1, TableSpan::kOpen});
  return spans;
}

Result<TableSpans> LoadSpans(platform::Database& db, std::string_view name) {
  TableSpans spans;
  WEIRHOUSE_TRY_STATUS(db.Each(
      "SELECT recorded_as, after_seq, until_seq FROM table_span WHERE name = ? ORDER BY number",
      {std::string(name)}, [&](const platform::DatabaseRow& row) {
        spans.push_back({row.Text(0), row.Int(1), row.Int(2)});
        return Status::Ok();
      }));
  if (spans.empty()) spans = DefaultSpans(name);
  return spans;
}

Status StoreSpans(platform::Database& db, std::string_view name, const TableSpans& spans) {
  WEIRHOUSE_TRY_STATUS(db.Run("DELETE FROM table_span WHERE name = ?", {std::string(name)}));
  if (spans == DefaultSpans(name)) return Status::Ok();
  std::int64_t number = 0;
  for (const TableSpan& span : spans) {
    WEIRHOUSE_TRY_STATUS(
        db.Run("INSERT INTO table_span (name, number, recorded_as, after_seq, until_seq) VALUES "
               "(?, ?, ?, ?, ?)",
               {std::string(name), number++, span.recorded_as, span.after, span.until}));
  }
  return Status::Ok();
}
}  // namespace weirhouse::catalog
