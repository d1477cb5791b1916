#include "rules/gate/evaluation/tuples.h"

#include <arrow/compute/api_vector.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/write/key_runs.h"
#include "ground/platform/columnar/arrow_status.h"
#include "rules/gate/evaluation/dense_repeats.h"
#include "rules/gate/evaluation/row_hash.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
Result<Tuples> TuplesOf(const arrow::Table& rows, const std::vector<std::string>& columns) {
  Tuples tuples;
  tuples.has_null.assign(static_cast<std::size_t>(rows.num_rows()), false);
  for (const std::string& name : columns) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
    if (column->null_count() == 0) continue;
    WEIRHOUSE_TRY_STATUS(VisitColumn(
        *column, [&](std::int64_t row) { tuples.has_null[static_cast<std::size_t>(row)] = true; },
        [](std::int64_t, const auto&) {}));
  }
  tuples.nulls = std::count(tuples.has_null.begin(), tuples.has_null.end(), true);
  WEIRHOUSE_TRY(tuples.keys, iceberg::EncodeKeys(rows, columns));
  return tuples;
}

namespace {
// Different tuples that repeat: beyond so many they are sorted on disk.
constexpr std::size_t kRepresentedMax = std::size_t{1} << 20;
// Different texts of a column are counted as they are up to so many.
constexpr std::size_t kTextsMax = std::size_t{1} << 16;

// By the tuples themselves, sorted on disk.
Result<Repeats> RepeatsBySorting(const RowSource& rows, const std::vector<std::string>& columns,
                                 bool nulls_equal, const std::string& folder) {
  Repeats repeats(rows.num_rows());
  const std::string place =
      folder.empty() ? std::filesystem::temp_directory_path().string() : folder;
  WEIRHOUSE_TRY(const auto runs, iceberg::KeyRuns::Make(place));
  WEIRHOUSE_TRY_STATUS(
      rows.Read(columns, Texts::kPlain,
                [&](const std::shared_ptr<arrow::Table>& piece, std::int64_t first_row) -> Status {
                  WEIRHOUSE_TRY(const Tuples tuples, TuplesOf(*piece, columns));
                  repeats.nulls += tuples.nulls;
                  if (!nulls_equal) {
                    std::copy(tuples.has_null.begin(), tuples.has_null.end(),
                              repeats.left_out.begin() + first_row);
                  }
                  return runs->Add(tuples.keys, nulls_equal ? std::vector<bool>() : tuples.has_null,
                                   first_row);
                }));
  WEIRHOUSE_TRY_STATUS(runs->ForEachKey(
      [&](std::string_view, std::span<const std::int64_t> same) { repeats.Add(same); }));
  return repeats;
}

// The tuples that stand for the words that repeat.
class Represented {
 public:
  // Whether the tuples of `rows`, whose words are `words`, are those of their words.
  Result<bool> Agree(const arrow::Table& rows, const std::vector<std::string>& columns,
                     const std::vector<std::uint64_t>& words) {
    WEIRHOUSE_TRY(const iceberg::KeyList keys, iceberg::EncodeKeys(rows, columns));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto [known, is_new] = tuples_.try_emplace(words[i]);
      if (is_new) {
        known->second = keys[i];
      } else if (known->second != keys[i]) {
        return false;
      }
    }
    return true;
  }

 private:
  std::unordered_map<std::uint64_t, std::string> tuples_;
};

Result<std::shared_ptr<arrow::Table>> Chosen(const std::shared_ptr<arrow::Table>& rows,
                                             const std::vector<std::string>& columns,
                                             const std::vector<std::int64_t>& places) {
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector arrays;
  for (const std::string& name : columns) {
    WEIRHOUSE_TRY(auto column, ColumnOf(*rows, name));
    fields.push_back(arrow::field(name, column->type()));
    arrays.push_back(std::move(column));
  }
  const auto narrow = arrow::Table::Make(arrow::schema(fields), arrays, rows->num_rows());
  arrow::Int64Builder builder;
  arrow::Status status = builder.AppendValues(places);
  std::shared_ptr<arrow::Array> indexes;
  if (status.ok()) status = builder.Finish(&indexes);
  if (!status.ok()) return platform::ArrowFailed(status);
  auto taken = arrow::compute::Take(arrow::Datum(narrow), arrow::Datum(indexes));
  if (!taken.ok()) return platform::ArrowFailed(taken.status());
  return taken->table();
}

// The words of all rows: how many differ, and those that repeat.
Status FindRepeats(const RowSource& rows, const std::vector<std::string>& columns, bool nulls_equal,
                   Repeats& repeats, WordSet& repeated) {
  RepeatFinder finder(rows.num_rows());
  WEIRHOUSE_TRY_STATUS(
      rows.Read(columns, Texts::kPlain,
                [&](const std::shared_ptr<arrow::Table>& piece, std::int64_t first_row) -> Status {
                  WEIRHOUSE_TRY(const RowWords found, WordsOfRows(*piece, columns));
                  for (std::size_t i = 0; i < found.words.size(); ++i) {
                    const bool null = !found.has_null.empty() && found.has_null[i];
                    repeats.nulls += null ? 1 : 0;
                    if (null && !nulls_equal) {
                      repeats.left_out[static_cast<std::size_t>(first_row) + i] = true;
                    } else {
                      finder.Add(found.words[i]);
                    }
                  }
                  return Status();
                }));
  repeats.distinct = finder.Finish(repeated);
  return Status();
}
}  // namespace

Result<Repeats> RepeatsOf(const RowSource& rows, const std::vector<std::string>& columns,
                          bool nulls_equal, const platform::Scratch& scratch) {
  if (columns.size() == 1) {
    WEIRHOUSE_TRY(auto dense, DenseRepeatsOf(rows, columns.front(), nulls_equal, /*marks=*/true));
    if (dense) return *std::move(dense);
  }
  Repeats repeats(rows.num_rows());
  WordSet repeated(0);
  WEIRHOUSE_TRY_STATUS(FindRepeats(rows, columns, nulls_equal, repeats, repeated));
  if (repeated.size() == 0) return repeats;
  // A null has a word that a value may have too.
  const bool exact = AreWordsExact(*rows.schema(), columns) && (repeats.nulls == 0 || !nulls_equal);
  if (!exact && repeated.size() > kRepresentedMax && !scratch.folder.empty())
    return RepeatsBySorting(rows, columns, nulls_equal, scratch.folder);
  Represented represented;
  bool agree = true;
  WEIRHOUSE_TRY_STATUS(
      rows.Read(columns, Texts::kPlain,
                [&](const std::shared_ptr<arrow::Table>& piece, std::int64_t first_row) -> Status {
                  if (!agree) return Status();
                  WEIRHOUSE_TRY(const RowWords found, WordsOfRows(*piece, columns));
                  std::vector<std::int64_t> places;
                  std::vector<std::uint64_t> words;
                  for (std::size_t i = 0; i < found.words.size(); ++i) {
                    const std::size_t row = static_cast<std::size_t>(first_row) + i;
                    if (repeats.left_out[row] || !repeated.Has(found.words[i])) continue;
                    repeats.shared[row] = true;
                    if (exact) continue;
                    places.push_back(static_cast<std::int64_t>(i));
                    words.push_back(found.words[i]);
                  }
                  if (places.empty()) return Status();
                  WEIRHOUSE_TRY(const auto chosen, Chosen(piece, columns, places));
                  WEIRHOUSE_TRY(agree, represented.Agree(*chosen, columns, words));
                  return Status();
                }));
  // Different tuples met in one word, which chance hardly gives.
  if (!agree) return RepeatsBySorting(rows, columns, nulls_equal, scratch.folder);
  return repeats;
}

namespace {
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

// The different texts of one column, or nothing if there are many.
Result<std::optional<Repeats>> FewTextsOf(const RowSource& rows, const std::string& name) {
  Repeats found(0);
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts;
  const Status many(Code::kInternal, "many texts");
  const auto note = [&](std::string_view text) {
    if (!texts.contains(text)) texts.emplace(text);
  };
  const Status read = rows.Read(
      {name}, Texts::kDictionaries,
      [&](const std::shared_ptr<arrow::Table>& piece, std::int64_t) -> Status {
        WEIRHOUSE_TRY(const auto column, ColumnOf(*piece, name));
        for (const auto& chunk : column->chunks()) {
          found.nulls += chunk->null_count();
          if (chunk->type_id() == arrow::Type::DICTIONARY) {
            VisitDictionaryCounts(*chunk, [&](std::string_view text, std::int64_t) { note(text); });
            continue;
          }
          const auto& array = static_cast<const arrow::StringArray&>(*chunk);
          for (std::int64_t row = 0; row < array.length() && texts.size() <= kTextsMax; ++row) {
            if (array.IsValid(row)) note(array.GetView(row));
          }
          if (texts.size() > kTextsMax) return many;
        }
        return Status();
      });
  if (texts.size() > kTextsMax) return std::optional<Repeats>();
  WEIRHOUSE_TRY_STATUS(read);
  found.distinct = static_cast<std::int64_t>(texts.size());
  return std::optional<Repeats>(std::move(found));
}
}  // namespace

Result<Repeats> DistinctOf(const RowSource& rows, const std::vector<std::string>& columns,
                           const platform::Scratch& scratch) {
  const auto field = rows.schema()->GetFieldByName(columns.front());
  if (columns.size() == 1 && field != nullptr && field->type()->id() == arrow::Type::STRING) {
    WEIRHOUSE_TRY(auto few, FewTextsOf(rows, columns.front()));
    if (few) return *std::move(few);
  } else if (columns.size() == 1) {
    WEIRHOUSE_TRY(auto dense, DenseRepeatsOf(rows, columns.front(), false, /*marks=*/false));
    if (dense) return *std::move(dense);
  }
  if (!AreWordsExact(*rows.schema(), columns)) return RepeatsOf(rows, columns, false, scratch);
  Repeats repeats(rows.num_rows());
  WordSet repeated(0);
  WEIRHOUSE_TRY_STATUS(FindRepeats(rows, columns, false, repeats, repeated));
  return repeats;
}
}  // namespace weirhouse::gate
