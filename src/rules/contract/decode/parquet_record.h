// Reads rows of Parquet files under a contract: columns are matched to fields by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/contract/decode/parquet_cell.h"
#include "rules/contract/program.h"

namespace arrow {
class Array;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace weirhouse::contract {

// The row as one line of JSON, all columns in the file's order: what stands for the bytes of a
// record that has none of its own.
std::string RowJson(const arrow::RecordBatch& rows, std::int64_t row);

// Threads: one. The program must outlive it.
class ParquetReader {
 public:
  ParquetReader(const RecordProgram& program, const arrow::Schema& schema);

  // Required fields without a default that the file lacks: then no record is valid.
  const std::vector<std::string>& lacking() const { return lacking_; }
  // Declared fields that the file lacks.
  std::vector<AbsentField> AbsentFields() const;
  // The file's columns, each name in quotes.
  std::string ShownColumns() const;
  // What to do about a column that the file lacks, for people.
  std::string AdviceFor(const std::string& lacking) const;

  // The rows that Read is about, until the next call.
  void Begin(const arrow::RecordBatch& rows);
  // Reads a row into `slots`, which are valid until the next call. Without a sink: false at the
  // first violation. With one: adds every violation, at `offset`. `unknown` becomes the JSON of
  // undeclared columns that are not null, sorted by name; empty if there are none.
  bool Read(std::int64_t row, std::int64_t offset, std::vector<Slot>* slots, std::string* unknown,
            ViolationSink* sink);

 private:
  struct Column {
    std::string name;
    int field = -1;  // undeclared
    CellReading reading = CellReading::kNeverFits;
    const arrow::Array* cells = nullptr;
    std::string scratch;
  };
  bool ReadDeclared(Column& column, std::int64_t row, std::int64_t offset, Slot* slot,
                    ViolationSink* sink);
  bool ReadUndeclared(const Column& column, std::int64_t row, std::int64_t offset,
                      ViolationSink* sink);
  void WriteUnknown(std::int64_t row, std::string* out) const;

  const RecordProgram& program_;
  std::vector<Column> columns_;
  std::vector<std::size_t> undeclared_;  // sorted by name
  std::vector<std::string> lacking_;
  std::vector<std::string> absent_;
};
}  // namespace weirhouse::contract
