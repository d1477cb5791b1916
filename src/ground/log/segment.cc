#include "ground/log/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "ground/log/frame.h"
#include "ground/log/log.h"
#include "ground/platform/io/disk_error.h"

namespace weirhouse::stream {
namespace {
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDigits = 20;
constexpr std::int64_t kMarkEvery = std::int64_t{1} << 20;

std::optional<std::int64_t> FirstOf(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::int64_t first = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, first);
  if (error != std::errc() || end != name.data() + kDigits || first < 0) return std::nullopt;
  return first;
}

Status SyncFolder(const std::string& folder) {
  const platform::Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open()) return platform::ErrnoToStatus(errno, "open", folder);
  if (fsync(fd.get()) != 0) return platform::ErrnoToStatus(errno, "sync", folder);
  return Status();
}

// The greatest `durable` of the whole headers in `bytes`.
std::int64_t GreatestDurable(std::string_view bytes, std::uint32_t nonce) {
  std::int64_t greatest = 0;
  for (std::size_t at = bytes.find(kFrameMagic); at != std::string_view::npos;
       at = bytes.find(kFrameMagic, at + 1)) {
    if (const auto header = ReadFrameHeader(bytes.substr(at), nonce))
      greatest = std::max(greatest, header->durable);
  }
  return greatest;
}
}  // namespace

void Segment::Note(std::int64_t offset, std::int64_t position) {
  if (marks.empty() || position - marks.back().position >= kMarkEvery)
    marks.push_back({offset, position});
}

Mark Segment::Before(std::int64_t offset) const {
  const auto after =
      std::upper_bound(marks.begin(), marks.end(), offset,
                       [](std::int64_t wanted, const Mark& mark) { return wanted < mark.offset; });
  return after == marks.begin() ? Mark{first, kSegmentHeaderBytes} : *std::prev(after);
}

std::string SegmentPath(const std::string& folder, std::int64_t first) {
  return fmt::format("{}/{:0{}}{}", folder, first, kDigits, kSuffix);
}

Result<std::vector<Segment>> ListSegments(const std::string& folder) {
  WEIRHOUSE_TRY(const platform::OpenFolder open_folder, platform::OpenFolder::Open(folder));
  WEIRHOUSE_TRY(const std::vector<platform::Entry> entries, open_folder.List());
  std::vector<Segment> segments;
  for (const platform::Entry& entry : entries) {
    const auto first = FirstOf(entry.name);
    if (first && entry.kind == platform::EntryKind::kFile)
      segments.push_back({*first, entry.size_bytes, {}});
  }
  return segments;  // List sorts by name, and the names have as many digits
}

Result<platform::Descriptor> MakeSegment(const std::string& path, const std::string& folder,
                                         std::string_view header) {
  platform::Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return platform::ErrnoToStatus(errno, "make", path);
  const ssize_t written = pwrite(file.get(), header.data(), header.size(), 0);
  Status failed;
  if (written != std::ssize(header))
    failed = platform::ErrnoToStatus(written < 0 ? errno : ENOSPC, "write", path);
  else if (fdatasync(file.get()) != 0)
    failed = platform::ErrnoToStatus(errno, "sync", path);
  if (!failed.ok()) {
    unlink(path.c_str());
    return failed;
  }
  WEIRHOUSE_TRY_STATUS(SyncFolder(folder));
  return file;
}

namespace {
Status DamagedAt(std::int64_t record, const std::string& path, std::size_t byte) {
  return Status(Code::kCorruption,
                fmt::format("record {} of a log is damaged, and it was acknowledged: {}, byte {}",
                            record, path, byte))
      .WithError(kLogDamaged)
      .WithHint("check the disk (dmesg names its errors); put the file back from a copy");
}
}  // namespace

Result<std::int64_t> RecoverSegment(const std::string& folder, Segment& segment, bool read_only) {
  const std::string path = SegmentPath(folder, segment.first);
  const platform::Descriptor file(open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC));
  if (!file.open()) return platform::ErrnoToStatus(errno, "open", path);
  std::string bytes;
  WEIRHOUSE_TRY_STATUS(
      platform::ReadPieces(file.get(), path, segment.size_bytes,
                           [&bytes](std::string_view piece) { bytes.append(piece); }));
  const std::string_view all = bytes;
  std::size_t at = kSegmentHeaderBytes;
  std::int64_t next = segment.first;
  const std::optional<std::uint32_t> nonce = ReadNonce(all);
  // The header was on the disk before the first record was written.
  if (!nonce && all.size() > kSegmentHeaderBytes) return DamagedAt(next, path, 0);
  while (nonce && at < all.size()) {
    const auto header = ReadFrameHeader(all.substr(at), *nonce);
    if (!header || header->offset != next || !ReadFrame(*header, all.substr(at))) break;
    segment.Note(next, static_cast<std::int64_t>(at));
    at += header->frame_size();
    ++next;
  }
  if (nonce && at < all.size() &&
      GreatestDurable(all.substr(at), *nonce) > static_cast<std::int64_t>(at))
    return DamagedAt(next, path, at);
  segment.size_bytes = static_cast<std::int64_t>(at);
  if (next == segment.first) segment.size_bytes = 0;
  if (read_only) return next;
  // A process that ended left them to the kernel alone.
  if (fdatasync(file.get()) != 0) return platform::ErrnoToStatus(errno, "sync", path);
  if (next == segment.first) {  // its name is free for the next record
    if (unlink(path.c_str()) != 0) return platform::ErrnoToStatus(errno, "remove", path);
    WEIRHOUSE_TRY_STATUS(SyncFolder(folder));
  }
  return next;
}
}  // namespace weirhouse::stream
