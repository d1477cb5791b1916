// Parquet files as objects of records: the same promises as for text formats (contract.h).
//
// A row is a record. It has no bytes of its own in the file, so its JSON stands for them (RowJson);
// its line is its number in the file, from 1, and its offset is that of its row group.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"
#include "rules/contract/decode/decode_pieces.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {

Result<std::int64_t> CountParquetRecords(ByteStream& object, std::int64_t size_bytes,
                                         std::string_view object_name);
// `object` must offer random().
Result<DecodedPieces> DecodeParquet(const Contract& contract, const RecordProgram& program,
                                    ByteStream& object, std::int64_t size_bytes,
                                    const ObjectContext& context, const RowSink& sink);
// `object` must offer random(). Cost: the row groups that hold the records.
Result<std::vector<RecordRange>> LocateParquetRecords(ByteStream& object,
                                                      std::string_view object_name,
                                                      std::span<const std::int64_t> ordinals);
}  // namespace weirhouse::contract
