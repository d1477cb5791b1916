// Collects judged records into Arrow columns.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "contract/program.h"

namespace weirhouse::contract {

// Threads: one.
class RowCollector {
 public:
  RowCollector(const Contract& contract, ProcessTime ingested_at);
  ~RowCollector();

  // Appends one valid record. `unknown` is its JSON of unknown fields, empty for none.
  Status Append(const std::vector<Slot>& slots, std::int64_t record_id, std::string_view unknown);
  Result<std::shared_ptr<arrow::Table>> Finish();

 private:
  struct Columns;
  Status EndChunk();
  std::unique_ptr<Columns> columns_;
  ProcessTime ingested_at_;
};
}  // namespace weirhouse::contract
