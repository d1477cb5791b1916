#include "ground/iceberg/write/key_runs.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <utility>

#include "ground/platform/columnar/row_store.h"

namespace weirhouse::iceberg {
namespace {
constexpr std::int64_t kRowsBeforeLetGo = 64 << 10;

Status Unbuilt(const arrow::Status& status) {
  return Status(status.IsOutOfMemory() ? Code::kUnavailable : Code::kInternal,
                "could not sort keys: " + status.ToString());
}

struct Cursor {
  std::shared_ptr<arrow::BinaryArray> keys;
  std::shared_ptr<arrow::Int64Array> rows;
  std::int64_t at = 0;
  std::string_view key() const { return keys->GetView(at); }
  std::int64_t row() const { return rows->Value(at); }
};
struct After {
  bool operator()(const Cursor* a, const Cursor* b) const {
    const int order = a->key().compare(b->key());
    return order != 0 ? order > 0 : a->row() > b->row();
  }
};
}  // namespace

struct KeyRuns::State {
  std::unique_ptr<platform::RowFile> file;
};
KeyRuns::KeyRuns(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyRuns::~KeyRuns() = default;

Result<std::unique_ptr<KeyRuns>> KeyRuns::Make(const std::string& folder) {
  auto state = std::make_unique<State>();
  WEIRHOUSE_TRY(state->file, platform::RowFile::Make(folder));
  return std::unique_ptr<KeyRuns>(new KeyRuns(std::move(state)));
}

Status KeyRuns::Add(const KeyList& keys, const std::vector<bool>& left_out,
                    std::int64_t first_row) {
  std::vector<std::size_t> sorted;
  sorted.reserve(keys.size());
  for (std::size_t row = 0; row < keys.size(); ++row) {
    if (left_out.empty() || !left_out[row]) sorted.push_back(row);
  }
  if (sorted.empty()) return Status();
  std::sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
    const int order = keys[a].compare(keys[b]);
    return order != 0 ? order < 0 : a < b;
  });
  arrow::BinaryBuilder key_builder;
  arrow::Int64Builder row_builder;
  for (const std::size_t row : sorted) {
    arrow::Status built = key_builder.Append(keys[row]);
    if (built.ok()) built = row_builder.Append(first_row + static_cast<std::int64_t>(row));
    if (!built.ok()) return Unbuilt(built);
  }
  const auto key_column = key_builder.Finish();
  const auto row_column = row_builder.Finish();
  if (!key_column.ok()) return Unbuilt(key_column.status());
  if (!row_column.ok()) return Unbuilt(row_column.status());
  static const auto schema =
      arrow::schema({arrow::field("key", arrow::binary()), arrow::field("row", arrow::int64())});
  return state_->file->Append(
      *arrow::Table::Make(schema, arrow::ArrayVector{*key_column, *row_column}));
}

Status KeyRuns::ForEachKey(const Each& each) {
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> runs, state_->file->Finish());
  if (runs == nullptr) return Status();
  std::vector<Cursor> cursors;
  for (int i = 0; i < runs->column(0)->num_chunks(); ++i) {
    cursors.push_back({std::static_pointer_cast<arrow::BinaryArray>(runs->column(0)->chunk(i)),
                       std::static_pointer_cast<arrow::Int64Array>(runs->column(1)->chunk(i))});
  }
  std::priority_queue<Cursor*, std::vector<Cursor*>, After> next;
  for (Cursor& cursor : cursors) next.push(&cursor);
  std::string key;
  std::vector<std::int64_t> rows;
  std::int64_t seen = 0;
  while (!next.empty()) {
    Cursor* const least = next.top();
    next.pop();
    if (!rows.empty() && key != least->key()) {
      each(key, rows);
      rows.clear();
    }
    if (rows.empty()) key = least->key();
    rows.push_back(least->row());
    if (++seen % kRowsBeforeLetGo == 0) platform::LetGoOfStoredRows();
    if (++least->at < least->keys->length()) next.push(least);
  }
  if (!rows.empty()) each(key, rows);
  return Status();
}
}  // namespace weirhouse::iceberg
