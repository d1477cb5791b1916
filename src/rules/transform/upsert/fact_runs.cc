#include "rules/transform/upsert/fact_runs.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <queue>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

namespace weirhouse::transform {
namespace {
constexpr int kFactDigestBytes = 32;
constexpr std::int64_t kFactBytes = kFactDigestBytes + 8 + 8 + 4 + 4;  // beside key and order
constexpr std::size_t kFactsAhead = 16;

Status UnbuiltRun(const arrow::Status& status) {
  return Status(status.IsOutOfMemory() ? Code::kUnavailable : Code::kInternal,
                "could not sort the rows of a batch: " + status.ToString());
}

// One run on its way through the merge.
struct Cursor {
  std::shared_ptr<arrow::BinaryArray> keys;
  std::shared_ptr<arrow::BinaryArray> orders;
  std::shared_ptr<arrow::FixedSizeBinaryArray> contents;
  std::shared_ptr<arrow::Int64Array> records;
  std::shared_ptr<arrow::Int64Array> rows;
  std::int64_t at = 0;

  bool ended() const { return at >= keys->length(); }
  std::string_view key() const { return keys->GetView(at); }
  std::string_view order() const { return orders->GetView(at); }
  std::string_view content() const { return contents->GetView(at); }
  std::int64_t record() const { return records->Value(at); }
  std::int64_t row() const { return rows->Value(at); }
};

Cursor CursorOf(const arrow::Table& runs, int run) {
  return {std::static_pointer_cast<arrow::BinaryArray>(runs.column(0)->chunk(run)),
          std::static_pointer_cast<arrow::BinaryArray>(runs.column(1)->chunk(run)),
          std::static_pointer_cast<arrow::FixedSizeBinaryArray>(runs.column(2)->chunk(run)),
          std::static_pointer_cast<arrow::Int64Array>(runs.column(3)->chunk(run)),
          std::static_pointer_cast<arrow::Int64Array>(runs.column(4)->chunk(run))};
}

// Whether `a` comes after `b`: the order of SortedRows.
struct After {
  bool by_arrival = false;
  bool operator()(const Cursor* a, const Cursor* b) const {
    if (const int order = a->key().compare(b->key()); order != 0) return order > 0;
    if (!by_arrival) {
      if (const int order = a->order().compare(b->order()); order != 0) return order > 0;
      if (const int order = a->content().compare(b->content()); order != 0) return order > 0;
    }
    if (a->record() != b->record()) return a->record() > b->record();
    if (const int order = a->content().compare(b->content()); order != 0) return order > 0;
    return a->row() > b->row();
  }
};
}  // namespace

FactRuns::FactRuns(std::string folder, bool by_arrival, std::int64_t held_bytes)
    : folder_(std::move(folder)), by_arrival_(by_arrival), held_bytes_max_(held_bytes) {}
FactRuns::~FactRuns() = default;

Status FactRuns::Add(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
                     std::int64_t first_row) {
  if (sorted.empty()) return Status();
  static const auto schema =
      arrow::schema({arrow::field("key", arrow::binary()), arrow::field("order", arrow::binary()),
                     arrow::field("content", arrow::fixed_size_binary(kFactDigestBytes)),
                     arrow::field("record", arrow::int64()), arrow::field("row", arrow::int64())});
  arrow::BinaryBuilder keys;
  arrow::BinaryBuilder orders;
  arrow::FixedSizeBinaryBuilder contents(arrow::fixed_size_binary(kFactDigestBytes));
  arrow::Int64Builder records;
  arrow::Int64Builder rows;
  std::int64_t key_bytes = 0;
  std::int64_t order_bytes = 0;
  for (const std::int64_t row : sorted) {
    key_bytes += static_cast<std::int64_t>(facts.keys[static_cast<std::size_t>(row)].size());
    order_bytes += static_cast<std::int64_t>(facts.orders[static_cast<std::size_t>(row)].size());
  }
  const auto count = static_cast<std::int64_t>(sorted.size());
  arrow::Status built = keys.Reserve(count);
  if (built.ok()) built = keys.ReserveData(key_bytes);
  if (built.ok()) built = orders.Reserve(count);
  if (built.ok()) built = orders.ReserveData(order_bytes);
  if (built.ok()) built = contents.Reserve(count);
  if (built.ok()) built = records.Reserve(count);
  if (built.ok()) built = rows.Reserve(count);
  if (!built.ok()) return UnbuiltRun(built);
  for (std::size_t at = 0; at < sorted.size(); ++at) {
    // In sorted order they lie anywhere.
    if (at + kFactsAhead < sorted.size()) {
      const auto ahead = static_cast<std::size_t>(sorted[at + kFactsAhead]);
      __builtin_prefetch(facts.keys[ahead].data());
      __builtin_prefetch(facts.orders[ahead].data());
      __builtin_prefetch(&facts.contents[ahead]);
    }
    const std::int64_t row = sorted[at];
    const auto i = static_cast<std::size_t>(row);
    keys.UnsafeAppend(facts.keys[i]);
    orders.UnsafeAppend(facts.orders[i]);
    contents.UnsafeAppend(facts.contents[i].view());
    records.UnsafeAppend(facts.records[i]);
    rows.UnsafeAppend(first_row + row);
  }
  arrow::ArrayVector columns;
  for (arrow::ArrayBuilder* builder :
       std::initializer_list<arrow::ArrayBuilder*>{&keys, &orders, &contents, &records, &rows}) {
    std::shared_ptr<arrow::Array> column;
    if (built = builder->Finish(&column); !built.ok()) return UnbuiltRun(built);
    columns.push_back(std::move(column));
  }
  auto run = arrow::Table::Make(schema, columns);
  const std::int64_t bytes = key_bytes + order_bytes + count * kFactBytes;
  if (file_ == nullptr && held_bytes_ + bytes <= held_bytes_max_) {
    held_bytes_ += bytes;
    held_.push_back(std::move(run));
    return Status();
  }
  if (file_ == nullptr) {
    WEIRHOUSE_TRY(file_, platform::RowFile::Make(folder_));
  }
  return file_->Append(*run);
}

Status FactRuns::Merge(std::size_t rows_at_once, const Window& window) {
  if (file_ != nullptr) {
    WEIRHOUSE_TRY(held_.emplace_back(), file_->Finish());
  }
  if (held_.empty()) return Status();
  auto joined = arrow::ConcatenateTables(held_);
  if (!joined.ok()) return UnbuiltRun(joined.status());
  const std::shared_ptr<arrow::Table> runs = *joined;
  runs_ = runs;
  held_.clear();
  std::vector<Cursor> cursors;
  for (int i = 0; i < runs->column(0)->num_chunks(); ++i) cursors.push_back(CursorOf(*runs, i));
  std::priority_queue<Cursor*, std::vector<Cursor*>, After> next(After{by_arrival_});
  for (Cursor& cursor : cursors) next.push(&cursor);
  std::vector<std::string_view> keys;
  std::vector<std::string_view> orders;
  RowFacts facts;
  std::vector<std::int64_t> rows;
  const auto end_window = [&]() -> Status {
    facts.keys = iceberg::KeyList(runs, std::exchange(keys, {}));
    facts.orders = iceberg::KeyList(runs, std::exchange(orders, {}));
    WEIRHOUSE_TRY_STATUS(window(facts, rows));
    facts.contents.clear();
    facts.records.clear();
    rows.clear();
    platform::LetGoOfStoredRows();
    return Status();
  };
  while (!next.empty()) {
    Cursor* const least = next.top();
    next.pop();
    if (keys.size() >= rows_at_once && keys.back() != least->key())
      WEIRHOUSE_TRY_STATUS(end_window());
    keys.push_back(least->key());
    orders.push_back(least->order());
    std::memcpy(facts.contents.emplace_back().bytes.data(), least->content().data(),
                kFactDigestBytes);
    facts.records.push_back(least->record());
    rows.push_back(least->row());
    ++least->at;
    if (!least->ended()) next.push(least);
  }
  return rows.empty() ? Status() : end_window();
}

std::shared_ptr<arrow::Table> FactRuns::runs() const { return runs_; }

struct ChosenFacts::Run {
  Cursor cursor;
  std::int64_t first_row = 0;
  std::vector<std::int64_t> rank_of;  // of each row from first_row on; -1: not chosen
};

ChosenFacts::ChosenFacts(std::shared_ptr<arrow::Table> runs, std::vector<bool> chosen)
    : runs_(std::move(runs)),
      chosen_(std::move(chosen)),
      count_(static_cast<std::size_t>(std::count(chosen_.begin(), chosen_.end(), true))) {}
ChosenFacts::~ChosenFacts() = default;

// A run has rows of one piece, and pieces follow each other.
void ChosenFacts::OpenRun() {
  platform::LetGoOfStoredRows();
  WEIRHOUSE_CHECK(runs_ != nullptr && next_run_ < runs_->column(0)->num_chunks());
  run_ = std::make_unique<Run>();
  run_->cursor = CursorOf(*runs_, next_run_++);
  run_->first_row = rows_before_;
  const auto rows = std::span(run_->cursor.rows->raw_values(),
                              static_cast<std::size_t>(run_->cursor.rows->length()));
  const std::int64_t end = *std::max_element(rows.begin(), rows.end()) + 1;
  WEIRHOUSE_CHECK(*std::min_element(rows.begin(), rows.end()) >= rows_before_);
  run_->rank_of.reserve(static_cast<std::size_t>(end - rows_before_));
  for (; rows_before_ < end; ++rows_before_) {
    const bool is_chosen = chosen_[static_cast<std::size_t>(rows_before_)];
    run_->rank_of.push_back(is_chosen ? chosen_before_++ : -1);
  }
}

ChosenFacts::Fact ChosenFacts::Next() {
  while (true) {
    if (run_ == nullptr || run_->cursor.ended()) OpenRun();
    Cursor& cursor = run_->cursor;
    const std::int64_t rank =
        run_->rank_of[static_cast<std::size_t>(cursor.row() - run_->first_row)];
    if (rank < 0) {
      ++cursor.at;
      continue;
    }
    Fact fact{cursor.key(), cursor.order(), Digest(), RecordId(cursor.record()), rank};
    std::memcpy(fact.content.bytes.data(), cursor.content().data(), kFactDigestBytes);
    ++cursor.at;
    return fact;
  }
}
}  // namespace weirhouse::transform
