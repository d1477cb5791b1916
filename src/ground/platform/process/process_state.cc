#include "ground/platform/process/process_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "ground/base/text.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kWordsShownMax = 3;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The first words of its command line, with the program's folder removed: "wh serve --port".
std::string CommandOf(pid_t pid) {
  std::string words = ReadAll(fmt::format("/proc/{}/cmdline", pid));
  while (words.ends_with('\0')) words.pop_back();
  std::string command;
  std::size_t count = 0;
  for (std::string_view word : Split(words, '\0')) {
    if (count++ == kWordsShownMax) break;
    if (count == 1) word = word.substr(word.rfind('/') == word.npos ? 0 : word.rfind('/') + 1);
    command += (command.empty() ? "" : " ") + std::string(word);
  }
  return EscapeControl(command);
}
}  // namespace

bool IsStopped(pid_t pid) {
  // "4711 (name) T …": the name may hold anything, so the last parenthesis counts.
  const std::string stat = ReadAll(fmt::format("/proc/{}/stat", pid));
  const std::size_t end = stat.rfind(") ");
  return end != std::string::npos && end + 2 < stat.size() &&
         (stat[end + 2] == 'T' || stat[end + 2] == 't');
}

std::string DescribeProcess(pid_t pid) {
  const std::string command = CommandOf(pid);
  return fmt::format("process {}{}{}", pid, command.empty() ? "" : fmt::format(" ({})", command),
                     IsStopped(pid) ? ", stopped" : "");
}
}  // namespace weirhouse::platform
