// Deflated bytes (RFC 1951, RFC 1952): Avro blocks, gzipped files, members of zip archives.
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
  kRaw,   // as Avro and zip want it
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
  bool started() const { return stream_ != nullptr; }  // false: there is no memory for it
  // Inflates what it can of `bytes` into `room` bytes at `into`. It may take in more than what it
  // has made yet: go on with no bytes until it makes none.
  Step Next(std::string_view bytes, char* into, std::size_t room);

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  std::unique_ptr<z_stream_s, End> stream_;
};

// Absent if the bytes are damaged or cut, or inflate to more than `bytes_max`.
std::optional<std::string> Inflate(std::string_view bytes, DeflateForm form, std::size_t bytes_max);
// At the fastest level: what is written at each commit is read a few times.
std::string Deflate(std::string_view bytes, DeflateForm form);
}  // namespace weirhouse::platform
