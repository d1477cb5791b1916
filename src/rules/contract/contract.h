// A data contract (ODCS 3.1): what a source promises about its records, how two versions of it
// compare, and the decoding of raw objects into typed rows under it.
//
// Everything here is a pure function of bytes: no clock, no files, no globals. A Contract is
// immutable; share it as std::shared_ptr<const Contract>.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "rules/contract/violation_kind.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::contract {

// ---- The promise --------------------------------------------------------------------------------

// ODCS logicalType. Arrow types: utf8, date32, timestamp[us, UTC], float64 (decimal128 if
// physicalType says so), int64, boolean.
enum class LogicalType : std::uint8_t { kString, kDate, kTimestamp, kNumber, kInteger, kBoolean };
std::string_view TypeName(LogicalType type);  // "string", "date", …

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;
  friend auto operator<=>(const Version&, const Version&) = default;
  std::string ToString() const;  // "1.0.0"
};
Result<Version> ParseVersion(std::string_view text);

// One end of a range: the text as written, which parses as the field's type.
struct Bound {
  std::string text;
  bool exclusive = false;
  friend bool operator==(const Bound&, const Bound&) = default;
};

// `physicalType: DECIMAL(10,2)` of a number: values are read from their digits and kept exactly.
struct DecimalShape {
  int precision = 0;  // 1 to kDecimalDigitsMax
  int scale = 0;      // 0 to precision
  friend bool operator==(const DecimalShape&, const DecimalShape&) = default;
  std::string ToString() const;  // "DECIMAL(10,2)"
};
inline constexpr int kDecimalDigitsMax = 38;

struct ContractField {
  std::string name;
  LogicalType type = LogicalType::kString;
  std::optional<DecimalShape> decimal;  // for a number; absent: a double
  bool required = false;                // not null; a missing key counts as null
  bool unique = false;                  // judged after dedup, not by the decoder
  int primary_key_position = 0;         // from 1; 0 = not part of the key
  std::optional<Bound> minimum;
  std::optional<Bound> maximum;
  std::optional<std::int64_t> min_length;  // code points
  std::optional<std::int64_t> max_length;
  std::string pattern;                    // as written (ECMA-262); found anywhere in the value
  std::vector<std::string> valid_values;  // each parses as the field's type; empty = any
  std::optional<std::string> default_json;
  std::string multiple_of;  // decimal text; empty = none
  std::string format;       // informative, never checked
  std::string description;
  SourceSpan span;  // of the field's name in its file; ignored in comparisons

  std::string TypeText() const;  // "number", "DECIMAL(10,2)"
};

enum class UnknownPolicy : std::uint8_t { kKeep, kDrop, kQuarantine };
enum class ViolationPolicy : std::uint8_t { kQuarantine, kRejectObject, kFail };
enum class CompatibilityMode : std::uint8_t { kNone, kBackward, kForward, kFull, kDisabled };
std::string_view PolicyName(UnknownPolicy policy);
std::string_view PolicyName(ViolationPolicy policy);
std::string_view ModeName(CompatibilityMode mode);

// `whMigrateFrom0: arr_delay = arr_delay_seconds / 60`: how to read records of an older major
// version under this one. Parsed and kept, but not used yet.
struct Migration {
  int from_major = 0;
  std::string column;
  std::string expression;
  friend bool operator==(const Migration&, const Migration&) = default;
};

// What a Contract is made of; filled by ParseContract.
struct ContractParts {
  std::string id;
  Version version;
  std::string status;  // "active", …
  std::string owner;   // team name; empty = none
  std::string description;
  std::vector<ContractField> fields;  // in file order, at least one
  UnknownPolicy unknown_policy = UnknownPolicy::kKeep;
  ViolationPolicy violation_policy = ViolationPolicy::kQuarantine;
  CompatibilityMode compatibility_mode = CompatibilityMode::kBackward;
  std::vector<std::vector<std::string>> duplicate_keys;  // duplicateValues: judged after dedup
  std::vector<Migration> migrations;
  SourceSpan span;  // of the schema's name
};

// Immutable. Threads: any.
class Contract {
 public:
  explicit Contract(ContractParts parts);

  const std::string& id() const { return parts_.id; }
  const Version& version() const { return parts_.version; }
  const std::string& status() const { return parts_.status; }
  const std::string& owner() const { return parts_.owner; }
  const std::string& description() const { return parts_.description; }
  std::span<const ContractField> fields() const { return parts_.fields; }
  UnknownPolicy unknown_policy() const { return parts_.unknown_policy; }
  ViolationPolicy violation_policy() const { return parts_.violation_policy; }
  CompatibilityMode compatibility_mode() const { return parts_.compatibility_mode; }
  const std::vector<std::vector<std::string>>& duplicate_keys() const {
    return parts_.duplicate_keys;
  }
  const std::vector<Migration>& migrations() const { return parts_.migrations; }
  const SourceSpan& span() const { return parts_.span; }
  // Names of the primary key's fields, in its order.
  std::vector<std::string> primary_key() const;
  const ContractField* Find(std::string_view name) const;
  std::vector<std::string> field_names() const;

  // "arrival 1.0.0"
  std::string Title() const;
  // Over the contract's meaning: not over places, comments and spelling in the file.
  const Digest& digest() const { return digest_; }
  // The same contract as a canonical ODCS document; ParseContract reads it back with an equal
  // digest.
  std::string ToJson() const;

 private:
  ContractParts parts_;
  Digest digest_;
};

// Parses one ODCS 3.1 file. Unknown keys are errors at every level; all errors of the file are
// collected (kInvalidInput with diagnostics, codes WH11xx). `path` is used in messages only.
Result<Contract> ParseContract(std::string_view yaml, const std::string& path);

// The declared columns, nullable unless required.
std::shared_ptr<arrow::Schema> ToArrowSchema(const Contract& contract);
// The columns of Decoded::rows: the same, then `_record` int64, `_ingested_at` timestamp[us, UTC]
// and, if unknown fields are kept, `_unknown` utf8.
std::shared_ptr<arrow::Schema> RecordsSchema(const Contract& contract);

// A type by its name: a logicalType, or "DECIMAL(10,2)".
struct FieldType {
  LogicalType type = LogicalType::kString;
  std::optional<DecimalShape> decimal;
};
Result<FieldType> ParseFieldType(std::string_view text);

// ---- Two versions of it -------------------------------------------------------------------------

enum class Compatibility : std::uint8_t { kSame, kAdditive, kBreaking };

struct ContractChange {
  std::string path;  // "arr_delay", "whUnknownFields"
  std::string rule;  // "type", "required", "maximum", "removed", "added", …
  std::string old_value;
  std::string new_value;
  bool backward = true;   // the new reader reads old data
  bool forward = true;    // the old reader reads new data
  bool breaking = false;  // not allowed by the registered contract's mode
  // "arr_delay: maximum 2880 → 1440 (breaking: …)"
  std::string ToString() const;
};

struct CompatibilityReport {
  Compatibility verdict = Compatibility::kSame;
  std::vector<ContractChange> changes;  // in field order, contract-wide ones last
};

// Lists every change from `registered` to `proposed`, assuming that producers wrote declared fields
// only, and judges it by the mode of `registered`. Pure.
CompatibilityReport Compare(const Contract& registered, const Contract& proposed);

// The reason of CheckPublishable for a breaking change without a higher major version.
inline constexpr Reason kBreakingChange{"WH1120"};
// Checks that `proposed` may follow `registered`. kContractRefused, with every reason as a
// diagnostic: a breaking change without a higher major version (WH1120), a change under the same
// version (WH1121), a version that goes back (WH1122), mode `disabled` (WH1123).
Status CheckPublishable(const Contract& registered, const Contract& proposed);

// ---- Records ------------------------------------------------------------------------------------

inline constexpr std::int64_t kRecordBytesMax = 16 << 20;
inline constexpr std::int64_t kStringBytesMax = 8 << 20;
inline constexpr int kKeysMax = 10'000;
inline constexpr int kArrayItemsMax = 1'000'000;
inline constexpr int kCsvColumnsMax = 10'000;
inline constexpr int kJsonDepthMax = 64;
inline constexpr int kInflateRatioMax = 1000;  // judged above 1 MiB

enum class RecordFormat : std::uint8_t { kJsonLines, kJson, kCsv, kParquet };
// "jsonl", "json", "csv" or "parquet"
Result<RecordFormat> ParseRecordFormat(std::string_view name);

// How a source's bytes are read. An object whose name ends in ".gz" is inflated first; a Parquet
// file must not be gzipped.
struct SourceFormat {
  RecordFormat format = RecordFormat::kJsonLines;
  // CSV: these texts mean null. A quoted field is null only if its type is not string.
  std::vector<std::string> nulls = {""};
  char delimiter = ',';  // CSV: one ASCII character between fields
};

struct ObjectContext {
  std::string source;
  std::string object_name;  // as it arrived: "2013-01-01.jsonl.gz"
  RecordId first_record_id;
  ProcessTime ingested_at{};
};

// One broken rule of one record.
struct Violation {
  ViolationKind kind = ViolationKind::kMissing;
  std::string path;              // "wind_speed", "address.zip", "" = the whole record
  std::string rule;              // "maximum", "type", "required", …
  std::string expected;          // "200"
  std::string found;             // the value's text, at most 200 bytes, always valid UTF-8
  std::int64_t byte_offset = 0;  // of the value, in the (inflated) object
  std::string why;               // details from the reader, if any; never a value
  // "WH1204 wind_speed above maximum 200": holds no value and no place, so that equal reasons can
  // be grouped.
  std::string Reason() const;
};

struct QuarantinedRecord {
  std::int64_t ordinal = 0;      // from 0, over all records of the object
  std::int64_t line = 0;         // from 1, of the record's first byte
  std::int64_t byte_offset = 0;  // in the object, inflated if it was compressed
  std::int64_t byte_length = 0;  // without its line end
  Digest digest;                 // of those bytes
  std::string raw;               // those bytes; empty above kRecordBytesMax
  std::vector<Violation> violations;
};

// A declared field that no record of an object has.
struct AbsentField {
  std::string name;
  std::string similar;  // an undeclared field with nearly that name; empty = none
};

struct Decoded {
  std::shared_ptr<arrow::Table> rows;  // RecordsSchema(); valid records in object order
  std::vector<QuarantinedRecord> quarantined;
  std::int64_t record_count = 0;  // valid and quarantined
  bool inflated = false;          // offsets refer to the inflated bytes
  // Not OK if one fault of the object itself broke every record, for example a CSV header without a
  // required column; each record is then quarantined with that one violation.
  Status object_problem;
  // Computed over the valid records, if there are any.
  std::vector<AbsentField> absent_fields;
};

// The reason if reading an object needs more memory than there is: kUnavailable, with this code.
inline constexpr Reason kOutOfMemoryError{"WH1308"};
Status OutOfMemory();

// The number of records of an object; always what Decode counts. kInvalidInput (WH1310–WH1312) if
// the object cannot be cut into records at all: Decode then fails with the same status.
Result<std::int64_t> CountRecords(std::string_view object_bytes, const SourceFormat& format,
                                  std::string_view object_name);
// As above for an object that need not fit into memory. `size_bytes`: of the stream.
Result<std::int64_t> CountRecords(ByteStream& object, std::int64_t size_bytes,
                                  const SourceFormat& format, std::string_view object_name);

// The place and the bytes of one record in its object: the end of a trace. A row of a Parquet file
// has its JSON for bytes, its number for a line, and the offset of its row group.
struct RecordRange {
  std::int64_t byte_offset = 0;  // in the inflated bytes of a compressed object
  std::int64_t byte_length = 0;
  std::int64_t line = 0;  // from 1, of its first byte
  std::string bytes;
};
// The `ordinal`-th record (from 0) of an object, cut as Decode cuts it. kNotFound (WH1313) beyond
// the last record. Cost: one pass up to the record.
Result<RecordRange> LocateRecord(std::string_view object_bytes, const SourceFormat& format,
                                 std::string_view object_name, std::int64_t ordinal);

// Several records, `ordinals` ascending, in their order. Cost: one pass up to the last.
Result<std::vector<RecordRange>> LocateRecords(std::string_view object_bytes,
                                               const SourceFormat& format,
                                               std::string_view object_name,
                                               std::span<const std::int64_t> ordinals);
// As above for an object that need not fit into memory. `size_bytes`: of the stream.
Result<std::vector<RecordRange>> LocateRecords(ByteStream& object, std::int64_t size_bytes,
                                               const SourceFormat& format,
                                               std::string_view object_name,
                                               std::span<const std::int64_t> ordinals);

class RecordProgram;
class Window;

// A contract compiled for one source format. Threads: any number may Decode at once.
class Decoder {
 public:
  static Result<Decoder> Make(std::shared_ptr<const Contract> contract, SourceFormat format);

  // Decodes every record; a bad one is quarantined with all its violations, and the others are
  // decoded.
  // Deterministic: equal bytes give equal rows, ordinals and violations.
  // Cost: O(bytes); memory of the rows and of the longest record.
  Result<Decoded> Decode(std::string_view object_bytes, const ObjectContext& context) const;
  // As above for an object that need not fit into memory. `size_bytes`: of the stream.
  Result<Decoded> Decode(ByteStream& object, std::int64_t size_bytes,
                         const ObjectContext& context) const;

  const Contract& contract() const { return *contract_; }
  const SourceFormat& format() const { return format_; }

 private:
  Decoder() = default;
  Result<Decoded> DecodeIn(Window& window, const ObjectContext& context) const;
  std::shared_ptr<const Contract> contract_;
  SourceFormat format_;
  std::shared_ptr<const RecordProgram> program_;
};
}  // namespace weirhouse::contract
