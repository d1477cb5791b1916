#include "work/ingest/landing_arrivals.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "ground/base/failpoint.h"
#include "work/ingest/landing_list.h"
#include "work/landing/landed_file.h"

namespace weirhouse::work {
namespace {
class LandedFileReader final : public ArrivalReader {
 public:
  explicit LandedFileReader(std::unique_ptr<landing::LandedReader> reader)
      : reader_(std::move(reader)) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    return reader_->Read(into, room);
  }
  Result<std::optional<Digest>> Finish(const std::optional<Digest>& whole) override {
    return reader_->Finish(whole);
  }

 private:
  std::unique_ptr<landing::LandedReader> reader_;
};

Result<OpenedArrival> OpenFile(const landing::LandedFile& file) {
  WEIRHOUSE_TRY(landing::LandedReader::Opened opened, landing::LandedReader::Open(file));
  OpenedArrival answer;
  answer.gone = opened.gone;
  if (opened.reader != nullptr)
    answer.reader = std::make_unique<LandedFileReader>(std::move(opened.reader));
  return answer;
}
}  // namespace

std::string VersionOfFile(const landing::LandedFile& file) {
  const platform::Entry& entry = file.entry;
  return fmt::format("{}:{}:{}:{}", entry.inode, entry.size_bytes, entry.mtime_ns, entry.ctime_ns);
}

Result<std::optional<Arrival>> LandingArrivals::Next() {
  if (next_ == batch_.files.size()) return std::optional<Arrival>();
  const landing::LandedFile& file = batch_.files[next_];
  const platform::Entry& entry = file.entry;
  Arrival arrival;
  arrival.source = file.source;
  arrival.name = file.name;
  arrival.place = file.path;
  arrival.occurrence =
      fmt::format("{}:{}:{}:{}", file.path, entry.inode, entry.mtime_us(), entry.ctime_us());
  arrival.version = VersionOfFile(file);
  arrival.size_bytes = entry.size_bytes;
  arrival.open = [&file] { return OpenFile(file); };
  arrival.seen = catalog::LandingRecord{file.path,   entry.size_bytes, entry.mtime_us(),
                                        entry.inode, file.source,      {},
                                        {},          entry.ctime_us()};
  arrival.acknowledgement = std::to_string(next_);
  ++next_;
  return std::optional(std::move(arrival));
}

void LandingArrivals::Acknowledge(const Arrival& arrival, const Digest& digest,
                                  std::map<std::string, std::string>& untaken) {
  const Source* source = workspace_.project().FindSource(arrival.source);
  WEIRHOUSE_CHECK(source != nullptr);
  if (!source->delete_after) return;
  std::size_t number = 0;
  std::from_chars(arrival.acknowledgement.data(),
                  arrival.acknowledgement.data() + arrival.acknowledgement.size(), number);
  const landing::LandedFile& file = batch_.files.at(number);
  auto is_stored = IsInLake(workspace_, file, digest, landing::Depth::kLength);
  if (Planted("ack_before_commit")) is_stored = [] { return true; };
  if (!RemoveStored(MakeLandingRule(workspace_, *source), file, digest, untaken, is_stored)) {
    untaken[file.path] =
        "its raw object is missing or damaged: the file stays, and the next run restores from it";
  }
}
}  // namespace weirhouse::work
