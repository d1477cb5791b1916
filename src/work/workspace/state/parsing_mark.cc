#include "work/workspace/state/parsing_mark.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace weirhouse::work {
namespace {
constexpr std::size_t kFileBytes = 8192;  // a path name has at most 4096
constexpr char kParsing = '*';
constexpr char kIdle = '-';

bool WriteAt(int file, std::string_view bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  return true;
}

std::string ReadAll(int file) {
  std::string bytes(kFileBytes, '\0');
  const ssize_t count = pread(file, bytes.data(), bytes.size(), 0);
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

// The open mark of this process, for a signal handler; -1 = none. A process opens one project.
std::atomic<int> open_mark{-1};
std::atomic<bool> stop_wanted{false};
std::atomic<pid_t> parsing_thread{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

template <typename Number>
bool ParseNumber(std::string_view text, Number* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}
}  // namespace

Status ParsingMark::Broken(const char* what) const {
  const int error = errno;
  return Status(error == EACCES || error == EROFS ? Code::kPermissionDenied : Code::kUnavailable,
                fmt::format("could not {} the note of what is being parsed: {}: {}", what,
                            std::strerror(error), path_))
      .WithError("WH1307")
      .WithHint("it lies in the project's state folder, which must be writable");
}

Result<std::unique_ptr<ParsingMark>> ParsingMark::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::unique_ptr<ParsingMark> mark(new ParsingMark(file, path));
  if (file < 0) return mark->Broken("open");
  const std::string there = ReadAll(file);
  if (there.size() < kFileBytes) {
    // Allocates the file's space now; keeps what the previous process left.
    std::string room(kFileBytes - there.size(), '\0');
    if (there.empty()) room[0] = kIdle;
    if (!WriteAt(file, room, static_cast<off_t>(there.size()))) return mark->Broken("write");
  }
  open_mark = file;
  return mark;
}

ParsingMark::~ParsingMark() {
  if (file_ < 0) return;
  int mine = file_;
  open_mark.compare_exchange_strong(mine, -1);
  close(file_);
}

void NoteStopWanted() noexcept {
  const int before = errno;
  stop_wanted = true;
  if (const int file = open_mark.load(); file >= 0) WriteAt(file, {&kIdle, 1}, 0);
  errno = before;
}

void NoteFault() noexcept {
  const int file = open_mark.load();
  if (file >= 0 && parsing_thread.load() != gettid()) WriteAt(file, {&kIdle, 1}, 0);
}

Status ParsingMark::Set(const catalog::Arrival& arrival, int attempt) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", attempt, arrival.source,
                                       arrival.digest.ToHex(), arrival.name.size(), arrival.name);
  if (stop_wanted) return Status();
  parsing_thread = gettid();
  // The flag is written last: a process that ends in between was not parsing yet.
  if (text.size() + 1 > kFileBytes || !WriteAt(file_, text, 1) ||
      !WriteAt(file_, {&kParsing, 1}, 0)) {
    return Broken("write");
  }
  return Status();
}

void ParsingMark::Unset() { WriteAt(file_, {&kIdle, 1}, 0); }

std::optional<ParsingMark::Left> ParsingMark::WhatWasLeft() const {
  const std::string bytes = ReadAll(file_);
  if (bytes.empty() || bytes[0] != kParsing) return std::nullopt;
  std::string_view rest = std::string_view(bytes).substr(1);
  const auto line = [&rest] {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    return text;
  };
  Left left;
  std::size_t length = 0;
  const bool counted = ParseNumber(line(), &left.attempt) && left.attempt > 0;
  left.arrival.source = line();
  const bool whole = ParseDigest(line(), &left.arrival.digest);
  if (!counted || !whole || !ParseNumber(line(), &length) || length > rest.size())
    return std::nullopt;
  left.arrival.name = rest.substr(0, length);
  return left;
}

Status CountEndedParsing(ParsingMark& mark, catalog::Catalog& catalog) {
  const std::optional<ParsingMark::Left> left = mark.WhatWasLeft();
  if (!left) return Status();
  WEIRHOUSE_TRY(const int counted, catalog.ParseAttempts(left->arrival));
  if (counted < left->attempt) {
    WEIRHOUSE_TRY_STATUS(catalog.CountParseAttempts({left->arrival}).status());
  }
  mark.Unset();
  return Status();
}
}  // namespace weirhouse::work
