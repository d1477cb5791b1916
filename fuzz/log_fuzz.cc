// A segment of a log whose bytes were altered: what is read of it is what was appended, from the first
// record on, or the damage is told.
//
// Input: three bytes for each record (sizes, and which of them are written together), a 0, then four
// bytes for each alteration (place, value, how many bytes are cut from the end).
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/log/frame.h"
#include "ground/log/log.h"
#include "ground/log/segment.h"

namespace {
using weirhouse::SeededRandom;
namespace stream = weirhouse::stream;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// A folder in memory, for as long as the process lives.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path = "/dev/shm/weirhouse-log-fuzz-" + std::to_string(getpid());
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder made;
  const std::string& folder = made.path;
  SeededRandom random(7);
  std::string bytes = stream::MakeSegmentHeader(random);
  const std::uint32_t nonce = *stream::ReadNonce(bytes);
  std::vector<std::string> values;
  std::size_t durable = bytes.size();
  std::size_t at = 0;
  for (; at + 3 <= size && data[at] != 0 && values.size() < 64; at += 3) {
    const std::string key(data[at] % 16U, 'k');
    values.emplace_back(data[at + 1], static_cast<char>(data[at]));
    const std::size_t begin = bytes.size();
    stream::AppendFrame({key, "{}", values.back()}, &bytes);
    stream::SealFrame(bytes.data() + begin, nonce, static_cast<std::int64_t>(values.size()) - 1, 1,
                      static_cast<std::int64_t>(durable));
    if (data[at + 2] % 2 == 0) durable = bytes.size();
  }
  bool altered = false;
  for (at += 1; at + 4 <= size; at += 4) {
    const std::size_t place = (std::size_t{data[at]} << 8U | data[at + 1]) % bytes.size();
    bytes[place] = static_cast<char>(bytes[place] ^ data[at + 2]);
    bytes.resize(bytes.size() - std::min<std::size_t>(data[at + 3] / 16U, bytes.size() - 1));
    altered = true;
  }
  {
    std::ofstream file(stream::SegmentPath(folder, 0), std::ios::binary | std::ios::trunc);
    file << bytes;
  }
  stream::LogOptions options;
  options.read_only = true;
  const auto log = stream::Log::Open(folder, options, weirhouse::SystemClock(), random);
  if (!log.ok()) {
    Require(altered && log.status().Is(stream::kLogDamaged), "a whole segment is refused");
    return 0;
  }
  Require(altered || (*log)->end() == static_cast<std::int64_t>(values.size()),
          "records of a whole segment are left out");
  const auto reader = (*log)->Read(0);
  Require(reader.ok(), "what was recovered cannot be read");
  std::size_t read = 0;
  while (true) {
    const auto some = (*reader)->Next(300);
    Require(some.ok(), "what was recovered is damaged");
    if (some->empty()) break;
    for (const stream::StoredRecord& record : *some) {
      Require(read < values.size() && record.value == values[read] && record.attributes == "{}",
              "a record is another one than was appended");
      ++read;
    }
  }
  Require(static_cast<std::int64_t>(read) == (*log)->end(), "records are missing");
  return 0;
}
