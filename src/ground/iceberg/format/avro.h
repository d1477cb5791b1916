// Avro object container files (Apache Avro 1.11 specification, "Object Container Files"), as far as
// Iceberg uses them. Manifests and manifest lists are built on them (manifest.h).
//
//   file   = "Obj" 01, metadata map (avro.schema, avro.codec, …), 16-byte sync marker, block*
//   block  = record count (zig-zag varint), byte count, records (deflated or not), sync marker
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// One node of a writer's schema, owned by its AvroSchema.
struct AvroType {
  enum class Kind : std::uint8_t {
    kNull,
    kBoolean,
    kInt,
    kLong,
    kFloat,
    kDouble,
    kBytes,
    kString,
    kFixed,
    kEnum,
    kArray,
    kMap,
    kUnion,
    kRecord
  };
  struct Field {
    std::string name;
    int field_id = -1;  // Iceberg's; -1 = the writer left it out
    const AvroType* type = nullptr;
  };
  Kind kind = Kind::kNull;
  std::string logical_type;
  std::int64_t fixed_size = 0;
  std::vector<Field> fields;              // of a record
  std::vector<const AvroType*> branches;  // of a union; [0] is the element of an array or map
};

class AvroSchema {
 public:
  // Limits: 64 levels, 100,000 nodes. Errors: kCorruption (WH7052).
  static Result<std::shared_ptr<const AvroSchema>> Parse(std::string_view json);
  const AvroType& root() const { return *root_; }

 private:
  friend class AvroSchemaReader;
  std::deque<AvroType> types_;
  const AvroType* root_ = nullptr;
};

// One decoded value; unions are already resolved to a branch. Views are valid until the reader's
// next Next().
struct AvroValue {
  const AvroType* type = nullptr;
  int branch = 0;                // index of the union's branch
  std::int64_t integer = 0;      // boolean, int, long, enum
  double real = 0;               // float, double
  std::string_view bytes;        // bytes, string, fixed; the bytes of a float or double
  std::vector<AvroValue> items;  // record fields, array elements; a map's keys and values in turn

  bool is_null() const { return type == nullptr || type->kind == AvroType::Kind::kNull; }
  bool is_integer() const {
    return type != nullptr &&
           (type->kind == AvroType::Kind::kInt || type->kind == AvroType::Kind::kLong ||
            type->kind == AvroType::Kind::kBoolean);
  }
  bool is_text() const {
    return type != nullptr &&
           (type->kind == AvroType::Kind::kBytes || type->kind == AvroType::Kind::kString ||
            type->kind == AvroType::Kind::kFixed);
  }
  // The field of a record with Iceberg field id `id`; nullptr if absent or null.
  const AvroValue* Find(int id) const;
};

// Reads records in order. Checks every length against the available bytes before it allocates; all
// blocks of a file together inflate to at most 256 MiB. Errors: kCorruption (WH7052). Threads: one.
class AvroReader {
 public:
  // `file` must outlive the reader.
  static Result<AvroReader> Open(std::string_view file);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const AvroType& schema() const { return schema_->root(); }
  // The next record, or nullptr at the end. Valid until the next call.
  Result<const AvroValue*> Next();

 private:
  Result<bool> OpenBlock();

  std::string_view rest_;
  std::map<std::string, std::string> metadata_;
  std::shared_ptr<const AvroSchema> schema_;
  std::string_view sync_;
  bool deflate_ = false;
  std::int64_t records_left_ = 0;
  std::string inflated_;
  std::size_t inflated_before_ = 0;  // bytes of the blocks before this one
  std::string_view block_;
  AvroValue value_;
};

// Builds a file in memory. Put the values in schema order, then call EndRecord. Blocks hold about
// 64 KiB; the body is deflated if it is large enough to gain from it. Equal calls give equal bytes.
class AvroWriter {
 public:
  AvroWriter(std::string schema_json, std::vector<std::pair<std::string, std::string>> metadata);

  void PutInt(std::int64_t value);  // int and long alike
  void PutBoolean(bool value) { body_ += static_cast<char>(value ? 1 : 0); }
  void PutBytes(std::string_view value);  // string and bytes alike
  void PutRaw(std::string_view value) { body_ += value; }
  void PutBranch(int branch) { PutInt(branch); }
  void EndRecord();
  std::string Finish();

 private:
  struct Block {
    std::int64_t records = 0;
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  std::string schema_json_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::string body_;
  std::vector<Block> blocks_;
  std::int64_t open_records_ = 0;
  std::size_t open_begin_ = 0;
};
}  // namespace weirhouse::iceberg
