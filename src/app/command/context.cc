#include "app/command/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <thread>

#include "app/command/daemon_link.h"
#include "ground/base/text.h"
#include "work/project/catalog_place.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::command {
using nlohmann::json;
namespace {
constexpr std::chrono::seconds kDeliveryBound{5};
constexpr std::chrono::seconds kLockWait{6};  // longer than a verb spends on deliveries
constexpr std::chrono::milliseconds kLockLookEvery{100};

}  // namespace

Context::Context(const Invocation& invocation, Streams& streams, Host* host)
    : invocation_(invocation),
      streams_(streams),
      host_(host),
      progress_(invocation, streams, SystemClock()) {}
Context::~Context() = default;

Result<std::string> Context::Root() {
  if (!root_.empty()) return root_;
  WEIRHOUSE_TRY(root_, work::FindProjectRoot(PathOf(invocation_.project)));
  return root_;
}

std::string Context::PathOf(const std::string& path) const {
  if (path.empty()) return invocation_.cwd;
  return path.starts_with("/") ? path : invocation_.cwd + "/" + path;
}

Result<const work::ProjectFiles*> Context::Files() {
  if (!files_) {
    WEIRHOUSE_TRY(const std::string root, Root());
    WEIRHOUSE_TRY(files_, work::LoadProjectFiles(root, invocation_.profile));
  }
  return &*files_;
}

Result<std::shared_ptr<const work::ProjectDefinition>> Context::Project() {
  if (host_ != nullptr)
    return (host_->files != nullptr ? host_->files : host_->workspace)->shared_project();
  WEIRHOUSE_TRY(const work::ProjectFiles* files, Files());
  WEIRHOUSE_TRY_STATUS(files->refused);
  return files->project;
}

Result<work::Workspace*> Context::OpenedToRead() {
  if (host_ != nullptr) return host_->workspace;
  if (workspace_ == nullptr) {
    WEIRHOUSE_TRY(const work::ProjectFiles* files, Files());
    WEIRHOUSE_TRY(workspace_, work::OpenAsApplied(*files, work::Access::kRead, &draft_));
  }
  return workspace_.get();
}

Result<work::Workspace*> Context::Reading() {
  WEIRHOUSE_TRY(work::Workspace * workspace, OpenedToRead());
  WEIRHOUSE_TRY_STATUS(SayDraft());
  return workspace;
}

Result<std::shared_ptr<const work::ProjectDefinition>> Context::Definitions() {
  const auto workspace = Reading();
  if (workspace.ok()) return (*workspace)->shared_project();
  if (workspace.status().Is(work::kNoState)) return Project();
  return workspace.status();
}

Result<work::Workspace*> Context::Rehearsing() {
  WEIRHOUSE_TRY_STATUS(Project().status());
  return Reading();
}

Result<work::Workspace*> Context::ReadingFiles() {
  WEIRHOUSE_TRY_STATUS(Project().status());
  WEIRHOUSE_TRY(work::Workspace * workspace, OpenedToRead());
  return ByFiles(workspace);
}

Result<work::Workspace*> Context::ByFiles(work::Workspace* as_applied) {
  if (host_ != nullptr) return host_->files != nullptr ? host_->files : as_applied;
  WEIRHOUSE_TRY(const auto project, Project());
  if (as_applied->shared_project() == project) return as_applied;
  if (by_files_ == nullptr) by_files_ = as_applied->With(project);
  return by_files_.get();
}

Status Context::SayDraft() {
  WEIRHOUSE_TRY_STATUS(draft().Damage());
  if (said_draft_ || !draft().any()) return Status();
  said_draft_ = true;
  if (!draft().refused.ok()) {
    Say("warning: this shows the project as it was last applied; its files have errors (`wh "
        "validate` lists them): " +
        draft().Story());
  } else if (draft().lost.ok()) {
    Say("warning: this uses the project as it was last applied; its files differ from that "
        "(`wh plan` lists the differences): " +
        draft().Story());
  } else {
    Say("warning: the project's files differ from what was last applied, and " + draft().Story());
  }
  return Status();
}

Result<work::Workspace*> Context::Writing() {
  WEIRHOUSE_TRY(work::Workspace * workspace, OpenedToWrite());
  WEIRHOUSE_TRY_STATUS(SayDraft());
  return workspace;
}

Result<work::Workspace*> Context::WritingIfApplied() {
  WEIRHOUSE_TRY(work::Workspace * workspace, OpenedToWrite());
  WEIRHOUSE_TRY_STATUS(RequireFilesApplied());
  return workspace;
}

Status Context::RequireFilesApplied() const { return draft().differs; }

Result<work::Workspace*> Context::WritingFiles() {
  WEIRHOUSE_TRY(work::Workspace * workspace, OpenedToWrite());
  return ByFiles(workspace);
}

std::function<void()> Context::Registered() const {
  return host_ != nullptr ? host_->registered : nullptr;
}

Result<work::Workspace*> Context::OpenedToWrite() {
  if (host_ != nullptr) {
    const std::string& profile = host_->workspace->project().profile.name;
    if (!invocation_.profile.empty() && invocation_.profile != profile) {
      return Status(Code::kConflict,
                    fmt::format("the daemon serves profile \"{}\", asked for \"{}\"", profile,
                                invocation_.profile))
          .WithError("WH8032")
          .WithHint("stop the daemon, or leave --profile out");
    }
    writes_ = true;
    return host_->workspace;
  }
  WEIRHOUSE_CHECK(workspace_ == nullptr || writes_);
  if (workspace_ == nullptr) {
    WEIRHOUSE_TRY(workspace_, OpenToWrite());
    writes_ = true;
    if (workspace_->clock_went_back()) Say("warning: " + *workspace_->clock_went_back());
    courier_ =
        work::Courier::Start([this](const work::Courier::Body& body) { return body(*workspace_); },
                             [this](std::string_view line) {
                               const std::lock_guard lock(told_mutex_);
                               told_.emplace_back(line);
                             });
  }
  return workspace_.get();
}

Result<std::unique_ptr<work::Workspace>> Context::OpenToWrite() {
  WEIRHOUSE_TRY(const work::ProjectFiles* files, Files());
  WEIRHOUSE_TRY_STATUS(files->refused);
  const std::chrono::nanoseconds last = SystemClock().Monotonic() + kLockWait;
  while (true) {
    auto opened = work::OpenAsApplied(*files, work::Access::kWrite, &draft_);
    if (opened.ok() || !opened.status().Is(work::kProjectHeld) ||
        opened.status().code() != Code::kUnavailable)
      return opened;
    const int daemon = ConnectToDaemon(files->project->root);
    if (daemon >= 0) close(daemon);
    if (daemon >= 0 || streams_.Cancelled() || SystemClock().Monotonic() > last) return opened;
    std::this_thread::sleep_for(kLockLookEvery);
  }
}

void Context::FinishDeliveries() {
  if (courier_ == nullptr) return;
  std::fflush(stdout);  // the answer does not wait for a slow receiver
  courier_->Finish(kDeliveryBound, [this] { return streams_.Cancelled(); });
  courier_.reset();
  for (const std::string& line : told_) Say("note: " + line);
}

void Context::Line(std::string_view line) {
  if (wants_json()) return;
  progress_.Finish();
  streams_.Out(std::string(line) + "\n");
}

void Context::Say(std::string_view line) {
  progress_.Finish();
  if (!invocation_.quiet) streams_.Err(std::string(line) + "\n");
}

void Context::Answer(json document) {
  if (!wants_json()) return;
  progress_.Finish();
  document["schema_version"] = 1;
  if (said_draft_) document[DraftName()] = draft().Story();
  streams_.Out(Dump(document) + "\n");
}

std::string Context::DraftName() const {
  return draft().refused.ok() ? "files_differ" : "files_refused";
}

std::string Context::DraftMember() const {
  if (!said_draft_) return "";
  return fmt::format(",\"{}\":{}", DraftName(), Dump(draft().Story()));
}

void Context::Print(const Listing& listing) {
  progress_.Finish();
  if (invocation_.jsonl) {
    streams_.Out(listing.AsJsonLines());
  } else if (invocation_.json) {
    Answer({{listing.name(), listing.AsJson()}});
  } else {
    streams_.Out(listing.AsText());
  }
}

void Context::Print(const Listing& listing, json document) {
  if (!wants_json()) return Print(listing);
  if (!invocation_.jsonl) return Answer(std::move(document));
  progress_.Finish();
  for (json& row : document[listing.name()]) {
    row["schema_version"] = 1;
    streams_.Out(Dump(row) + "\n");
  }
}

Result<std::int64_t> Context::IntOption(std::string_view name, std::int64_t fallback,
                                        std::int64_t minimum, std::int64_t maximum) const {
  const std::optional<std::string> text = invocation_.Option(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < minimum ||
      value > maximum) {
    return UsageError(fmt::format("--{} takes a whole number from {} to {}, found \"{}\"", name,
                                  minimum, maximum, *text));
  }
  return value;
}

Result<std::map<std::string, std::string>> Context::NamedTexts(
    const std::vector<std::string>& texts) const {
  std::map<std::string, std::string> named;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError(fmt::format("expected NAME=VALUE, found \"{}\"", text));
    if (!named.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
      return UsageError(fmt::format("\"{}\" is given twice", text.substr(0, equals)));
  }
  return named;
}

Result<json> Context::Assignments(const std::vector<std::string>& texts) const {
  json object = json::object();
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError(fmt::format("expected NAME=VALUE, found \"{}\"", text));
    const std::string value = text.substr(equals + 1);
    json parsed = json::parse(value, nullptr, /*allow_exceptions=*/false);
    // Only values that cannot be meant as text: "1e5" and "007" stay as typed if they are not JSON
    // numbers.
    const bool typed = parsed.is_number() || parsed.is_boolean() || parsed.is_null();
    object[text.substr(0, equals)] = typed ? parsed : json(value);
  }
  return object;
}

Result<std::optional<EventTime>> Context::AtTime() const {
  if (invocation_.at.empty()) return std::optional<EventTime>();
  auto time = ParseTimeMicros(invocation_.at, /*zoneless_is_utc=*/true);
  if (!time.ok()) {
    return UsageError(fmt::format("--at is {}", time.status().message()),
                      "for example --at 2013-12-30T20:15:00Z");
  }
  return std::optional<EventTime>(EventTimeOfMicros(*time));
}

Status Context::Confirm(std::string_view question) {
  if (invocation_.yes) return Status();
  if (host_ != nullptr || invocation_.no_input || !invocation_.stderr_is_terminal ||
      isatty(STDIN_FILENO) == 0) {
    return UsageError(fmt::format("there is no terminal to ask on: {}", question),
                      "pass --yes to agree");
  }
  progress_.Finish();
  streams_.Err(fmt::format("{} [y/N] ", question));
  char answer[16] = {};
  if (std::fgets(answer, sizeof(answer), stdin) != nullptr &&
      (answer[0] == 'y' || answer[0] == 'Y'))
    return Status();
  return Status(Code::kInvalidInput, "stopped: the answer was not yes").WithError("WH8033");
}

Status UsageError(std::string message, std::string hint) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH8033")
      .WithHint(std::move(hint));
}
}  // namespace weirhouse::command
