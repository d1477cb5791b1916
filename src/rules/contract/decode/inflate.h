// The bytes of an object as its records are read: inflated where its name ends in ".gz".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"

namespace weirhouse::contract {

inline bool IsCompressed(std::string_view object_name) { return object_name.ends_with(".gz"); }

// A view of the given bytes, or of what they inflate to. Valid while the given bytes live; movable
// only before view() is taken.
struct OpenedObject {
  std::string inflated_bytes;
  std::string_view given;
  bool inflated = false;
  std::string_view view() const { return inflated ? std::string_view(inflated_bytes) : given; }
};

// kInvalidInput WH1311 above the caps (1 GiB; ratio 1000:1 beyond 1 MiB), WH1312 where the gzip
// stream is damaged or cut short, with the offset in the compressed bytes.
Result<OpenedObject> OpenObject(std::string_view bytes, std::string_view object_name);

// Inflates what another stream holds. Its errors are those of OpenObject.
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
