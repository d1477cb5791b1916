#include "testing/simulator/table_check.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/table.h"
#include "work/serving/online.h"

namespace weirhouse::simulator {
namespace {
constexpr std::int64_t kWindowUs = 24 * 60 * kMinuteUs;

// Cells of one table as plain values.
class Cells {
 public:
  explicit Cells(const arrow::Table& table) {
    auto whole = table.CombineChunks();
    WEIRHOUSE_CHECK(whole.ok());
    table_ = *std::move(whole);
  }
  std::int64_t rows() const { return table_->num_rows(); }
  std::string Text(const char* column, std::int64_t row) const {
    const auto array = ArrayOf(column);
    return array == nullptr ? ""
                            : std::static_pointer_cast<arrow::StringArray>(array)->GetString(row);
  }
  // The value of an integer or time cell.
  std::int64_t Int(const char* column, std::int64_t row) const {
    const auto array = ArrayOf(column);
    if (array == nullptr) return 0;
    switch (array->type_id()) {
      case arrow::Type::INT32:
        return std::static_pointer_cast<arrow::Int32Array>(array)->Value(row);
      case arrow::Type::INT64:
        return std::static_pointer_cast<arrow::Int64Array>(array)->Value(row);
      case arrow::Type::TIMESTAMP:
        return std::static_pointer_cast<arrow::TimestampArray>(array)->Value(row);
      case arrow::Type::DECIMAL128: {
        const auto decimals = std::static_pointer_cast<arrow::Decimal128Array>(array);
        return std::stoll(decimals->FormatValue(row));
      }
      default:
        WEIRHOUSE_CHECK(array->type_id() == arrow::Type::NA);  // the tables have no other types
        return 0;
    }
  }

 private:
  std::shared_ptr<arrow::Array> ArrayOf(const char* column) const {
    const auto chunks = table_->GetColumnByName(column);
    return chunks == nullptr || chunks->num_chunks() == 0 ? nullptr : chunks->chunk(0);
  }
  std::shared_ptr<arrow::Table> table_;
};

Result<std::vector<Row>> RowsOf(work::Workspace& workspace, const std::string& table) {
  std::vector<Row> rows;
  WEIRHOUSE_TRY(const auto there, workspace.FindTable(table));
  if (!there) return rows;
  WEIRHOUSE_TRY(const auto read, workspace.ReadTable(table));
  const Cells cells(*read);
  for (std::int64_t i = 0; i < cells.rows(); ++i) {
    rows.push_back({cells.Text("id", i), cells.Text("shop", i), cells.Int("amount", i),
                    cells.Int("at", i), cells.Int("reported_at", i)});
  }
  return rows;
}
std::string Show(const Row& row) {
  return fmt::format("{} {} {} at {} reported {}", row.id, row.shop, row.amount,
                     FormatTime(row.at_us), FormatTime(row.reported_us));
}

using Problem = std::optional<std::string>;

// Checks that each key of `wanted` has exactly one row, one of the permitted ones, and that there
// are no other rows.
template <typename Key, typename KeyOf>
Problem Compare(const std::string& table, const std::vector<Row>& found,
                const std::map<Key, std::set<Row>>& wanted, const KeyOf& key_of) {
  std::set<Key> seen;
  for (const Row& row : found) {
    const auto expected = wanted.find(key_of(row));
    if (expected == wanted.end() || !expected->second.contains(row))
      return fmt::format("I2 single effect: {} has a row that nothing landed explains: {}", table,
                         Show(row));
    if (!seen.insert(key_of(row)).second)
      return fmt::format("I2 single effect: {} has two rows of one key: {}", table, Show(row));
  }
  for (const auto& [key, rows] : wanted) {
    if (!seen.contains(key))
      return fmt::format("I2 single effect: {} lacks a row: {}", table, Show(*rows.begin()));
  }
  return std::nullopt;
}

Problem CheckCurrent(work::Workspace& workspace, const std::string& table,
                     const Expected& expected) {
  const auto rows = RowsOf(workspace, table);
  if (!rows.ok()) return "I4 atomic snapshots: " + table + ": " + rows.status().ToString();
  return Compare(table, *rows, expected.current, [](const Row& row) { return row.id; });
}
Problem CheckHistory(work::Workspace& workspace, const Expected& expected) {
  const auto rows = RowsOf(workspace, "processed.order_history");
  if (!rows.ok()) return "I4 atomic snapshots: history: " + rows.status().ToString();
  // The losers among contradictory versions may stay in the history.
  std::vector<Row> first;
  std::set<std::pair<std::string, std::int64_t>> seen;
  for (const Row& row : *rows) {
    const bool alone = seen.emplace(row.id, row.reported_us).second;
    const auto known = expected.versions.find({row.id, row.reported_us});
    if (alone || known == expected.versions.end() || known->second.size() == 1)
      first.push_back(row);
  }
  return Compare("processed.order_history", first, expected.versions,
                 [](const Row& row) { return std::pair(row.id, row.reported_us); });
}

Problem CheckTotals(work::Workspace& workspace) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> wanted;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> found;
  const auto orders = RowsOf(workspace, "processed.order");
  const auto there = workspace.FindTable("processed.total");
  if (!orders.ok() || !there.ok()) return "I4 atomic snapshots: a table cannot be read";
  for (const Row& row : *orders) {
    ++wanted[row.shop].first;
    wanted[row.shop].second += row.amount;
  }
  if (*there) {
    const auto rows = workspace.ReadTable("processed.total");
    if (!rows.ok()) return "I4 atomic snapshots: total: " + rows.status().ToString();
    const Cells cells(**rows);
    for (std::int64_t i = 0; i < cells.rows(); ++i)
      found[cells.Text("shop", i)] = {cells.Int("n", i), cells.Int("total", i)};
  }
  if (found == wanted) return std::nullopt;
  return "I2 single effect: processed.total does not add up to processed.order";
}

// Checks that the feature table has one row for each row of its source and no other.
Problem CheckFeatures(work::Workspace& workspace, const std::string& source) {
  using Put = std::tuple<std::string, std::int64_t, std::int64_t>;
  std::multiset<Put> wanted;
  std::multiset<Put> found;
  const auto rows = RowsOf(workspace, source);
  const auto there = workspace.FindTable("feature.shop_sales_v1");
  if (!rows.ok() || !there.ok()) return "I4 atomic snapshots: a feature table cannot be read";
  for (const Row& row : *rows) wanted.emplace(row.shop, row.at_us, row.reported_us);
  if (*there) {
    const auto read = workspace.ReadTable("feature.shop_sales_v1");
    if (!read.ok()) return "I4 atomic snapshots: features: " + read.status().ToString();
    const Cells cells(**read);
    for (std::int64_t i = 0; i < cells.rows(); ++i)
      found.emplace(cells.Text("shop", i), cells.Int("event_time", i), cells.Int("known_time", i));
  }
  if (found == wanted) return std::nullopt;
  return fmt::format("I2 single effect: feature.shop_sales_v1 has {} rows where {} has {}",
                     found.size(), source, wanted.size());
}

// Checks that the served value is the sum over the landed records: of each order the newest version
// known at the time.
Problem CheckOnline(work::Workspace& workspace, const Expected& expected) {
  const auto now = workspace.Now();
  if (!now.ok()) return "I8 online = offline: " + now.status().ToString();
  const auto there = workspace.FindTable("feature.shop_sales_v1");
  if (*now == EventTime::min() || !there.ok() || !*there) return std::nullopt;
  // Half a minute after any event, so that none is on the edge of the window.
  const std::int64_t at = Micros(*now) + kMinuteUs / 2;
  for (const std::string shop : {"a", "b"}) {
    std::int64_t count = 0;
    std::int64_t total = 0;
    for (const auto& [id, current] : expected.current) {
      const Row* newest = nullptr;
      for (auto version = expected.versions.lower_bound({id, INT64_MIN});
           version != expected.versions.end() && version->first.first == id &&
           version->first.second <= at;
           ++version) {
        newest = &*version->second.begin();
      }
      if (newest == nullptr || newest->shop != shop) continue;
      if (newest->at_us >= at || newest->at_us < at - kWindowUs) continue;
      ++count;
      total += newest->amount;
    }
    work::OnlineRequest request;
    request.features = {"shop_sales@1:*"};
    request.fields = {{"shop", shop}};
    request.at = EventTimeOfMicros(at);
    const auto answer = work::OnlineFeatures(workspace, request);
    if (!answer.ok()) return "I8 online = offline: " + answer.status().ToString();
    for (const work::OnlineFeature& feature : answer->features) {
      const std::int64_t wanted = feature.name.find(".n") != std::string::npos ? count : total;
      const std::int64_t served = feature.value.is_number() ? feature.value.get<std::int64_t>() : 0;
      if (served != wanted)
        return fmt::format("I8 online = offline: {} of shop {} at {} is {} ({}), and {} landed",
                           feature.name, shop, FormatTime(at), served, feature.status, wanted);
    }
  }
  return std::nullopt;
}

Problem CheckIndex(work::Workspace& workspace, const std::string& name) {
  const auto table = workspace.FindTable(name);
  if (!table.ok()) return "I4 atomic snapshots: " + table.status().ToString();
  if (!*table) return std::nullopt;
  const auto rows = workspace.ReadTable(name);
  if (!rows.ok()) return "I4 atomic snapshots: " + rows.status().ToString();
  const auto index = workspace.IndexOf(name, {"id"}, {"reported_at"});
  if (!index.ok()) return "caches: the index of " + name + ": " + index.status().ToString();
  const auto count = (*index)->Count();
  if (count.ok() && *count == (*rows)->num_rows()) return std::nullopt;
  return fmt::format("caches: the key index of {} has {} keys, the table {} rows", name,
                     count.ok() ? *count : -1, (*rows)->num_rows());
}
}  // namespace

Problem CheckContents(work::Workspace& workspace, const Variant& variant,
                      const std::vector<LandedFile>& landed, const std::set<ObjectKey>& excluded) {
  const Expected orders = Expect("order", landed, excluded);
  if (Problem problem = CheckCurrent(workspace, "processed.order", orders)) return problem;
  if (variant.history) {
    if (Problem problem = CheckHistory(workspace, orders)) return problem;
    if (!orders.conflicts) {
      if (Problem problem = CheckOnline(workspace, orders)) return problem;
    }
    if (Problem problem = CheckFeatures(workspace, "processed.order_history")) return problem;
  }
  if (variant.totals) {
    if (Problem problem = CheckTotals(workspace)) return problem;
  }
  if (variant.visits) {
    const Expected visits = Expect("visit", landed, excluded);
    if (Problem problem = CheckCurrent(workspace, "processed.visit", visits)) return problem;
    if (Problem problem = CheckIndex(workspace, "processed.visit")) return problem;
  }
  return CheckIndex(workspace, "processed.order");
}

Problem CheckLetThrough(work::Workspace& workspace, const Variant& variant,
                        const std::vector<LandedFile>& landed,
                        const std::set<ObjectKey>& let_through) {
  if (!variant.gate) return std::nullopt;
  std::set<std::string> may;
  for (const LandedFile& file : landed) {
    if (!let_through.contains(file.key())) continue;
    for (const Record& record : file.records) may.insert(record.id);
  }
  const auto rows = RowsOf(workspace, "processed.order");
  if (!rows.ok()) return "I4 atomic snapshots: processed.order: " + rows.status().ToString();
  for (const Row& row : *rows) {
    if (row.amount > kAmountMax && !may.contains(row.id))
      return "I7 gate: a row stands that the gate stops and nobody let through: " + Show(row);
  }
  return std::nullopt;
}

std::string DigestsOf(work::Workspace& workspace, const Variant& variant) {
  std::string text;
  for (const std::string& name : TablesOf(variant)) {
    const auto table = workspace.FindTable(name);
    std::string digest = "none";
    if (table.ok() && *table) {
      const auto rows = workspace.ReadTable(name);
      const auto found = rows.ok() ? iceberg::ContentDigest(**rows) : rows.status();
      digest = found.ok() ? found->ToHex().substr(0, 16) : found.status().ToString();
      if (rows.ok() && (*rows)->num_rows() == 0) digest = "none";
    }
    text += name + " " + digest + "\n";
  }
  return text;
}
}  // namespace weirhouse::simulator
