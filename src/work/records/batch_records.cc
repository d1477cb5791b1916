#include "work/records/batch_records.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/landing/object_reader.h"
#include "work/records/contract_reading.h"
#include "work/records/object_decoding.h"
#include "work/workspace/applied.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/scratch.h"
#include "work/workspace/state/parsing_mark.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
enum QuarantineColumn {
  kObject,
  kDigest,
  kOrdinal,
  kLine,
  kByteOffset,
  kByteLength,
  kBytes,
  kRecordDigest,
  kContract,
  kReason,
  kViolations,
  kIngestedAt,
  kRecord
};

nlohmann::json ViolationsJson(const std::vector<contract::Violation>& violations) {
  nlohmann::json list = nlohmann::json::array();
  for (const contract::Violation& violation : violations) {
    list.push_back({{"code", contract::CodeOf(violation.kind)},
                    {"path", violation.path},
                    {"rule", violation.rule},
                    {"expected", violation.expected},
                    {"found", violation.found},
                    {"byte_offset", violation.byte_offset}});
    if (!violation.why.empty()) list.back()["why"] = violation.why;
  }
  return list;
}

void AddQuarantined(RowBuilder& rows, const catalog::ObjectRecord& object,
                    const contract::Contract& contract, const contract::QuarantinedRecord& record) {
  rows.Text(kObject, object.name);
  rows.Text(kDigest, object.digest.ToHex());
  rows.Int(kOrdinal, record.ordinal);
  rows.Int(kLine, record.line);
  rows.Int(kByteOffset, record.byte_offset);
  rows.Int(kByteLength, record.byte_length);
  rows.Text(kBytes, record.raw);
  rows.Text(kRecordDigest, record.digest.ToHex());
  rows.Text(kContract, contract.Title());
  rows.Text(kReason, record.violations.empty() ? "" : record.violations.front().Reason());
  rows.Text(kViolations, ViolationsJson(record.violations)
                             .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  rows.Int(kIngestedAt, Micros(object.arrived_at));
  rows.Int(kRecord, object.first_record_id.value() + record.ordinal);
  rows.EndRow();
}

// An object that cannot be cut into records, or that crashed us: one row for the whole of it.
// `found`: where, and what is there; no part of the reason, by which rows are grouped.
void AddWholeObject(RowBuilder& rows, const catalog::ObjectRecord& object,
                    const contract::Contract& contract, const std::string& code,
                    const std::string& reason, const std::string& found) {
  rows.Text(kObject, object.name);
  rows.Text(kDigest, object.digest.ToHex());
  rows.Int(kByteOffset, 0);
  rows.Int(kByteLength, object.size_bytes);
  rows.Text(kRecordDigest, object.digest.ToHex());
  rows.Text(kContract, contract.Title());
  rows.Text(kReason, code + " " + reason);
  rows.Text(kViolations, nlohmann::json::array({{{"code", code},
                                                 {"path", ""},
                                                 {"rule", "readable"},
                                                 {"expected", ""},
                                                 {"found", found},
                                                 {"why", reason},
                                                 {"byte_offset", 0}}})
                             .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  rows.Int(kIngestedAt, Micros(object.arrived_at));
  if (object.record_count > 0) rows.Int(kRecord, object.first_record_id.value());
  rows.EndRow();
}

// A field's default as a value of its column.
Result<std::shared_ptr<arrow::Scalar>> DefaultOf(const std::shared_ptr<arrow::DataType>& type,
                                                 const std::string& text) {
  if (type->id() == arrow::Type::DECIMAL128) {
    const auto& decimal = static_cast<const arrow::Decimal128Type&>(*type);
    arrow::Decimal128 value;
    std::int32_t precision = 0;
    std::int32_t scale = 0;
    arrow::Status parsed = arrow::Decimal128::FromString(text, &value, &precision, &scale);
    if (parsed.ok()) parsed = value.Rescale(scale, decimal.scale()).Value(&value);
    if (!parsed.ok()) return Status(Code::kInternal, parsed.ToString());
    return std::shared_ptr<arrow::Scalar>(std::make_shared<arrow::Decimal128Scalar>(value, type));
  }
  auto parsed = arrow::Scalar::Parse(type, text);
  if (!parsed.ok()) return Status(Code::kInternal, parsed.status().ToString());
  return *parsed;
}

// Whether values of one field's type may become those of another without asking anybody.
bool Widens(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to)) return true;
  const bool to_decimal = to.id() == arrow::Type::DECIMAL128;
  if (from.id() == arrow::Type::INT64) return to_decimal || to.id() == arrow::Type::DOUBLE;
  return from.id() == arrow::Type::DECIMAL128 && to_decimal;
}

// `rows` with the columns of `contract`: those it lacks hold the field's default, those that
// widened are cast.
Result<std::shared_ptr<arrow::Table>> AsOfToday(const std::shared_ptr<arrow::Table>& rows,
                                                const contract::Contract& contract) {
  const std::shared_ptr<arrow::Schema> wanted = contract::RecordsSchema(contract);
  if (rows->schema()->Equals(*wanted, /*check_metadata=*/false)) return rows;
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
  for (const auto& field : wanted->fields()) {
    std::shared_ptr<arrow::ChunkedArray> column = rows->GetColumnByName(field->name());
    // One that was dropped once and joined anew under another type is another field.
    if (column == nullptr || !Widens(*column->type(), *field->type())) {
      const contract::ContractField* declared = contract.Find(field->name());
      std::shared_ptr<arrow::Scalar> value = arrow::MakeNullScalar(field->type());
      if (declared != nullptr && declared->default_json) {
        const nlohmann::json json = nlohmann::json::parse(*declared->default_json, nullptr, false);
        WEIRHOUSE_TRY(value, DefaultOf(field->type(),
                                       json.is_string() ? json.get<std::string>() : json.dump()));
      }
      auto made = arrow::MakeArrayFromScalar(*value, rows->num_rows());
      if (!made.ok()) return Status(Code::kInternal, made.status().ToString());
      column = std::make_shared<arrow::ChunkedArray>(*made);
    } else if (!column->type()->Equals(*field->type())) {
      // An integer becomes the nearest number, as if it were read as one.
      const bool nearest =
          column->type()->id() == arrow::Type::INT64 && field->type()->id() == arrow::Type::DOUBLE;
      auto cast = arrow::compute::Cast(
          column, field->type(),
          nearest ? arrow::compute::CastOptions::Unsafe() : arrow::compute::CastOptions::Safe());
      if (!cast.ok()) return Status(Code::kInternal, cast.status().ToString());
      column = cast->chunked_array();
    }
    columns.push_back(std::move(column));
  }
  return arrow::Table::Make(wanted, columns, rows->num_rows());
}
}  // namespace

std::shared_ptr<arrow::Schema> QuarantineSchema() {
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  return arrow::schema(
      {arrow::field("object", arrow::utf8(), false),
       arrow::field("object_digest", arrow::utf8(), false), arrow::field("ordinal", arrow::int64()),
       arrow::field("line", arrow::int64()), arrow::field("byte_offset", arrow::int64(), false),
       arrow::field("byte_length", arrow::int64(), false), arrow::field("bytes", arrow::binary()),
       arrow::field("record_digest", arrow::utf8(), false),
       arrow::field("contract", arrow::utf8(), false), arrow::field("reason", arrow::utf8(), false),
       arrow::field("violations", arrow::utf8(), false), arrow::field("_ingested_at", time, false),
       arrow::field("_record", arrow::int64())});
}

contract::SourceFormat FormatOf(const Source& source) {
  contract::SourceFormat format;
  format.format =
      contract::ParseRecordFormat(source.format).value();  // checked when the project was loaded
  format.nulls = source.nulls;
  format.delimiter = source.delimiter;
  return format;
}

RecordReader::RecordReader(Workspace& workspace) : workspace_(workspace) {}
RecordReader::RecordReader(Workspace& workspace, std::shared_ptr<const ProjectDefinition> project)
    : workspace_(workspace), project_(std::move(project)) {}

void RecordReader::ReadBy(const nlohmann::json& read_by) {
  read_by_ = std::make_shared<const nlohmann::json>(read_by);
  decoders_.clear();
}

Result<const contract::Decoder*> RecordReader::DecoderOf(const std::string& source,
                                                         const std::string& pinned) {
  const std::pair<std::string, std::string> key(source, pinned);
  if (const auto known = decoders_.find(key); known != decoders_.end()) return &known->second;
  const Source* definition = Definitions().FindSource(source);
  if (definition == nullptr) {
    return Status(Code::kNotFound,
                  fmt::format("the project no longer defines the source of raw objects: \"{}\"",
                              source))
        .WithError("WH1303")
        .WithHint("put the source back into weirhouse.yaml; raw data is never dropped");
  }
  if (read_by_ == nullptr) {
    WEIRHOUSE_TRY(const nlohmann::json applied, AppliedReadBy(workspace_));
    read_by_ = std::make_shared<const nlohmann::json>(applied);
  }
  const std::string version = VersionToReadBy(*read_by_, definition->contract, pinned);
  std::shared_ptr<const contract::Contract> contract =
      Definitions().contracts.at(definition->contract);
  if (!version.empty() && version != contract->version().ToString()) {
    WEIRHOUSE_TRY(contract, RegisteredContract(workspace_, definition->contract, version));
    if (contract == nullptr) {
      return Status(Code::kCorruption,
                    fmt::format("objects of \"{}\" were taken in under a contract version that is "
                                "not registered: {} {}",
                                source, definition->contract, version))
          .WithError("WH1306")
          .WithHint("restore the catalog from a copy; the bytes of the objects are untouched");
    }
  }
  WEIRHOUSE_TRY(contract::Decoder decoder,
                contract::Decoder::Make(contract, FormatOf(*definition)));
  return &decoders_.emplace(key, std::move(decoder)).first->second;
}

Result<std::shared_ptr<arrow::Table>> RecordReader::NoRows(const std::string& source) {
  WEIRHOUSE_TRY(const contract::Decoder* decoder, DecoderOf(source, ""));
  auto empty = arrow::Table::MakeEmpty(contract::RecordsSchema(decoder->contract()));
  if (!empty.ok()) return Status(Code::kInternal, empty.status().ToString());
  return *empty;
}

Result<contract::DecodedPieces> RecordReader::Parse(const contract::Decoder& decoder,
                                                    const catalog::ObjectRecord& object,
                                                    Reading reading,
                                                    const contract::RowSink& sink) {
  const catalog::Arrival arrival{object.source, object.name, object.digest};
  const bool counts = reading != Reading::kAgain;
  if (counts) WEIRHOUSE_TRY_STATUS(workspace_.parsing_mark().Set(arrival, object.attempts + 1));
  WEIRHOUSE_FAILPOINT("contract.decode.before");
  Result<contract::DecodedPieces> decoded = DecodeObject(workspace_.store(), decoder, object, sink);
  if (counts) workspace_.parsing_mark().Unset();
  WEIRHOUSE_FAILPOINT("contract.decode.after");
  if (decoded.status().Is(contract::kOutOfMemoryError)) {
    int attempt = object.attempts;
    if (counts && object.size_bytes >= kLargeObjectBytes) {
      WEIRHOUSE_TRY(const auto counted, workspace_.catalog().CountParseAttempts({arrival}));
      attempt = counted.front();
    }
    return Status(Code::kUnavailable,
                  fmt::format("{}: object {} {}/{}, {} bytes, attempt {} of {}",
                              decoded.status().message(), ToString(object.id), object.source,
                              EscapeControl(object.name), WithThousands(object.size_bytes),
                              std::max(attempt, 1), kParseAttemptsMax))
        .WithError(contract::kOutOfMemoryError)
        .WithHint(
            "give the process more memory, or split the file; after the last attempt the "
            "object is quarantined whole and the others go on");
  }
  const bool to_its_end = decoded.ok() || decoded.status().code() == Code::kInvalidInput;
  // A retry is forgotten by the commit that takes the object back.
  if (reading == Reading::kFirst && to_its_end && object.attempts > 0)
    WEIRHOUSE_TRY_STATUS(workspace_.catalog().ForgetParseAttempts(arrival));
  return decoded;
}

catalog::Arrival MemoryArrival(const catalog::ObjectRecord& object) {
  return {object.source, object.name,
          Sha256OfPieces(std::vector<std::string>{"memory", object.digest.ToHex()})};
}

bool HasLargeObject(const std::map<std::string, SourceRecords>& sources) {
  for (const auto& [name, records] : sources) {
    for (const catalog::ObjectRecord& object : records.objects) {
      if (object.size_bytes >= kLargeObjectBytes && !IsSetAside(object)) return true;
    }
  }
  return false;
}

Result<std::string> CountMemoryAttempt(Workspace& workspace,
                                       const std::vector<catalog::ObjectRecord>& objects) {
  const catalog::ObjectRecord* largest = nullptr;
  for (const catalog::ObjectRecord& object : objects) {
    if (object.state == catalog::ObjectState::kQuarantined || IsSetAside(object)) continue;
    if (largest == nullptr || largest->size_bytes < object.size_bytes) largest = &object;
  }
  if (largest == nullptr || largest->size_bytes < kLargeObjectBytes) return std::string();
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(const auto counted, catalog.CountParseAttempts({MemoryArrival(*largest)}));
  const int attempt = counted.front();
  for (int i = largest->attempts; attempt >= kParseAttemptsMax && i < kParseAttemptsMax; ++i) {
    WEIRHOUSE_TRY_STATUS(
        catalog.CountParseAttempts({{largest->source, largest->name, largest->digest}}).status());
  }
  return fmt::format("object {} {}/{}, {} bytes, is the largest of its batch, attempt {} of {}",
                     ToString(largest->id), largest->source, EscapeControl(largest->name),
                     WithThousands(largest->size_bytes), attempt, kParseAttemptsMax);
}

Result<std::string> RecordReader::WhySetAside(const catalog::ObjectRecord& object) const {
  WEIRHOUSE_TRY(const int attempts, workspace_.catalog().ParseAttempts(MemoryArrival(object)));
  const std::string_view what = attempts >= kParseAttemptsMax ? "taking it in ran out of memory"
                                                              : "parsing it ended the process";
  return fmt::format("{} {} times", what, kParseAttemptsMax);
}

namespace {
// Of objects that are read at once: what many of them refuse goes where pieces of large ones go.
constexpr std::int64_t kRefusedRowsBuilt = 4096;
constexpr std::int64_t kToldBytes = 512;  // of a refused record, beside its own
constexpr std::int64_t kBuildingBytesMax = 8 << 20;

void NoteReason(std::map<std::string, QuarantineReason>& reasons, const QuarantineReason& reason) {
  const auto [known, added] = reasons.emplace(reason.reason, reason);
  if (!added) known->second.records += reason.records;
}

// What is read of one source, object by object. Rows and refused records of large objects come
// while these are read, and are forgotten where one cannot be read to its end. Threads: one.
class SourceReading {
 public:
  SourceReading(const platform::Scratch& scratch, const contract::Contract& today,
                SourceRecords& records)
      : today_(today), records_(records), rows_(scratch), refused_(scratch) {
    Renew();
  }

  void Begin(const catalog::ObjectRecord& object, const contract::Contract& contract) {
    object_ = &object;
    contract_ = &contract;
    in_pieces_ = false;
    reasons_.clear();
    first_reason_.clear();
  }
  contract::RowSink Sink() {
    contract::RowSink sink;
    sink.take = [this](const std::shared_ptr<arrow::Table>& piece) -> Status {
      WEIRHOUSE_TRY_STATUS(Mark());
      return TakeRows(piece);
    };
    sink.take_quarantined =
        [this](const std::vector<contract::QuarantinedRecord>& refused) -> Status {
      WEIRHOUSE_TRY_STATUS(Mark());
      return TakeRefused(refused);
    };
    return sink;
  }

  // The object was read to its end; the last of it is in `decoded`.
  Status End(const contract::DecodedPieces& decoded) {
    using contract::ViolationPolicy;
    const ViolationPolicy policy = contract_->violation_policy();
    if (policy == ViolationPolicy::kRejectObject && decoded.quarantined_count > 0) {
      for (const auto& record : decoded.last.quarantined) NoteRefused(record);
      RejectWhole(decoded);
      return Status();
    }
    WEIRHOUSE_TRY_STATUS(TakeRefused(decoded.last.quarantined));
    WEIRHOUSE_TRY_STATUS(TakeRows(decoded.last.rows));
    records_.quarantined_count += decoded.quarantined_count;
    for (const auto& [text, reason] : reasons_) {
      NoteReason(records_.reasons, reason);
      if (policy == ViolationPolicy::kFail)
        NoteReason(records_.breaking[contract_->Title()], reason);
    }
    NoteDecoded(decoded);
    return building_->row_count() < kRefusedRowsBuilt ? Status() : FlushRefused();
  }
  // It is in quarantine whole.
  void RefuseWhole(const std::string& code, const std::string& why, const std::string& found) {
    if (in_pieces_) {
      rows_.ForgetMarked();
      refused_.ForgetMarked();
      Renew();
    }
    AddWholeObject(*building_, *object_, *contract_, code, why, found);
    const std::string name = object_->source + "/" + object_->name;
    records_.quarantined_count += object_->record_count;
    records_.refused.push_back({name, code + " " + why, found, object_->record_count});
    if (object_->record_count > 0) {
      NoteReason(records_.reasons,
                 {records_.source, code + " " + why, object_->record_count, name, found});
    }
  }

  // Null where there is none.
  Status Finish() {
    WEIRHOUSE_TRY_STATUS(FlushRefused());
    WEIRHOUSE_TRY(records_.quarantine, refused_.Finish());
    WEIRHOUSE_TRY(records_.rows, rows_.Finish());
    platform::LetGoOfStoredRows();
    return Status();
  }

 private:
  void Renew() {
    building_ = std::make_unique<RowBuilder>(QuarantineSchema());
    building_bytes_ = 0;
  }
  Status FlushRefused() {
    if (building_->row_count() == 0) return Status();
    WEIRHOUSE_TRY(const auto rows, building_->Finish());
    Renew();
    return refused_.Add(rows);
  }
  Status Mark() {
    if (std::exchange(in_pieces_, true)) return Status();
    WEIRHOUSE_TRY_STATUS(FlushRefused());
    WEIRHOUSE_TRY_STATUS(refused_.Mark());
    return rows_.Mark();
  }
  Status TakeRows(const std::shared_ptr<arrow::Table>& piece) {
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> now, AsOfToday(piece, today_));
    return rows_.Add(now);
  }
  Status TakeRefused(const std::vector<contract::QuarantinedRecord>& refused) {
    for (const contract::QuarantinedRecord& record : refused) {
      AddQuarantined(*building_, *object_, *contract_, record);
      building_bytes_ += static_cast<std::int64_t>(record.raw.size()) + kToldBytes;
      NoteRefused(record);
    }
    return in_pieces_ || building_bytes_ > kBuildingBytesMax ? FlushRefused() : Status();
  }
  // Refused records come in the order of the object.
  void NoteRefused(const contract::QuarantinedRecord& record) {
    if (record.violations.empty()) return;
    const contract::Violation& violation = record.violations.front();
    const std::string text = violation.Reason();
    if (first_reason_.empty()) first_reason_ = text;
    QuarantineReason& reason = reasons_[text];
    if (reason.records++ > 0) return;
    const std::string place = fmt::format("{}/{}:{}", object_->source, object_->name, record.line);
    reason = {records_.source, text, 1, place, violation.found};
  }
  // `whViolation: reject_object`. The reason holds no place: equal ones are grouped.
  void RejectWhole(const contract::DecodedPieces& decoded) {
    const QuarantineReason& first = reasons_[first_reason_];
    RefuseWhole(
        std::string(kRejectedObjectError),
        "the contract rejects an object with a bad record, the first for " + first_reason_,
        fmt::format("{} of {} records, the first {}{}{}", WithThousands(decoded.quarantined_count),
                    WithThousands(object_->record_count), first.first,
                    first.found.empty() ? "" : ", found ", first.found));
  }
  // What was decoded of the object, for those whom it concerns.
  void NoteDecoded(const contract::DecodedPieces& decoded) {
    const std::string name = object_->source + "/" + object_->name;
    if (decoded.valid_count == 0) {
      if (decoded.last.record_count == 0) return;
      const Status& problem = decoded.last.object_problem;
      std::string why = problem.error_code() + " " + problem.message();
      if (problem.ok()) why = first_reason_;
      records_.refused.push_back({name, "every record is in quarantine, the first for " + why,
                                  problem.hint(), decoded.last.record_count});
      return;
    }
    ++records_.objects_with_rows;
    for (const contract::AbsentField& field : decoded.last.absent_fields) {
      SourceRecords::Absent& absent = records_.absent_fields[field.name];
      ++absent.objects;
      if (absent.similar.empty()) absent.similar = field.similar;
    }
  }

  const contract::Contract& today_;
  SourceRecords& records_;
  platform::RowStore rows_;
  platform::RowStore refused_;
  std::unique_ptr<RowBuilder> building_;  // of rows for quarantine
  std::int64_t building_bytes_ = 0;       // about how many
  // Of the object that is read.
  const catalog::ObjectRecord* object_ = nullptr;
  const contract::Contract* contract_ = nullptr;
  bool in_pieces_ = false;
  std::map<std::string, QuarantineReason> reasons_;
  std::string first_reason_;  // of the first that is refused
};
}  // namespace

Result<SourceRecords> RecordReader::Read(const std::string& source,
                                         const std::vector<catalog::ObjectRecord>& objects,
                                         Reading reading) {
  WEIRHOUSE_TRY(const contract::Decoder* today, DecoderOf(source, ""));
  SourceRecords records;
  records.source = source;
  records.objects = objects;
  SourceReading taken(ScratchOf(workspace_), today->contract(), records);
  for (const catalog::ObjectRecord& object : objects) {
    WEIRHOUSE_TRY(const contract::Decoder* decoder, DecoderOf(source, object.contract_version));
    records.record_count += object.record_count;
    taken.Begin(object, decoder->contract());
    if (IsSetAside(object) && reading != Reading::kRetry) {
      WEIRHOUSE_TRY(const std::string why, WhySetAside(object));
      taken.RefuseWhole("WH1304", why, "`wh quarantine retry` reads it once more");
      continue;
    }
    const Result<contract::DecodedPieces> decoded = Parse(*decoder, object, reading, taken.Sink());
    if (!decoded.ok()) {
      if (decoded.status().code() != Code::kInvalidInput) return decoded.status();
      taken.RefuseWhole(decoded.status().error_code(), decoded.status().message(),
                        decoded.status().hint());
      continue;
    }
    if (decoded->last.record_count != object.record_count) {
      return Status(Code::kCorruption,
                    fmt::format("a raw object held {} records when it arrived and {} now: {}",
                                object.record_count, decoded->last.record_count, object.path))
          .WithError("WH1305")
          .WithHint(
              "its bytes are those that arrived; its source's format, nulls or delimiter changed: "
              "put it back, and read other files as another source");
    }
    WEIRHOUSE_TRY_STATUS(taken.End(*decoded));
  }
  WEIRHOUSE_TRY_STATUS(taken.Finish());
  if (records.rows == nullptr) {
    WEIRHOUSE_TRY(records.rows, NoRows(source));
  }
  return records;
}

contract::Violation ViolationOf(const RejectedRecord& rejected) {
  contract::Violation violation;
  violation.kind = rejected.kind;
  violation.path = rejected.column;
  violation.rule = "key";
  violation.expected = rejected.table;
  violation.found = "null";
  if (rejected.kind == contract::ViolationKind::kMissingKey) return violation;
  violation.found = rejected.found;
  violation.rule = contract::IsOfSql(rejected.kind) ? "sql" : "time";
  if (!contract::IsOfSql(rejected.kind)) return violation;
  violation.expected = rejected.expression;
  violation.why = rejected.table;
  return violation;
}

namespace {
// Those of `rejected` (sorted by record) that lie in `object`.
Status AddRejected(RowBuilder& rows, Workspace& workspace, const Source& source,
                   const catalog::ObjectRecord& object, const contract::Contract& contract,
                   std::span<const RejectedRecord> rejected) {
  std::vector<std::int64_t> ordinals;
  for (const RejectedRecord& record : rejected)
    ordinals.push_back(record.record.value() - object.first_record_id.value());
  landing::ObjectReader bytes(workspace.store(), object);
  auto located =
      contract::LocateRecords(bytes, object.size_bytes, FormatOf(source), object.name, ordinals);
  WEIRHOUSE_TRY_STATUS(bytes.Finish());
  WEIRHOUSE_TRY(auto ranges, std::move(located));
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    contract::QuarantinedRecord quarantined;
    quarantined.ordinal = ordinals[i];
    quarantined.line = ranges[i].line;
    quarantined.byte_offset = ranges[i].byte_offset;
    quarantined.byte_length = ranges[i].byte_length;
    quarantined.digest = Sha256Of(ranges[i].bytes);
    quarantined.raw = std::move(ranges[i].bytes);
    contract::Violation violation = ViolationOf(rejected[i]);
    violation.byte_offset = quarantined.byte_offset;
    quarantined.violations.push_back(std::move(violation));
    AddQuarantined(rows, object, contract, quarantined);
  }
  return Status();
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> QuarantineRejected(Workspace& workspace,
                                                         const SourceRecords& records,
                                                         std::vector<RejectedRecord> rejected) {
  const Source* source = workspace.project().FindSource(records.source);
  std::stable_sort(rejected.begin(), rejected.end(),
                   [](const auto& a, const auto& b) { return a.record < b.record; });
  RowBuilder rows(QuarantineSchema());
  for (const catalog::ObjectRecord& object : records.objects) {
    const auto before = [](const RejectedRecord& one, std::int64_t id) {
      return one.record.value() < id;
    };
    const std::int64_t first = object.first_record_id.value();
    const auto begin = std::lower_bound(rejected.begin(), rejected.end(), first, before);
    const auto end = std::lower_bound(begin, rejected.end(), first + object.record_count, before);
    if (begin == end) continue;
    std::shared_ptr<const contract::Contract> contract =
        workspace.project().contracts.at(source->contract);
    if (!object.contract_version.empty() &&
        object.contract_version != contract->version().ToString()) {
      WEIRHOUSE_TRY(const auto pinned,
                    RegisteredContract(workspace, source->contract, object.contract_version));
      if (pinned != nullptr) contract = pinned;
    }
    WEIRHOUSE_TRY_STATUS(AddRejected(rows, workspace, *source, object, *contract, {begin, end}));
  }
  if (rows.row_count() == 0) return std::shared_ptr<arrow::Table>();
  return rows.Finish();
}
}  // namespace weirhouse::work
