// Rows of a query, and values of Arrow columns, as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace arrow {
class Array;
class ChunkedArray;
class Table;
}  // namespace arrow

namespace weirhouse::answers {

// Integers and booleans as such; floats as the shortest number that reads back, NaN and infinities
// as text; decimals as text; times in RFC 3339, dates; bytes as text where they are UTF-8, else
// hex.
nlohmann::json CellAsJson(const arrow::Array& column, std::int64_t row);
nlohmann::json CellAsJson(const arrow::ChunkedArray& column, std::int64_t row);
// The rows of a query as one JSON document: `columns` (name and type of each, and `key`, its name
// in the rows, where that is another) in the order of the query, `rows`, each with its members by
// name like every document of --json. Columns of one name keep apart: the second "a" is "a_1".
// Whole numbers are numbers whatever their width.
std::string RowsAsJson(const arrow::Table& rows);
// The same rows, a line each, members in the order of the query; with `schema_version` unless a
// column is called so.
std::string RowsAsJsonLines(const arrow::Table& rows);
// The rows as an array of objects by column; of columns of one name the last one stands.
nlohmann::json RowsAsObjects(const arrow::Table& rows);
}  // namespace weirhouse::answers
