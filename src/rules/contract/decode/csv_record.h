// Reads CSV rows under a contract: columns are matched to fields by the names of the header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/contract/decode/record_cutter.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {

// Threads: one. The program and `format` must outlive it.
class CsvReader {
 public:
  CsvReader(const RecordProgram& program, const SourceFormat& format,
            std::vector<std::string> columns);

  // Required fields without a default that the header lacks: then no record is valid.
  const std::vector<std::string>& lacking() const { return lacking_; }

  // Declared fields that the header lacks.
  std::vector<AbsentField> AbsentFields() const;
  // The header, each name in quotes.
  const std::string& shown_header() const { return shown_header_; }
  // What to do about a column that the header lacks, for people.
  std::string AdviceFor(const std::string& lacking) const;

  // Reads a record into `slots`, which stay valid until the next call. Without a sink: false at the
  // first violation. With one: adds every violation. `unknown` becomes the JSON of undeclared
  // columns, empty if there are none.
  bool Read(std::string_view record, std::int64_t record_offset, std::vector<Slot>* slots,
            std::string* unknown, ViolationSink* sink);

 private:
  std::vector<std::string> UndeclaredColumns() const;
  bool IsNull(std::string_view text) const;
  bool ReadField(const CsvSlice& slice, std::size_t column, Slot* slot, ViolationSink* sink);
  bool ReadUnknown(const CsvSlice& slice, std::size_t column, ViolationSink* sink);
  void WriteUnknown(std::string* out);

  const RecordProgram& program_;
  const std::vector<std::string>& nulls_;
  std::size_t longest_null_ = 0;
  char delimiter_;
  std::vector<std::string> columns_;
  std::vector<int> field_of_column_;          // -1: undeclared
  std::vector<std::size_t> unknown_columns_;  // sorted by name
  std::vector<std::string> lacking_;
  std::vector<std::string> absent_;
  std::string shown_header_;
  std::vector<CsvSlice> slices_;
  std::vector<std::string> scratch_;  // undoubled texts, one a column
};
}  // namespace weirhouse::contract
