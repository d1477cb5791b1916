// The bytes of an object as its records are read: inflated where its name ends in ".gz".
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"

namespace weirhouse::contract {

inline bool IsCompressed(std::string_view object_name) { return object_name.ends_with(".gz"); }

// Inflates what another stream holds. kInvalidInput WH1311 above the caps (kStreamBytesMax; ratio
// 1000:1 beyond 1 MiB), WH1312 where the gzip stream is damaged or cut short, with the offset in
// the compressed bytes.
class InflatingStream final : public ByteStream {
 public:
  // `compressed` must outlive it. `compressed_bytes`: all of them, for the greatest ratio.
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
