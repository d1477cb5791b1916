// The records of raw objects, decoded under their contracts, and what could not be.
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

// Memory that runs out while a smaller object is parsed was taken by others.
inline constexpr std::int64_t kLargeObjectBytes = 1 << 20;

// Of an object that holds a bad record, and whose contract says `whViolation: reject_object`.
inline constexpr std::string_view kRejectedObjectError = "WH1219";

// Batches of more records give memory back between their steps.
inline constexpr std::int64_t kLargeBatchRecords = 100'000;

// Whether objects are read for the first time, again, or after a person asked for them.
enum class Reading : std::uint8_t {
  kFirst,  // what ends the process is counted; what did so too often is quarantined whole
  kAgain,  // what is quarantined whole is left out
  kRetry,  // as the first, whatever was counted before
};

// One source's share of a batch.
struct SourceRecords {
  std::string source;
  std::vector<catalog::ObjectRecord> objects;
  std::shared_ptr<arrow::Table> rows;  // contract::RecordsSchema, valid records in object order
  std::int64_t record_count = 0;       // all records of the objects
  std::int64_t quarantined_count = 0;  // of them, in quarantine
  std::shared_ptr<arrow::Table> quarantine;  // rows for quarantine.<source>; null if none

  // What is told of it.
  std::vector<RefusedObject> refused;               // objects refused whole
  std::map<std::string, QuarantineReason> reasons;  // by reason
  // Those that halt their batch, since the contract of their object says `whViolation: fail`: by
  // the contract's title, then by reason.
  std::map<std::string, std::map<std::string, QuarantineReason>> breaking;
  struct Absent {
    std::int64_t objects = 0;  // how many of those with valid records lack the field
    std::string similar;       // an undeclared field that is nearly called so
  };
  std::map<std::string, Absent> absent_fields;
  std::int64_t objects_with_rows = 0;
};

// Decoders by source and contract version, compiled once. An object is read by the version that the
// ledger pinned when it arrived, so that reading it again finds the same records good; its rows
// then take today's columns: a field that came later has its default. Threads: one.
class RecordReader {
 public:
  explicit RecordReader(Workspace& workspace);
  // By the sources and contracts of `project`, which it keeps, instead of today's.
  RecordReader(Workspace& workspace, std::shared_ptr<const ProjectDefinition> project);
  // Objects are read as they will be once this is registered (contract_reading.h).
  void ReadBy(const nlohmann::json& read_by);

  // Decodes `objects` (all of one source). kUnavailable (WH1308) where the memory does not suffice
  // for one of them, which counts as having ended the process if the object is a large one.
  // kCorruption where one is missing (WH7012) or holds other bytes than arrived (WH1305).
  Result<SourceRecords> Read(const std::string& source,
                             const std::vector<catalog::ObjectRecord>& objects, Reading reading);
  // No rows, with the right columns.
  Result<std::shared_ptr<arrow::Table>> NoRows(const std::string& source);

 private:
  // Of the contract version that was in force when an object arrived; empty = today's.
  Result<const contract::Decoder*> DecoderOf(const std::string& source, const std::string& version);
  // Parses one object, with the workspace's mark set where attempts count. Rows of a large one go
  // to `sink` as they come.
  Result<contract::DecodedPieces> Parse(const contract::Decoder& decoder,
                                        const catalog::ObjectRecord& object, Reading reading,
                                        const contract::RowSink& sink);
  Result<std::string> WhySetAside(const catalog::ObjectRecord& object) const;
  const ProjectDefinition& Definitions() const {
    return project_ != nullptr ? *project_ : workspace_.project();
  }
  Workspace& workspace_;
  std::shared_ptr<const ProjectDefinition> project_;  // null: the workspace's
  std::shared_ptr<const nlohmann::json> read_by_;     // null until it is asked for
  std::map<std::pair<std::string, std::string>, contract::Decoder>
      decoders_;  // by (source, version)
};

// Memory ran out while a batch of `objects` was worked on, after they were parsed: counts against
// the largest of them, which is set aside after so many times as for parsing. Says what was
// counted; empty where none is large enough to be at fault.
Result<std::string> CountMemoryAttempt(Workspace& workspace,
                                       const std::vector<catalog::ObjectRecord>& objects);
// Whether one of them is large enough to be at fault.
bool HasLargeObject(const std::map<std::string, SourceRecords>& sources);
// The name under which they are counted; parsing an object to its end does not forget them.
catalog::Arrival MemoryArrival(const catalog::ObjectRecord& object);

// Columns of quarantine.<source>.
std::shared_ptr<arrow::Schema> QuarantineSchema();
contract::SourceFormat FormatOf(const Source& source);

// A row that no table can keep (its key is null), or that SQL cannot be run on: what makes a
// quarantine row of its record.
struct RejectedRecord {
  RecordId record;  // -1: of no one record, as a row of an aggregate
  contract::ViolationKind kind = contract::ViolationKind::kMissingKey;
  std::string table;   // "processed.visit", whose key it is; "feature.late_v1"
  std::string column;  // that is null; or the place in the file, "processed/visit.sql:4:3"
  // Where SQL failed: the expression, and what it was given.
  std::string expression{};
  std::string found{};
};
// Without its place in the object.
contract::Violation ViolationOf(const RejectedRecord& rejected);
// Quarantine rows of those of `rejected` that lie in the objects of `records`, with bytes and
// place; null if none does. A record stands there once for each table that could not keep it. Cost:
// each object that holds one is read once more.
Result<std::shared_ptr<arrow::Table>> QuarantineRejected(Workspace& workspace,
                                                         const SourceRecords& records,
                                                         std::vector<RejectedRecord> rejected);
}  // namespace weirhouse::work
