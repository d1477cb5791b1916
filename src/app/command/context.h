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

  // The project's folder: --project, or the nearest one from the current folder upwards.
  Result<std::string> Root();
  // Reads and checks every file of the project, as it stands.
  Result<std::shared_ptr<const work::ProjectDefinition>> Project();
  // The project's state for reading, by the definitions last applied; another process may write
  // meanwhile. Says so if the files have errors or differ, so that production can be inspected
  // while somebody edits a draft.
  Result<work::Workspace*> Reading();
  // The definitions last applied; those of the files if the project has no state yet.
  Result<std::shared_ptr<const work::ProjectDefinition>> Definitions();
  // For what a writing verb would do (--dry-run): as Reading, but the files must be valid, as for
  // Writing.
  Result<work::Workspace*> Rehearsing();
  // By the files as they are, which must be valid: for verbs whose answer is about the files.
  Result<work::Workspace*> ReadingFiles();
  // For writing, by what was last applied: takes the project's lock. Call it first in every verb
  // that writes, so that the whole verb can be handed to a process that holds the project
  // (kUnavailable WH8001). If no daemon has the lock, it waits a few seconds for it: most verbs are
  // short.
  Result<work::Workspace*> Writing();
  // As Writing, for work that must not use definitions which somebody is about to change:
  // kInvalidInput WH2020 if the files differ from what was applied.
  Result<work::Workspace*> WritingIfApplied();
  Status RequireFilesApplied() const;
  // For writing by the files as they are, to apply them; Registered() is the callback for
  // work::Apply.
  Result<work::Workspace*> WritingFiles();
  std::function<void()> Registered() const;
  bool writes() const { return writes_; }
  // Delivers the events that the verb owes to alerts and notify rules, for at most a few seconds.
  // Call it last in a verb; what is left is delivered by the next verb or the daemon.
  void FinishDeliveries();
  // A path as the user typed it, made absolute by the folder where the command was typed.
  std::string PathOf(const std::string& path) const;

  // ---- Answers
  // A line of data, unless JSON was asked for.
  void Line(std::string_view line);
  // A note, unless --quiet.
  void Say(std::string_view line);
  // The one JSON document, where JSON was asked for; adds schema_version.
  void Answer(nlohmann::json document);
  // The rows in the form that was asked for.
  void Print(const Listing& listing);
  // The same, with the JSON of a typed answer: its rows are the member of the listing's name.
  void Print(const Listing& listing, nlohmann::json document);
  // The member `,"files_differ":"…"` for documents that Answer does not make, or nothing.
  std::string DraftMember() const;
  bool wants_json() const { return invocation_.json || invocation_.jsonl; }

  // ---- Options
  Result<std::int64_t> IntOption(std::string_view name, std::int64_t fallback, std::int64_t minimum,
                                 std::int64_t maximum) const;
  // "NAME=VALUE" texts by name, values as typed: the caller knows their types. Refuses a name that
  // is given twice.
  Result<std::map<std::string, std::string>> NamedTexts(
      const std::vector<std::string>& texts) const;
  // The same as an object, for values without declared types: numbers, booleans and null become
  // JSON, everything else text.
  Result<nlohmann::json> Assignments(const std::vector<std::string>& texts) const;
  // --at as a time, if it was given.
  Result<std::optional<EventTime>> AtTime() const;
  // Passes if the user answers "yes" or passed --yes; kInvalidInput if there is no terminal to ask
  // on.
  Status Confirm(std::string_view question);

 private:
  Result<const work::ProjectFiles*> Files();
  Result<std::unique_ptr<work::Workspace>> OpenToWrite();
  Result<work::Workspace*> OpenedToRead();
  Result<work::Workspace*> OpenedToWrite();
  // `as_applied`, or the same project by the files, if they differ.
  Result<work::Workspace*> ByFiles(work::Workspace* as_applied);
  const work::Draft& draft() const { return host_ != nullptr ? host_->draft : draft_; }
  std::string DraftName() const;  // the JSON member that reports the draft
  // Warns, once, that the files are not what the verb uses. Errors: what was applied is damaged.
  Status SayDraft();
  const Invocation& invocation_;
  Streams& streams_;
  Host* host_;
  ProgressPrinter progress_;
  std::string root_;
  std::optional<work::ProjectFiles> files_;
  work::Draft draft_;  // of workspace_
  bool said_draft_ = false;
  std::unique_ptr<work::Workspace> workspace_;  // as it was last applied
  std::unique_ptr<work::Workspace> by_files_;   // where the files differ
  std::mutex told_mutex_;
  std::vector<std::string> told_;           // by the courier, from its thread
  std::unique_ptr<work::Courier> courier_;  // of workspace_, so it is destroyed first
  bool writes_ = false;
};

// A wrong word or option: kInvalidInput WH8033.
Status UsageError(std::string message, std::string hint = "");
}  // namespace weirhouse::command
