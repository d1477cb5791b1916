// Progress on stderr: on a terminal one line that is written over, with rate and time left;
// elsewhere a plain line every five seconds.
#pragma once

#include <chrono>
#include <string>

#include "app/command/command.h"
#include "ground/base/time.h"
#include "work/workspace/workspace.h"

namespace weirhouse::command {

inline constexpr std::chrono::milliseconds kRedrawEvery{100};
inline constexpr std::chrono::milliseconds kPlainLineEvery{5'000};

class ProgressPrinter : public work::Progress {
 public:
  ProgressPrinter(const Invocation& invocation, Streams& streams, Clock& clock);
  // Erases or ends an open line.
  ~ProgressPrinter() override;
  void Update(std::string_view what, std::int64_t done, std::int64_t total) override;
  void Say(std::string_view line) override;
  bool Cancelled() override;
  // Ends the line at hand, so that other text can follow.
  void Finish();
  bool was_cancelled() const { return cancelled_; }

 private:
  std::string Line(std::chrono::nanoseconds now) const;
  void Draw(std::chrono::nanoseconds now);

  const bool quiet_;
  const bool terminal_;
  const int columns_;
  Streams& streams_;
  Clock& clock_;
  std::string what_;
  std::int64_t done_ = 0;
  std::int64_t first_ = 0;  // `done` of the step's first update
  std::int64_t total_ = 0;
  std::chrono::nanoseconds began_{};
  std::chrono::nanoseconds drawn_{};
  bool open_ = false;  // the terminal shows a line without its end
  bool dirty_ = false;
  bool cancelled_ = false;
};
}  // namespace weirhouse::command
