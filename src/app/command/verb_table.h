// Every verb with its words, options and examples: the source of the parser, --help, completion and
// the manual page. Links nothing else: the thin executable needs only this. Constant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weirhouse::command {

struct OptionSpec {
  std::string_view name;   // without dashes
  std::string_view value;  // "TEXT"; empty = a flag
  std::string_view summary;
  bool repeats = false;
  bool required = false;  // stands in the usage line
};

struct VerbSpec {
  std::string_view name{};   // "gate override"
  std::string_view words{};  // "RUN", "[PLAN]"; as shown in usage; empty: takes none
  int words_min = 0;
  int words_max = 0;  // -1 = any number
  std::string_view summary{};
  std::vector<OptionSpec> options{};
  std::vector<std::string_view> examples{};
  // What the words name, for completion: run table contract gate view training_set model code file
  // shell topic; empty = nothing that could be completed.
  std::string_view completes{};
};

// The sections of --help, in order; a verb belongs to exactly one.
struct VerbGroup {
  std::string_view title;
  std::vector<VerbSpec> verbs;
};
const std::vector<VerbGroup>& VerbGroups();
// A verb with all that must follow it: "gate override RUN --reason TEXT [OPTIONS]".
std::string UsageOf(const VerbSpec& verb);

// "gate override" → its entry, or nullptr.
const VerbSpec* FindVerb(std::string_view name);
// First words that have verbs below them: contract, gate, …
bool IsVerbFamily(std::string_view word);

// Options that every verb takes. `short_name` 0 = none.
struct GlobalOption {
  OptionSpec option;
  char short_name = 0;
};
const std::vector<GlobalOption>& GlobalOptions();
// Whether the verb acts on the option: --at belongs to verbs that can look back, --dry-run to those
// that can tell beforehand what they would do, or that change nothing. Others refuse it.
bool TakesOption(std::string_view verb, std::string_view global);
}  // namespace weirhouse::command
