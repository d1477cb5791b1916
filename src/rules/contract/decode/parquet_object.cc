#include "rules/contract/decode/parquet_object.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "ground/base/digest.h"
#include "ground/base/text.h"
#include "ground/platform/columnar/arrived/parquet_batches.h"
#include "rules/contract/decode/inflate.h"
#include "rules/contract/decode/parquet_record.h"
#include "rules/contract/decode/record_cutter.h"
#include "rules/contract/decode/rows.h"
#include "rules/contract/decode/window.h"

namespace weirhouse::contract {
namespace {
constexpr std::int64_t kRefusedRowBytes = 1 << 10;  // about the size of a refused record's report

// The reader's error as one of the object. Equal faults have equal messages, so the details are the
// hint.
Status AsOfObject(Status status) {
  if (status.code() == Code::kUnavailable) return OutOfMemory();
  if (status.code() != Code::kInvalidInput || status.Is(platform::kParquetTooLarge)) return status;
  return Status(Code::kInvalidInput, "object cannot be read: it is no valid Parquet file")
      .WithError("WH1310")
      .WithHint(EscapeControl(ShownText(status.message())));
}

Status CheckName(std::string_view object_name) {
  if (!IsCompressed(object_name)) return Status();
  return Status(Code::kInvalidInput, "object cannot be read: a Parquet file must not be gzipped")
      .WithError("WH1310")
      .WithHint("Parquet compresses its columns itself: land the file without .gz");
}

Status CheckCount(std::int64_t count) {
  if (count <= kRecordsMax) return Status();
  return Status(Code::kInvalidInput,
                fmt::format("object has more than {} records", WithThousands(kRecordsMax)))
      .WithError("WH1311")
      .WithHint("split the file");
}

// Two columns of one name, or two fields of a struct, would leave open which is meant.
Status CheckColumns(const arrow::FieldVector& fields) {
  std::set<std::string> seen;
  for (const auto& field : fields) {
    WEIRHOUSE_TRY_STATUS(CheckColumns(field->type()->fields()));
    if (!seen.insert(field->name()).second) {
      return Status(Code::kInvalidInput, "object cannot be read: it has two columns of one name")
          .WithError("WH1310")
          .WithHint(fmt::format("\"{}\"", EscapeControl(field->name())));
    }
  }
  return Status();
}

Result<std::unique_ptr<platform::ParquetBatches>> OpenObject(ByteStream& object,
                                                             std::string_view object_name,
                                                             std::int64_t first_row) {
  WEIRHOUSE_TRY_STATUS(CheckName(object_name));
  WEIRHOUSE_CHECK(object.random() != nullptr);
  auto opened = platform::ParquetBatches::Open(*object.random(), first_row);
  if (!opened.ok()) return AsOfObject(opened.status());
  WEIRHOUSE_TRY_STATUS(CheckCount((*opened)->row_count()));
  WEIRHOUSE_TRY_STATUS(CheckColumns((*opened)->schema()->fields()));
  return std::move(*opened);
}

class ParquetDecoding {
 public:
  ParquetDecoding(const Contract& contract, const RecordProgram& program,
                  platform::ParquetBatches& batches, const ObjectContext& context,
                  const RowSink& sink)
      : contract_(contract),
        batches_(batches),
        reader_(program, *batches.schema()),
        context_(context),
        sink_(sink),
        rows_(contract, context.ingested_at, sink),
        slots_(program.fields().size()) {}

  Result<DecodedPieces> Run() {
    if (!reader_.lacking().empty()) NoteLacking();
    while (true) {
      auto next = batches_.Next();
      if (!next.ok()) return AsOfObject(next.status());
      if (next->rows == nullptr) break;
      WEIRHOUSE_TRY_STATUS(Take(*next));
    }
    WEIRHOUSE_TRY(decoded_.rows, rows_.Finish());
    if (rows_.row_count() > 0) decoded_.absent_fields = reader_.AbsentFields();
    return DecodedPieces{std::move(decoded_), rows_.row_count(), quarantined_count_};
  }

 private:
  void NoteLacking() {
    decoded_.object_problem =
        Status(Code::kInvalidInput,
               fmt::format("Parquet file lacks required column \"{}\" of contract {}: it has {}",
                           Join(reader_.lacking(), "\", \""), contract_.Title(),
                           ShownText(reader_.ShownColumns())))
            .WithError("WH1218")
            .WithHint(reader_.AdviceFor(reader_.lacking().front()));
  }

  Status Take(const platform::ParquetBatches::Batch& batch) {
    reader_.Begin(*batch.rows);
    const bool lacking = !reader_.lacking().empty();
    for (std::int64_t row = 0; row < batch.rows->num_rows(); ++row) {
      const std::int64_t ordinal = decoded_.record_count++;
      if (!lacking && reader_.Read(row, batch.group_offset, &slots_, &unknown_, nullptr)) {
        WEIRHOUSE_TRY_STATUS(
            rows_.Append(slots_, context_.first_record_id.value() + ordinal, unknown_));
      } else {
        WEIRHOUSE_TRY_STATUS(Refuse(batch, row, ordinal));
      }
    }
    return Status();
  }

  Status Refuse(const platform::ParquetBatches::Batch& batch, std::int64_t row,
                std::int64_t ordinal) {
    QuarantinedRecord record;
    record.ordinal = ordinal;
    record.line = ordinal + 1;
    record.byte_offset = batch.group_offset;
    record.raw = RowJson(*batch.rows, row);
    record.byte_length = static_cast<std::int64_t>(record.raw.size());
    record.digest = Sha256Of(record.raw);
    ViolationSink sink;
    if (!reader_.lacking().empty()) {
      const std::string shown = reader_.ShownColumns();
      sink.Look(shown, batch.group_offset);
      for (const std::string& name : reader_.lacking())
        sink.Add(ViolationKind::kMissing, name, "required", reader_.AdviceFor(name),
                 "the Parquet file has no such column");
    } else {
      reader_.Read(row, batch.group_offset, &slots_, &unknown_, &sink);
    }
    record.violations = sink.Take();
    WEIRHOUSE_CHECK(!record.violations.empty());
    if (record.byte_length > kRecordBytesMax) record.raw.clear();
    ++quarantined_count_;
    bad_bytes_ += static_cast<std::int64_t>(record.raw.size()) + kRefusedRowBytes;
    decoded_.quarantined.push_back(std::move(record));
    const bool full = static_cast<std::int64_t>(decoded_.quarantined.size()) >= sink_.piece_rows ||
                      bad_bytes_ >= sink_.piece_bytes;
    if (!full || !sink_.take_quarantined) return Status();
    bad_bytes_ = 0;
    return sink_.take_quarantined(std::exchange(decoded_.quarantined, {}));
  }

  const Contract& contract_;
  platform::ParquetBatches& batches_;
  ParquetReader reader_;
  const ObjectContext& context_;
  const RowSink& sink_;
  RowCollector rows_;
  std::vector<Slot> slots_;
  std::string unknown_;
  Decoded decoded_;
  std::int64_t quarantined_count_ = 0;
  std::int64_t bad_bytes_ = 0;  // of the refused records that are held
};
}  // namespace

Result<std::int64_t> CountParquetRecords(ByteStream& object, std::int64_t size_bytes,
                                         std::string_view object_name) {
  WEIRHOUSE_TRY_STATUS(CheckName(object_name));
  if (size_bytes > kStreamBytesMax) return TooLarge();
  auto count = platform::CountParquetRows(object);
  if (!count.ok()) return AsOfObject(count.status());
  WEIRHOUSE_TRY_STATUS(CheckCount(*count));
  return count;
}

Result<DecodedPieces> DecodeParquet(const Contract& contract, const RecordProgram& program,
                                    ByteStream& object, std::int64_t size_bytes,
                                    const ObjectContext& context, const RowSink& sink) {
  if (size_bytes > kStreamBytesMax) return TooLarge();
  WEIRHOUSE_TRY(const auto batches, OpenObject(object, context.object_name, 0));
  return ParquetDecoding(contract, program, *batches, context, sink).Run();
}

Result<std::vector<RecordRange>> LocateParquetRecords(ByteStream& object,
                                                      std::string_view object_name,
                                                      std::span<const std::int64_t> ordinals) {
  WEIRHOUSE_CHECK(std::is_sorted(ordinals.begin(), ordinals.end()));
  std::vector<RecordRange> found;
  if (ordinals.empty()) return found;
  WEIRHOUSE_TRY(auto batches, OpenObject(object, object_name, ordinals.front()));
  const std::int64_t count = batches->row_count();
  while (found.size() < ordinals.size() && ordinals[found.size()] < count) {
    auto next = batches->Next();
    if (!next.ok()) return AsOfObject(next.status());
    if (next->rows == nullptr) break;
    const std::int64_t end = next->first_row + next->rows->num_rows();
    for (; found.size() < ordinals.size() && ordinals[found.size()] < end;) {
      const std::int64_t ordinal = ordinals[found.size()];
      RecordRange& range = found.emplace_back();
      range.byte_offset = next->group_offset;
      range.line = ordinal + 1;
      range.bytes = RowJson(*next->rows, ordinal - next->first_row);
      range.byte_length = static_cast<std::int64_t>(range.bytes.size());
      if (range.byte_length > kRecordBytesMax) range.bytes.clear();
    }
  }
  if (found.size() == ordinals.size()) return found;
  return Status(Code::kNotFound, fmt::format("the object {} has {} records, asked for number {}",
                                             object_name, count, ordinals[found.size()]))
      .WithError("WH1313");
}
}  // namespace weirhouse::contract
