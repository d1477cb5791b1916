// Inflates and deflates bytes (RFC 1951, RFC 1952): Avro blocks, gzipped files, members of zip
// archives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct z_stream_s;

namespace weirhouse::platform {

enum class DeflateForm : std::uint8_t {
  kRaw,   // as in Avro and zip
  kGzip,  // one member
};
inline bool IsGzip(std::string_view bytes) { return bytes.substr(0, 2) == "\x1f\x8b"; }

// One deflated stream, inflated piece by piece. Threads: one.
class Inflater {
 public:
  enum class Outcome : std::uint8_t { kMore, kEnd, kDamaged, kOutOfMemory };
  struct Step {
    Outcome outcome = Outcome::kMore;
    std::size_t taken = 0;  // bytes from the beginning of what was given
    std::size_t made = 0;
  };

  explicit Inflater(DeflateForm form);
  bool started() const { return stream_ != nullptr; }  // false: out of memory
  // Inflates `bytes` into at most `room` bytes at `into`. It may have consumed more input than it
  // has produced output for: call it again with no bytes until it produces none.
  Step Next(std::string_view bytes, char* into, std::size_t room);

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  std::unique_ptr<z_stream_s, End> stream_;
};

// Absent if the bytes are damaged or cut, inflate to more than `bytes_max`, or hold more than one
// member of gzip.
std::optional<std::string> Inflate(std::string_view bytes, DeflateForm form, std::size_t bytes_max);
// Uses the fastest level, because the output is written at each commit and read only a few times.
std::string Deflate(std::string_view bytes, DeflateForm form);
}  // namespace weirhouse::platform
