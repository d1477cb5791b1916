#include "work/project/seed.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/platform/io/local_store.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/record_cutter.h"

namespace weirhouse::work {
namespace {
using contract::LogicalType;

constexpr Reason kSeedRefused{"WH2010"};

Status Unreadable(const Seed& seed, std::string_view why, std::int64_t line = 0) {
  const std::string place =
      line > 0 ? fmt::format("{}:{}", seed.path, line) : std::string(seed.path);
  Status status(Code::kInvalidInput,
                fmt::format("could not read the seed \"{}\": {}: {}", seed.name, why, place));
  return std::move(status).WithError(kSeedRefused);
}

contract::SourceFormat CsvFormat() {
  contract::SourceFormat format;
  format.format = contract::RecordFormat::kCsv;
  return format;
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Spellings that are written back as they were read.
bool IsPlainInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && text == std::to_string(value);
}

// With a point, as SQL writes a double ("2.0", "41.25"), or with the 17 digits that programs write.
bool IsPlainNumber(std::string_view text) {
  const auto point = text.find('.');
  if (point == std::string_view::npos) return false;
  const std::string_view whole = text.substr(text[0] == '-' ? 1 : 0, point - (text[0] == '-'));
  if (!IsDigits(whole) || !IsDigits(text.substr(point + 1)) || (whole[0] == '0' && whole != "0"))
    return false;
  double value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
    return false;
  std::array<char, 512> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  if (end.ec != std::errc()) return false;
  std::string shortest(buffer.data(), end.ptr);
  if (shortest.find('.') == std::string::npos) shortest += ".0";
  return text == shortest || text == fmt::format("{:.17g}", value);
}

bool IsPlainDate(std::string_view text) {
  const auto micros = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
  return micros.ok() && text == FormatDate(*micros);
}
bool IsPlainTime(std::string_view text) {
  const auto micros = ParseTimeMicros(text, /*zoneless_is_utc=*/false);
  return micros.ok() && text == FormatTime(*micros);
}
// "2013-01-01 05:00:00"
bool IsZonelessTime(std::string_view text) {
  constexpr std::size_t kDateBytes = 10;
  if (text.size() <= kDateBytes || text[kDateBytes] != ' ') return false;
  std::string with_zone(text);
  with_zone[kDateBytes] = 'T';
  with_zone += 'Z';
  return IsPlainTime(with_zone);
}
bool IsPlainBoolean(std::string_view text) { return text == "true" || text == "false"; }

// Whether the text reads like a number, however it is written.
bool LooksLikeNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error != std::errc::invalid_argument && end == text.data() + text.size() &&
         (error != std::errc() || std::isfinite(value));
}

struct Kind {
  bool (*is_plain)(std::string_view text);
  LogicalType type;
  bool zoneless = false;
};
constexpr std::array kKinds = {Kind{IsPlainInteger, LogicalType::kInteger},
                               Kind{IsPlainNumber, LogicalType::kNumber},
                               Kind{IsPlainBoolean, LogicalType::kBoolean},
                               Kind{IsPlainDate, LogicalType::kDate},
                               Kind{IsPlainTime, LogicalType::kTimestamp},
                               Kind{IsZonelessTime, LogicalType::kTimestamp, true}};

// The types that the values of one column fit.
struct Guess {
  std::array<bool, kKinds.size()> possible{};
  bool any = false;          // a value was seen
  bool numbers_only = true;  // each looks like a number
  std::string odd;           // the first that is neither a plain integer nor a plain number

  Guess() { possible.fill(true); }

  void Look(std::string_view text, bool quoted) {
    if (text.empty() && !quoted) return;  // null
    any = true;
    for (std::size_t i = 0; i < kKinds.size(); ++i)
      possible[i] = possible[i] && kKinds[i].is_plain(text);
    numbers_only = numbers_only && LooksLikeNumber(text);
    if (odd.empty() && numbers_only && !IsPlainInteger(text) && !IsPlainNumber(text)) odd = text;
  }
  const Kind* Chosen() const {
    for (std::size_t i = 0; any && i < kKinds.size(); ++i)
      if (possible[i]) return &kKinds[i];
    return nullptr;
  }
};

Status CheckHeader(const Seed& seed, const std::vector<std::string>& columns) {
  std::set<std::string> seen;
  for (const std::string& column : columns) {
    if (!seen.insert(LowerCase(column)).second) {
      return Unreadable(seed,
                        fmt::format("its header names a column twice: \"{}\" (SQL does not tell "
                                    "upper from lower case)",
                                    EscapeControl(column)),
                        1);
    }
  }
  for (const SeedType& declared : seed.types) {
    if (std::find(columns.begin(), columns.end(), declared.column) != columns.end()) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("the seed \"{}\" has no column \"{}\" to declare a type of: {}",
                              seed.name, EscapeControl(declared.column), seed.path))
        .WithError(kSeedRefused)
        .WithSpan(declared.span)
        .WithHint(DidYouMean(declared.column, columns));
  }
  return Status();
}

// Finds the columns of the file and the types that their values fit.
Status GuessColumns(const std::string& bytes, Seed& seed, std::vector<Guess>& guesses) {
  std::vector<contract::CsvSlice> slices;
  std::string scratch;
  return contract::ForEachRecord(
      bytes, CsvFormat(),
      [&](contract::RecordSpan span) -> Status {
        const std::string_view text(bytes.data() + span.offset,
                                    static_cast<std::size_t>(span.length));
        WEIRHOUSE_TRY(const std::vector<std::string> names,
                      contract::ParseCsvHeader(text, CsvFormat().delimiter));
        WEIRHOUSE_TRY_STATUS(CheckHeader(seed, names));
        for (const std::string& name : names) seed.columns.push_back({name, "", "", false, false});
        guesses.resize(names.size());
        return Status();
      },
      [&](contract::RecordSpan span) -> Status {
        const std::string_view text(bytes.data() + span.offset,
                                    static_cast<std::size_t>(span.length));
        if (!contract::SplitCsvRecord(text, CsvFormat().delimiter, &slices)) return Status();
        for (std::size_t i = 0; i < std::min(slices.size(), guesses.size()); ++i)
          guesses[i].Look(contract::CsvText(slices[i], &scratch), slices[i].quoted);
        return Status();
      });
}

// A contract with the columns' types, for its reader to read the seed.
contract::Contract ContractOf(Seed& seed, const std::vector<Guess>& guesses) {
  contract::ContractParts parts;
  parts.id = seed.name;
  parts.unknown_policy = contract::UnknownPolicy::kDrop;
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    contract::ContractField field;
    field.name = seed.columns[i].name;
    const auto declared = std::find_if(seed.types.begin(), seed.types.end(),
                                       [&](const auto& one) { return one.column == field.name; });
    if (declared != seed.types.end()) {
      field.type = declared->type;
      field.decimal = declared->decimal;
    } else if (const Kind* kind = guesses[i].Chosen()) {
      field.type = kind->type;
      seed.columns[i].zoneless = kind->zoneless;
    } else if (guesses[i].any && guesses[i].numbers_only) {
      seed.columns[i].odd = guesses[i].odd;
      seed.columns[i].looks_numeric = true;
    }
    seed.columns[i].type = field.TypeText();
    parts.fields.push_back(std::move(field));
  }
  return contract::Contract(std::move(parts));
}

// The declared columns alone. Times without a zone stay without one; in a file of one column a
// blank line is not a row.
Result<std::shared_ptr<arrow::Table>> Shape(const std::shared_ptr<arrow::Table>& rows,
                                            const Seed& seed) {
  arrow::FieldVector fields;
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
  for (std::size_t i = 0; i < seed.columns.size(); ++i) {
    std::shared_ptr<arrow::ChunkedArray> column = rows->column(static_cast<int>(i));
    if (seed.columns[i].zoneless) {
      auto without = column->View(arrow::timestamp(arrow::TimeUnit::MICRO));
      if (!without.ok()) return Status(Code::kInternal, without.status().ToString());
      column = *without;
    }
    fields.push_back(arrow::field(seed.columns[i].name, column->type()));
    columns.push_back(std::move(column));
  }
  auto table = arrow::Table::Make(arrow::schema(fields), columns, rows->num_rows());
  if (seed.columns.size() != 1 || table->column(0)->null_count() == 0) return table;
  arrow::BooleanBuilder builder;
  arrow::Status built = builder.Reserve(table->num_rows());
  for (const auto& chunk : table->column(0)->chunks()) {
    for (std::int64_t i = 0; built.ok() && i < chunk->length(); ++i)
      builder.UnsafeAppend(chunk->IsValid(i));
  }
  std::shared_ptr<arrow::Array> filled;
  if (built.ok()) built = builder.Finish(&filled);
  if (!built.ok()) return Status(Code::kInternal, built.ToString());
  auto kept = arrow::compute::Filter(table, filled);
  if (!kept.ok()) return Status(Code::kInternal, kept.status().ToString());
  return kept->table();
}

// The CSV reader's message about a whole object, without the words that name the object.
std::string_view WhyUnreadable(std::string_view message) {
  constexpr std::string_view kPrefix = "object cannot be read: ";
  if (message.starts_with(kPrefix)) message.remove_prefix(kPrefix.size());
  return message;
}

Result<std::shared_ptr<arrow::Table>> ReadRows(const std::string& bytes, Seed& seed) {
  std::vector<Guess> guesses;
  if (const Status cut = GuessColumns(bytes, seed, guesses); !cut.ok()) {
    if (cut.Is(kSeedRefused)) return cut;
    std::string why(WhyUnreadable(cut.message()));
    if (!cut.hint().empty()) why += ": " + cut.hint();
    return Unreadable(seed, why, 1);
  }
  WEIRHOUSE_TRY(
      const contract::Decoder decoder,
      contract::Decoder::Make(std::make_shared<const contract::Contract>(ContractOf(seed, guesses)),
                              CsvFormat()));
  // The name tells how bytes are compressed, and a seed never is.
  const auto decoded = decoder.Decode(bytes, {seed.name, "seed.csv", RecordId(0), {}});
  if (!decoded.ok()) return Unreadable(seed, WhyUnreadable(decoded.status().message()));
  if (!decoded->quarantined.empty()) {
    const contract::QuarantinedRecord& first = decoded->quarantined.front();
    const contract::Violation& why = first.violations.front();
    Status status =
        Unreadable(seed, fmt::format("{}, found \"{}\"", why.Reason(), why.found), first.line);
    if (decoded->quarantined.size() > 1) {
      status = std::move(status).WithHint(
          fmt::format("and {} more lines", decoded->quarantined.size() - 1));
    }
    return status;
  }
  return Shape(decoded->rows, seed);
}
}  // namespace

Status LoadSeed(const std::string& root, Seed& seed) {
  const std::string path = seed.path.starts_with("/") ? seed.path : root + "/" + seed.path;
  const auto bytes = platform::LocalStore().Read(path);
  if (!bytes.ok()) {
    return Status(bytes.status().code(),
                  fmt::format("could not read the seed \"{}\": {}", seed.name, path))
        .WithError(kSeedRefused)
        .WithHint(bytes.status().message());
  }
  return ParseSeed(*bytes, seed);
}

Status ParseSeed(const std::string& bytes, Seed& seed) {
  seed.digest = Sha256Of(bytes);
  if (!seed.types.empty()) {
    // Other types mean other values for everything that reads the seed.
    std::vector<std::string> pieces = {seed.digest.ToHex()};
    for (const SeedType& type : seed.types) {
      pieces.push_back(type.column);
      pieces.push_back(type.text);
    }
    seed.digest = Sha256OfPieces(pieces);
  }
  if (Trim(bytes).empty()) return Unreadable(seed, "it has no header");
  WEIRHOUSE_TRY(seed.rows, ReadRows(bytes, seed));
  return Status();
}

std::vector<std::string> SeedNotes(const Seed& seed) {
  std::vector<std::string> notes;
  for (const SeedColumn& column : seed.columns) {
    if (!column.looks_numeric) continue;
    const std::string why =
        column.odd.empty() ? std::string("some of its values have a point and others have none")
                           : fmt::format("\"{}\" would not be written out again as it is",
                                         EscapeControl(column.odd.substr(0, 40)));
    notes.push_back(
        fmt::format("seed {}: column \"{}\" is kept as text: {}; to have numbers, declare types: "
                    "{{ {}: number }}",
                    seed.name, column.name, why, column.name));
  }
  return notes;
}
}  // namespace weirhouse::work
