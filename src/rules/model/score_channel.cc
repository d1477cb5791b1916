#include "rules/model/score_channel.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ground/base/request/json_depth.h"
#include "ground/base/time.h"

namespace weirhouse::model {
namespace {
constexpr int kChildDescriptor = 3;
constexpr std::uint32_t kHeaderBytesMax = 64 << 10;
constexpr std::uint64_t kBodyBytesMax = 256 << 20;
constexpr std::size_t kPrefixBytes = 12;

template <typename T>
void PutLittleEndian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

template <typename T>
T GetLittleEndian(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;)
    value = static_cast<T>((value << 8) | static_cast<std::uint8_t>(bytes[i]));
  return value;
}
}  // namespace

Result<std::unique_ptr<ScoreChannel>> ScoreChannel::Start(platform::ChildCommand command,
                                                          int stop_descriptor) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Status(Code::kUnavailable,
                  fmt::format("could not make a socket pair: {}", std::strerror(errno)))
        .WithError("WH5007");
  }
  command.descriptors = {{ends[1], kChildDescriptor}};
  auto child = platform::ChildProcess::Start(std::move(command));
  close(ends[1]);
  if (!child.ok()) {
    close(ends[0]);
    return child.status();
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return std::unique_ptr<ScoreChannel>(
      new ScoreChannel(std::move(child).value(), ends[0], stop_descriptor));
}

ScoreChannel::~ScoreChannel() { close(descriptor_); }

// Waits until the socket is ready. Reads the child's output meanwhile, so that a predict that
// prints much never blocks on a full pipe.
ScoreChannel::Outcome ScoreChannel::Await(short events, std::chrono::nanoseconds deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - SystemClock().Monotonic());
    if (left.count() <= 0) return Outcome::kTimedOut;
    pollfd waits[4] = {{descriptor_, events, 0},
                       {child_->output_descriptor(), POLLIN, 0},
                       {child_->exit_descriptor(), POLLIN, 0},
                       {stop_descriptor_, POLLIN, 0}};
    const int ready =
        poll(waits, 4, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR) return Outcome::kEnded;
    if (ready <= 0) continue;
    if (waits[1].revents != 0) child_->PumpOutput();
    if (waits[0].revents != 0)
      return Outcome::kDone;  // an answer sent before the child's end counts
    if (waits[3].revents != 0) return Outcome::kStopped;
    if (waits[2].revents != 0) return Outcome::kEnded;
  }
}

ScoreChannel::Outcome ScoreChannel::SendAll(std::string_view bytes,
                                            std::chrono::nanoseconds deadline) {
  while (!bytes.empty()) {
    const ssize_t n = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      if (const Outcome waited = Await(POLLOUT, deadline); waited != Outcome::kDone) return waited;
    } else if (!(n < 0 && errno == EINTR)) {
      return Outcome::kEnded;
    }
  }
  return Outcome::kDone;
}

ScoreChannel::Outcome ScoreChannel::ReceiveAll(std::string* bytes, std::size_t size,
                                               std::chrono::nanoseconds deadline) {
  constexpr std::size_t kGrowBytes =
      1 << 20;  // memory grows with the bytes that arrive, not with the announced length
  bytes->clear();
  while (bytes->size() < size) {
    const std::size_t before = bytes->size();
    bytes->resize(before + std::min(size - before, kGrowBytes));
    const ssize_t n = recv(descriptor_, bytes->data() + before, bytes->size() - before, 0);
    const int error = errno;
    bytes->resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n > 0 || (n < 0 && error == EINTR)) continue;
    if (n == 0 || error != EAGAIN) return Outcome::kEnded;
    if (const Outcome waited = Await(POLLIN, deadline); waited != Outcome::kDone) return waited;
  }
  return Outcome::kDone;
}

ScoreChannel::Outcome ScoreChannel::Send(const Frame& frame, std::chrono::nanoseconds deadline) {
  const std::string header = frame.header.dump();
  std::string prefix;
  PutLittleEndian(prefix, static_cast<std::uint32_t>(header.size()));
  PutLittleEndian(prefix, static_cast<std::uint64_t>(frame.body.size()));
  if (const Outcome sent = SendAll(prefix + header, deadline); sent != Outcome::kDone) return sent;
  return SendAll(frame.body, deadline);
}

ScoreChannel::Outcome ScoreChannel::Receive(Frame* frame, std::chrono::nanoseconds deadline) {
  std::string bytes;
  if (const Outcome got = ReceiveAll(&bytes, kPrefixBytes, deadline); got != Outcome::kDone)
    return got;
  const auto header_bytes = GetLittleEndian<std::uint32_t>(bytes);
  const auto body_bytes = GetLittleEndian<std::uint64_t>(std::string_view(bytes).substr(4));
  if (header_bytes > kHeaderBytesMax || body_bytes > kBodyBytesMax) return Outcome::kGarbled;
  if (const Outcome got = ReceiveAll(&bytes, header_bytes, deadline); got != Outcome::kDone)
    return got;
  if (MeasureJsonDepth(bytes) > kSentDepthMax) return Outcome::kGarbled;
  frame->header = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!frame->header.is_object()) return Outcome::kGarbled;
  return ReceiveAll(&frame->body, body_bytes, deadline);
}

Result<std::string> TableToStream(const arrow::Table& table) {
  const auto failed = [](const arrow::Status& status) {
    return Status(Code::kInternal, "could not write an Arrow stream: " + status.ToString());
  };
  auto sink = arrow::io::BufferOutputStream::Create();
  if (!sink.ok()) return failed(sink.status());
  auto writer = arrow::ipc::MakeStreamWriter(*sink, table.schema());
  if (!writer.ok()) return failed(writer.status());
  if (const auto status = (*writer)->WriteTable(table); !status.ok()) return failed(status);
  if (const auto status = (*writer)->Close(); !status.ok()) return failed(status);
  auto buffer = (*sink)->Finish();
  if (!buffer.ok()) return failed(buffer.status());
  return (*buffer)->ToString();
}

Result<std::shared_ptr<arrow::Table>> StreamToTable(std::string bytes) {
  const auto failed = [](const arrow::Status& status) {
    return Status(Code::kInvalidInput, "not an Arrow stream: " + status.ToString());
  };
  auto source =
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(bytes)));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(source);
  if (!reader.ok()) return failed(reader.status());
  auto table = (*reader)->ToTable();
  if (!table.ok()) return failed(table.status());
  if (const auto status = (*table)->ValidateFull(); !status.ok()) return failed(status);
  return *table;
}
}  // namespace weirhouse::model
