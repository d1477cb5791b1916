#include "rules/feature/rows/rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "ground/base/digest.h"
#include "ground/base/text.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/schema.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
constexpr std::string_view kSourceTable = "wh_feature_source";
constexpr const char* kOrdinal = "wh_feature_row";

Status FromArrow(const arrow::Status& status, std::string_view what) {
  return Status(Code::kInternal, fmt::format("could not {}: {}", what, status.ToString()));
}

std::shared_ptr<arrow::DataType> TimeType() { return ArrowTypeOf(ValueType::kTimestamp); }

// Entities as sorting compares them: by their prefixes and, unless those hold them whole, by the
// bytes that EncodeEntities gives.
struct SortedBy {
  std::vector<iceberg::KeyPrefix> prefixes;
  std::vector<std::optional<std::string>> whole;  // empty: the prefixes suffice
};

Result<SortedBy> EntitiesToSort(const std::vector<TypedName>& entity, const arrow::Table& table) {
  SortedBy by;
  const auto rows = static_cast<std::size_t>(table.num_rows());
  by.prefixes.resize(rows);
  const ValueType type = entity.size() == 1 ? entity[0].type : ValueType::kString;
  if (type == ValueType::kInt64 || type == ValueType::kTimestamp) {
    const auto column = table.GetColumnByName(entity[0].name);
    if (column != nullptr && column->null_count() == 0) {
      WEIRHOUSE_TRY(const IntColumn values, ReadIntegers(*column, entity[0].name));
      constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;
      for (std::size_t i = 0; i < rows; ++i)
        by.prefixes[i].first = static_cast<std::uint64_t>(values.values[i]) ^ kSignBit;
      return by;
    }
  }
  WEIRHOUSE_TRY(by.whole, EncodeEntities(entity, table));
  // Those of one length that a prefix holds are equal where it is.
  bool suffices = true;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto& one = by.whole[i];
    suffices = suffices && one && one->size() == by.whole[0]->size() &&
               one->size() <= iceberg::KeyPrefix::kBytes;
    if (one) by.prefixes[i] = iceberg::PrefixOf(*one);
  }
  if (suffices) by.whole.clear();
  return by;
}

// Positions in the order of feature tables.
Result<std::vector<std::int64_t>> SortedOrder(const ViewPlan& plan, const arrow::Table& table) {
  WEIRHOUSE_TRY(const SortedBy entities, EntitiesToSort(plan.view.entity, table));
  WEIRHOUSE_TRY(const auto event_time,
                ReadIntegers(*table.GetColumnByName("event_time"), "event_time"));
  WEIRHOUSE_TRY(const auto known_time,
                ReadIntegers(*table.GetColumnByName("known_time"), "known_time"));
  WEIRHOUSE_TRY(const auto keys, ReadBytes(*table.GetColumnByName("row_key"), "row_key"));
  WEIRHOUSE_TRY(const auto digests, ReadBytes(*table.GetColumnByName("row_digest"), "row_digest"));
  std::vector<std::int64_t> event(event_time.values);
  for (std::size_t i = 0; i < event.size(); ++i) {
    if (event_time.valid[i] == 0) event[i] = kTimeless;
  }
  struct Place {
    iceberg::KeyPrefix entity;
    std::int64_t event = 0;
    std::int64_t row = 0;
  };
  std::vector<Place> places(event.size());
  for (std::size_t i = 0; i < event.size(); ++i)
    places[i] = {entities.prefixes[i], event[i], static_cast<std::int64_t>(i)};
  std::sort(places.begin(), places.end(), [&](const Place& left, const Place& right) {
    if (left.entity != right.entity) return left.entity < right.entity;
    const auto a = static_cast<std::size_t>(left.row);
    const auto b = static_cast<std::size_t>(right.row);
    if (!entities.whole.empty() && entities.whole[a] != entities.whole[b])
      return entities.whole[a] < entities.whole[b];
    if (left.event != right.event) return left.event < right.event;
    if (known_time.values[a] != known_time.values[b]) {
      return known_time.values[a] < known_time.values[b];
    }
    if (keys[a] != keys[b]) return keys[a] < keys[b];
    if (digests[a] != digests[b]) return digests[a] < digests[b];
    return a < b;
  });
  std::vector<std::int64_t> order;
  order.reserve(places.size());
  for (const Place& place : places) order.push_back(place.row);
  return order;
}

// ---- Building
struct Columns {
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector arrays;
  void Add(const std::string& name, std::shared_ptr<arrow::Array> array, bool required) {
    fields.push_back(arrow::field(name, array->type(), !required));
    arrays.push_back(std::make_shared<arrow::ChunkedArray>(std::move(array)));
  }
};

std::shared_ptr<arrow::Array> TimesArray(const IntColumn& times) {
  return BuildArray(ValueType::kTimestamp,
                    std::vector<std::uint64_t>(times.values.begin(), times.values.end()), {},
                    times.valid);
}

Result<std::shared_ptr<arrow::Array>> BinaryArrayOf(std::span<const std::string_view> cells) {
  arrow::BinaryBuilder builder;
  std::int64_t bytes = 0;
  for (const std::string_view cell : cells) bytes += static_cast<std::int64_t>(cell.size());
  arrow::Status status = builder.Reserve(static_cast<std::int64_t>(cells.size()));
  if (status.ok()) status = builder.ReserveData(bytes);
  if (!status.ok()) return FromArrow(status, "keep keys");
  for (const std::string_view cell : cells) builder.UnsafeAppend(cell);
  auto array = builder.Finish();
  if (!array.ok()) return FromArrow(array.status(), "keep keys");
  return *array;
}

Result<std::vector<bool>> ReadDeletes(const arrow::Table& source) {
  std::vector<bool> deletes(static_cast<std::size_t>(source.num_rows()), false);
  const auto column = source.GetColumnByName("_op");
  if (column == nullptr) return deletes;
  WEIRHOUSE_TRY(const IntColumn ops, ReadIntegers(*column, "_op"));
  for (std::size_t i = 0; i < deletes.size(); ++i) deletes[i] = ops.values[i] != 0;
  return deletes;
}

// Event times, NULL if the view has none; a put must have one.
Result<IntColumn> EventTimes(const ViewPlan& plan, const arrow::Table& source,
                             const std::vector<bool>& deletes) {
  const FeatureView& view = plan.view;
  if (!view.event_time) {
    return IntColumn{std::vector<std::int64_t>(deletes.size(), 0),
                     std::vector<std::uint8_t>(deletes.size(), 0)};
  }
  WEIRHOUSE_TRY(const auto column, RequireColumn(source, *view.event_time, view.source));
  WEIRHOUSE_TRY(IntColumn times, ReadIntegers(*column, *view.event_time));
  for (std::size_t i = 0; i < deletes.size(); ++i) {
    if (times.valid[i] != 0 || deletes[i]) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("a row of \"{}\" has no event time: \"{}\" is null, view \"{}\"",
                              view.source, *view.event_time, view.id()))
        .WithError("WH4015")
        .WithHint("make the column required, or leave such rows out of the table");
  }
  return times;
}

Result<IntColumn> KnownTimes(const ViewPlan& plan, const arrow::Table& source,
                             const IntColumn& event_times) {
  const FeatureView& view = plan.view;
  std::string name(iceberg::kIngestedAtColumn);
  IntColumn times;
  if (view.known_time.kind == KnownTime::Kind::kDelay) {
    name = *view.event_time;
    times = event_times;
    for (std::int64_t& time : times.values) {
      if (__builtin_add_overflow(time, view.known_time.delay_us, &time)) time = kLatest;
    }
  } else {
    if (view.known_time.kind == KnownTime::Kind::kColumn) name = view.known_time.column;
    WEIRHOUSE_TRY(const auto column, RequireColumn(source, name, view.source));
    WEIRHOUSE_TRY(times, ReadIntegers(*column, name));
  }
  for (const std::uint8_t valid : times.valid) {
    if (valid != 0) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("a row of \"{}\" has no known time: \"{}\" is null, view \"{}\"",
                              view.source, name, view.id()))
        .WithError("WH4015");
  }
  return times;
}

Result<std::vector<Digest>> RowDigestsOf(const arrow::Table& source,
                                         const std::vector<std::string>& key_columns,
                                         const std::vector<bool>& deletes) {
  std::vector<int> declared;
  std::vector<int> keys;
  for (int i = 0; i < source.num_columns(); ++i) {
    const std::string& name = source.field(i)->name();
    if (!iceberg::IsHidden(name)) declared.push_back(i);
    if (std::find(key_columns.begin(), key_columns.end(), name) != key_columns.end()) {
      keys.push_back(i);
    }
  }
  WEIRHOUSE_TRY(std::vector<Digest> digests, iceberg::RowDigests(source, declared));
  if (std::find(deletes.begin(), deletes.end(), true) == deletes.end()) return digests;
  WEIRHOUSE_TRY(const std::vector<Digest> of_keys, iceberg::RowDigests(source, keys));
  for (std::size_t i = 0; i < digests.size(); ++i) {
    if (deletes[i]) digests[i] = of_keys[i];
  }
  return digests;
}

// The expressions `wanted` over `source`, one column each after the row's number, in the order of
// its rows. Rows carry their ordinal through SQL, so the order in which DuckDB returns them does not
// matter.
Result<std::shared_ptr<arrow::Table>> EvaluateExpressions(
    const ViewPlan& plan, const std::vector<std::size_t>& wanted,
    const std::shared_ptr<arrow::Table>& source, platform::SqlSession& session) {
  std::vector<std::uint64_t> ordinals(static_cast<std::size_t>(source->num_rows()));
  std::iota(ordinals.begin(), ordinals.end(), 0);
  const std::vector<std::uint8_t> valid(ordinals.size(), 1);
  auto numbered = source->AddColumn(
      source->num_columns(), arrow::field(kOrdinal, arrow::int64()),
      std::make_shared<arrow::ChunkedArray>(BuildArray(ValueType::kInt64, ordinals, {}, valid)));
  if (!numbered.ok()) return FromArrow(numbered.status(), "number rows");
  std::string sql = fmt::format("SELECT {}", kOrdinal);
  for (const std::size_t i : wanted) {
    sql += fmt::format(", CAST((\n{}\n) AS {}) AS {}", plan.expressions[i].sql,
                       SqlTypeName(plan.value_types[i], plan.scales[i]),
                       QuoteIdentifier(plan.expressions[i].column));
  }
  sql += fmt::format(" FROM {}", kSourceTable);
  WEIRHOUSE_TRY_STATUS(session.Register(std::string(kSourceTable), *numbered));
  auto rows = session.Query(sql);
  session.Unregister(std::string(kSourceTable)).Ignore("the next Register replaces it");
  if (!rows.ok()) {
    return Status(rows.status().code(), fmt::format("could not compute the rows of view \"{}\": {}",
                                                    plan.view.id(), rows.status().message()))
        .WithError(kExpressionRefused)
        .WithHint(rows.status().hint());
  }
  WEIRHOUSE_TRY(const IntColumn back, ReadIntegers(*(*rows)->column(0), "the row number"));
  WEIRHOUSE_CHECK(back.values.size() == ordinals.size());
  if (std::is_sorted(back.values.begin(), back.values.end())) return *rows;
  std::vector<std::int64_t> order(back.values.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[static_cast<std::size_t>(back.values[i])] = static_cast<std::int64_t>(i);
  }
  return TakeRows(**rows, order);
}

// The source's column that expression `i` is, if it is stored as it is; otherwise null.
Result<std::shared_ptr<arrow::Array>> ColumnAsItIs(const ViewPlan& plan, std::size_t i,
                                                   const arrow::Table& source) {
  const std::string& name = plan.expressions[i].source_column;
  const auto column = name.empty() ? nullptr : source.GetColumnByName(name);
  const auto type = ArrowTypeOf(plan.value_types[i], plan.scales[i]);
  if (column == nullptr || !column->type()->Equals(*type)) return std::shared_ptr<arrow::Array>();
  if (column->num_chunks() == 1) return column->chunk(0);
  auto whole = column->num_chunks() == 0 ? arrow::MakeEmptyArray(type)
                                         : arrow::Concatenate(column->chunks());
  if (!whole.ok()) return FromArrow(whole.status(), "put a column together");
  return *whole;
}

Status AddValues(const ViewPlan& plan, const std::shared_ptr<arrow::Table>& source,
                 const std::vector<bool>& deletes, platform::SqlSession& session,
                 Columns* columns) {
  std::vector<std::shared_ptr<arrow::Array>> as_they_are(plan.expressions.size());
  std::vector<std::size_t> computed;
  const bool any_deletes = std::find(deletes.begin(), deletes.end(), true) != deletes.end();
  for (std::size_t i = 0; i < as_they_are.size(); ++i) {
    if (!any_deletes) {
      WEIRHOUSE_TRY(as_they_are[i], ColumnAsItIs(plan, i, *source));
    }
    if (as_they_are[i] == nullptr) computed.push_back(i);
  }
  std::shared_ptr<arrow::Table> values;
  if (!computed.empty()) {
    WEIRHOUSE_TRY(values, EvaluateExpressions(plan, computed, source, session));
  }
  int next = 1;  // after the row's number
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    if (as_they_are[i] != nullptr) {
      columns->Add(plan.expressions[i].column, as_they_are[i], false);
      continue;
    }
    WEIRHOUSE_TRY(RawColumn raw, ReadColumn(*values->column(next++), plan.value_types[i],
                                            plan.expressions[i].column));
    for (std::size_t row = 0; row < deletes.size(); ++row) {
      if (deletes[row]) raw.valid[row] = 0;
    }
    const std::vector<std::string> texts(raw.texts.begin(), raw.texts.end());
    columns->Add(plan.expressions[i].column,
                 BuildArray(plan.value_types[i], raw.bits, texts, raw.valid, plan.scales[i]),
                 false);
  }
  return Status();
}

Status AddEntities(const ViewPlan& plan, const arrow::Table& source, Columns* columns) {
  for (const TypedName& part : plan.view.entity) {
    WEIRHOUSE_TRY(const auto column, RequireColumn(source, part.name, plan.view.source));
    WEIRHOUSE_TRY(const RawColumn raw, ReadColumn(*column, part.type, part.name));
    const std::vector<std::string> texts(raw.texts.begin(), raw.texts.end());
    columns->Add(part.name, BuildArray(part.type, raw.bits, texts, raw.valid), false);
  }
  return Status();
}

Status AddRecords(const arrow::Table& source, Columns* columns) {
  IntColumn records{std::vector<std::int64_t>(static_cast<std::size_t>(source.num_rows()), 0),
                    std::vector<std::uint8_t>(static_cast<std::size_t>(source.num_rows()), 0)};
  if (const auto column = source.GetColumnByName(std::string(iceberg::kRecordColumn))) {
    WEIRHOUSE_TRY(records, ReadIntegers(*column, iceberg::kRecordColumn));
  }
  columns->Add(std::string(iceberg::kRecordColumn),
               BuildArray(ValueType::kInt64,
                          std::vector<std::uint64_t>(records.values.begin(), records.values.end()),
                          {}, records.valid),
               false);
  return Status();
}
}  // namespace

std::shared_ptr<arrow::Schema> FeatureTableSchema(const ViewPlan& plan) {
  arrow::FieldVector fields;
  for (const TypedName& part : plan.view.entity) {
    fields.push_back(arrow::field(part.name, ArrowTypeOf(part.type)));
  }
  fields.push_back(arrow::field("event_time", TimeType()));
  fields.push_back(arrow::field("known_time", TimeType(), false));
  fields.push_back(arrow::field("row_key", arrow::binary(), false));
  fields.push_back(arrow::field("row_digest", arrow::binary(), false));
  fields.push_back(arrow::field("op", arrow::int32(), false));
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    fields.push_back(
        arrow::field(plan.expressions[i].column, ArrowTypeOf(plan.value_types[i], plan.scales[i])));
  }
  fields.push_back(arrow::field(std::string(iceberg::kRecordColumn), arrow::int64()));
  fields.push_back(arrow::field(std::string(iceberg::kCommitSeqColumn), arrow::int64()));
  return arrow::schema(std::move(fields));
}

std::vector<std::string> FeatureSortColumns(const ViewPlan& plan) {
  std::vector<std::string> columns;
  for (const TypedName& part : plan.view.entity) columns.push_back(part.name);
  for (const char* name : {"event_time", "known_time", "row_key", "row_digest"}) {
    columns.emplace_back(name);
  }
  return columns;
}

std::vector<std::string> FeatureDeltaColumns() {
  return {"event_time", "known_time", std::string(iceberg::kRecordColumn)};
}

Result<std::shared_ptr<arrow::Table>> BuildFeatureRows(const ViewPlan& plan,
                                                       const std::shared_ptr<arrow::Table>& source,
                                                       const std::vector<std::string>& key_columns,
                                                       platform::SqlSession& session) {
  WEIRHOUSE_TRY(const std::vector<bool> deletes, ReadDeletes(*source));
  WEIRHOUSE_TRY(const IntColumn event_times, EventTimes(plan, *source, deletes));
  WEIRHOUSE_TRY(const IntColumn known_times, KnownTimes(plan, *source, event_times));
  WEIRHOUSE_TRY(const auto keys, iceberg::EncodeKeys(*source, key_columns));
  WEIRHOUSE_TRY(const auto digests, RowDigestsOf(*source, key_columns, deletes));
  Columns columns;
  WEIRHOUSE_TRY_STATUS(AddEntities(plan, *source, &columns));
  columns.Add("event_time", TimesArray(event_times), false);
  columns.Add("known_time", TimesArray(known_times), true);
  WEIRHOUSE_TRY(auto key_array, BinaryArrayOf(keys.views()));
  columns.Add("row_key", std::move(key_array), true);
  std::vector<std::string_view> digest_cells;
  digest_cells.reserve(digests.size());
  for (const Digest& digest : digests) digest_cells.push_back(digest.view());
  WEIRHOUSE_TRY(auto digest_array, BinaryArrayOf(digest_cells));
  columns.Add("row_digest", std::move(digest_array), true);
  std::vector<std::int32_t> ops(deletes.begin(), deletes.end());
  const auto count = static_cast<std::int64_t>(ops.size());
  columns.Add("op",
              std::make_shared<arrow::Int32Array>(count, arrow::Buffer::FromVector(std::move(ops))),
              true);
  WEIRHOUSE_TRY_STATUS(AddValues(plan, source, deletes, session, &columns));
  WEIRHOUSE_TRY_STATUS(AddRecords(*source, &columns));
  const auto unsorted =
      arrow::Table::Make(arrow::schema(columns.fields), columns.arrays, source->num_rows());
  WEIRHOUSE_TRY(const auto order, SortedOrder(plan, *unsorted));
  return TakeRows(*unsorted, order);
}

Result<std::vector<std::string>> ReplacedRowKeys(const arrow::Table& feature_rows) {
  WEIRHOUSE_TRY(const auto column, RequireColumn(feature_rows, "row_key", "the feature rows"));
  WEIRHOUSE_TRY(const auto keys, ReadBytes(*column, "row_key"));
  return std::vector<std::string>(keys.begin(), keys.end());
}

Result<std::shared_ptr<arrow::Table>> MergeRuns(const ViewPlan& plan,
                                                const std::vector<FeatureRun>& runs) {
  const std::shared_ptr<arrow::Schema> schema = FeatureTableSchema(plan);
  const std::string commit_seq(iceberg::kCommitSeqColumn);
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const FeatureRun& run : runs) {
    arrow::ChunkedArrayVector columns;
    for (const auto& field : schema->fields()) {
      if (field->name() == commit_seq) continue;
      WEIRHOUSE_TRY(auto column, RequireColumn(*run.rows, field->name(), "a run"));
      columns.push_back(std::move(column));
    }
    const auto rows = static_cast<std::size_t>(run.rows->num_rows());
    std::vector<std::uint64_t> seqs(rows, static_cast<std::uint64_t>(run.commit_seq.value()));
    if (const auto told = run.rows->GetColumnByName(commit_seq)) {
      WEIRHOUSE_TRY(const IntColumn known, ReadIntegers(*told, commit_seq));
      for (std::size_t i = 0; i < rows; ++i) {
        if (known.valid[i] != 0) seqs[i] = static_cast<std::uint64_t>(known.values[i]);
      }
    }
    columns.push_back(std::make_shared<arrow::ChunkedArray>(
        BuildArray(ValueType::kInt64, seqs, {}, std::vector<std::uint8_t>(rows, 1))));
    parts.push_back(arrow::Table::Make(schema, std::move(columns), run.rows->num_rows()));
  }
  if (parts.empty()) {
    auto empty = arrow::Table::MakeEmpty(schema);
    if (!empty.ok()) return FromArrow(empty.status(), "make an empty run");
    return *empty;
  }
  auto whole = arrow::ConcatenateTables(parts);
  if (!whole.ok()) return FromArrow(whole.status(), "put runs together");
  WEIRHOUSE_TRY(const auto order, SortedOrder(plan, **whole));
  return TakeRows(**whole, order);
}
}  // namespace weirhouse::feature
