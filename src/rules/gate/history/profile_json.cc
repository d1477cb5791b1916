// The stored form of a profile, one JSON object:
//
//   {"v":1, "rows":900, "columns":{"arr_delay":{"type":"number", "nulls":0, "nan":0, "scale":0,
//     "min":"-60", "max":"1272", "sum":["5220"], "squares":["411234"], "values":"-60:1 -59:2 …"}}}
//
// Numbers are texts that are read back exactly: integers in decimal, other doubles in hexadecimal.
// A sum that no doubles hold is one text, hexadecimal digits and a power of two: "-1f00p-1600".
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "rules/gate/history/profile.h"

namespace weirhouse::gate {
namespace {
constexpr int kLayoutVersion = 1;
constexpr std::string_view kRestartsKey = "restarts_warmup";

std::string ExactText(double value) {
  if (std::fabs(value) < 0x1p53 && value == std::floor(value)) {
    return fmt::format("{}", static_cast<std::int64_t>(value));
  }
  return fmt::format("{:a}", value);
}

Status Damaged(std::string_view what) {
  return Status(Code::kCorruption, fmt::format("a stored profile cannot be read: {}", what))
      .WithError("WH3011")
      .WithHint("`wh verify` says what else of the catalog is damaged; restore it from a backup");
}

Result<double> ParseNumber(std::string_view text) {
  const std::string_view whole = text;
  double sign = 1;
  if (!text.empty() && text.front() == '-') {
    sign = -1;
    text.remove_prefix(1);
  }
  if (text == "inf") return sign * HUGE_VAL;
  if (text == "nan") return std::nan("");
  auto format = std::chars_format::general;
  if (text.starts_with("0x")) {
    format = std::chars_format::hex;
    text.remove_prefix(2);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, format);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Damaged(fmt::format("number \"{}\"", whole));
  }
  return sign * value;
}

nlohmann::json SumToJson(const ExactSum& sum) {
  nlohmann::json parts = nlohmann::json::array();
  for (const double special : sum.Specials()) parts.push_back(ExactText(special));
  if (!sum.finite() || !sum.FitsDoubles()) {
    parts.push_back(sum.Hex());
    return parts;
  }
  for (const double part : sum.Parts()) parts.push_back(ExactText(part));
  return parts;
}

Result<ExactSum> SumFromJson(const nlohmann::json& json) {
  ExactSum sum;
  for (const auto& part : json) {
    const std::string text = part.get<std::string>();
    if (text.find('p') != std::string::npos && text.find('x') == std::string::npos) {
      if (!sum.AddHex(text)) return Damaged(fmt::format("sum \"{}\"", text));
      continue;
    }
    WEIRHOUSE_TRY(const double value, ParseNumber(text));
    sum.Add(value);
  }
  return sum;
}

std::string CountsToText(const NumberCounts& counts) {
  std::string text;
  for (const auto& [value, count] : counts) {
    if (!text.empty()) text += ' ';
    text += ExactText(value);
    text += ':';
    text += std::to_string(count);
  }
  return text;
}

Result<NumberCounts> CountsFromText(std::string_view text) {
  NumberCounts counts;
  if (text.empty()) return counts;
  for (const std::string_view pair : Split(text, ' ')) {
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return Damaged("a value without its count");
    WEIRHOUSE_TRY(const double value, ParseNumber(pair.substr(0, colon)));
    const std::string_view digits = pair.substr(colon + 1);
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error != std::errc() || end != digits.data() + digits.size() || count < 1) {
      return Damaged("a count");
    }
    if (!counts.empty() && !(counts.back().first < value)) return Damaged("values out of order");
    counts.emplace_back(value, count);
  }
  return counts;
}

nlohmann::json ColumnToJson(const ColumnProfile& column) {
  nlohmann::json json;
  json["nulls"] = column.nulls;
  json["rows"] = column.rows;
  if (column.sampled) json["sampled"] = true;
  if (column.type == ColumnProfile::Type::kText) {
    json["type"] = "text";
    json["values"] = nlohmann::json::array();
    for (const auto& [value, count] : column.texts) json["values"].push_back({value, count});
    if (column.other_texts != 0) json["other"] = column.other_texts;
    return json;
  }
  json["type"] = "number";
  json["nan"] = column.nan;
  json["scale"] = column.scale;
  if (column.min) json["min"] = ExactText(*column.min);
  if (column.max) json["max"] = ExactText(*column.max);
  json["sum"] = SumToJson(column.sum);
  json["squares"] = SumToJson(column.sum_of_squares);
  json["values"] = CountsToText(column.numbers);
  return json;
}

Result<ColumnProfile> ColumnFromJson(const nlohmann::json& json) {
  ColumnProfile column;
  column.rows = json.at("rows").get<std::int64_t>();
  column.nulls = json.at("nulls").get<std::int64_t>();
  column.sampled = json.value("sampled", false);
  if (json.at("type") == "text") {
    column.type = ColumnProfile::Type::kText;
    for (const auto& pair : json.at("values")) {
      column.texts.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::int64_t>());
    }
    column.other_texts = json.value("other", std::int64_t{0});
    return column;
  }
  column.nan = json.at("nan").get<std::int64_t>();
  column.scale = json.at("scale").get<int>();
  for (const char* key : {"min", "max"}) {
    if (!json.contains(key)) continue;
    WEIRHOUSE_TRY(const double value, ParseNumber(json.at(key).get<std::string>()));
    (std::string_view(key) == "min" ? column.min : column.max) = value;
  }
  WEIRHOUSE_TRY(column.sum, SumFromJson(json.at("sum")));
  WEIRHOUSE_TRY(column.sum_of_squares, SumFromJson(json.at("squares")));
  WEIRHOUSE_TRY(column.numbers, CountsFromText(json.at("values").get_ref<const std::string&>()));
  return column;
}
}  // namespace

nlohmann::json ToJson(const BatchProfile& profile) {
  nlohmann::json json{{"v", kLayoutVersion}, {"rows", profile.rows}};
  json["columns"] = nlohmann::json::object();
  for (const auto& [name, column] : profile.columns) json["columns"][name] = ColumnToJson(column);
  return json;
}

Result<BatchProfile> ProfileFromJson(const nlohmann::json& json) {
  try {
    if (json.at("v") != kLayoutVersion) return Damaged("an unknown layout version");
    BatchProfile profile;
    profile.rows = json.at("rows").get<std::int64_t>();
    for (const auto& [name, column] : json.at("columns").items()) {
      WEIRHOUSE_TRY(profile.columns[name], ColumnFromJson(column));
    }
    return profile;
  } catch (const nlohmann::json::exception& error) {
    return Damaged(error.what());
  }
}

void MarkRestart(nlohmann::json& profile) { profile[std::string(kRestartsKey)] = true; }

Result<std::vector<PublishedBatch>> ReadHistory(std::span<const catalog::MetricRecord> metrics) {
  std::vector<PublishedBatch> history;
  CommitSeq last;
  for (const catalog::MetricRecord& metric : metrics) {
    if (metric.name != kProfileMetric || !metric.in_baseline) continue;
    auto profile = ProfileFromJson(metric.value);
    if (!profile.ok()) {
      return profile.status().WithContext(
          fmt::format("batch \"{}\" of {}", metric.batch, metric.table));
    }
    const bool restarts = metric.value.value(std::string(kRestartsKey), false);
    if (!history.empty() && metric.seq == last && last.value() != 0) {
      // Another gate of the same table, with other columns.
      auto both = std::make_shared<BatchProfile>(*history.back().profile);
      both->columns.merge(profile->columns);
      history.back().profile = std::move(both);
      history.back().restarts_warmup = history.back().restarts_warmup || restarts;
      continue;
    }
    last = metric.seq;
    history.push_back({metric.batch, metric.batch_end,
                       std::make_shared<const BatchProfile>(std::move(profile).value()), restarts});
  }
  return history;
}

catalog::MetricRecord MakeProfileMetric(const std::string& table, const std::string& batch,
                                        EventTime batch_end, bool in_baseline,
                                        const BatchProfile& profile) {
  catalog::MetricRecord metric;
  metric.table = table;
  metric.name = std::string(kProfileMetric);
  metric.batch = batch;
  metric.batch_end = batch_end;
  metric.in_baseline = in_baseline;
  metric.value = ToJson(profile);
  return metric;
}
}  // namespace weirhouse::gate
