#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "ground/base/digest.h"
#include "ground/iceberg/read/row_digest.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/read/snapshot_change.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::int64_t kRowsComparedMax = 8'000'000;  // 16 bytes each, twice: 256 MB

// The first half of a row's SHA-256, which is compared. The marks are sorted, not summed: whoever
// chooses the rows can forge a sum of digests.
using RowMark = std::array<std::uint64_t, 2>;

// The table as if `snapshot` were its head, so that the current schema reads it.
TablePtr HeadedBy(const TableMetadata& table, const Snapshot& snapshot) {
  auto copy = std::make_shared<TableMetadata>(table);
  if (copy->FindSnapshot(snapshot.id) == nullptr) copy->snapshots.push_back(snapshot);
  copy->refs["main"].snapshot = snapshot.id;
  return copy;
}

// Identifies the live rows of a file: its path and the deletes that apply to it.
std::string StateOf(const Scan::Task& task) {
  std::vector<std::string> deletes;
  for (const auto& file : task.deletes) {
    deletes.push_back(fmt::format("{}@{}", file->path, file->data_sequence_number));
  }
  std::sort(deletes.begin(), deletes.end());
  std::string state = task.file.path;
  for (const std::string& file : deletes) state += "\n" + file;
  return state;
}

Status CannotCompare(const TableMetadata& table, std::string why) {
  return Status(
             Code::kInvalidInput,
             fmt::format("could not compare the rows before and after a replace: table \"{}\": {}",
                         table.name, why))
      .WithError("WH7079")
      .WithHint(
          "rewrite fewer files in one commit (Spark: partial-progress.enabled), or let "
          "`wh table compact` do it");
}

// Whether DeclaredDigests supports the type. Only this file reads the others.
bool HasCanonicalBytes(const arrow::DataType& type) {
  if (type.id() == arrow::Type::TIMESTAMP) {
    return static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::MICRO;
  }
  return !arrow::is_nested(type.id()) && type.id() != arrow::Type::NA;
}

template <typename ArrayType>
void AppendText(const arrow::Array& any, std::int64_t row, std::string& bytes) {
  const std::string_view text = static_cast<const ArrayType&>(any).GetView(row);
  const std::uint64_t size = text.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes += text;
}

// One value, whatever its shape, so that different values give different bytes.
Status AppendValue(const arrow::Array& any, std::int64_t row, std::string& bytes) {
  const arrow::Type::type id = any.type_id();
  if (id == arrow::Type::NA || any.IsNull(row)) {
    bytes += '\0';
    return Status::Ok();
  }
  bytes += '\1';
  if (id == arrow::Type::STRUCT) {
    const auto& record = static_cast<const arrow::StructArray&>(any);
    for (int i = 0; i < record.num_fields(); ++i) {
      WEIRHOUSE_TRY_STATUS(AppendValue(*record.field(i), row, bytes));
    }
    return Status::Ok();
  }
  if (id == arrow::Type::LIST || id == arrow::Type::MAP) {  // a map is a list of its entries
    const auto& list = static_cast<const arrow::ListArray&>(any);
    const std::int64_t begin = list.value_offset(row);
    const std::int64_t end = list.value_offset(row + 1);
    bytes += std::to_string(end - begin) + ':';
    for (std::int64_t i = begin; i < end; ++i) {
      WEIRHOUSE_TRY_STATUS(AppendValue(*list.values(), i, bytes));
    }
    return Status::Ok();
  }
  if (id == arrow::Type::BOOL) {
    bytes += static_cast<const arrow::BooleanArray&>(any).Value(row) ? 't' : 'f';
    return Status::Ok();
  }
  if (id == arrow::Type::STRING || id == arrow::Type::BINARY) {
    AppendText<arrow::BinaryArray>(any, row, bytes);
    return Status::Ok();
  }
  if (!arrow::is_fixed_width(id)) {
    return Status(Code::kInvalidInput, fmt::format("type {}", any.type()->ToString()));
  }
  const int width = static_cast<const arrow::FixedWidthType&>(*any.type()).bit_width() / 8;
  const auto* values = any.data()->buffers[1]->data();
  bytes.append(reinterpret_cast<const char*>(values) + (any.offset() + row) * width,
               static_cast<std::size_t>(width));
  return Status::Ok();
}

// A digest for each row over all of its columns.
Result<std::vector<Digest>> WholeRowDigests(const arrow::Table& rows) {
  std::vector<int> known;
  std::vector<int> others;
  for (int i = 0; i < rows.num_columns(); ++i) {
    (HasCanonicalBytes(*rows.field(i)->type()) ? known : others).push_back(i);
  }
  WEIRHOUSE_TRY(std::vector<Digest> digests, RowDigests(rows, known));
  if (others.empty() || rows.num_rows() == 0) return digests;
  std::vector<std::string> bytes(digests.size());
  for (std::size_t i = 0; i < digests.size(); ++i) bytes[i] = digests[i].view();
  for (const int column : others) {
    std::size_t row = 0;
    for (const auto& chunk : rows.column(column)->chunks()) {
      for (std::int64_t i = 0; i < chunk->length(); ++i) {
        WEIRHOUSE_TRY_STATUS(AppendValue(*chunk, i, bytes[row++]));
      }
    }
  }
  for (std::size_t i = 0; i < digests.size(); ++i) digests[i] = Sha256Of(bytes[i]);
  return digests;
}

class Reader {
 public:
  Reader(const TableMetadata& table, std::int64_t bytes_max)
      : table_(table), bytes_left_(bytes_max) {}

  Result<std::vector<RowMark>> Marks(const Scan& scan, const std::set<std::string>& elsewhere) {
    std::vector<RowMark> marks;
    for (const Scan::Task& task : scan.tasks()) {
      if (elsewhere.contains(StateOf(task))) continue;
      bytes_left_ -= task.file.size_bytes;
      rows_ += task.file.row_count;
      if (bytes_left_ < 0) return CannotCompare(table_, "the rewritten files are too large");
      if (rows_ > 2 * kRowsComparedMax)
        return CannotCompare(table_, "the commit rewrites too many rows");
      WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, scan.Read(task));
      const auto digests = WholeRowDigests(*rows);
      if (!digests.ok()) return CannotCompare(table_, digests.status().message());
      for (const Digest& digest : *digests) {
        RowMark& mark = marks.emplace_back();
        std::memcpy(mark.data(), digest.bytes.data(), sizeof(mark));
      }
    }
    std::sort(marks.begin(), marks.end());
    return marks;
  }

 private:
  const TableMetadata& table_;
  std::int64_t bytes_left_;
  std::int64_t rows_ = 0;
};
}  // namespace

Result<bool> HoldSameRows(platform::ObjectStore& store, const TableMetadata& table,
                          const Snapshot& before, const Snapshot& after, std::int64_t bytes_max) {
  ScanOptions options;
  for (const Field& field : table.schema().fields) {
    if (!ArrowTypeOf(field.type).ok()) {
      return CannotCompare(table, fmt::format("column \"{}\" has type {}, which is not supported",
                                              field.name, NameOf(field.type)));
    }
    if (!IsHidden(field.name)) options.columns.push_back(field.name);
  }
  WEIRHOUSE_TRY(const Scan was, Scan::Plan(store, HeadedBy(table, before), options));
  WEIRHOUSE_TRY(const Scan is, Scan::Plan(store, HeadedBy(table, after), options));
  std::set<std::string> states_before;
  std::set<std::string> in_both;
  for (const Scan::Task& task : was.tasks()) states_before.insert(StateOf(task));
  for (const Scan::Task& task : is.tasks()) {
    std::string state = StateOf(task);
    if (states_before.contains(state)) in_both.insert(std::move(state));
  }
  Reader reader(table, bytes_max);
  WEIRHOUSE_TRY(const std::vector<RowMark> rows_before, reader.Marks(was, in_both));
  WEIRHOUSE_TRY(const std::vector<RowMark> rows_after, reader.Marks(is, in_both));
  return rows_before == rows_after;
}
}  // namespace weirhouse::iceberg
