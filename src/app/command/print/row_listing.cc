#include "app/command/print/row_listing.h"

#include <arrow/api.h>

#include <algorithm>

#include "work/answers/rows_json.h"

namespace weirhouse::command {
using nlohmann::json;

Listing ListingOf(const arrow::Table& rows, const std::string& name, std::int64_t limit) {
  Listing listing(name, rows.ColumnNames(), Listing::Heading::kAsNamed);
  const std::int64_t end = limit < 0 ? rows.num_rows() : std::min(limit, rows.num_rows());
  std::vector<std::vector<json>> lines(static_cast<std::size_t>(end));
  for (const std::shared_ptr<arrow::ChunkedArray>& column : rows.columns()) {
    std::int64_t row = 0;
    for (const std::shared_ptr<arrow::Array>& chunk : column->chunks()) {
      for (std::int64_t at = 0; at < chunk->length() && row < end; ++at, ++row)
        lines[static_cast<std::size_t>(row)].push_back(answers::CellAsJson(*chunk, at));
    }
  }
  for (std::vector<json>& line : lines) listing.Add(std::move(line));
  return listing;
}
}  // namespace weirhouse::command
