#include "work/ingest/spooled_bytes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace weirhouse::work {
namespace {
constexpr std::size_t kSpoolPieceBytes = 256 << 10;

Status CannotSpool(int error, const std::string& folder) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return Status(Code::kUnavailable, fmt::format("could not keep what arrived until it is stored: "
                                                "{}: {}",
                                                std::strerror(error), folder))
      .WithError(is_full ? "WH7010" : "WH7015")
      .WithHint(is_full ? "free some space on the disk and run the command again"
                        : "check the disk and the folder, then run the command again");
}

platform::Descriptor OpenNameless(const std::string& folder) {
  platform::Descriptor fd(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.open()) return fd;
  // The file system has no nameless files: the name is removed at once.
  std::string name = folder + "/.spool-XXXXXX";
  platform::Descriptor named(mkostemp(name.data(), O_CLOEXEC));
  if (named.open()) unlink(name.c_str());
  return named;
}

class SpoolStream final : public ByteStream {
 public:
  SpoolStream(int fd, const std::string& folder) : fd_(fd), folder_(folder) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    WEIRHOUSE_TRY(const std::size_t got, platform::ReadSome(fd_, folder_, offset_, into, room));
    offset_ += static_cast<std::int64_t>(got);
    return got;
  }

 private:
  const int fd_;
  const std::string& folder_;
  std::int64_t offset_ = 0;
};
}  // namespace

Result<std::unique_ptr<SpooledBytes>> SpooledBytes::Take(ByteStream& bytes,
                                                         const std::string& folder) {
  std::unique_ptr<SpooledBytes> spool(new SpooledBytes(OpenNameless(folder), folder));
  if (!spool->fd_.open()) return CannotSpool(errno, folder);
  Sha256 sha;
  std::string piece(kSpoolPieceBytes, '\0');
  while (true) {
    WEIRHOUSE_TRY(const std::size_t got, bytes.Read(piece.data(), piece.size()));
    if (got == 0) break;
    sha.Update(std::string_view(piece).substr(0, got));
    for (std::size_t done = 0; done < got;) {
      const ssize_t written = write(spool->fd_.get(), piece.data() + done, got - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return CannotSpool(errno, folder);
      done += static_cast<std::size_t>(written);
    }
    spool->size_bytes_ += static_cast<std::int64_t>(got);
  }
  spool->digest_ = sha.Finish();
  return spool;
}

std::unique_ptr<ByteStream> SpooledBytes::Open() const {
  return std::make_unique<SpoolStream>(fd_.get(), folder_);
}
}  // namespace weirhouse::work
