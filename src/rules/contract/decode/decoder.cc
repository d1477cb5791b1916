#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "ground/base/text.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/csv_record.h"
#include "rules/contract/decode/decode_pieces.h"
#include "rules/contract/decode/inflate.h"
#include "rules/contract/decode/json_record.h"
#include "rules/contract/decode/parquet_object.h"
#include "rules/contract/decode/record_cutter.h"
#include "rules/contract/decode/rows.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {
namespace {
constexpr std::int64_t kFirstRecords = 100;  // whose keys are searched for misspelt fields
constexpr std::int64_t kRecordLookedAtBytes = 64 << 10;
constexpr std::int64_t kRefusedBytes = 1 << 10;  // about the size of a refused record's report

// Everything that decoding one object needs. Lives for one call.
class ObjectDecoding {
 public:
  ObjectDecoding(const Contract& contract, const RecordProgram& program, const SourceFormat& format,
                 Window& window, const ObjectContext& context, const RowSink& sink)
      : contract_(contract),
        program_(program),
        format_(format),
        window_(window),
        context_(context),
        sink_(sink),
        json_(program),
        rows_(contract, context.ingested_at, sink),
        slots_(program.fields().size()) {
    for (const FieldRules& field : program.fields()) {
      if (!field.default_value) continue;
      AppendJsonText(field.name, &unmentioned_.emplace_back(field.name, "").second);
    }
  }

  Result<DecodedPieces> Run() {
    WEIRHOUSE_TRY_STATUS(ForEachRecord(
        window_, format_,
        [this](RecordSpan span, std::string_view text) { return ReadHeader(span, text); },
        [this](RecordSpan span, std::string_view text) { return ReadRecord(span, text); }));
    WEIRHOUSE_TRY(decoded_.rows, rows_.Finish());
    if (rows_.row_count() > 0)
      decoded_.absent_fields = csv_ ? csv_->AbsentFields() : AbsentInJson();
    return DecodedPieces{std::move(decoded_), rows_.row_count(), quarantined_count_};
  }

 private:
  Status ReadHeader(RecordSpan span, std::string_view text) {
    WEIRHOUSE_TRY(std::vector<std::string> columns, ParseCsvHeader(text, format_.delimiter));
    header_offset_ = span.offset;
    csv_.emplace(program_, format_, std::move(columns));
    if (!csv_->lacking().empty()) {
      decoded_.object_problem =
          Status(
              Code::kInvalidInput,
              fmt::format("CSV header lacks required column \"{}\" of contract {}: it holds {}",
                          Join(csv_->lacking(), "\", \""), contract_.Title(), csv_->shown_header()))
              .WithError("WH1218")
              .WithHint(csv_->AdviceFor(csv_->lacking().front()));
    }
    return Status();
  }

  Status ReadRecord(RecordSpan span, std::string_view text) {
    const std::int64_t ordinal = decoded_.record_count++;
    if (!csv_) LookAtKeys(text, ordinal);
    const bool good = span.length <= kRecordBytesMax && ReadInto(span, text, nullptr);
    if (good) return rows_.Append(slots_, context_.first_record_id.value() + ordinal, unknown_);
    Quarantine(span, text, ordinal);
    ++quarantined_count_;
    bad_bytes_ += span.length + kRefusedBytes;
    const bool full = static_cast<std::int64_t>(decoded_.quarantined.size()) >= sink_.piece_rows ||
                      bad_bytes_ >= sink_.piece_bytes;
    if (!full || !sink_.take_quarantined) return Status();
    bad_bytes_ = 0;
    return sink_.take_quarantined(std::exchange(decoded_.quarantined, {}));
  }

  // Remembers what AbsentInJson needs.
  void LookAtKeys(std::string_view text, std::int64_t ordinal) {
    if (ordinal < kFirstRecords && static_cast<std::int64_t>(text.size()) <= kRecordLookedAtBytes)
      first_records_.emplace_back(text);
    std::erase_if(unmentioned_, [text](const auto& field) {
      return text.find(field.second) != std::string_view::npos;
    });
  }

  bool ReadInto(RecordSpan span, std::string_view text, ViolationSink* sink) {
    if (!csv_) return json_.Read(text, &slots_, &unknown_);
    if (!csv_->lacking().empty()) {
      if (sink != nullptr) {
        sink->Look(csv_->shown_header(), header_offset_);
        for (const std::string& name : csv_->lacking())
          sink->Add(ViolationKind::kMissing, name, "required", csv_->AdviceFor(name),
                    "the CSV header has no such column");
      }
      return false;
    }
    return csv_->Read(text, span.offset, &slots_, &unknown_, sink);
  }

  // Fields whose columns hold only nulls or defaults, and which no record names. Only if there are
  // such columns, the keys of the first records are read again.
  std::vector<AbsentField> AbsentInJson() const {
    std::vector<std::string> candidates;
    for (std::size_t i = 0; i < program_.fields().size(); ++i) {
      const FieldRules& field = program_.fields()[i];
      if (rows_.OnlyNulls(i) || (field.default_value && !Mentions(field.name)))
        candidates.push_back(field.name);
    }
    std::vector<AbsentField> absent;
    if (candidates.empty()) return absent;
    std::set<std::string> keys;
    for (const std::string& text : first_records_) {
      const nlohmann::json record = nlohmann::json::parse(text, nullptr, false);
      if (!record.is_object()) continue;
      for (const auto& [key, value] : record.items()) keys.insert(key);
    }
    std::vector<std::string> undeclared;
    for (const std::string& key : keys) {
      if (program_.Find(key, -1) < 0) undeclared.push_back(key);
    }
    for (const std::string& name : candidates) {
      if (keys.count(name) == 0) absent.push_back({name, SimilarName(name, undeclared)});
    }
    return absent;
  }

  // Whether a record contains `name` in quotes anywhere.
  bool Mentions(std::string_view name) const {
    return std::none_of(unmentioned_.begin(), unmentioned_.end(),
                        [name](const auto& field) { return field.first == name; });
  }

  void Quarantine(RecordSpan span, std::string_view text, std::int64_t ordinal) {
    QuarantinedRecord record;
    record.ordinal = ordinal;
    record.byte_offset = span.offset;
    record.byte_length = span.length;
    record.digest = span.passed != nullptr ? span.passed->digest : Sha256Of(text);
    record.line = span.passed != nullptr ? span.passed->line : window_.LineAt(span.offset);
    ViolationSink sink;
    if (span.length > kRecordBytesMax) {
      const std::string found = fmt::format("{} bytes", WithThousands(span.length));
      sink.Look(found, span.offset);
      sink.Add(ViolationKind::kTooLarge, "", "record_bytes", WithThousands(kRecordBytesMax));
      record.violations = sink.Take();
    } else {
      record.raw = std::string(text);
      if (csv_) {
        ReadInto(span, text, &sink);
        record.violations = sink.Take();
      } else {
        record.violations = WalkJsonRecord(program_, text, span.offset);
      }
    }
    if (record.violations.empty()) {
      // The two readers disagree: the stricter one decides, and the fuzzer searches for such
      // records.
      sink.Look(text, span.offset);
      sink.Add(ViolationKind::kNotJson, "", "json", "one reading by both parsers");
      record.violations = sink.Take();
    }
    decoded_.quarantined.push_back(std::move(record));
  }

  const Contract& contract_;
  const RecordProgram& program_;
  const SourceFormat& format_;
  Window& window_;
  const ObjectContext& context_;
  const RowSink& sink_;
  JsonReader json_;
  std::optional<CsvReader> csv_;
  RowCollector rows_;
  std::vector<Slot> slots_;
  std::string unknown_;
  Decoded decoded_;
  std::vector<std::string> first_records_;
  // Fields with a default that no record has named so far, and their names in quotes.
  std::vector<std::pair<std::string, std::string>> unmentioned_;
  std::int64_t header_offset_ = 0;
  std::int64_t quarantined_count_ = 0;
  std::int64_t bad_bytes_ = 0;  // of the refused records that are held
};
}  // namespace

Result<RecordFormat> ParseRecordFormat(std::string_view name) {
  if (name == "jsonl") return RecordFormat::kJsonLines;
  if (name == "json") return RecordFormat::kJson;
  if (name == "csv") return RecordFormat::kCsv;
  if (name == "parquet") return RecordFormat::kParquet;
  return Status(Code::kInvalidInput,
                fmt::format("unknown record format \"{}\"", EscapeControl(name)))
      .WithError("WH1104")
      .WithHint("formats are jsonl, json, csv and parquet");
}

Status OutOfMemory() {
  return Status(Code::kUnavailable, "not enough memory to read an object")
      .WithError(kOutOfMemoryError)
      .WithHint("give the process more memory, or split the file");
}

namespace {
Result<std::int64_t> CountIn(Window& window, const SourceFormat& format) {
  std::int64_t count = 0;
  WEIRHOUSE_TRY_STATUS(ForEachRecord(
      window, format, [](RecordSpan, std::string_view) { return Status(); },
      [&count](RecordSpan, std::string_view) {
        ++count;
        return Status();
      }));
  return count;
}
}  // namespace

Result<std::int64_t> CountRecords(std::string_view object_bytes, const SourceFormat& format,
                                  std::string_view object_name) {
  StreamOfBytes stream(object_bytes);
  return CountRecords(stream, static_cast<std::int64_t>(object_bytes.size()), format, object_name);
}

Result<std::int64_t> CountRecords(ByteStream& object, std::int64_t size_bytes,
                                  const SourceFormat& format, std::string_view object_name) {
  if (format.format == RecordFormat::kParquet)
    return CountParquetRecords(object, size_bytes, object_name);
  if (!IsCompressed(object_name)) {
    if (size_bytes > kStreamBytesMax) return TooLarge();
    Window window(object);
    return CountIn(window, format);
  }
  InflatingStream inflated(object, size_bytes);
  Window window(inflated);
  return CountIn(window, format);
}

Result<Decoder> Decoder::Make(std::shared_ptr<const Contract> contract, SourceFormat format) {
  WEIRHOUSE_CHECK(contract != nullptr);
  Decoder decoder;
  WEIRHOUSE_TRY(decoder.program_, RecordProgram::Compile(*contract));
  decoder.contract_ = std::move(contract);
  decoder.format_ = std::move(format);
  return decoder;
}

Result<Decoded> Decoder::DecodeIn(Window& window, const ObjectContext& context) const {
  const RowSink nobody;
  WEIRHOUSE_TRY(DecodedPieces decoded,
                ObjectDecoding(*contract_, *program_, format_, window, context, nobody).Run());
  return std::move(decoded.last);
}

Result<Decoded> Decoder::Decode(std::string_view object_bytes, const ObjectContext& context) const {
  if (IsCompressed(context.object_name) || format_.format == RecordFormat::kParquet) {
    StreamOfBytes stream(object_bytes);
    return Decode(stream, static_cast<std::int64_t>(object_bytes.size()), context);
  }
  Window window(object_bytes);
  return DecodeIn(window, context);
}

Result<Decoded> Decoder::Decode(ByteStream& object, std::int64_t size_bytes,
                                const ObjectContext& context) const {
  WEIRHOUSE_TRY(DecodedPieces decoded, DecodePieces(*this, object, size_bytes, context, {}));
  return std::move(decoded.last);
}

namespace {
// Caches the last program, because many small objects are read under one contract.
Result<std::shared_ptr<const RecordProgram>> ProgramOf(const Contract& contract) {
  thread_local std::pair<Digest, std::shared_ptr<const RecordProgram>> last;
  if (last.second == nullptr || last.first != contract.digest()) {
    WEIRHOUSE_TRY(last.second, RecordProgram::Compile(contract));
    last.first = contract.digest();
  }
  return last.second;
}
}  // namespace

Result<DecodedPieces> DecodePieces(const Decoder& decoder, ByteStream& object,
                                   std::int64_t size_bytes, const ObjectContext& context,
                                   const RowSink& sink) {
  WEIRHOUSE_TRY(const auto program, ProgramOf(decoder.contract()));
  if (decoder.format().format == RecordFormat::kParquet)
    return DecodeParquet(decoder.contract(), *program, object, size_bytes, context, sink);
  const auto decode = [&](Window window) {
    return ObjectDecoding(decoder.contract(), *program, decoder.format(), window, context, sink)
        .Run();
  };
  if (!IsCompressed(context.object_name)) {
    if (size_bytes > kStreamBytesMax) return TooLarge();
    return decode(Window(object));
  }
  InflatingStream inflated(object, size_bytes);
  WEIRHOUSE_TRY(DecodedPieces decoded, decode(Window(inflated)));
  decoded.last.inflated = true;
  return decoded;
}

namespace {
// "legs[17].from" as "legs[].from": the index is not part of the reason.
std::string WithoutIndexes(std::string_view path) {
  std::string kept;
  for (std::size_t at = 0; at < path.size(); ++at) {
    kept.push_back(path[at]);
    if (path[at] != '[') continue;
    std::size_t end = at + 1;
    while (end < path.size() && path[end] >= '0' && path[end] <= '9') ++end;
    if (end < path.size() && path[end] == ']') at = end - 1;
  }
  return kept;
}
}  // namespace

std::string Violation::Reason() const {
  const std::string at = path.empty() ? "record" : WithoutIndexes(path);
  if (IsOfSql(kind)) {
    return fmt::format("{} {} fails at {}, of {}", CodeOf(kind),
                       expected.empty() ? "SQL" : expected, path, why);
  }
  const std::string words = fmt::format(fmt::runtime(WordsOf(kind, rule)), fmt::arg("at", at),
                                        fmt::arg("rule", rule), fmt::arg("expected", expected));
  return fmt::format("{} {}{}{}", CodeOf(kind), words, why.empty() ? "" : ": ", why);
}
}  // namespace weirhouse::contract
