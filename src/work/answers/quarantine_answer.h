// What the contracts refused, and why.
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

// One record in quarantine, or an object that is there whole.
struct QuarantinedRecord {
  std::string source;
  nlohmann::json row;  // its columns by name: object, line, byte_offset, reason, violations, …

  std::string place() const;                       // "weather/2013-02-12.csv:26"
  std::string found() const;                       // what the first violation met; may be empty
  std::optional<std::string> id() const;           // "weather/311"; absent: an object
  std::string text(const char* column) const;      // empty where it is null
  nlohmann::json value(const char* column) const;  // null where it is absent
};
// {record, place, reason, found, contract, byte_offset, byte_length}
nlohmann::json ToJson(const QuarantinedRecord& record);

// The quarantine of a source, or of all, as it stood when it was opened; read file by file, never
// all of it. Needs no open project after Open. Memory: one file's rows.
class QuarantineReader {
 public:
  //   kNotFound (WH8037)  the project has no such source, and nothing of it is in quarantine
  static Result<QuarantineReader> Open(work::Workspace& workspace, const std::string& source);

  struct Page {
    std::vector<QuarantinedRecord> records;
    std::int64_t left_out = 0;  // of the same file, beyond what was asked for
  };
  // The first `most` of the next file; absent: there is none.
  Result<std::optional<Page>> Next(std::int64_t most);
  // How many records the files hold that Next has not come to, of which no column that is shown is
  // read.
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
  std::string found;  // what it met there; may be empty
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
