// The records of raw objects, decoded under their contracts, and those that could not be decoded.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/decode_pieces.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// If memory runs out while a smaller object is parsed, other work has taken it.
inline constexpr std::int64_t kLargeObjectBytes = 1 << 20;

// The error of an object with a bad record if its contract says `whViolation: reject_object`.
inline constexpr std::string_view kRejectedObjectError = "WH1219";

// Batches with more records give memory back between their steps.
inline constexpr std::int64_t kLargeBatchRecords = 100'000;

// Whether objects are read for the first time, again, or because a person asked for it.
enum class Reading : std::uint8_t {
  kFirst,  // counts objects that end the process; quarantines them after too many attempts
  kAgain,  // leaves out objects that are quarantined as a whole
  kRetry,  // as kFirst, whatever was counted before
};

// One source's part of a batch.
struct SourceRecords {
  std::string source;
  std::vector<catalog::ObjectRecord> objects;
  std::shared_ptr<arrow::Table> rows;  // contract::RecordsSchema, valid records in object order
  std::int64_t record_count = 0;       // all records of the objects
  std::int64_t quarantined_count = 0;  // those in quarantine
  std::shared_ptr<arrow::Table> quarantine;  // rows for quarantine.<source>; null if none

  // What is reported about it.
  std::vector<RefusedObject> refused;               // objects refused as a whole
  std::map<std::string, QuarantineReason> reasons;  // by reason
  // Reasons that halt the batch because the contract of their object says `whViolation: fail`: by
  // the contract's title, then by reason.
  std::map<std::string, std::map<std::string, QuarantineReason>> breaking;
  struct Absent {
    std::int64_t objects = 0;  // objects with valid records that lack the field
    std::string similar;       // an undeclared field with nearly that name
  };
  std::map<std::string, Absent> absent_fields;
  std::int64_t objects_with_rows = 0;
};

// Decoders by source and contract version, compiled once. An object is read by the version that the
// ledger recorded when it arrived, so that reading it again finds the same records valid; its rows
// then get today's columns: a field added later has its default. Threads: one.
class RecordReader {
 public:
  explicit RecordReader(Workspace& workspace);
  // Reads by the sources and contracts of `project`, which it keeps, instead of today's.
  RecordReader(Workspace& workspace, std::shared_ptr<const ProjectDefinition> project);
  // Reads objects as they will be read once `read_by` is registered (contract_reading.h).
  void ReadBy(const nlohmann::json& read_by);

  // Decodes `objects`, all of one source.
  //   kUnavailable (WH1308)  memory does not suffice for one of them, which counts like ending the
  //                          process if that object is large
  //   kCorruption            one is missing (WH7012), or holds other bytes than arrived (WH1305)
  Result<SourceRecords> Read(const std::string& source,
                             const std::vector<catalog::ObjectRecord>& objects, Reading reading);
  // A table without rows, with the right columns.
  Result<std::shared_ptr<arrow::Table>> NoRows(const std::string& source);

 private:
  // The decoder for the contract version under which an object arrived; empty = today's version.
  Result<const contract::Decoder*> DecoderOf(const std::string& source, const std::string& version);
  // Parses one object, with the workspace's mark set if attempts count. Rows of a large object go
  // to `sink` piece by piece.
  Result<contract::DecodedPieces> Parse(const contract::Decoder& decoder,
                                        const catalog::ObjectRecord& object, Reading reading,
                                        const contract::RowSink& sink);
  Result<std::string> ExplainSetAside(const catalog::ObjectRecord& object) const;
  const ProjectDefinition& Definitions() const {
    return project_ != nullptr ? *project_ : workspace_.project();
  }
  Workspace& workspace_;
  std::shared_ptr<const ProjectDefinition> project_;  // null: the workspace's
  std::shared_ptr<const nlohmann::json> read_by_;     // null until it is needed
  std::map<std::pair<std::string, std::string>, contract::Decoder>
      decoders_;  // by (source, version)
};

// Call this if memory ran out while a batch of `objects` was processed, after they were parsed.
// Counts an attempt against the largest of them, which is set aside after as many attempts as for
// parsing. Returns what was counted, for people; empty if no object is large enough to be at fault.
Result<std::string> CountMemoryAttempt(Workspace& workspace,
                                       const std::vector<catalog::ObjectRecord>& objects);
// Whether one of the objects is large enough to be at fault.
bool HasLargeObject(const std::map<std::string, SourceRecords>& sources);
// The name that these attempts are counted under; parsing the object successfully does not reset
// them.
catalog::Arrival MemoryArrival(const catalog::ObjectRecord& object);

// Columns of quarantine.<source>.
std::shared_ptr<arrow::Schema> QuarantineSchema();
contract::SourceFormat FormatOf(const Source& source);

// A row that no table can keep (its key is null), or that SQL fails on: the source of a quarantine
// row of its record.
struct RejectedRecord {
  RecordId record;  // -1: it comes from no single record, like a row of an aggregate
  contract::ViolationKind kind = contract::ViolationKind::kMissingKey;
  std::string table;  // the table that cannot keep it: "processed.visit", "feature.late_v1"
  std::string
      column;  // the column that is null; or the place in the SQL, "processed/visit.sql:4:3"
  // If SQL failed: the expression, and its input.
  std::string expression{};
  std::string found{};
};
// The violation, without its place in the object.
contract::Violation MakeViolation(const RejectedRecord& rejected);
// Quarantine rows, with bytes and place, of those of `rejected` that lie in the objects of
// `records`; null if none does. A record has a row for each table that could not keep it. Cost:
// each object that holds one is read again.
Result<std::shared_ptr<arrow::Table>> QuarantineRejected(Workspace& workspace,
                                                         const SourceRecords& records,
                                                         std::vector<RejectedRecord> rejected);
}  // namespace weirhouse::work
