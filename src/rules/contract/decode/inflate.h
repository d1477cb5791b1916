// The bytes of an object, inflated if its name ends in ".gz".
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"

namespace weirhouse::contract {

inline bool IsCompressed(std::string_view object_name) { return object_name.ends_with(".gz"); }

// Inflates the bytes of another stream. kInvalidInput WH1311 above the limits (kStreamBytesMax;
// ratio 1000:1 beyond 1 MiB), WH1312 if the gzip stream is damaged or cut short, with the offset in
// the compressed bytes.
class InflatingStream final : public ByteStream {
 public:
  // `compressed` must outlive it. `compressed_bytes`: its size, for the limit on the ratio.
  InflatingStream(ByteStream& compressed, std::int64_t compressed_bytes);
  ~InflatingStream() override;
  InflatingStream(const InflatingStream&) = delete;
  InflatingStream& operator=(const InflatingStream&) = delete;
  Result<std::size_t> Read(char* into, std::size_t room) override;

 private:
  struct State;
  Status Fill();
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::contract
