#include "app/command/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/command/context.h"
#include "app/command/daemon_link.h"
#include "app/command/host_verb.h"
#include "app/command/print/error_printer.h"
#include "app/command/verbs.h"
#include "ground/base/thread.h"
#include "work/workspace/cache_damage.h"

namespace weirhouse::command {
namespace {
// Line `number` of a file of the project, for the caret.
std::optional<std::string> LineOfFile(const std::string& path, int number) {
  std::ifstream file(path);
  std::string line;
  for (int at = 1; std::getline(file, line); ++at) {
    if (at == number) return line;
  }
  return std::nullopt;
}

int Print(Context& context, const Status& status) {
  context.progress().Finish();
  const Invocation& invocation = context.invocation();
  if (invocation.json || invocation.jsonl) {
    context.streams().Out(Dump(ErrorAsJson(status)) + "\n");
    return ExitCode(status.code());
  }
  ErrorStyle style;
  style.color = invocation.color && invocation.stderr_is_terminal;
  style.columns = invocation.columns;
  style.nothing_was_run = !context.writes();
  const auto root = context.Root();
  style.line_of = [&](const std::string& path, int line) -> std::optional<std::string> {
    if (!root.ok() && !path.starts_with("/")) return std::nullopt;
    return LineOfFile(path.starts_with("/") ? path : *root + "/" + path, line);
  };
  context.streams().Err(FormatError(status, style));
  return ExitCode(status.code());
}

// Hands the verb to the process that holds the project, if that is a daemon which listens. Else
// nothing.
std::optional<int> HandOver(Context& context, const Status& status) {
  if (context.host() != nullptr || !status.Is(work::kProjectHeld)) return std::nullopt;
  const auto root = context.Root();
  if (!root.ok()) return std::nullopt;
  const auto code = RunInDaemon(*root, context.invocation(), context.streams());
  if (!code.ok()) return Print(context, code.status());
  return *code;
}
}  // namespace

VerbFunction FindVerbFunction(std::string_view name) {
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return verb.function;
  }
  return nullptr;
}

namespace {
// Runs the verb and catches all exceptions.
Result<int> Attempt(Context& context, bool* thrown) {
  const std::string& verb = context.invocation().verb;
  const VerbFunction function = FindVerbFunction(verb);
  if (function == nullptr)
    return UsageError(fmt::format("unknown verb \"{}\"", verb), "`wh --help` lists them");
  try {
    return function(context);
  } catch (...) {
    *thrown = true;
    return StatusOfException();
  }
}

int End(Context& context, const Result<int>& code) {
  if (!code.ok()) {
    if (const std::optional<int> handed = HandOver(context, code.status())) return *handed;
  }
  const int exit = code.ok() ? *code : Print(context, code.status());
  context.FinishDeliveries();
  // A failure after Ctrl-C is taken for its effect.
  return !code.ok() && context.streams().Cancelled() ? kExitInterrupted : exit;
}

void SayMended(Context& context) {
  const auto root = context.Root();
  if (!root.ok()) return;
  const std::string line = work::TakeMendedLine(*root + "/.weirhouse");
  if (!line.empty()) context.Say(line);
}

// A verb of this process met a damaged cache and has closed the project: rebuilds the cache and
// runs the verb again. If another process writes to the project, it may have replaced the files
// meanwhile: then the verb is handed to it, or only runs again.
int RunMended(const Invocation& invocation, Streams& streams, const Status& damage) {
  Context context(invocation, streams, nullptr);
  const auto root = context.Root();
  if (!root.ok()) return Print(context, root.status());
  const auto files = work::LoadProjectFiles(*root, invocation.profile);
  if (!files.ok()) return Print(context, files.status());
  const Status mended = work::MendCaches(*files, damage);
  SayMended(context);
  if (mended.Is(work::kProjectHeld)) {
    if (const std::optional<int> handed = HandOver(context, mended)) return *handed;
  } else if (!mended.ok()) {
    return Print(context, mended);
  }
  const std::string& verb = invocation.verb;
  if (verb == "ingest" || verb == "run" || verb == "apply") {
    context.Say("note: `wh " + verb +
                "` started again; what it had committed before is kept: "
                "`wh status` counts it, the report below does not");
  }
  bool thrown = false;
  return End(context, Attempt(context, &thrown));
}
}  // namespace

int RunInHost(const Invocation& invocation, Streams& streams, Host& host, bool mends,
              Aftermath* aftermath, Status* error) {
  Context context(invocation, streams, &host);
  bool thrown = false;
  const Result<int> code = Attempt(context, &thrown);
  if (error != nullptr) *error = code.status();
  if (thrown) *aftermath = Aftermath::kThrown;
  if (EndsWriter(code.status())) *aftermath = Aftermath::kReplaced;
  if (work::IsCacheDamage(code.status())) {
    *aftermath = Aftermath::kCacheDamaged;
    const Status noted = work::NoteCacheDamage(host.workspace->state_folder(), code.status());
    if (noted.ok() && mends) return ExitCode(code.status().code());
  }
  return End(context, code);
}

int RunCommand(const Invocation& invocation, Streams& streams, Host* host) {
  if (host != nullptr) {
    Aftermath aftermath = Aftermath::kNone;
    return RunInHost(invocation, streams, *host, /*mends=*/false, &aftermath);
  }
  Status damage;
  {
    Context context(invocation, streams, nullptr);
    bool thrown = false;
    const Result<int> code = Attempt(context, &thrown);
    SayMended(context);
    if (!work::IsCacheDamage(code.status())) return End(context, code);
    damage = code.status();
  }
  return RunMended(invocation, streams, damage);
}

int PrintError(const Invocation& invocation, Streams& streams, const Status& status) {
  Context context(invocation, streams, nullptr);
  return Print(context, status);
}
}  // namespace weirhouse::command
