#include "ground/base/request/request_place.h"

#include <fmt/format.h>

#include <cstdint>

#include "ground/base/text.h"

namespace weirhouse {

void RequestPlace::Refuse(std::string_view path, std::string_view why) {
  Fail(Status(Code::kInvalidInput,
              Clipped(path.empty()
                          ? fmt::format("{}{}{}", context, words->separator, why)
                          : fmt::format("{}{}\"{}\" {}", context, words->separator, path, why)))
           .WithError(std::string(words->error_code)));
}

void RequestPlace::Fail(Status refusal) {
  if (status.ok()) status = std::move(refusal);
}

std::string Clipped(std::string message) {
  constexpr std::size_t kMessageBytesMax = 600;
  if (message.size() > kMessageBytesMax) {
    std::size_t end = kMessageBytesMax;
    while ((static_cast<std::uint8_t>(message[end]) & 0xC0) == 0x80) --end;  // whole characters
    message.resize(end);
    message += "…";
  }
  return EscapeControl(message);
}
}  // namespace weirhouse
