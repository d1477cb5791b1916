// Collects judged records into Arrow columns.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/contract/decode/decode_pieces.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {

// Threads: one.
class RowCollector {
 public:
  // Full pieces of rows go to `sink`, if there is one.
  RowCollector(const Contract& contract, ProcessTime ingested_at, RowSink sink = {});
  ~RowCollector();

  // Appends one valid record. `unknown` is its JSON of unknown fields, empty for none.
  Status Append(const std::vector<Slot>& slots, std::int64_t record_id, std::string_view unknown);
  // The rows that the sink did not take.
  Result<std::shared_ptr<arrow::Table>> Finish();
  std::int64_t row_count() const;  // all rows, after Finish
  bool OnlyNulls(std::size_t field) const;

 private:
  struct Columns;
  Status Reserve();
  Status EndChunk();
  std::shared_ptr<arrow::Table> TakeFull();
  std::unique_ptr<Columns> columns_;
  ProcessTime ingested_at_;
  const RowSink sink_;
};
}  // namespace weirhouse::contract
