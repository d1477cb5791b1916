#include "app/command/print/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "ground/base/display/display_width.h"
#include "ground/base/status.h"
#include "ground/base/text.h"
#include "work/answers/json_line.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

std::string CsvField(const json& value) {
  if (value.is_null()) return "";
  const std::string text = value.is_string() ? value.get<std::string>() : Dump(value);
  if (text.find_first_of(",\"\r\n") == std::string::npos && !text.empty()) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}
}  // namespace

std::string Dump(const json& value) { return answers::JsonLine(value); }

std::string DisplayText(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return EscapeControl(value.get<std::string>());
  if (value.is_number_integer() && !value.is_number_unsigned())
    return WithThousands(value.get<std::int64_t>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return EscapeControl(Dump(value));
}

Listing::Listing(std::string name, std::vector<std::string> columns, Heading heading)
    : name_(std::move(name)), columns_(std::move(columns)), heading_(heading) {}

std::string Listing::HeadingOf(const std::string& column) const {
  if (heading_ == Heading::kAsNamed) return EscapeControl(column);
  std::string heading;
  for (const char c : column)
    heading += c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return heading;
}

void Listing::Add(std::vector<json> row) {
  WEIRHOUSE_CHECK(row.size() == columns_.size());
  rows_.push_back(std::move(row));
  details_.push_back(json::object());
}

void Listing::Detail(const std::string& key, json value) {
  WEIRHOUSE_CHECK(!details_.empty());
  details_.back()[key] = std::move(value);
}

std::string Listing::AsText() const {
  std::vector<std::vector<std::string>> cells(rows_.size());
  std::vector<std::size_t> widths;
  std::vector<bool> has_number(columns_.size(), false);
  std::vector<bool> has_text(columns_.size(), false);
  for (const std::string& column : columns_) widths.push_back(DisplayWidth(HeadingOf(column)));
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      const json& value = rows_[row][column];
      cells[row].push_back(DisplayText(value));
      widths[column] = std::max(widths[column], DisplayWidth(cells[row].back()));
      if (value.is_number()) has_number[column] = true;
      if (!value.is_number() && !value.is_null()) has_text[column] = true;
    }
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& line) {
    std::string out;
    for (std::size_t column = 0; column < line.size(); ++column) {
      const std::string pad(widths[column] - DisplayWidth(line[column]), ' ');
      if (column > 0) out += "  ";
      out += has_number[column] && !has_text[column] ? pad + line[column] : line[column] + pad;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + "\n";
  };
  std::vector<std::string> headings;
  for (const std::string& column : columns_) headings.push_back(HeadingOf(column));
  add_line(headings);
  for (const std::vector<std::string>& line : cells) add_line(line);
  return text;
}

json Listing::RowAsJson(std::size_t row) const {
  json object = json::object();
  for (std::size_t column = 0; column < columns_.size(); ++column)
    object[columns_[column]] = rows_[row][column];
  object.update(details_[row]);
  return object;
}

json Listing::AsJson() const {
  json rows = json::array();
  for (std::size_t row = 0; row < rows_.size(); ++row) rows.push_back(RowAsJson(row));
  return rows;
}

std::string Listing::AsJsonLines() const {
  std::string text;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    json object = RowAsJson(row);
    object["schema_version"] = 1;
    text += Dump(object) + "\n";
  }
  return text;
}

std::string Listing::AsCsv() const {
  std::string text;
  for (std::size_t column = 0; column < columns_.size(); ++column)
    text += (column > 0 ? "," : "") + CsvField(columns_[column]);
  text += "\n";
  for (const std::vector<json>& row : rows_) {
    for (std::size_t column = 0; column < row.size(); ++column)
      text += (column > 0 ? "," : "") + CsvField(row[column]);
    text += "\n";
  }
  return text;
}
}  // namespace weirhouse::command
