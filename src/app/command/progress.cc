#include "app/command/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/display/display_width.h"
#include "ground/base/text.h"

namespace weirhouse::command {
namespace {
double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::string TimeLeft(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}
}  // namespace

ProgressPrinter::ProgressPrinter(const Invocation& invocation, Streams& streams, Clock& clock)
    : quiet_(invocation.quiet),
      terminal_(invocation.stderr_is_terminal),
      columns_(invocation.columns),
      streams_(streams),
      clock_(clock) {}

ProgressPrinter::~ProgressPrinter() { Finish(); }

void ProgressPrinter::Update(std::string_view what, std::int64_t done, std::int64_t total) {
  if (quiet_) return;
  const std::chrono::nanoseconds now = clock_.Monotonic();
  if (what != what_) {
    Finish();
    what_ = what;
    began_ = now;
    first_ = done;
    drawn_ = terminal_ ? std::chrono::nanoseconds{} : now;
  }
  done_ = done;
  total_ = total;
  dirty_ = true;
  if (now - drawn_ >= (terminal_ ? kRedrawEvery : kPlainLineEvery)) Draw(now);
}

std::string ProgressPrinter::Line(std::chrono::nanoseconds now) const {
  std::string line = what_ + "  " + WithThousands(done_);
  if (total_ > 0) {
    line += fmt::format(" of {}  {}%", WithThousands(total_),
                        std::min<std::int64_t>(100, done_ * 100 / total_));
  }
  const double seconds = Seconds(now - began_);
  const auto worked = static_cast<double>(done_ - first_);
  if (seconds >= 0.5 && worked > 0) {
    const double rate = worked / seconds;
    line += rate >= 10 ? fmt::format("  {}/s", WithThousands(static_cast<std::int64_t>(rate)))
                       : fmt::format("  {:.1f}/s", rate);
    if (total_ > done_)
      line += fmt::format("  {} left", TimeLeft(static_cast<double>(total_ - done_) / rate));
  }
  return EscapeControl(line);
}

void ProgressPrinter::Draw(std::chrono::nanoseconds now) {
  drawn_ = now;
  dirty_ = false;
  std::string line = Line(now);
  if (!terminal_) {
    streams_.Err(line + "\n");
    return;
  }
  // A line that wraps could not be written over.
  if (DisplayWidth(line) >= static_cast<std::size_t>(columns_))
    line.resize(static_cast<std::size_t>(std::max(columns_ - 1, 1)));
  streams_.Err("\r\x1b[2K" + line);
  open_ = true;
}

void ProgressPrinter::Say(std::string_view line) {
  if (quiet_) return;
  if (open_) streams_.Err("\r\x1b[2K");
  open_ = false;
  streams_.Err(EscapeControl(line) + "\n");
}

bool ProgressPrinter::Cancelled() {
  cancelled_ = cancelled_ || streams_.Cancelled();
  return cancelled_;
}

void ProgressPrinter::Finish() {
  if (terminal_ && open_) {
    if (dirty_) Draw(clock_.Monotonic());
    streams_.Err("\n");
  }
  open_ = false;
  dirty_ = false;
  what_.clear();
}
}  // namespace weirhouse::command
