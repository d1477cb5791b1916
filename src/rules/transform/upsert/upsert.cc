#include "rules/transform/upsert/upsert.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>

#include "ground/base/failpoint.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/upsert/upsert_rules.h"
#include "rules/transform/upsert/upsert_steps.h"

namespace weirhouse::transform {
namespace {
Status UpsertError(const arrow::Status& status) {
  return Status(Code::kInternal, fmt::format("could not plan an upsert: {}", status.message()));
}

// The same rows, each once, in the order of the input, so that `_record` stays sorted.
std::vector<std::int64_t> InOrder(std::vector<std::int64_t> rows, std::size_t count) {
  std::vector<bool> chosen(count, false);
  for (const std::int64_t row : rows) chosen[static_cast<std::size_t>(row)] = true;
  std::size_t next = 0;
  for (std::size_t row = 0; row < count; ++row) {
    if (chosen[row]) rows[next++] = static_cast<std::int64_t>(row);
  }
  WEIRHOUSE_CHECK(next == rows.size());
  return rows;
}

// `indexes` are ascending.
Result<std::shared_ptr<arrow::Table>> TakeRows(const arrow::Table& rows,
                                               const std::vector<std::int64_t>& indexes) {
  if (static_cast<std::int64_t>(indexes.size()) == rows.num_rows()) return rows.Slice(0);  // all
  arrow::Int64Builder builder;
  arrow::Status status = builder.AppendValues(indexes);
  std::shared_ptr<arrow::Array> array;
  if (status.ok()) status = builder.Finish(&array);
  if (!status.ok()) return UpsertError(status);
  auto taken = arrow::compute::Take(arrow::Datum(rows.Slice(0)), arrow::Datum(array));
  if (!taken.ok()) return UpsertError(taken.status());
  return taken->table();
}

void Append(Decision& all, Decision part) {
  const auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(all.current, part.current);
  append(all.history, part.history);
  append(all.deletes, part.deletes);
  append(all.versions.best, part.versions.best);
  append(all.versions.others, part.versions.others);
  append(all.versions.gone, part.versions.gone);
  all.states += part.states;
  append(all.losers, part.losers);
  append(all.older, part.older);
}

// Each key is decided by itself, so keys are decided in parts: what is known of all keys of a large
// batch needs more memory than its rows.
Result<Decision> Decide(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
                        bool by_arrival, iceberg::KeyIndex* current, VersionIndex* versions,
                        const SettledKeys& settled) {
  Decision all;
  const auto key = [&](std::size_t at) { return facts.keys[static_cast<std::size_t>(sorted[at])]; };
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = std::min(begin + kRowsDecidedAtOnce, sorted.size());
    while (end < sorted.size() && key(end) == key(end - 1)) ++end;
    const std::vector<std::int64_t> part(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
                                         sorted.begin() + static_cast<std::ptrdiff_t>(end));
    // Copied, so that what follows reads memory from one end to the other.
    const RowFacts in_order = FactsAt(facts, part);
    WEIRHOUSE_TRY(const KnownRows known, LookUp(in_order, by_arrival, current, versions, settled));
    WEIRHOUSE_TRY(Decision decision, by_arrival ? DecideByArrival(in_order, part, known)
                                                : DecideByOrder(in_order, part, known));
    Append(all, std::move(decision));
    begin = end;
  }
  return all;
}

// Compares new decisions with current rows: equal rows stay, the others are removed.
class Reconciler {
 public:
  Reconciler(const RowFacts& facts, const SettledKeys& settled, Decision& decision,
             UpsertPlan& plan)
      : facts_(facts), settled_(settled), decision_(decision), plan_(plan) {}

  Status Run(iceberg::KeyIndex& current) {
    for (std::size_t i = 0; i < facts_.keys.size(); ++i) {
      if (facts_.records[i] >= 0 && settled_.keys.contains(facts_.keys[i]))
        plan_.settled_records.emplace_back(facts_.records[i]);
    }
    WEIRHOUSE_TRY_STATUS(Current(current));
    History();
    return Status::Ok();
  }

 private:
  Status Current(iceberg::KeyIndex& current) {
    const std::vector<std::string> keys(settled_.keys.begin(), settled_.keys.end());
    WEIRHOUSE_TRY(const auto entries, current.Find(keys));
    std::map<std::string_view, const iceberg::KeyEntry*> standing;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (entries[i] != nullptr) standing[keys[i]] = entries[i];
    }
    std::set<std::string_view> held;  // keys that have a row, old or new
    std::erase_if(decision_.current, [&](std::int64_t row) {
      const auto i = static_cast<std::size_t>(row);
      const std::string_view key = facts_.keys[i];
      const auto stands = standing.find(key);
      if (stands == standing.end()) return false;
      held.insert(key);
      const iceberg::KeyEntry& entry = *stands->second;
      const std::int64_t record = std::max<std::int64_t>(entry.record.value(), 0);
      if (entry.content == facts_.contents[i] && record == KeptRecord(i)) return true;
      decision_.deletes.push_back(entry.position);
      return false;
    });
    for (const auto& [key, entry] : standing) {
      if (held.count(key) != 0) continue;
      decision_.deletes.push_back(entry->position);
      plan_.gone.emplace_back(key);
    }
    return Status::Ok();
  }

  void History() {
    using Version = std::tuple<std::string_view, std::string_view, Digest, std::int64_t>;
    std::map<Version, const HistoryRow*> standing;
    for (const HistoryRow& row : settled_.history) {
      standing[{row.key, row.order, row.content, row.record.value()}] = &row;
      decision_.versions.gone.push_back(
          {VersionGroup(row.key, row.order), row.content, row.record});
    }
    std::erase_if(decision_.history, [&](std::int64_t row) {
      const auto i = static_cast<std::size_t>(row);
      return standing.erase(
                 {facts_.keys[i], facts_.orders[i], facts_.contents[i], KeptRecord(i)}) != 0;
    });
    for (const auto& [version, row] : standing) {
      plan_.history_deletes.push_back(row->position);
      plan_.history_gone.push_back(row->key);
    }
  }

  // A row without a record is kept as 0 in the indexes.
  std::int64_t KeptRecord(std::size_t row) const {
    return std::max<std::int64_t>(facts_.records[row], 0);
  }

  const RowFacts& facts_;
  const SettledKeys& settled_;
  Decision& decision_;
  UpsertPlan& plan_;
};

Result<UpsertPlan> Plan(const CheckedTransform& checked, const arrow::Table& rows,
                        iceberg::KeyIndex* current, VersionIndex* versions,
                        const SettledKeys& settled = {}, bool indexes_history = false) {
  const TransformDefinition& definition = checked.definition;
  const bool by_arrival = definition.order_by_arrival;
  WEIRHOUSE_TRY(const RowFacts facts,
                FactsOfRows(rows, definition.key_columns(), definition.order_columns()));
  UpsertPlan plan;
  plan.rejected = NullKeys(rows, definition.key_columns(), facts.records);
  const std::vector<std::int64_t> sorted = SortedRows(facts, plan.rejected, by_arrival);
  WEIRHOUSE_TRY(Decision decision, Decide(facts, sorted, by_arrival, current, versions, settled));

  if (!settled.keys.empty()) {
    WEIRHOUSE_TRY_STATUS(Reconciler(facts, settled, decision, plan).Run(*current));
  }
  const auto count = static_cast<std::size_t>(rows.num_rows());
  decision.current = InOrder(std::move(decision.current), count);
  plan.current_facts = FactsAt(facts, decision.current);
  WEIRHOUSE_TRY(plan.current_rows, TakeRows(rows, decision.current));
  if (definition.history == History::kKeep) {
    decision.history = InOrder(std::move(decision.history), count);
    if (indexes_history) plan.history_facts = FactsAt(facts, decision.history);
    WEIRHOUSE_TRY(plan.history_rows, TakeRows(rows, decision.history));
  }
  plan.older = std::move(decision.older);
  plan.deletes = std::move(decision.deletes);
  plan.versions = std::move(decision.versions);
  if (!checked.row_wise) return plan;
  plan.states = decision.states;
  plan.states.quarantined = static_cast<std::int64_t>(plan.rejected.size());
  WEIRHOUSE_CHECK(plan.states.total() == rows.num_rows());  // each record once
  plan.losers = std::move(decision.losers);
  // Rows of an aggregate, or of another engine, have no record that could lose: -1 here, and 0 in
  // an index. Records are numbered from 1.
  std::erase_if(plan.losers, [](const Loser& loser) { return loser.record.value() <= 0; });
  std::sort(plan.losers.begin(), plan.losers.end());
  return plan;
}

Result<std::vector<std::int64_t>> RecordsOf(const arrow::Table& rows) {
  std::vector<std::int64_t> records;
  records.reserve(static_cast<std::size_t>(rows.num_rows()));
  const auto column = rows.GetColumnByName(std::string(iceberg::kRecordColumn));
  if (column == nullptr) {
    records.assign(static_cast<std::size_t>(rows.num_rows()), -1);
    return records;
  }
  if (column->type()->id() != arrow::Type::INT64) {
    return Status(Code::kInternal, "`_record` is not a 64-bit integer");
  }
  for (const auto& chunk : column->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      records.push_back(values.IsNull(i) ? -1 : values.Value(i));
    }
  }
  return records;
}

}  // namespace

StateCounts& StateCounts::operator+=(const StateCounts& other) {
  processed += other.processed;
  duplicate += other.duplicate;
  conflict += other.conflict;
  superseded += other.superseded;
  filtered += other.filtered;
  quarantined += other.quarantined;
  return *this;
}

StateCounts& StateCounts::operator-=(const StateCounts& other) {
  processed -= other.processed;
  duplicate -= other.duplicate;
  conflict -= other.conflict;
  superseded -= other.superseded;
  filtered -= other.filtered;
  quarantined -= other.quarantined;
  return *this;
}

Result<std::vector<RejectedRow>> RowsWithoutKey(const arrow::Table& rows,
                                                const std::vector<std::string>& key_columns) {
  WEIRHOUSE_TRY(const std::vector<std::int64_t> records, RecordsOf(rows));
  return NullKeys(rows, key_columns, records);
}

Result<RowFacts> FactsOfRows(const arrow::Table& rows, const std::vector<std::string>& key_columns,
                             const std::vector<std::string>& order_columns) {
  RowFacts facts;
  WEIRHOUSE_TRY(facts.keys, iceberg::EncodeKeys(rows, key_columns));
  WEIRHOUSE_TRY(facts.orders, iceberg::EncodeKeys(rows, order_columns));
  WEIRHOUSE_TRY(facts.contents, iceberg::DeclaredDigests(rows));
  WEIRHOUSE_TRY(facts.records, RecordsOf(rows));
  return facts;
}

Result<UpsertPlan> PlanUpsert(const CheckedTransform& checked, const arrow::Table& rows,
                              iceberg::KeyIndex& current, VersionIndex* versions,
                              const platform::Scratch& scratch) {
  if (platform::AreMany(rows, scratch)) return PlanMany(checked, rows, &current, versions, scratch);
  return Plan(checked, rows, &current, versions);
}

Result<UpsertPlan> PlanChange(const CheckedTransform& checked, const arrow::Table& rows,
                              iceberg::KeyIndex& current, VersionIndex* versions,
                              const SettledKeys& settled) {
  return Plan(checked, rows, &current, versions, settled, /*indexes_history=*/true);
}

Result<UpsertPlan> PlanFull(const CheckedTransform& checked, const arrow::Table& rows,
                            const platform::Scratch& scratch) {
  if (platform::AreMany(rows, scratch)) return PlanMany(checked, rows, nullptr, nullptr, scratch);
  return Plan(checked, rows, nullptr, nullptr);
}

Status EnterRows(iceberg::KeyIndex& index, const iceberg::TablePtr& staged, const RowFacts& facts,
                 const iceberg::AppendedRows& appended, std::span<const std::string> gone) {
  WEIRHOUSE_CHECK(facts.keys.size() == appended.file_of_row.size());
  const auto name_rows = [&](const iceberg::KeyIndex::Put& put) {
    for (std::size_t i = 0; i < facts.keys.size(); ++i) {
      const auto file = static_cast<std::size_t>(appended.file_of_row[i]);
      WEIRHOUSE_TRY_STATUS(
          put({facts.keys[i], appended.files[file].path, appended.position_of_row[i],
               facts.orders[i], &facts.contents[i], RecordId(facts.records[i])}));
    }
    return Status();
  };
  return index.Apply(staged, name_rows, gone);
}

Result<std::vector<RecordId>> FilteredRecords(const arrow::Table& driver_rows,
                                              const arrow::Table& output_rows) {
  WEIRHOUSE_TRY(std::vector<std::int64_t> all, RecordsOf(driver_rows));
  WEIRHOUSE_TRY(std::vector<std::int64_t> kept, RecordsOf(output_rows));
  std::sort(all.begin(), all.end());
  std::sort(kept.begin(), kept.end());
  std::vector<std::int64_t> dropped;
  std::set_difference(all.begin(), all.end(), kept.begin(), kept.end(),
                      std::back_inserter(dropped));
  if (all.size() != kept.size() + dropped.size()) {
    return Status(Code::kInternal, "a transform returned records that its driver does not hold");
  }
  std::vector<RecordId> records;
  records.reserve(dropped.size());
  for (std::int64_t record : dropped) records.emplace_back(record);
  return records;
}
}  // namespace weirhouse::transform
