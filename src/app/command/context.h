// What every verb works with: its invocation, its output, the project and its state, opened on
// first use.
#pragma once

#include <functional>
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
#include "work/workspace/project_applied.h"
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
  // Reads and checks every file of the project, as it stands.
  Result<std::shared_ptr<const work::ProjectDefinition>> Project();
  // The project's state for reading, whoever writes meanwhile, by the definitions that were applied
  // last. Where the files have errors, or say something else, that is said: what is in production
  // can be looked at while somebody writes a draft.
  Result<work::Workspace*> Reading();
  // Its definitions alone, which are the files' where the project has no state yet.
  Result<std::shared_ptr<const work::ProjectDefinition>> Definitions();
  // For what a writing verb would do: as Reading, but the files must be right, as for Writing.
  Result<work::Workspace*> Rehearsing();
  // By the files as they stand, which must be right: for verbs whose answer is about them.
  Result<work::Workspace*> ReadingFiles();
  // … for writing, by what was applied last: takes the project's lock. The first act of every verb
  // that writes, so that what another process must do can be handed over whole (kUnavailable
  // WH8001). Where no daemon has the lock, it waits a few seconds for it: most verbs are short.
  Result<work::Workspace*> Writing();
  // The same for what must not go on by definitions that somebody is about to change: kInvalidInput
  // WH2020 where the files differ from what was applied.
  Result<work::Workspace*> WritingIfApplied();
  Status RequireFilesApplied() const;
  // By the files as they stand, to apply them; `registered` of work::Apply is Registered().
  Result<work::Workspace*> WritingFiles();
  std::function<void()> Registered() const;
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
  // The same, with the JSON of a typed answer: its rows are the member of the listing's name.
  void Print(const Listing& listing, nlohmann::json document);
  // Of a document that is not made by Answer: `,"files_differ":"…"` where that was said, or nothing.
  std::string DraftMember() const;
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
  Result<const work::ProjectFiles*> Files();
  Result<std::unique_ptr<work::Workspace>> OpenToWrite();
  Result<work::Workspace*> OpenedToRead();
  Result<work::Workspace*> OpenedToWrite();
  // `as_applied`, or the same by the files.
  Result<work::Workspace*> ByFiles(work::Workspace* as_applied);
  const work::Draft& draft() const { return host_ != nullptr ? host_->draft : draft_; }
  std::string DraftName() const;  // of the member that tells of it
  // Says, once, that the files are not what is worked by. Errors: what was applied is damaged.
  Status SayDraft();
  const Invocation& invocation_;
  Streams& streams_;
  Host* host_;
  ProgressPrinter progress_;
  std::string root_;
  std::optional<work::ProjectFiles> files_;
  work::Draft draft_;  // of workspace_
  bool said_draft_ = false;
  std::unique_ptr<work::Workspace> workspace_;  // as it was applied last
  std::unique_ptr<work::Workspace> by_files_;   // where the files differ
  std::mutex told_mutex_;
  std::vector<std::string> told_;           // by the courier, from its thread
  std::unique_ptr<work::Courier> courier_;  // of workspace_: it goes first
  bool writes_ = false;
};

// A wrong word or option: kInvalidInput WH8033.
Status UsageError(std::string message, std::string hint = "");
}  // namespace weirhouse::command
