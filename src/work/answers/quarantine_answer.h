// The records that contracts refused, with the reasons.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

// One record in quarantine, or an object that is in quarantine as a whole.
struct QuarantinedRecord {
  std::string source;
  nlohmann::json row;  // its columns by name: object, line, byte_offset, reason, violations, …

  std::string place() const;                       // "weather/2013-02-12.csv:26"
  std::string found() const;                       // the value at the first violation; may be empty
  std::optional<std::string> id() const;           // "weather/311"; absent: an object
  std::string text(const char* column) const;      // empty if it is null
  nlohmann::json value(const char* column) const;  // null if it is absent
};
// {record, place, reason, found, contract, byte_offset, byte_length}
nlohmann::json ToJson(const QuarantinedRecord& record);

// The quarantine of one source or of all, as of the call of Open; read one file at a time. After
// Open it needs no open project. Memory: one file's rows.
class QuarantineReader {
 public:
  //   kNotFound (WH8037)  the project has no such source, and none of its records is in quarantine
  static Result<QuarantineReader> Open(work::Workspace& workspace, const std::string& source);

  struct Page {
    std::vector<QuarantinedRecord> records;
    std::int64_t left_out = 0;  // of the same file, beyond what was asked for
  };
  // The first `most` records of the next file; absent after the last file.
  Result<std::optional<Page>> Next(std::int64_t most);
  // The number of records in files that Next has not reached. Reads none of the columns that are
  // shown.
  Result<std::int64_t> CountRest() const;

 private:
  struct Part {
    std::string source;
    iceberg::Scan shown;
    iceberg::Scan counted;  // the same files
  };
  std::vector<Part> parts_;
  std::size_t part_ = 0;
  std::size_t file_ = 0;  // of that part
};

struct QuarantineReasonRow {
  std::string reason;
  std::int64_t records = 0;
  std::string first;  // where: "weather/2013-02-12.csv:26"
  std::string found;  // the value there; may be empty
};
struct QuarantineReasonsAnswer {
  std::vector<QuarantineReasonRow> reasons;  // the most frequent first
};
// Of `source`, or of all. Errors as QuarantineReader::Open. Cost: reads all of it, file by file.
Result<QuarantineReasonsAnswer> ListQuarantineReasons(work::Workspace& workspace,
                                                      const std::string& source);
// {"reasons": [{reason, records, first, found}]}
nlohmann::json ToJson(const QuarantineReasonsAnswer& answer);

// "weather/311", or "weather/2013-02-12.csv" of an object that was refused whole.
struct QuarantinedAnswer {
  QuarantinedRecord record;  // with its bytes
};
//   kInvalidInput (WH8033)  `id` is not of that form
//   kNotFound (WH8037)      nothing of that name is in quarantine
Result<QuarantinedAnswer> ReadQuarantined(work::Workspace& workspace, const std::string& id);
// {"record": {…all columns…, source}}
nlohmann::json ToJson(const QuarantinedAnswer& answer);
}  // namespace weirhouse::answers
