// The thin executable: reads the command line, answers what needs little itself, and loads the core
// library for the rest.
#include <dlfcn.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/cli/command_line.h"
#include "app/cli/core_entry.h"
#include "app/cli/error_pages.h"
#include "app/cli/help.h"
#include "app/command/print/error_printer.h"

namespace weirhouse::cli {
namespace {
using nlohmann::json;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Terminal ThisTerminal() {
  Terminal terminal;
  terminal.stdout_is_terminal = isatty(STDOUT_FILENO) != 0;
  terminal.stderr_is_terminal = isatty(STDERR_FILENO) != 0;
  terminal.no_color = !Variable("NO_COLOR").empty();
  winsize size{};
  if (terminal.stderr_is_terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 0) {
    terminal.columns = size.ws_col;
  }
  char folder[4096];
  terminal.cwd = getcwd(folder, sizeof(folder)) == nullptr ? "." : folder;
  terminal.user = Variable("USER");
  if (terminal.user.empty()) terminal.user = Variable("LOGNAME");
  if (terminal.user.empty()) terminal.user = "uid " + std::to_string(getuid());
  return terminal;
}

void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int Fail(const Status& status, const command::Invocation& wishes) {
  if (wishes.json || wishes.jsonl) {
    Print(command::ErrorAsJson(status).dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  } else {
    command::ErrorStyle style;
    style.color = wishes.color && wishes.stderr_is_terminal;
    style.columns = wishes.columns;
    const std::string text = command::FormatError(status, style);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  return ExitCode(status.code());
}

int PrintText(const Result<std::string>& text, const command::Invocation& wishes) {
  if (!text.ok()) return Fail(text.status(), wishes);
  Print(*text);
  return 0;
}

int RunExplain(const command::Invocation& invocation) {
  const bool as_json = invocation.json || invocation.jsonl;
  if (invocation.words.empty()) {
    json list = json::array();
    for (const Explanation& one : AllExplanations()) {
      if (!as_json) Print(one.code + "  " + one.title + "\n");
      list.push_back({{"code", one.code}, {"title", one.title}});
    }
    if (as_json) Print(json({{"schema_version", 1}, {"codes", list}}).dump() + "\n");
    return 0;
  }
  const Result<Explanation> one = Explain(invocation.words[0]);
  if (!one.ok()) return Fail(one.status(), invocation);
  if (as_json) {
    Print(json({{"schema_version", 1},
                {"code", one->code},
                {"title", one->title},
                {"text", one->text}})
              .dump() +
          "\n");
  } else {
    Print(one->code + "  " + one->title + "\n\n" + one->text + "\n");
  }
  return 0;
}

// The core lies beside the executable (a package) or in ../lib (a build, an installation).
int RunInCore(const command::Invocation& invocation) {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
  const std::string path(self, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string folder = path.substr(0, path.rfind('/'));
  void* core = nullptr;
  std::string why;
  for (const std::string& place : {folder + "/../lib/", folder + "/"}) {
    // Lazily: most verbs need a small part of the library.
    core = dlopen((place + kCoreLibrary).c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (core != nullptr) break;
    if (why.empty()) why = dlerror();
  }
  CoreEntry entry = nullptr;
  if (core != nullptr) entry = reinterpret_cast<CoreEntry>(dlsym(core, kCoreEntry));
  if (entry == nullptr) {
    return Fail(Status(Code::kUnavailable, "the core library cannot be loaded: " + why)
                    .WithError("WH8028")
                    .WithHint("it belongs in ../lib beside the executable; install again"),
                invocation);
  }
  return entry(
      command::ToJson(invocation).dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

int Main(const std::vector<std::string>& arguments) {
  const Terminal terminal = ThisTerminal();
  const Result<CommandLine> line = ParseCommandLine(arguments, terminal);
  if (!line.ok()) return Fail(line.status(), OutputWishes(arguments, terminal));
  const command::Invocation& invocation = line->invocation;
  if (line->kind == CommandLine::Kind::kVersion) {
    Print(invocation.json
              ? json({{"schema_version", 1}, {"version", WEIRHOUSE_VERSION}}).dump() + "\n"
              : std::string("weirhouse ") + WEIRHOUSE_VERSION + "\n");
    return 0;
  }
  if (line->kind == CommandLine::Kind::kHelp)
    return PrintText(HelpText(invocation.verb), invocation);
  if (invocation.verb == "explain") return RunExplain(invocation);
  if (invocation.verb == "completion")
    return PrintText(CompletionScript(invocation.words[0]), invocation);
  if (invocation.verb == "man") return PrintText(ManPage(WEIRHOUSE_VERSION), invocation);
  return RunInCore(invocation);
}
}  // namespace
}  // namespace weirhouse::cli

int main(int argc, char** argv) {
  return weirhouse::cli::Main(std::vector<std::string>(argv + 1, argv + argc));
}
