#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "contract/contract.h"
#include "contract/csv_record.h"
#include "contract/inflate.h"
#include "contract/json_record.h"
#include "contract/program.h"
#include "contract/record_cutter.h"
#include "contract/rows.h"

namespace weirhouse::contract {
namespace {
// Everything that decoding one object needs. Lives for one call.
class ObjectDecoding {
 public:
  ObjectDecoding(const Contract& contract, const RecordProgram& program, const SourceFormat& format,
                 std::string_view bytes, const ObjectContext& context)
      : contract_(contract),
        program_(program),
        format_(format),
        bytes_(bytes),
        context_(context),
        json_(program),
        rows_(contract),
        slots_(program.fields().size()) {}

  Result<Decoded> Run() {
    WEIRHOUSE_TRY_STATUS(ForEachRecord(
        bytes_, format_.format, [this](RecordSpan span) { return ReadHeader(span); },
        [this](RecordSpan span) { return ReadRecord(span); }));
    WEIRHOUSE_TRY(decoded_.rows, rows_.Finish(context_.ingested_at));
    return std::move(decoded_);
  }

 private:
  std::string_view TextOf(RecordSpan span) const {
    return bytes_.substr(static_cast<std::size_t>(span.offset),
                         static_cast<std::size_t>(span.length));
  }

  Status ReadHeader(RecordSpan span) {
    WEIRHOUSE_TRY(std::vector<std::string> columns, ParseCsvHeader(TextOf(span)));
    csv_.emplace(program_, format_.nulls, std::move(columns));
    if (!csv_->lacking().empty()) {
      decoded_.object_problem =
          Status(Code::kInvalidInput,
                 fmt::format("CSV header lacks required column \"{}\": object \"{}\", contract {}",
                             Join(csv_->lacking(), "\", \""), EscapeControl(context_.object_name),
                             contract_.Title()))
              .WithError("WH1218")
              .WithHint("mend the file, or publish a version where the field is optional");
    }
    return Status();
  }

  Status ReadRecord(RecordSpan span) {
    const std::int64_t ordinal = decoded_.record_count++;
    const bool good = span.length <= kRecordBytesMax && ReadInto(span, nullptr);
    if (good) return rows_.Append(slots_, context_.first_record_id.value() + ordinal, unknown_);
    Quarantine(span, ordinal);
    return Status();
  }

  bool ReadInto(RecordSpan span, ViolationSink* sink) {
    if (!csv_) return json_.Read(TextOf(span), &slots_, &unknown_);
    if (!csv_->lacking().empty()) {
      if (sink != nullptr) {
        sink->Look("", span.offset);
        for (const std::string& name : csv_->lacking())
          sink->Add("WH1201", name, "required", "a column of this name");
      }
      return false;
    }
    return csv_->Read(TextOf(span), span.offset, &slots_, &unknown_, sink);
  }

  void Quarantine(RecordSpan span, std::int64_t ordinal) {
    const std::string_view text = TextOf(span);
    QuarantinedRecord record;
    record.ordinal = ordinal;
    record.byte_offset = span.offset;
    record.byte_length = span.length;
    record.digest = Sha256Of(text);
    // Lines are counted only as far as somebody asks, from where the last one asked.
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(counted_bytes_);
    line_ += std::count(from, bytes_.begin() + static_cast<std::ptrdiff_t>(span.offset), '\n');
    counted_bytes_ = span.offset;
    record.line = line_;
    ViolationSink sink;
    if (span.length > kRecordBytesMax) {
      const std::string found = fmt::format("{} bytes", WithThousands(span.length));
      sink.Look(found, span.offset);
      sink.Add("WH1211", "", "record_bytes", WithThousands(kRecordBytesMax));
      record.violations = sink.Take();
    } else {
      record.raw = std::string(text);
      if (csv_) {
        ReadInto(span, &sink);
        record.violations = sink.Take();
      } else {
        record.violations = WalkJsonRecord(program_, text, span.offset);
      }
    }
    if (record.violations.empty()) {
      // The two readers disagree. The stricter one is believed; the fuzzer looks for such records.
      sink.Look(text, span.offset);
      sink.Add("WH1208", "", "json", "one reading by both parsers");
      record.violations = sink.Take();
    }
    decoded_.quarantined.push_back(std::move(record));
  }

  const Contract& contract_;
  const RecordProgram& program_;
  const SourceFormat& format_;
  std::string_view bytes_;
  const ObjectContext& context_;
  JsonReader json_;
  std::optional<CsvReader> csv_;
  RowCollector rows_;
  std::vector<Slot> slots_;
  std::string unknown_;
  Decoded decoded_;
  std::int64_t line_ = 1;
  std::int64_t counted_bytes_ = 0;
};
}  // namespace

Result<RecordFormat> ParseRecordFormat(std::string_view name) {
  if (name == "jsonl") return RecordFormat::kJsonLines;
  if (name == "json") return RecordFormat::kJson;
  if (name == "csv") return RecordFormat::kCsv;
  return Status(Code::kInvalidInput,
                fmt::format("unknown record format \"{}\"", EscapeControl(name)))
      .WithError("WH1104")
      .WithHint("formats are jsonl, json and csv; parquet comes later");
}

Result<std::int64_t> CountRecords(std::string_view object_bytes, const SourceFormat& format,
                                  std::string_view object_name) {
  WEIRHOUSE_TRY(const OpenedObject object, OpenObject(object_bytes, object_name));
  std::int64_t count = 0;
  WEIRHOUSE_TRY_STATUS(ForEachRecord(
      object.view(), format.format, [](RecordSpan) { return Status(); },
      [&count](RecordSpan) {
        ++count;
        return Status();
      }));
  return count;
}

Result<Decoder> Decoder::Make(std::shared_ptr<const Contract> contract, SourceFormat format) {
  WEIRHOUSE_CHECK(contract != nullptr);
  Decoder decoder;
  WEIRHOUSE_TRY(decoder.program_, RecordProgram::Compile(*contract));
  decoder.contract_ = std::move(contract);
  decoder.format_ = std::move(format);
  return decoder;
}

Result<Decoded> Decoder::Decode(std::string_view object_bytes, const ObjectContext& context) const {
  WEIRHOUSE_TRY(const OpenedObject object, OpenObject(object_bytes, context.object_name));
  ObjectDecoding decoding(*contract_, *program_, format_, object.view(), context);
  WEIRHOUSE_TRY(Decoded decoded, decoding.Run());
  decoded.inflated = object.inflated;
  return decoded;
}

std::string Violation::Reason() const {
  const std::string at = path.empty() ? "record" : path;
  std::string words;
  if (error_code == "WH1201") {
    words = at + " missing";
  } else if (error_code == "WH1202") {
    words = fmt::format("{} not of type {}", at, expected);
  } else if (error_code == "WH1203") {
    words = fmt::format("{} {} {}", at, rule == "exclusiveMinimum" ? "not above" : "below minimum",
                        expected);
  } else if (error_code == "WH1204") {
    words = fmt::format("{} {} {}", at, rule == "exclusiveMaximum" ? "not below" : "above maximum",
                        expected);
  } else if (error_code == "WH1205") {
    words = fmt::format("{} does not match {}", at, expected);
  } else if (error_code == "WH1206") {
    words = fmt::format("{} {} than {}", at, rule == "minLength" ? "shorter" : "longer", expected);
  } else if (error_code == "WH1207") {
    words = fmt::format("{} not one of {}", at, expected);
  } else if (error_code == "WH1208") {
    words = fmt::format("not valid JSON, expected {}", expected);
  } else if (error_code == "WH1209") {
    words = at + " given twice";
  } else if (error_code == "WH1210") {
    words = fmt::format("{} nested deeper than {}", at, expected);
  } else if (error_code == "WH1211") {
    words = fmt::format("{} too large, {} above {}", at, rule, expected);
  } else if (error_code == "WH1212") {
    words = fmt::format("{} not valid text, expected {}", at, expected);
  } else if (error_code == "WH1213") {
    words = fmt::format("{} out of range, expected {}", at, expected);
  } else if (error_code == "WH1214") {
    words = at + " unknown to the contract";
  } else if (error_code == "WH1215") {
    words = fmt::format("wrong number of CSV fields, expected {}", expected);
  } else if (error_code == "WH1216") {
    words = fmt::format("{} not a multiple of {}", at, expected);
  } else if (error_code == "WH2112") {
    words = fmt::format("{} missing, part of the key of {}", at, expected);
  } else {
    words = fmt::format("{} breaks {}, expected {}", at, rule, expected);
  }
  return fmt::format("{} {}", error_code, words);
}
}  // namespace weirhouse::contract
