#include "rules/model/scorer.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "ground/base/time.h"
#include "rules/model/score_channel.h"
#include "rules/model/train.h"

namespace weirhouse::model {
namespace {
using Scored = Result<std::shared_ptr<arrow::Table>>;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
constexpr milliseconds kWatchInterval{500};
constexpr milliseconds kEndingMax{500};
constexpr milliseconds kAfterThrown{50};
constexpr int kTraceLinesMax = 20;
constexpr int kDoublingsMax = 20;

// A child's frame as text to show: its contents are data and are escaped.
std::string Said(const Frame& frame) {
  const auto text = [&frame](const char* key) {
    const auto found = frame.header.find(key);
    return found != frame.header.end() && found->is_string()
               ? EscapeControl(found->get<std::string>())
               : std::string();
  };
  std::string said = text("type");
  if (const std::string message = text("message"); !message.empty()) said += ": " + message;
  if (const auto trace = frame.header.find("trace");
      trace != frame.header.end() && trace->is_array()) {
    int lines = 0;
    for (const auto& line : *trace) {
      if (!line.is_string() || ++lines > kTraceLinesMax) break;
      said += "\n  " + EscapeControl(line.get<std::string>());
    }
  }
  return said;
}

std::string Kind(const Frame& frame) {
  const auto kind = frame.header.find("kind");
  return kind != frame.header.end() && kind->is_string() ? kind->get<std::string>() : "";
}
}  // namespace

struct Scorer::Impl {
  explicit Impl(ScorerOptions given) : options(std::move(given)) {}

  struct Request {
    std::string body;  // an Arrow stream; empty = only warm up
    std::int64_t rows = 0;
    nanoseconds arrived{0};
    std::promise<Scored> answer;
  };

  void Run();
  bool TakeTurn();
  void Watch();
  void Serve(Request& request);
  Scored Exchange(const Request& request);
  Scored ExchangeGuarded(const Request& request);
  Scored ReadAnswer(const Request& request, Frame frame);
  Status EnsureReady(nanoseconds arrived);
  Status Load();
  Status Lost(ScoreChannel::Outcome outcome, milliseconds allowed, std::string_view what);
  Status Drop(Status why);
  void SetState(ScorerHealth::State state) {
    const std::lock_guard lock(mutex);
    health.state = state;
    health.pid = channel ? channel->child().pid() : 0;
  }
  void Wake() const {
    const std::uint64_t one = 1;
    if (write(wake_descriptor, &one, sizeof one) < 0) {
      // The counter is at its maximum, so the thread wakes anyway.
    }
  }

  const ScorerOptions options;
  std::string python;
  int wake_descriptor = -1;  // a request came
  int stop_descriptor = -1;  // end all waiting
  std::thread thread;

  mutable std::mutex mutex;
  std::deque<Request> queue;
  ScorerHealth health;
  bool stopping = false;

  // Used by the thread alone.
  std::unique_ptr<ScoreChannel> channel;
  std::int64_t next_id = 1;
  int failures_in_row = 0;
  nanoseconds start_not_before{0};
  Status last_failure;
};

// Ends the child (if any) and plans the next start with full jitter, doubled with each failure in a
// row, so that models that died together do not all load at once.
Status Scorer::Impl::Drop(Status why) {
  channel.reset();
  const auto longest = std::min(
      options.backoff_max,
      options.backoff_first * (std::int64_t{1} << std::min(failures_in_row, kDoublingsMax)));
  ++failures_in_row;
  const auto wait_us = SystemRandom().Below(
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, longest.count() * 1000)));
  start_not_before =
      SystemClock().Monotonic() + std::chrono::microseconds(static_cast<std::int64_t>(wait_us));
  last_failure = why;
  const std::lock_guard lock(mutex);
  health.state = ScorerHealth::State::kBackingOff;
  health.pid = 0;
  health.rss_bytes = 0;
  health.last_error = why.ToString();
  return why;
}

Status Scorer::Impl::Lost(ScoreChannel::Outcome outcome, milliseconds allowed,
                          std::string_view what) {
  const std::string hint = options.log_path.empty() ? "" : "what it printed: " + options.log_path;
  if (outcome == ScoreChannel::Outcome::kStopped) {
    return Drop(
        Status(Code::kUnavailable, fmt::format("model \"{}\" is being stopped", options.model))
            .WithError("WH5013"));
  }
  if (outcome == ScoreChannel::Outcome::kTimedOut) {
    return Drop(Status(Code::kUnavailable,
                       fmt::format("model \"{}\" gave no answer to {} within {} ms; its process is "
                                   "started again",
                                   options.model, what, allowed.count()))
                    .WithError("WH5012")
                    .WithHint(hint));
  }
  if (outcome == ScoreChannel::Outcome::kEnded) {
    // Its end of the socket closes shortly before the process ends; waiting for that tells how it
    // ended.
    pollfd end{channel->child().exit_descriptor(), POLLIN, 0};
    poll(&end, 1, static_cast<int>(kEndingMax.count()));
  }
  // The process may live on, after closing the socket or writing something unreadable to it.
  if (!channel->child().Ended()) channel->child().Kill();
  const platform::ChildExit exit = channel->child().Finish();
  std::string said;
  for (const std::string& line : exit.last_lines) said += "\n  " + EscapeControl(line);
  return Drop(
      Status(Code::kUnavailable,
             fmt::format("the process of model \"{}\" {} during {}{}", options.model,
                         outcome == ScoreChannel::Outcome::kGarbled ? "sent what is no answer"
                                                                    : platform::Describe(exit),
                         what, said))
          .WithError("WH5013")
          .WithHint(hint));
}

Status Scorer::Impl::Load() {
  platform::ChildCommand command;
  command.argv = {python,         "-m",          "weirhouse._score_child",
                  "--descriptor", "3",           "--script",
                  options.script, "--artifacts", options.artifacts_folder};
  command.folder = options.project_folder;
  command.environment = platform::ChildEnvironment(options.environment);
  command.environment["PYTHONUNBUFFERED"] = "1";
  command.environment["PYTHONDONTWRITEBYTECODE"] = "1";
  command.limits.file_bytes_max = std::int64_t{1} << 30;  // scoring has little to write
  command.log_path = options.log_path;
  auto started = ScoreChannel::Start(std::move(command), stop_descriptor);
  if (!started.ok()) return Drop(started.status());
  channel = std::move(started).value();
  {
    const std::lock_guard lock(mutex);
    ++health.starts;
  }
  SetState(ScorerHealth::State::kLoading);

  Frame frame;
  const auto outcome = channel->Receive(&frame, SystemClock().Monotonic() + options.load_timeout);
  if (outcome != ScoreChannel::Outcome::kDone) return Lost(outcome, options.load_timeout, "load");
  if (Kind(frame) != "ready") {
    return Drop(
        Status(Code::kInvalidInput, fmt::format("model \"{}\" could not be loaded by {}: {}",
                                                options.model, options.script, Said(frame)))
            .WithError("WH5010")
            .WithHint("load(path) gets the folder of the model's artifacts"));
  }
  SetState(ScorerHealth::State::kReady);
  return Status();
}

Status Scorer::Impl::EnsureReady(nanoseconds arrived) {
  if (channel && channel->child().Ended())
    Lost(ScoreChannel::Outcome::kEnded, {}, "a pause").Ignore("the next start is planned");
  if (channel) return Status();
  const nanoseconds now = SystemClock().Monotonic();
  if (start_not_before > arrived + options.predict_timeout) {
    const auto left = std::chrono::ceil<milliseconds>(start_not_before - now);
    if (last_failure.code() == Code::kInvalidInput) return last_failure;
    return Status(Code::kUnavailable,
                  fmt::format("model \"{}\" is started again in {} ms: {}", options.model,
                              left.count(), last_failure.message()))
        .WithError("WH5013")
        .WithHint(last_failure.hint());
  }
  if (start_not_before > now) {
    const auto left = std::chrono::ceil<milliseconds>(start_not_before - now);
    pollfd stop{stop_descriptor, POLLIN, 0};
    if (poll(&stop, 1, static_cast<int>(left.count())) > 0) {
      return Status(Code::kUnavailable, fmt::format("model \"{}\" is being stopped", options.model))
          .WithError("WH5013");
    }
  }
  return Load();
}

Scored Scorer::Impl::ReadAnswer(const Request& request, Frame frame) {
  if (Kind(frame) == "error") {
    return Status(Code::kInvalidInput,
                  fmt::format("predict of model \"{}\" raised {}", options.model, Said(frame)))
        .WithError("WH5011")
        .WithHint(fmt::format("see predict in {}", options.script));
  }
  const auto refuse = [this](std::string why) {
    return Status(Code::kInvalidInput,
                  fmt::format("predict of model \"{}\" returned {}", options.model, why))
        .WithError("WH5015")
        .WithHint("return pyarrow.table({column: values}), one row out per row in");
  };
  auto table = StreamToTable(std::move(frame.body));
  if (!table.ok()) return refuse(table.status().message());
  if ((*table)->num_rows() != request.rows) {
    return refuse(fmt::format("{} rows for {}", (*table)->num_rows(), request.rows));
  }
  for (const std::string& column : options.output) {
    if ((*table)->GetColumnByName(column) == nullptr)
      return refuse(fmt::format("no column \"{}\", which the model declares", column));
  }
  return *table;
}

Scored Scorer::Impl::Exchange(const Request& request) {
  const auto waited = SystemClock().Monotonic() - request.arrived;
  if (waited > options.queue_wait_max) {
    return Status(Code::kUnavailable,
                  fmt::format("a request to model \"{}\" waited {} ms behind others", options.model,
                              std::chrono::duration_cast<milliseconds>(waited).count()))
        .WithError("WH5014")
        .WithHint("send several rows in one request, or fewer at a time");
  }
  WEIRHOUSE_TRY_STATUS(EnsureReady(request.arrived));
  if (request.body.empty()) return std::shared_ptr<arrow::Table>();
  const std::int64_t id = next_id++;
  const nanoseconds deadline = SystemClock().Monotonic() + options.predict_timeout;
  auto outcome = channel->Send({{{"kind", "predict"}, {"id", id}}, request.body}, deadline);
  Frame frame;
  if (outcome == ScoreChannel::Outcome::kDone) outcome = channel->Receive(&frame, deadline);
  if (outcome == ScoreChannel::Outcome::kDone) {
    const std::string kind = Kind(frame);
    const auto answered = frame.header.find("id");
    if (answered == frame.header.end() || *answered != id || (kind != "result" && kind != "error"))
      outcome = ScoreChannel::Outcome::kGarbled;
  }
  if (outcome != ScoreChannel::Outcome::kDone)
    return Lost(outcome, options.predict_timeout, "predict");
  failures_in_row = 0;
  return ReadAnswer(request, std::move(frame));
}

// Catches everything: the thread must not throw; how far the exchange went is then unknown.
Scored Scorer::Impl::ExchangeGuarded(const Request& request) {
  try {
    return Exchange(request);
  } catch (...) {
    return Drop(StatusOfException());
  }
}

void Scorer::Impl::Serve(Request& request) {
  WEIRHOUSE_FAILPOINT("scorer.serve");
  Scored answer = ExchangeGuarded(request);
  {
    const std::lock_guard lock(mutex);
    ++(answer.ok() ? health.answered : health.failed);
    if (answer.ok()) {
      health.last_error.clear();
    } else {
      health.last_error = answer.status().ToString();
    }
  }
  request.answer.set_value(std::move(answer));
}

// Checks an idle child: its output, its end, its memory.
void Scorer::Impl::Watch() {
  if (!channel) return;
  channel->child().PumpOutput();
  if (channel->child().Ended()) {
    Lost(ScoreChannel::Outcome::kEnded, {}, "a pause").Ignore("the next request starts it again");
    return;
  }
  const std::int64_t rss_bytes = channel->child().RssBytes();
  {
    const std::lock_guard lock(mutex);
    health.rss_bytes = rss_bytes;
  }
  if (rss_bytes > options.rss_bytes_max) {
    Drop(Status(Code::kUnavailable,
                fmt::format("the process of model \"{}\" used {} MiB, above its limit of {} MiB, "
                            "and was stopped",
                            options.model, rss_bytes >> 20, options.rss_bytes_max >> 20))
             .WithError("WH5016"))
        .Ignore("the next request starts it again");
  }
}

// Serves one request, or waits for events. False once it is to stop.
bool Scorer::Impl::TakeTurn() {
  std::optional<Request> taken;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return false;
    if (!queue.empty()) {
      taken = std::move(queue.front());
      queue.pop_front();
    }
  }
  if (taken) {
    try {
      Serve(*taken);
    } catch (...) {
      taken->answer.set_value(StatusOfException());
    }
    Watch();
    return true;
  }
  pollfd waits[4] = {{wake_descriptor, POLLIN, 0},
                     {stop_descriptor, POLLIN, 0},
                     {channel ? channel->child().output_descriptor() : -1, POLLIN, 0},
                     {channel ? channel->child().exit_descriptor() : -1, POLLIN, 0}};
  const int wait_ms = channel ? static_cast<int>(kWatchInterval.count()) : -1;
  poll(waits, 4, wait_ms);
  if (waits[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_descriptor, &count, sizeof count);
  }
  Watch();
  return true;
}

void Scorer::Impl::Run() {
  bool goes_on = true;
  while (goes_on) {
    try {
      goes_on = TakeTurn();
    } catch (...) {  // no memory to check the child: the next check comes
      std::this_thread::sleep_for(kAfterThrown);
    }
  }
  channel.reset();
  SetState(ScorerHealth::State::kStopped);
  std::deque<Request> left;
  {
    const std::lock_guard lock(mutex);
    left.swap(queue);
  }
  for (Request& request : left) {
    request.answer.set_value(
        Status(Code::kUnavailable, fmt::format("model \"{}\" is being stopped", options.model))
            .WithError("WH5013"));
  }
}

Scorer::Scorer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Scorer>> Scorer::Create(ScorerOptions options) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto missing = [&options](std::string_view what, const std::string& path) {
    return Status(Code::kNotFound,
                  fmt::format("model \"{}\" has no {} at \"{}\"", options.model, what, path))
        .WithError("WH5010");
  };
  const fs::path script = fs::path(options.project_folder) / options.script;
  if (!fs::is_regular_file(script, error)) return missing("scoring script", script.string());
  if (!fs::is_directory(options.artifacts_folder, error))
    return missing("artifacts", options.artifacts_folder);
  options.artifacts_folder = fs::absolute(options.artifacts_folder, error).string();
  WEIRHOUSE_TRY(std::string python, ResolvePython(options.python));

  auto impl = std::make_unique<Impl>(std::move(options));
  impl->python = std::move(python);
  impl->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  impl->stop_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  auto scorer = std::unique_ptr<Scorer>(new Scorer(std::move(impl)));
  if (scorer->impl_->wake_descriptor < 0 || scorer->impl_->stop_descriptor < 0) {
    return Status(Code::kUnavailable, "could not watch a scoring process: too many open files")
        .WithError("WH5007");
  }
  WEIRHOUSE_TRY(scorer->impl_->thread, StartThread([impl = scorer->impl_.get()] { impl->Run(); }));
  return scorer;
}

Scorer::~Scorer() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  const std::uint64_t one = 1;
  if (impl_->stop_descriptor >= 0 && write(impl_->stop_descriptor, &one, sizeof one) < 0) {
    // Cannot happen on a fresh counter; the thread also looks at `stopping`.
  }
  if (impl_->thread.joinable()) impl_->thread.join();
  if (impl_->wake_descriptor >= 0) close(impl_->wake_descriptor);
  if (impl_->stop_descriptor >= 0) close(impl_->stop_descriptor);
}

Scored Scorer::Score(const arrow::Table& features) {
  Impl::Request request;
  request.rows = features.num_rows();
  if (request.rows > impl_->options.rows_max) {
    return Status(Code::kInvalidInput, fmt::format("{} rows in one request, at most {} are scored",
                                                   request.rows, impl_->options.rows_max))
        .WithError("WH5015");
  }
  WEIRHOUSE_TRY(request.body, TableToStream(features));
  request.arrived = SystemClock().Monotonic();
  std::future<Scored> answer = request.answer.get_future();
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping || impl_->queue.size() >= impl_->options.queue_max) {
      return Status(Code::kUnavailable,
                    fmt::format("too many requests wait for model \"{}\"", impl_->options.model))
          .WithError("WH5014")
          .WithHint("send several rows in one request, or fewer at a time");
    }
    impl_->queue.push_back(std::move(request));
  }
  impl_->Wake();
  return answer.get();
}

Status Scorer::Warm() {
  Impl::Request request;
  request.arrived = SystemClock().Monotonic();
  std::future<Scored> answer = request.answer.get_future();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->queue.push_back(std::move(request));
  }
  impl_->Wake();
  return answer.get().status();
}

ScorerHealth Scorer::health() const {
  const std::lock_guard lock(impl_->mutex);
  ScorerHealth health = impl_->health;
  health.waiting = impl_->queue.size();
  return health;
}
}  // namespace weirhouse::model
