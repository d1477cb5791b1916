// What every verb works with: its invocation, its output, the project and its state, opened on
// first use.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/command/command.h"
#include "app/command/print/listing.h"
#include "app/command/progress.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/events/courier.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::command {

// Threads: one.
class Context {
 public:
  Context(const Invocation& invocation, Streams& streams, Host* host);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Invocation& invocation() const { return invocation_; }
  Streams& streams() { return streams_; }
  ProgressPrinter& progress() { return progress_; }
  Host* host() { return host_; }

  // The project's folder: --project, or found from the folder one stands in.
  Result<std::string> Root();
  // Reads and checks every file of the project.
  Result<std::shared_ptr<const work::ProjectDefinition>> Project();
  // The project's state for reading, whoever writes meanwhile. Where definition files have errors,
  // the project is shown as it was applied last, and that is said: what is in production can be
  // looked at while somebody writes a draft.
  Result<work::Workspace*> Reading();
  // The same for verbs whose answer is about the files as they stand, which must be right then.
  Result<work::Workspace*> ReadingFiles();
  // … for writing: takes the project's lock. The first act of every verb that writes, so that what
  // another process must do can be handed over whole (kUnavailable WH8001). Where no daemon has the
  // lock, it waits a few seconds for it: most verbs are short.
  Result<work::Workspace*> Writing();
  bool writes() const { return writes_; }
  // The last act of a verb: what it has to tell by alerts and notify rules is told, as far as that
  // goes within a few seconds. The rest is left for the next verb, or the daemon.
  void FinishDeliveries();
  // A path as the person who asked means it.
  std::string PathOf(const std::string& path) const;

  // ---- Answers
  // A line of data, unless JSON was asked for.
  void Line(std::string_view line);
  // A line of talk, unless --quiet.
  void Say(std::string_view line);
  // The one JSON document, where JSON was asked for; adds schema_version.
  void Answer(nlohmann::json document);
  // The rows in the form that was asked for.
  void Print(const Listing& listing);
  bool wants_json() const { return invocation_.json || invocation_.jsonl; }

  // ---- Options
  Result<std::int64_t> IntOption(std::string_view name, std::int64_t fallback, std::int64_t minimum,
                                 std::int64_t maximum) const;
  // "NAME=VALUE" texts by name, as they were typed: whoever takes them knows their types. Twice the
  // same name is refused.
  Result<std::map<std::string, std::string>> NamedTexts(
      const std::vector<std::string>& texts) const;
  // The same as an object, where nothing declares types; values as JSON where they are numbers or
  // booleans.
  Result<nlohmann::json> Assignments(const std::vector<std::string>& texts) const;
  // --at as a time, if it was given.
  Result<std::optional<EventTime>> AtTime() const;
  // "yes" on the terminal or by --yes; kInvalidInput where nobody can be asked.
  Status Confirm(std::string_view question);

 private:
  Result<std::unique_ptr<work::Workspace>> OpenToWrite();
  // The project of the last apply, in the place of one whose files are refused with `why`.
  Result<std::shared_ptr<const work::ProjectDefinition>> AppliedInstead(const Status& why);
  const Invocation& invocation_;
  Streams& streams_;
  Host* host_;
  ProgressPrinter progress_;
  std::string root_;
  std::shared_ptr<const work::ProjectDefinition> project_;
  std::string shows_applied_;  // why the files are not what is shown; empty if they are
  std::unique_ptr<work::Workspace> workspace_;
  std::mutex told_mutex_;
  std::vector<std::string> told_;           // by the courier, from its thread
  std::unique_ptr<work::Courier> courier_;  // of workspace_: it goes first
  bool writes_ = false;
};

// A wrong word or option: kInvalidInput WH8033.
Status UsageError(std::string message, std::string hint = "");
}  // namespace weirhouse::command
