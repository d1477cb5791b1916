#include "ground/log/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include "ground/base/failpoint.h"
#include "ground/base/writers/lead_queue.h"
#include "ground/log/frame.h"
#include "ground/log/segment.h"
#include "ground/platform/io/disk_error.h"

namespace weirhouse::stream {
namespace {
// What one caller of Append waits for.
struct Waiting {
  std::string frames;
  std::size_t count = 0;
  std::int64_t first = 0;
  Status status;
};
constexpr std::size_t kTogetherMax = 256;
using Queue = LeadQueue<Waiting, kTogetherMax>;

constexpr std::size_t kSkippedBytes = std::size_t{1} << 20;

Status Broken() {
  return Status(Code::kUnavailable, "an earlier write to the log failed, so it takes no more")
      .WithError("WH7203")
      .WithHint("check the disk, then start the process again");
}

// Writes all of `group` at `position`.
Status WriteAt(int fd, const std::string& path, const Queue::Group& group, std::int64_t position) {
  std::array<iovec, kTogetherMax> pieces{};
  std::size_t count = 0;
  for (Waiting* const waiting : group)
    pieces[count++] = {waiting->frames.data(), waiting->frames.size()};
  for (std::size_t first = 0; first < count;) {
    const ssize_t written = pwritev(fd, &pieces[first], static_cast<int>(count - first), position);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return platform::ErrnoToStatus(errno, "write", path);
    position += written;
    for (auto left = static_cast<std::size_t>(written); first < count;) {
      if (left < pieces[first].iov_len) {
        pieces[first].iov_base = static_cast<char*>(pieces[first].iov_base) + left;
        pieces[first].iov_len -= left;
        break;
      }
      left -= pieces[first++].iov_len;
    }
  }
  return Status();
}
}  // namespace

struct Log::State {
  State(std::string the_folder, const LogOptions& the_options, Clock& the_clock, Random& the_random)
      : folder(std::move(the_folder)), options(the_options), clock(the_clock), random(the_random) {}

  Status Recover();
  void Lead(Queue::Group& group);
  Status Write(Queue::Group& group);
  Status Roll();

  const std::string folder;
  const LogOptions options;
  Clock& clock;
  Random& random;
  Queue queue;
  // Used by the leader alone.
  platform::Descriptor file;  // of the last segment; not open: the next append makes one
  std::string path;
  std::uint32_t nonce = 0;
  bool failed = false;
  mutable std::mutex mutex;
  std::vector<Segment> segments;  // ascending; guarded by mutex
  std::int64_t end = 0;           // guarded by mutex
  std::int64_t bytes = 0;         // guarded by mutex
};

Status Log::State::Recover() {
  end = options.first_offset;
  std::error_code error;
  if (options.read_only && !std::filesystem::exists(folder, error)) return Status();
  if (!options.read_only) std::filesystem::create_directories(folder, error);
  if (error) return platform::ErrnoToStatus(error.value(), "make the folder", folder);
  WEIRHOUSE_TRY(segments, ListSegments(folder));
  if (!segments.empty()) {
    WEIRHOUSE_TRY(end, RecoverSegment(folder, segments.back(), options.read_only));
    if (segments.back().size_bytes == 0) segments.pop_back();
  }
  for (const Segment& segment : segments) bytes += segment.size_bytes;
  if (end >= options.first_offset) return Status();
  for (const Segment& segment : segments) {
    if (options.read_only) break;
    const std::string lost = SegmentPath(folder, segment.first);
    if (unlink(lost.c_str()) != 0) return platform::ErrnoToStatus(errno, "remove", lost);
  }
  segments.clear();
  bytes = 0;
  end = options.first_offset;
  return Status();
}

void Log::State::Lead(Queue::Group& group) {
  queue.Take(group);
  const Status status = Write(group);
  for (Waiting* const waiting : group) waiting->status = status;
}

Status Log::State::Roll() {
  const std::string header = MakeSegmentHeader(random);
  path = SegmentPath(folder, end);
  nonce = *ReadNonce(header);
  file = platform::Descriptor();
  WEIRHOUSE_TRY(file, MakeSegment(path, folder, header));
  const std::lock_guard lock(mutex);
  segments.push_back({end, std::ssize(header), {}});
  bytes += std::ssize(header);
  return Status();
}

Status Log::State::Write(Queue::Group& group) {
  if (failed) return Broken();
  if (options.read_only) {
    return Status(Code::kPermissionDenied, fmt::format("the log is open for reading: {}", folder))
        .WithError("WH7206");
  }
  std::int64_t kept = 0;
  std::int64_t position = 0;
  {
    const std::lock_guard lock(mutex);
    kept = bytes;
    if (file.open()) position = segments.back().size_bytes;
  }
  if (kept > options.bytes_max) {
    return Status(Code::kUnavailable,
                  fmt::format("the log holds {} bytes that are not read yet: {}", kept, folder))
        .WithError(kLogFull)
        .WithHint("send the records again once its readers have caught up");
  }
  if (!file.open() || position >= options.segment_bytes) {
    WEIRHOUSE_TRY_STATUS(Roll());
    position = kSegmentHeaderBytes;
  }
  const std::int64_t now = Micros(clock.Now());
  std::int64_t offset = end;  // written by the leader only
  std::int64_t written = 0;
  for (Waiting* const waiting : group) {
    waiting->first = offset;
    char* frame = waiting->frames.data();
    for (std::size_t i = 0; i < waiting->count; ++i)
      frame += SealFrame(frame, nonce, offset++, now, position);
    written += static_cast<std::int64_t>(waiting->frames.size());
  }
  WEIRHOUSE_FAILPOINT("log.write.before");
  if (const Status status = WriteAt(file.get(), path, group, position); !status.ok()) {
    failed = ftruncate(file.get(), position) != 0;
    return status;
  }
  WEIRHOUSE_FAILPOINT("log.written");
  if (fdatasync(file.get()) != 0) {
    failed = true;  // the kernel may have dropped the pages: a second one would prove nothing
    return Status(Code::kUnavailable, fmt::format("could not sync a log: {}", path))
        .WithError(kOutcomeUnknown)
        .WithHint("check the disk, then start the process again and look for the records");
  }
  WEIRHOUSE_FAILPOINT("log.synced");
  const std::lock_guard lock(mutex);
  segments.back().Note(end, position);
  segments.back().size_bytes = position + written;
  bytes += written;
  end = offset;
  return Status();
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::Open(const std::string& folder, const LogOptions& options,
                                       Clock& clock, Random& random) {
  auto state = std::make_unique<State>(folder, options, clock, random);
  WEIRHOUSE_TRY_STATUS(state->Recover());
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

Result<std::int64_t> Log::Append(std::span<const Record> records) {
  Waiting mine;
  for (const Record& record : records) {
    const std::size_t size = record.key.size() + record.attributes.size() + record.value.size();
    if (size > static_cast<std::size_t>(state_->options.record_bytes_max)) {
      return Status(Code::kInvalidInput, fmt::format("a record has {} bytes; a log takes up to {}",
                                                     size, state_->options.record_bytes_max))
          .WithError("WH7204");
    }
    AppendFrame(record, &mine.frames);
  }
  if (records.empty()) return end();
  mine.count = records.size();
  state_->queue.Do(mine, [this](Queue::Group& group) { state_->Lead(group); });
  WEIRHOUSE_TRY_STATUS(std::move(mine.status));
  return mine.first;
}

std::int64_t Log::begin() const {
  const std::lock_guard lock(state_->mutex);
  return state_->segments.empty() ? state_->end : state_->segments.front().first;
}

std::int64_t Log::end() const {
  const std::lock_guard lock(state_->mutex);
  return state_->end;
}

std::int64_t Log::size_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes;
}

Status Log::Trim(std::int64_t before) {
  std::vector<Segment> gone;
  {
    const std::lock_guard lock(state_->mutex);
    auto& segments = state_->segments;
    std::size_t count = 0;
    while (count + 1 < segments.size() && segments[count + 1].first <= before) ++count;
    const auto last = segments.begin() + static_cast<std::ptrdiff_t>(count);
    gone.assign(segments.begin(), last);
    segments.erase(segments.begin(), last);
    for (const Segment& segment : gone) state_->bytes -= segment.size_bytes;
  }
  for (const Segment& segment : gone) {
    const std::string path = SegmentPath(state_->folder, segment.first);
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
      return platform::ErrnoToStatus(errno, "remove", path);
  }
  return Status();
}

// ---- Reading

struct LogReader::State {
  explicit State(const Log& the_log) : log(the_log) {}

  // The segment that holds record `next`, and the offset behind its last record.
  std::pair<Segment, std::int64_t> SegmentOf(std::int64_t offset) const;
  // Opens `segment` at its record `offset`.
  Status Seek(const Segment& segment, std::int64_t offset);
  // Reads on until `wanted` bytes are in the buffer, or the segment ends.
  Status Fill(const Segment& segment, std::size_t wanted);
  Status Damaged() const;
  std::string_view unread() const { return std::string_view(buffer).substr(used); }

  const Log& log;
  std::int64_t next = 0;
  std::int64_t entered = -1;  // the first offset of the open segment
  platform::Descriptor file;
  std::string path;
  std::uint32_t nonce = 0;
  std::int64_t position = 0;  // in the file, of the buffer's end
  std::string buffer;
  std::size_t used = 0;  // of the buffer
  std::vector<StoredRecord> records;
};

std::pair<Segment, std::int64_t> LogReader::State::SegmentOf(std::int64_t offset) const {
  const Log::State& state = *log.state_;
  const std::lock_guard lock(state.mutex);
  const auto after =
      std::upper_bound(state.segments.begin(), state.segments.end(), offset,
                       [](std::int64_t wanted, const Segment& one) { return wanted < one.first; });
  if (after == state.segments.begin()) return {Segment(), 0};
  return {*std::prev(after), after == state.segments.end() ? state.end : after->first};
}

Status LogReader::State::Seek(const Segment& segment, std::int64_t offset) {
  path = SegmentPath(log.state_->folder, segment.first);
  file = platform::Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return platform::ErrnoToStatus(errno, "open", path);
  entered = segment.first;
  const Mark mark = segment.Before(offset);
  next = segment.first;
  position = 0;
  buffer.clear();
  used = 0;
  WEIRHOUSE_TRY_STATUS(Fill(segment, kSegmentHeaderBytes));
  const std::optional<std::uint32_t> found = ReadNonce(unread());
  if (!found) return Damaged();
  nonce = *found;
  next = mark.offset;
  position = mark.position;
  buffer.clear();
  while (next < offset) {  // over the records between the mark and what is wanted
    buffer.erase(0, std::exchange(used, 0));
    WEIRHOUSE_TRY_STATUS(Fill(segment, kSkippedBytes));
    const std::int64_t before = next;
    for (; next < offset; ++next) {
      const auto header = ReadFrameHeader(unread(), nonce);
      if (!header || header->offset != next) break;
      if (unread().size() < header->frame_size()) {
        if (next > before) break;
        WEIRHOUSE_TRY_STATUS(Fill(segment, header->frame_size()));
        if (unread().size() < header->frame_size()) break;
      }
      used += header->frame_size();
    }
    if (next == before) return Damaged();
  }
  return Status();
}

Status LogReader::State::Fill(const Segment& segment, std::size_t wanted) {
  const std::size_t held = buffer.size();
  // Bytes behind those that are durable may still change.
  const std::size_t left =
      static_cast<std::size_t>(std::max<std::int64_t>(segment.size_bytes - position, 0));
  const std::size_t missing = wanted > held - used ? wanted - (held - used) : 0;
  buffer.resize(held + std::min(left, missing));
  for (std::size_t at = held; at < buffer.size();) {
    WEIRHOUSE_TRY(
        const std::size_t got,
        platform::ReadSome(file.get(), path, position, buffer.data() + at, buffer.size() - at));
    if (got == 0) {
      buffer.resize(at);
      break;
    }
    at += got;
    position += static_cast<std::int64_t>(got);
  }
  return Status();
}

Status LogReader::State::Damaged() const {
  return Status(Code::kCorruption,
                fmt::format("record {} of a log is damaged: {}, byte {}", next, path,
                            position - static_cast<std::int64_t>(unread().size())))
      .WithError(kLogDamaged)
      .WithHint("check the disk (dmesg names its errors); put the file back from a copy");
}

LogReader::LogReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogReader::~LogReader() = default;
std::int64_t LogReader::offset() const { return state_->next; }

Result<std::span<const StoredRecord>> LogReader::Next(std::size_t bytes_max) {
  State& state = *state_;
  state.records.clear();
  const auto [segment, segment_end] = state.SegmentOf(state.next);
  if (state.next >= segment_end) return std::span<const StoredRecord>();
  if (state.entered != segment.first) WEIRHOUSE_TRY_STATUS(state.Seek(segment, state.next));
  state.buffer.erase(0, std::exchange(state.used, 0));
  WEIRHOUSE_TRY_STATUS(state.Fill(segment, std::max(bytes_max, kFrameHeaderBytes)));
  std::size_t taken = 0;
  while (state.next < segment_end && (state.records.empty() || taken < bytes_max)) {
    const auto header = ReadFrameHeader(state.unread(), state.nonce);
    const bool whole = header && state.unread().size() >= header->frame_size();
    if (!whole && !state.records.empty() && (header || state.unread().size() < kFrameHeaderBytes))
      break;  // the rest of it comes with the next call: views into the buffer stay
    if (header && !whole) WEIRHOUSE_TRY_STATUS(state.Fill(segment, header->frame_size()));
    std::optional<StoredRecord> record;
    if (header && header->offset == state.next) record = ReadFrame(*header, state.unread());
    if (!record) {
      if (state.records.empty()) return state.Damaged();
      break;  // what was read before it is whole
    }
    state.records.push_back(*record);
    taken += header->frame_size();
    state.used += header->frame_size();
    ++state.next;
  }
  return std::span<const StoredRecord>(state.records);
}

Result<std::unique_ptr<LogReader>> Log::Read(std::int64_t from) const {
  if (from < begin() || from > end()) {
    return Status(Code::kNotFound, fmt::format("the log holds the records {} to {}, and not {}: {}",
                                               begin(), end(), from, state_->folder))
        .WithError("WH7205");
  }
  auto state = std::make_unique<LogReader::State>(*this);
  state->next = from;
  const auto [segment, segment_end] = state->SegmentOf(from);
  if (from < segment_end) WEIRHOUSE_TRY_STATUS(state->Seek(segment, from));
  return std::unique_ptr<LogReader>(new LogReader(std::move(state)));
}
}  // namespace weirhouse::stream
