#include "app/cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/command/verb_table.h"
#include "ground/base/text.h"

namespace weirhouse::cli {
namespace {
using command::GlobalOption;
using command::OptionSpec;
using command::VerbGroup;
using command::VerbSpec;

std::string OptionName(const OptionSpec& option, char short_name) {
  std::string name = short_name == 0 ? "    " : fmt::format("-{}, ", short_name);
  name += fmt::format("--{}", option.name);
  if (!option.value.empty()) name += fmt::format(" {}", option.value);
  return name;
}

// Two columns; the second begins at the same place in all rows.
std::string Columns(const std::vector<std::pair<std::string, std::string>>& rows,
                    std::size_t width) {
  std::string text;
  for (const auto& [left, right] : rows) text += fmt::format("  {:<{}}  {}\n", left, width, right);
  return text;
}

// The options that `verb` takes; all of them without a verb.
std::vector<std::pair<std::string, std::string>> GlobalRows(const VerbSpec* verb = nullptr) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const GlobalOption& option : command::GlobalOptions())
    if (verb == nullptr || command::TakesOption(verb->name, option.option.name))
      rows.emplace_back(OptionName(option.option, option.short_name),
                        std::string(option.option.summary));
  return rows;
}

std::string Everything() {
  std::string text =
      "wh: from landed bytes to a traced prediction\n\nusage: wh VERB [WORDS] [OPTIONS]\n";
  for (const VerbGroup& group : command::VerbGroups()) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const VerbSpec& verb : group.verbs)
      rows.emplace_back(std::string(verb.name), std::string(verb.summary));
    text += fmt::format("\n{}\n", group.title) + Columns(rows, 18);
  }
  text += "\nOptions of every verb\n" + Columns(GlobalRows(), 25);
  text +=
      "\nExit codes: 0 ok, 1 internal error, 2 invalid input, 3 gate failed, or a file or a whole\n"
      "batch was refused, 4 contract refused, 5 conflict, 6 not found, 7 permission denied,\n"
      "8 unavailable, 9 a difference was found, 10 changes (plan --detailed-exitcode),\n"
      "11 corruption, 130 interrupted.\n"
      "`wh VERB --help` says more; `wh explain CODE` explains an error.\n";
  return text;
}

std::string OfVerb(const VerbSpec& verb) {
  std::string text =
      fmt::format("wh {}: {}\n\nusage: wh {}\n", verb.name, verb.summary, command::UsageOf(verb));
  if (!verb.options.empty()) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const OptionSpec& option : verb.options)
      rows.emplace_back(OptionName(option, 0), std::string(option.summary));
    text += "\nOptions\n" + Columns(rows, 25);
  }
  if (!verb.examples.empty()) {
    text += "\nExamples\n";
    for (const std::string_view example : verb.examples) text += fmt::format("  {}\n", example);
  }
  return text + "\nOptions of every verb\n" + Columns(GlobalRows(&verb), 25);
}

// Kinds that `wh names` knows.
bool HasLiveNames(std::string_view kind) {
  return kind == "run" || kind == "table" || kind == "contract" || kind == "gate" ||
         kind == "view" || kind == "training_set" || kind == "model" || kind == "source";
}

// What may stand after "wh": first words, each once.
std::vector<std::string> FirstWords() {
  std::vector<std::string> words;
  for (const VerbGroup& group : command::VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      const std::string word(verb.name.substr(0, verb.name.find(' ')));
      if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    }
  }
  return words;
}

std::vector<std::string> SecondWords(std::string_view family) {
  std::vector<std::string> words;
  const std::string prefix = std::string(family) + " ";
  for (const VerbGroup& group : command::VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      if (verb.name.starts_with(prefix)) words.emplace_back(verb.name.substr(prefix.size()));
    }
  }
  return words;
}

std::string OptionWords(const VerbSpec& verb) {
  std::vector<std::string> words;
  for (const OptionSpec& option : verb.options) words.push_back("--" + std::string(option.name));
  for (const GlobalOption& option : command::GlobalOptions()) {
    if (command::TakesOption(verb.name, option.option.name))
      words.push_back("--" + std::string(option.option.name));
  }
  return Join(words, " ");
}

// The words that complete those of a verb, as a shell expression.
std::string WordsOf(const VerbSpec& verb) {
  if (HasLiveNames(verb.completes))
    return fmt::format("$(command wh names {} 2>/dev/null)", verb.completes);
  if (verb.completes == "shell") return "bash zsh fish";
  if (verb.completes == "kind") return "contract gate model run source table training_set view";
  return "";
}

std::string BashScript() {
  std::string cases;
  for (const std::string& word : FirstWords()) {
    const std::vector<std::string> second = SecondWords(word);
    if (!second.empty())
      cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", word, Join(second, " "));
  }
  for (const VerbGroup& group : command::VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      cases += fmt::format("    \"{}\") words=\"{}\"; options=\"{}\" ;;\n", verb.name,
                           WordsOf(verb), OptionWords(verb));
    }
  }
  return fmt::format(
      R"(# bash completion for wh. Load it with: source <(wh completion bash)
_wh() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} verb="" word words="" options=""
  local -i i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    [[ $word == -* ]] && continue
    case "$verb" in
      "") verb=$word ;;
      {}) verb="$verb $word"; break ;;
      *) break ;;
    esac
  done
  case "$verb" in
    "") words="{}" ;;
{}  esac
  if [[ $current == -* ]]; then words=$options; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${{#COMPREPLY[@]}} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}}
complete -F _wh wh weirhouse
)",
      [] {
        std::string families;
        for (const std::string& word : FirstWords())
          if (command::IsVerbFamily(word)) families += (families.empty() ? "" : " | ") + word;
        return families;
      }(),
      Join(FirstWords(), " "), cases);
}

// zsh runs the bash function through its own emulation.
std::string ZshScript() {
  return "#compdef wh weirhouse\n"
         "# zsh completion for wh. Load it with: source <(wh completion zsh)\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         BashScript();
}

std::string FishText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string FishScript() {
  std::string text = "# fish completion for wh. Load it with: wh completion fish | source\n";
  for (const VerbGroup& group : command::VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      const std::size_t space = verb.name.find(' ');
      const std::string_view first = verb.name.substr(0, space);
      std::string seen = fmt::format("__fish_seen_subcommand_from {}", first);
      if (space == std::string_view::npos) {
        text += fmt::format("complete -c wh -f -n __fish_use_subcommand -a {} -d {}\n", first,
                            FishText(verb.summary));
      } else {
        const std::string_view second = verb.name.substr(space + 1);
        text += fmt::format("complete -c wh -f -n __fish_use_subcommand -a {}\n", first);
        text += fmt::format("complete -c wh -f -n {} -a {} -d {}\n", FishText(seen), second,
                            FishText(verb.summary));
        seen += fmt::format("; and __fish_seen_subcommand_from {}", second);
      }
      for (const OptionSpec& option : verb.options) {
        text += fmt::format("complete -c wh -n {} -l {}{} -d {}\n", FishText(seen), option.name,
                            option.value.empty() ? "" : " -r", FishText(option.summary));
      }
      if (HasLiveNames(verb.completes)) {
        text += fmt::format("complete -c wh -f -n {} -a '(command wh names {} 2>/dev/null)'\n",
                            FishText(seen), verb.completes);
      }
    }
  }
  for (const GlobalOption& option : command::GlobalOptions()) {
    text += fmt::format("complete -c wh -l {}{} -d {}\n", option.option.name,
                        option.option.value.empty() ? "" : " -r", FishText(option.option.summary));
  }
  return text;
}

std::string Roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

void AddRoffOption(const OptionSpec& option, char short_name, std::string* text) {
  *text += ".TP\n.B " + Roff(short_name == 0 ? "" : fmt::format("-{}, ", short_name)) +
           Roff("--" + std::string(option.name));
  if (!option.value.empty()) *text += " " + Roff(option.value);
  *text += "\n" + Roff(option.summary) + "\n";
}
}  // namespace

Result<std::string> HelpText(std::string_view topic) {
  if (topic.empty()) return Everything();
  if (const VerbSpec* verb = command::FindVerb(topic)) return OfVerb(*verb);
  if (command::IsVerbFamily(topic)) {
    std::string text = fmt::format("usage: wh {} VERB\n\n", topic);
    std::vector<std::pair<std::string, std::string>> rows;
    for (const std::string& word : SecondWords(topic)) {
      const VerbSpec* verb = command::FindVerb(std::string(topic) + " " + word);
      rows.emplace_back(verb->name, std::string(verb->summary));
    }
    return text + Columns(rows, 18);
  }
  return Status(Code::kInvalidInput, fmt::format("unknown verb \"{}\"", topic))
      .WithError("WH8030")
      .WithHint(DidYouMean(topic, FirstWords()));
}

Result<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return BashScript();
  if (shell == "zsh") return ZshScript();
  if (shell == "fish") return FishScript();
  return Status(Code::kInvalidInput, fmt::format("no completion for the shell \"{}\"", shell))
      .WithError("WH8033")
      .WithHint("bash, zsh or fish");
}

std::string ManPage(std::string_view version) {
  std::string text = fmt::format(
      ".TH WH 1 \"\" \"weirhouse {}\" \"User Commands\"\n.SH NAME\nwh \\- from landed bytes to a "
      "traced prediction\n.SH SYNOPSIS\n.B wh\n.I VERB\n[WORDS] [OPTIONS]\n",
      Roff(version));
  for (const VerbGroup& group : command::VerbGroups()) {
    text += fmt::format(".SH {}\n", [&] {
      std::string title(group.title);
      std::transform(title.begin(), title.end(), title.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      });
      return title;
    }());
    for (const VerbSpec& verb : group.verbs) {
      text += fmt::format(".SS wh {}\n{}\n", Roff(command::UsageOf(verb)), Roff(verb.summary));
      for (const OptionSpec& option : verb.options) AddRoffOption(option, 0, &text);
      for (const std::string_view example : verb.examples)
        text += ".PP\n.EX\n" + Roff(example) + "\n.EE\n";
    }
  }
  text += ".SH OPTIONS OF EVERY VERB\n";
  for (const GlobalOption& option : command::GlobalOptions())
    AddRoffOption(option.option, option.short_name, &text);
  text +=
      ".SH EXIT STATUS\n0 ok; 1 internal error; 2 invalid input; 3 gate failed; 4 contract "
      "refused; 5 conflict; 6 not found; 7 permission denied; 8 unavailable; 9 a difference was "
      "found; 10 changes; 11 corruption; 130 interrupted.\n"
      ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colour\n.TP\n.B WEIRHOUSE_PYTHON\nthe interpreter of "
      "training and scoring\n";
  return text;
}
}  // namespace weirhouse::cli
