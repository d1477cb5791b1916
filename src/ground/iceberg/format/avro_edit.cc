#include "ground/iceberg/format/avro_edit.h"

namespace weirhouse::iceberg {
namespace {
constexpr std::string_view kSchemaKey = "avro.schema";
constexpr std::string_view kCodecKey = "avro.codec";

// Encodes decoded values again, by the schema they were decoded with.
class AvroCopy {
 public:
  AvroCopy(AvroWriter& out, const AvroEdit& edit) : out_(out), edit_(edit) {}

  // `type` is the schema's type at this place: the union, if `value` has one of its branches.
  void Put(const AvroType& type, const AvroValue& value, int field_id, std::int64_t key) {
    using Kind = AvroType::Kind;
    switch (type.kind) {
      case Kind::kNull:
        return;
      case Kind::kBoolean:
        return out_.PutBoolean(value.integer != 0);
      case Kind::kInt:
      case Kind::kLong:
        return out_.PutInt(edit_.number(field_id, value.integer));
      case Kind::kEnum:
        return out_.PutInt(value.integer);
      case Kind::kFloat:
      case Kind::kDouble:
      case Kind::kFixed:
        return out_.PutRaw(value.bytes);
      case Kind::kBytes:
      case Kind::kString:
        return out_.PutBytes(edit_.text(field_id, key, value.bytes));
      case Kind::kUnion:
        out_.PutBranch(value.branch);
        return Put(*type.branches[static_cast<std::size_t>(value.branch)], value, field_id, key);
      case Kind::kArray:
      case Kind::kMap:
        return PutItems(type, value);
      case Kind::kRecord:
        return PutFields(type, value);
    }
  }

 private:
  void PutItems(const AvroType& type, const AvroValue& value) {
    const bool is_map = type.kind == AvroType::Kind::kMap;
    const std::size_t values_each = is_map ? 2 : 1;
    if (!value.items.empty())
      out_.PutInt(static_cast<std::int64_t>(value.items.size() / values_each));
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      if (is_map && i % 2 == 0) {
        out_.PutBytes(value.items[i].bytes);
      } else {
        Put(*type.branches[0], value.items[i], -1, -1);
      }
    }
    out_.PutInt(0);
  }

  // Iceberg writes maps with integer keys as arrays of {key, value} records.
  void PutFields(const AvroType& type, const AvroValue& value) {
    const bool is_entry = type.fields.size() == 2 && type.fields[0].name == "key" &&
                          type.fields[1].name == "value" && value.items[0].is_integer();
    const std::int64_t key = is_entry ? value.items[0].integer : -1;
    for (std::size_t i = 0; i < type.fields.size(); ++i)
      Put(*type.fields[i].type, value.items[i], type.fields[i].field_id, key);
  }

  AvroWriter& out_;
  const AvroEdit& edit_;
};
}  // namespace

Result<std::string> EditAvro(std::string_view file, const AvroEdit& edit) {
  WEIRHOUSE_TRY(AvroReader reader, AvroReader::Open(file));
  std::vector<std::pair<std::string, std::string>> header;
  for (const auto& [key, value] : reader.metadata()) {
    if (key != kSchemaKey && key != kCodecKey) header.emplace_back(key, value);
  }
  AvroWriter out(reader.metadata().at(std::string(kSchemaKey)), std::move(header));
  AvroCopy copy(out, edit);
  while (true) {
    WEIRHOUSE_TRY(const AvroValue* record, reader.Next());
    if (record == nullptr) return out.Finish();
    WEIRHOUSE_TRY_STATUS(edit.begin(*record));
    copy.Put(reader.schema(), *record, -1, -1);
    out.EndRecord();
  }
}
}  // namespace weirhouse::iceberg
