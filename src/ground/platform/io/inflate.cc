#include "ground/platform/io/inflate.h"

#include <zlib.h>

#include <algorithm>

#include "ground/base/status.h"

namespace weirhouse::platform {
namespace {

constexpr std::size_t kStepBytesMax = 1u << 30;  // zlib counts in 32 bits

int WindowOf(DeflateForm form) { return form == DeflateForm::kRaw ? -MAX_WBITS : MAX_WBITS + 16; }
}  // namespace

void Inflater::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

Inflater::Inflater(DeflateForm form) {
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), WindowOf(form)) == Z_OK) stream_.reset(stream.release());
}

Inflater::Step Inflater::Next(std::string_view bytes, char* into, std::size_t room) {
  const std::size_t given = std::min(bytes.size(), kStepBytesMax);
  const std::size_t wanted = std::min(room, kStepBytesMax);
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<uInt>(given);
  stream_->next_out = reinterpret_cast<Bytef*>(into);
  stream_->avail_out = static_cast<uInt>(wanted);
  const int rc = inflate(stream_.get(), Z_NO_FLUSH);
  Step step;
  step.taken = given - stream_->avail_in;
  step.made = wanted - stream_->avail_out;
  if (rc == Z_STREAM_END) step.outcome = Outcome::kEnd;
  if (rc == Z_DATA_ERROR || rc == Z_NEED_DICT || rc == Z_STREAM_ERROR) {
    step.outcome = Outcome::kDamaged;
  }
  if (rc == Z_MEM_ERROR) step.outcome = Outcome::kOutOfMemory;
  return step;
}

std::optional<std::string> Inflate(std::string_view bytes, DeflateForm form,
                                   std::size_t bytes_max) {
  Inflater inflater(form);
  if (!inflater.started()) return std::nullopt;
  std::string out;
  std::size_t taken = 0;
  std::size_t used = 0;
  for (;;) {
    if (used == out.size()) {
      if (used > bytes_max) return std::nullopt;
      out.resize(std::max<std::size_t>(bytes.size() * 4, used * 2) + 1024);
    }
    const Inflater::Step step =
        inflater.Next(bytes.substr(taken), out.data() + used, out.size() - used);
    taken += step.taken;
    used += step.made;
    if (step.outcome == Inflater::Outcome::kEnd) break;
    const bool is_cut = taken == bytes.size() && used < out.size();
    if (step.outcome != Inflater::Outcome::kMore || is_cut) return std::nullopt;
  }
  const bool has_more = form == DeflateForm::kGzip && taken < bytes.size();
  if (used > bytes_max || has_more) return std::nullopt;
  out.resize(used);
  return out;
}

std::string Deflate(std::string_view bytes, DeflateForm form) {
  z_stream stream{};
  WEIRHOUSE_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, WindowOf(form), 8, Z_DEFAULT_STRATEGY) ==
                  Z_OK);
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
}  // namespace weirhouse::platform
