#include "contract/inflate.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "contract/contract.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kChunkBytes = 256 << 10;
constexpr std::size_t kRatioFreeBytes = 1 << 20;  // small objects may be as repetitive as they like

struct Inflater {
  z_stream stream{};
  bool open = false;
  ~Inflater() {
    if (open) inflateEnd(&stream);
  }
};

Status Damaged(std::string_view why, std::size_t offset) {
  return Status(Code::kInvalidInput, fmt::format("object cannot be read: its gzip stream {}", why))
      .WithError("WH1312")
      .WithHint(fmt::format("at compressed byte offset {}", offset));
}

Result<std::string> Inflate(std::string_view bytes) {
  const std::size_t by_ratio =
      std::max(kRatioFreeBytes, bytes.size() * static_cast<std::size_t>(kInflateRatioMax));
  const std::size_t limit = std::min(static_cast<std::size_t>(kObjectBytesMax), by_ratio);
  std::string out;
  std::size_t consumed = 0;
  do {  // a gzip file is one or more members
    Inflater member;
    if (inflateInit2(&member.stream, 15 + 16) != Z_OK) {
      return Status(Code::kInternal, "could not start zlib");
    }
    member.open = true;
    int outcome = Z_OK;
    while (outcome != Z_STREAM_END) {
      const std::size_t before = out.size();
      const std::size_t piece = std::min<std::size_t>(bytes.size() - consumed, 1U << 30);
      out.resize(before + kChunkBytes);
      member.stream.next_in =
          reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + consumed));  // zlib reads only
      member.stream.avail_in = static_cast<uInt>(piece);
      member.stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      member.stream.avail_out = static_cast<uInt>(kChunkBytes);
      outcome = inflate(&member.stream, Z_NO_FLUSH);
      consumed += piece - member.stream.avail_in;
      out.resize(before + kChunkBytes - member.stream.avail_out);
      if (outcome == Z_DATA_ERROR || outcome == Z_NEED_DICT || outcome == Z_STREAM_ERROR) {
        return Damaged("is damaged", consumed);
      }
      if (outcome == Z_MEM_ERROR) return OutOfMemory();
      if (out.size() > limit) {
        return Status(Code::kInvalidInput, "object inflates to more than may be")
            .WithError("WH1311")
            .WithHint(fmt::format("{} bytes become more than {}", bytes.size(), limit));
      }
      if (outcome != Z_STREAM_END && consumed == bytes.size() && member.stream.avail_out != 0) {
        return Damaged("is cut short", consumed);
      }
    }
  } while (consumed < bytes.size());
  return out;
}
}  // namespace

Result<OpenedObject> OpenObject(std::string_view bytes, std::string_view object_name) {
  OpenedObject object;
  object.given = bytes;
  if (object_name.ends_with(".gz")) {
    WEIRHOUSE_TRY(object.inflated_bytes, Inflate(bytes));
    object.inflated = true;
  }
  return object;
}
}  // namespace weirhouse::contract
