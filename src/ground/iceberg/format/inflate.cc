#include "ground/iceberg/format/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

std::optional<std::string> Inflate(std::string_view bytes, DeflateForm form,
                                   std::size_t bytes_max) {
  z_stream stream{};
  const int window = form == DeflateForm::kRaw ? -MAX_WBITS : MAX_WBITS + 16;
  if (inflateInit2(&stream, window) != Z_OK) return std::nullopt;
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, &inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::size_t used = 0;
  for (;;) {
    if (used == out.size()) {
      if (used >= bytes_max) return std::nullopt;
      out.resize(std::max<std::size_t>(bytes.size() * 4, used * 2) + 1024);
    }
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size() - used, 1u << 30));
    const uInt before = stream.avail_out;
    const int rc = inflate(&stream, Z_NO_FLUSH);
    used += before - stream.avail_out;
    if (rc == Z_STREAM_END) break;
    if (rc != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)) return std::nullopt;
  }
  if (used > bytes_max) return std::nullopt;
  out.resize(used);
  return out;
}

std::string Deflate(std::string_view bytes, DeflateForm form) {
  z_stream stream{};
  const int window = form == DeflateForm::kRaw ? -MAX_WBITS : MAX_WBITS + 16;
  WEIRHOUSE_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  WEIRHOUSE_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
}  // namespace weirhouse::iceberg
