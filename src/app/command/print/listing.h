// Rows for people and for programs: aligned text, one JSON document, JSON lines or CSV.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace weirhouse::command {

class Listing {
 public:
  enum class Heading : std::uint8_t { kCapitals, kAsNamed };
  // `name` is the key of the rows in the JSON document: "gates". Columns are JSON keys; as text
  // they are shown in capitals, "_" as a blank, or as they are named (those of a query).
  Listing(std::string name, std::vector<std::string> columns, Heading heading = Heading::kCapitals);

  // One value per column. Numbers are aligned to the right, with thousands.
  void Add(std::vector<nlohmann::json> row);
  // As the last row has it in JSON only: what is too much for a column.
  void Detail(const std::string& key, nlohmann::json value);
  std::size_t size() const { return rows_.size(); }
  const std::string& name() const { return name_; }

  // Ends in a line feed; the heading alone if there are no rows.
  std::string AsText() const;
  nlohmann::json AsJson() const;  // an array of objects
  std::string AsJsonLines() const;
  // RFC 4180, but lines end as in other text files here: so a shell reads them too.
  std::string AsCsv() const;

 private:
  nlohmann::json RowAsJson(std::size_t row) const;

  std::string HeadingOf(const std::string& column) const;

  std::string name_;
  std::vector<std::string> columns_;
  Heading heading_;
  std::vector<std::vector<nlohmann::json>> rows_;
  std::vector<nlohmann::json> details_;
};

// How a value reads in text: 693,559; 0.756; "-" for null.
std::string DisplayText(const nlohmann::json& value);
// JSON as it is printed: bytes that are no UTF-8 are replaced.
std::string Dump(const nlohmann::json& value);
}  // namespace weirhouse::command
