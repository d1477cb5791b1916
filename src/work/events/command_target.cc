#include "work/events/command_target.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include "ground/platform/process/child.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kLogBytesOfOne = 64 << 10;
constexpr std::uintmax_t kLogBytesMax = 8 << 20;

// An anonymous file that holds `bytes`, read from its start: what the command finds as its input.
class InputFile {
 public:
  explicit InputFile(std::string_view bytes) : file_(memfd_create("event", MFD_CLOEXEC)) {
    std::size_t written = 0;
    while (file_ >= 0 && written < bytes.size()) {
      const ssize_t count = write(file_, bytes.data() + written, bytes.size() - written);
      if (count < 0) break;
      written += static_cast<std::size_t>(count);
    }
    complete_ = file_ >= 0 && written == bytes.size() && lseek(file_, 0, SEEK_SET) == 0;
    if (!complete_) error_ = errno;
  }
  ~InputFile() {
    if (file_ >= 0) close(file_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  bool complete() const { return complete_; }
  int error() const { return error_; }  // of the system, where it is not
  int file() const { return file_; }

 private:
  int file_;
  bool complete_ = false;
  int error_ = 0;
};

// What a project's commands write is kept, the newest of it.
void TurnLog(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > kLogBytesMax) std::filesystem::rename(path, path + ".old", error);
}

class CommandTry final : public DeliveryTry {
 public:
  explicit CommandTry(std::unique_ptr<platform::ChildProcess> child) : child_(std::move(child)) {}
  std::vector<int> Descriptors() const override {
    std::vector<int> descriptors = {child_->exit_descriptor()};
    if (child_->output_descriptor() >= 0) descriptors.push_back(child_->output_descriptor());
    return descriptors;
  }
  void Pump() override { child_->PumpOutput(); }
  bool Ended() override { return child_->Ended(); }
  DeliveryOutcome Finish() override {
    const platform::ChildExit exit = child_->Finish();
    if (exit.ok()) return Delivered{};
    return RetryAt{fmt::format("the command {}", platform::Describe(exit)), {}};
  }
  DeliveryOutcome BreakOff() override {
    child_->Kill(platform::ChildExit::Reason::kTimedOut);
    return Finish();
  }

 private:
  std::unique_ptr<platform::ChildProcess> child_;
};

class CommandTarget final : public Target {
 public:
  explicit CommandTarget(CommandTargetOptions options) : options_(std::move(options)) {}
  Result<std::unique_ptr<DeliveryTry>> Begin(std::string_view event) override {
    const InputFile input(event);
    if (!input.complete())
      return Status(Code::kUnavailable,
                    fmt::format("could not hand the event to the command \"{}\": {}",
                                options_.argv.front(), std::strerror(input.error())))
          .WithError("WH8010")
          .WithHint("more memory, or more files that may be open (ulimit -n); it is tried again");
    platform::ChildCommand command;
    // The child's own input is /dev/null; the shell puts the event there.
    command.argv = {"/bin/sh", "-c", "exec \"$@\" <&3", "sh"};
    command.argv.insert(command.argv.end(), options_.argv.begin(), options_.argv.end());
    command.folder = options_.folder;
    command.environment = platform::ChildEnvironment();
    command.limits.log_bytes_max = kLogBytesOfOne;
    command.log_path = options_.log_path;
    TurnLog(command.log_path);
    command.descriptors = {{input.file(), 3}};
    WEIRHOUSE_TRY(auto child, platform::ChildProcess::Start(std::move(command)));
    return std::unique_ptr<DeliveryTry>(std::make_unique<CommandTry>(std::move(child)));
  }
  std::chrono::milliseconds TimeLimit() const override { return options_.time_limit; }
  std::string WhereToLook() const override { return "its output is in .weirhouse/notify.log"; }

 private:
  const CommandTargetOptions options_;
};
}  // namespace

std::unique_ptr<Target> MakeCommandTarget(CommandTargetOptions options) {
  return std::make_unique<CommandTarget>(std::move(options));
}
}  // namespace weirhouse::work
