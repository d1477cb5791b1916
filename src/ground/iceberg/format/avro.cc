#include "ground/iceberg/format/avro.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <limits>

#include "ground/base/digest.h"
#include "ground/platform/io/inflate.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::string_view kMagic{"Obj\x01", 4};
constexpr std::size_t kSyncBytes = 16;
// per file; a manifest is usually at most 8 MiB
constexpr std::size_t kInflatedBytesMax = 256u << 20;
constexpr int kDepthMax = 64;
constexpr std::int64_t kValuesPerRecordMax = 500'000;  // 10,000 columns have 120,000
constexpr std::size_t kBlockBytes = 64u << 10;
// below it deflating saves at most one disk page
constexpr std::size_t kDeflateBytesMin = 16u << 10;

Status Malformed(std::string_view why) {
  return Status(Code::kCorruption, fmt::format("avro file is malformed: {}", why))
      .WithError("WH7052");
}

Result<std::int64_t> TakeLong(std::string_view& rest) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (i >= rest.size()) return Malformed("it ends inside a number");
    const auto byte = static_cast<std::uint8_t>(rest[i]);
    bits |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) {
      rest.remove_prefix(i + 1);
      return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
    }
  }
  return Malformed("it has a number of more than 10 bytes");
}

Result<std::string_view> TakeRaw(std::string_view& rest, std::int64_t size) {
  if (size < 0 || static_cast<std::uint64_t>(size) > rest.size()) {
    return Malformed("it ends inside a value");
  }
  const std::string_view taken = rest.substr(0, static_cast<std::size_t>(size));
  rest.remove_prefix(static_cast<std::size_t>(size));
  return taken;
}

Result<std::string_view> TakeBytes(std::string_view& rest) {
  WEIRHOUSE_TRY(const std::int64_t size, TakeLong(rest));
  return TakeRaw(rest, size);
}

// Decodes values by the writer's schema.
class Decoder {
 public:
  explicit Decoder(std::string_view& rest) : rest_(rest) {}

  Status Decode(const AvroType& type, int depth, AvroValue& value) {
    if (depth > kDepthMax) return Malformed("more than 64 levels");
    if (++values_ > kValuesPerRecordMax) return Malformed("a record of more than 500,000 values");
    value.type = &type;
    value.items.clear();
    switch (type.kind) {
      case AvroType::Kind::kNull:
        return Status::Ok();
      case AvroType::Kind::kBoolean: {
        WEIRHOUSE_TRY(const std::string_view byte, TakeRaw(rest_, 1));
        value.integer = byte[0] != 0 ? 1 : 0;
        return Status::Ok();
      }
      case AvroType::Kind::kInt:
      case AvroType::Kind::kLong:
      case AvroType::Kind::kEnum: {
        WEIRHOUSE_TRY(value.integer, TakeLong(rest_));
        return Status::Ok();
      }
      case AvroType::Kind::kFloat:
      case AvroType::Kind::kDouble:
        return DecodeReal(type, value);
      case AvroType::Kind::kBytes:
      case AvroType::Kind::kString: {
        WEIRHOUSE_TRY(value.bytes, TakeBytes(rest_));
        return Status::Ok();
      }
      case AvroType::Kind::kFixed: {
        WEIRHOUSE_TRY(value.bytes, TakeRaw(rest_, type.fixed_size));
        return Status::Ok();
      }
      case AvroType::Kind::kUnion: {
        WEIRHOUSE_TRY(const std::int64_t branch, TakeLong(rest_));
        if (branch < 0 || static_cast<std::size_t>(branch) >= type.branches.size()) {
          return Malformed("a union branch that its schema does not have");
        }
        WEIRHOUSE_TRY_STATUS(
            Decode(*type.branches[static_cast<std::size_t>(branch)], depth + 1, value));
        value.branch = static_cast<int>(branch);
        return Status::Ok();
      }
      case AvroType::Kind::kArray:
      case AvroType::Kind::kMap:
        return DecodeItems(type, depth, value);
      case AvroType::Kind::kRecord:
        value.items.resize(type.fields.size());
        for (std::size_t i = 0; i < type.fields.size(); ++i) {
          WEIRHOUSE_TRY_STATUS(Decode(*type.fields[i].type, depth + 1, value.items[i]));
        }
        return Status::Ok();
    }
    return Malformed("a type of unknown kind");
  }

 private:
  Status DecodeReal(const AvroType& type, AvroValue& value) {
    const bool is_float = type.kind == AvroType::Kind::kFloat;
    WEIRHOUSE_TRY(value.bytes, TakeRaw(rest_, is_float ? 4 : 8));
    if (is_float) {
      float real = 0;
      std::memcpy(&real, value.bytes.data(), sizeof real);
      value.real = static_cast<double>(real);
    } else {
      std::memcpy(&value.real, value.bytes.data(), sizeof value.real);
    }
    return Status::Ok();
  }

  Status DecodeItems(const AvroType& type, int depth, AvroValue& value) {
    const bool is_map = type.kind == AvroType::Kind::kMap;
    for (;;) {
      WEIRHOUSE_TRY(std::int64_t count, TakeLong(rest_));
      if (count == 0) return Status::Ok();
      if (count < 0) {  // the block's size in bytes follows, for readers that skip
        if (count == std::numeric_limits<std::int64_t>::min()) return Malformed("a block count");
        count = -count;
        WEIRHOUSE_TRY(const std::int64_t size, TakeLong(rest_));
        if (size < 0) return Malformed("a negative block size");
      }
      // Every element that Iceberg writes takes at least a byte, so this bounds the allocation.
      if (static_cast<std::uint64_t>(count) > rest_.size()) {
        return Malformed("more elements than bytes");
      }
      for (std::int64_t i = 0; i < count; ++i) {
        if (is_map) {
          static const AvroType key_type = [] {
            AvroType string;
            string.kind = AvroType::Kind::kString;
            return string;
          }();
          WEIRHOUSE_TRY_STATUS(Decode(key_type, depth + 1, value.items.emplace_back()));
        }
        WEIRHOUSE_TRY_STATUS(Decode(*type.branches[0], depth + 1, value.items.emplace_back()));
      }
    }
  }

  std::string_view& rest_;
  std::int64_t values_ = 0;
};

void AppendLong(std::string& out, std::int64_t value) {
  auto bits = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  while (bits >= 0x80) {
    out += static_cast<char>(bits | 0x80);
    bits >>= 7;
  }
  out += static_cast<char>(bits);
}
void AppendBytes(std::string& out, std::string_view bytes) {
  AppendLong(out, static_cast<std::int64_t>(bytes.size()));
  out += bytes;
}
}  // namespace

Result<AvroReader> AvroReader::Open(std::string_view file) {
  if (file.substr(0, kMagic.size()) != kMagic) return Malformed("it does not begin with \"Obj\" 1");
  AvroReader reader;
  reader.rest_ = file.substr(kMagic.size());
  for (;;) {
    WEIRHOUSE_TRY(std::int64_t count, TakeLong(reader.rest_));
    if (count == 0) break;
    if (count < 0) {
      if (count == std::numeric_limits<std::int64_t>::min()) return Malformed("a block count");
      count = -count;
      WEIRHOUSE_TRY(const std::int64_t size, TakeLong(reader.rest_));
      if (size < 0) return Malformed("a negative block size");
    }
    for (std::int64_t i = 0; i < count; ++i) {
      WEIRHOUSE_TRY(const std::string_view key, TakeBytes(reader.rest_));
      WEIRHOUSE_TRY(const std::string_view value, TakeBytes(reader.rest_));
      reader.metadata_[std::string(key)] = std::string(value);
    }
  }
  WEIRHOUSE_TRY(reader.sync_, TakeRaw(reader.rest_, kSyncBytes));
  const auto codec = reader.metadata_.find("avro.codec");
  if (codec != reader.metadata_.end() && codec->second != "null" && !codec->second.empty()) {
    if (codec->second != "deflate") {
      return Malformed(fmt::format("codec \"{}\" is neither null nor deflate", codec->second));
    }
    reader.deflate_ = true;
  }
  const auto schema = reader.metadata_.find("avro.schema");
  if (schema == reader.metadata_.end()) return Malformed("no avro.schema in its header");
  WEIRHOUSE_TRY(reader.schema_, AvroSchema::Parse(schema->second));
  return reader;
}

Result<bool> AvroReader::OpenBlock() {
  while (records_left_ == 0) {
    if (rest_.empty()) return false;
    WEIRHOUSE_TRY(records_left_, TakeLong(rest_));
    WEIRHOUSE_TRY(block_, TakeBytes(rest_));
    WEIRHOUSE_TRY(const std::string_view sync, TakeRaw(rest_, kSyncBytes));
    if (records_left_ < 0) return Malformed("a negative record count");
    if (sync != sync_) return Malformed("a block without its sync marker");
    if (deflate_ && records_left_ > 0) {
      // One limit for all blocks together: each of them could be a decompression bomb.
      std::optional<std::string> inflated = platform::Inflate(block_, platform::DeflateForm::kRaw,
                                                              kInflatedBytesMax - inflated_before_);
      if (!inflated) return Malformed("a block does not inflate, or all of them to over 256 MiB");
      inflated_ = *std::move(inflated);
      inflated_before_ += inflated_.size();
      block_ = inflated_;
    }
    if (static_cast<std::uint64_t>(records_left_) > block_.size()) {
      return Malformed("more records than bytes");
    }
  }
  return true;
}

Result<const AvroValue*> AvroReader::Next() {
  WEIRHOUSE_TRY(const bool more, OpenBlock());
  if (!more) return static_cast<const AvroValue*>(nullptr);
  --records_left_;
  Decoder decoder(block_);
  WEIRHOUSE_TRY_STATUS(decoder.Decode(schema_->root(), 0, value_));
  return static_cast<const AvroValue*>(&value_);
}

AvroWriter::AvroWriter(std::string schema_json,
                       std::vector<std::pair<std::string, std::string>> metadata)
    : schema_json_(std::move(schema_json)), metadata_(std::move(metadata)) {}

void AvroWriter::PutInt(std::int64_t value) { AppendLong(body_, value); }
void AvroWriter::PutBytes(std::string_view value) { AppendBytes(body_, value); }

void AvroWriter::EndRecord() {
  ++open_records_;
  if (body_.size() - open_begin_ < kBlockBytes) return;
  blocks_.push_back({open_records_, open_begin_, body_.size() - open_begin_});
  open_records_ = 0;
  open_begin_ = body_.size();
}

std::string AvroWriter::Finish() {
  if (open_records_ > 0) {
    blocks_.push_back({open_records_, open_begin_, body_.size() - open_begin_});
  }
  const bool deflate = body_.size() >= kDeflateBytesMin;
  std::string out(kMagic);
  AppendLong(out, static_cast<std::int64_t>(metadata_.size()) + 2);
  AppendBytes(out, "avro.schema");
  AppendBytes(out, schema_json_);
  AppendBytes(out, "avro.codec");
  AppendBytes(out, deflate ? "deflate" : "null");
  for (const auto& [key, value] : metadata_) {
    AppendBytes(out, key);
    AppendBytes(out, value);
  }
  AppendLong(out, 0);
  // The sync marker is derived from the content, so that equal files have equal bytes.
  const Digest digest = Sha256Of(body_);
  const std::string_view sync = digest.view().substr(0, kSyncBytes);
  out += sync;
  for (const Block& block : blocks_) {
    const std::string_view bytes = std::string_view(body_).substr(block.begin, block.size);
    AppendLong(out, block.records);
    if (deflate) {
      AppendBytes(out, platform::Deflate(bytes, platform::DeflateForm::kRaw));
    } else {
      AppendBytes(out, bytes);
    }
    out += sync;
  }
  return out;
}
}  // namespace weirhouse::iceberg
