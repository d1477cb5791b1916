#include "app/cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/command/verb_table.h"
#include "ground/base/text.h"

namespace weirhouse::cli {
namespace {
using command::FindVerb;
using command::GlobalOption;
using command::GlobalOptions;
using command::Invocation;
using command::OptionSpec;
using command::VerbSpec;

Status Wrong(std::string message, std::string hint) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH8033")
      .WithHint(std::move(hint));
}

std::string UsageLine(const VerbSpec& verb) { return "usage: wh " + command::UsageOf(verb); }

// First words of all verbs, or the second words of a family.
std::vector<std::string> KnownWords(std::string_view family) {
  std::vector<std::string> words;
  for (const command::VerbGroup& group : command::VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      std::string_view name = verb.name;
      if (!family.empty()) {
        if (!name.starts_with(std::string(family) + " ")) continue;
        name.remove_prefix(family.size() + 1);
      }
      words.emplace_back(name.substr(0, name.find(' ')));
    }
  }
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

class Parser {
 public:
  Parser(const std::vector<std::string>& arguments, const Terminal& terminal)
      : arguments_(arguments), terminal_(terminal) {}

  Result<CommandLine> Parse();

 private:
  Status AddWord(const std::string& word);
  Status AddLong(const std::string& argument);
  Status AddShort(const std::string& argument);
  Status SetOption(const OptionSpec& option, const std::string& spelled, bool has_value,
                   const std::string& value, bool is_global);
  Status SetGlobal(std::string_view name, const std::string& value);
  const OptionSpec* FindOption(std::string_view name, bool* is_global) const;
  Status UnknownOption(const std::string& spelled) const;
  Status UnknownVerb(const std::string& word) const;
  Status CheckWords() const;
  Status CheckGlobals() const;
  std::string ColorWish() const { return color_.empty() ? "auto" : color_; }

  const std::vector<std::string>& arguments_;
  const Terminal& terminal_;
  std::size_t at_ = 0;
  CommandLine line_;
  std::string family_;
  const VerbSpec* verb_ = nullptr;
  std::string color_;
};

Status Parser::UnknownVerb(const std::string& word) const {
  const std::vector<std::string> known = KnownWords(family_);
  std::string hint = DidYouMean(word, known);
  if (hint.empty()) {
    hint = family_.empty() ? "`wh --help` lists the verbs"
                           : fmt::format("wh {} {}", family_, Join(known, " | "));
  }
  const std::string whole = family_.empty() ? word : family_ + " " + word;
  return Status(Code::kInvalidInput, fmt::format("unknown verb \"{}\"", whole))
      .WithError("WH8030")
      .WithHint(std::move(hint));
}

Status Parser::AddWord(const std::string& word) {
  if (verb_ != nullptr) {
    line_.invocation.words.push_back(word);
    return Status();
  }
  if (family_.empty() && word == "help") {
    line_.kind = CommandLine::Kind::kHelp;
    return Status();
  }
  const std::string name = family_.empty() ? word : family_ + " " + word;
  verb_ = FindVerb(name);
  if (verb_ != nullptr) {
    line_.invocation.verb = name;
  } else if (family_.empty() && command::IsVerbFamily(word)) {
    family_ = word;
    line_.invocation.verb = word;
  } else {
    return UnknownVerb(word);
  }
  return Status();
}

const OptionSpec* Parser::FindOption(std::string_view name, bool* is_global) const {
  *is_global = false;
  if (verb_ != nullptr) {
    for (const OptionSpec& option : verb_->options) {
      if (option.name == name) return &option;
    }
  }
  *is_global = true;
  for (const GlobalOption& option : GlobalOptions()) {
    if (option.option.name == name) return &option.option;
  }
  return nullptr;
}

Status Parser::UnknownOption(const std::string& spelled) const {
  std::vector<std::string> known;
  for (const GlobalOption& option : GlobalOptions())
    known.push_back("--" + std::string(option.option.name));
  if (verb_ != nullptr) {
    for (const OptionSpec& option : verb_->options)
      known.push_back("--" + std::string(option.name));
  }
  std::string hint = DidYouMean(spelled, known);
  if (hint.empty())
    hint = verb_ == nullptr ? "put the options of a verb after it"
                            : fmt::format("`wh {} --help` lists them", verb_->name);
  return Wrong(verb_ == nullptr
                   ? fmt::format("unknown option \"{}\"", spelled)
                   : fmt::format("unknown option \"{}\" of `wh {}`", spelled, verb_->name),
               std::move(hint));
}

Status Parser::SetGlobal(std::string_view name, const std::string& value) {
  Invocation& invocation = line_.invocation;
  if (name == "project") invocation.project = value;
  if (name == "profile") invocation.profile = value;
  if (name == "at") invocation.at = value;
  if (name == "json") invocation.json = true;
  if (name == "jsonl") invocation.jsonl = true;
  if (name == "dry-run") invocation.dry_run = true;
  if (name == "yes") invocation.yes = true;
  if (name == "no-input") invocation.no_input = true;
  if (name == "quiet") invocation.quiet = true;
  if (name == "verbose") ++invocation.verbose;
  if (name == "help") line_.kind = CommandLine::Kind::kHelp;
  if (name == "version" && line_.kind != CommandLine::Kind::kHelp)
    line_.kind = CommandLine::Kind::kVersion;
  if (name == "color") {
    if (value != "auto" && value != "always" && value != "never")
      return Wrong(fmt::format("--color takes auto, always or never, found \"{}\"", value), "");
    color_ = value;
  }
  return Status();
}

Status Parser::SetOption(const OptionSpec& option, const std::string& spelled, bool has_value,
                         const std::string& value, bool is_global) {
  std::string given = value;
  if (option.value.empty() && has_value)
    return Wrong(fmt::format("{} takes no value, found \"{}\"", spelled, value), "");
  if (!option.value.empty() && !has_value) {
    if (at_ >= arguments_.size())
      return Wrong(fmt::format("{} needs a value", spelled),
                   fmt::format("{} {}", spelled, option.value));
    given = arguments_[at_++];
  }
  if (is_global) return SetGlobal(option.name, given);
  std::vector<std::string>& values = line_.invocation.options[std::string(option.name)];
  if (!values.empty() && !option.repeats && !option.value.empty())
    return Wrong(fmt::format("{} was given twice", spelled), "");
  values.push_back(given);
  return Status();
}

Status Parser::AddLong(const std::string& argument) {
  const std::size_t equals = argument.find('=');
  const std::string spelled = argument.substr(0, equals);
  bool is_global = false;
  const OptionSpec* option = FindOption(std::string_view(spelled).substr(2), &is_global);
  if (option == nullptr) return UnknownOption(spelled);
  const bool has_value = equals != std::string::npos;
  return SetOption(*option, spelled, has_value, has_value ? argument.substr(equals + 1) : "",
                   is_global);
}

// "-q", "-vv", "-C DIR", "-CDIR".
Status Parser::AddShort(const std::string& argument) {
  for (std::size_t i = 1; i < argument.size(); ++i) {
    const auto& options = GlobalOptions();
    const auto found = std::find_if(options.begin(), options.end(), [&](const GlobalOption& one) {
      return one.short_name == argument[i];
    });
    const std::string spelled = fmt::format("-{}", argument[i]);
    if (found == options.end()) return UnknownOption(spelled);
    const bool rest = !found->option.value.empty() && i + 1 < argument.size();
    WEIRHOUSE_TRY_STATUS(
        SetOption(found->option, spelled, rest, rest ? argument.substr(i + 1) : "", true));
    if (!found->option.value.empty()) break;
  }
  return Status();
}

Status Parser::CheckWords() const {
  if (verb_ == nullptr) {
    if (family_.empty()) return Status();
    return Wrong(fmt::format("\"{}\" needs one more word", family_),
                 fmt::format("wh {} {}", family_, Join(KnownWords(family_), " | ")));
  }
  const auto count = static_cast<int>(line_.invocation.words.size());
  if (count < verb_->words_min)
    return Wrong(fmt::format("`wh {}` needs {}", verb_->name, verb_->words), UsageLine(*verb_));
  if (verb_->words_max >= 0 && count > verb_->words_max) {
    return Wrong(fmt::format("`wh {}` takes no further word, found \"{}\"", verb_->name,
                             line_.invocation.words[static_cast<std::size_t>(verb_->words_max)]),
                 UsageLine(*verb_));
  }
  return Status();
}

// Refuses an option of every verb that this verb would accept and ignore.
Status Parser::CheckGlobals() const {
  const Invocation& invocation = line_.invocation;
  if (!invocation.at.empty() && !command::TakesOption(verb_->name, "at")) {
    return Wrong(fmt::format("`wh {}` has no --at: it shows the current state", verb_->name),
                 "`wh sql --at` and `wh feature get --at` look back");
  }
  if (invocation.dry_run && !command::TakesOption(verb_->name, "dry-run")) {
    return Wrong(fmt::format("`wh {}` has no --dry-run: it cannot tell beforehand what it would do",
                             verb_->name),
                 "leave --dry-run out to run it");
  }
  return Status();
}

Result<CommandLine> Parser::Parse() {
  if (arguments_.size() > kArgumentsMax)
    return Wrong(fmt::format("more than {} arguments", kArgumentsMax), "");
  bool options_end = false;
  while (at_ < arguments_.size()) {
    const std::string& argument = arguments_[at_++];
    if (options_end || argument.size() < 2 || argument[0] != '-') {
      WEIRHOUSE_TRY_STATUS(AddWord(argument));
    } else if (argument == "--") {
      options_end = true;
    } else if (argument.starts_with("--")) {
      WEIRHOUSE_TRY_STATUS(AddLong(argument));
    } else {
      WEIRHOUSE_TRY_STATUS(AddShort(argument));
    }
  }
  Invocation& invocation = line_.invocation;
  invocation.stdout_is_terminal = terminal_.stdout_is_terminal;
  invocation.stderr_is_terminal = terminal_.stderr_is_terminal;
  invocation.columns = terminal_.columns;
  invocation.cwd = terminal_.cwd;
  invocation.user = terminal_.user;
  invocation.color = color_ == "always" ||
                     (ColorWish() == "auto" && !terminal_.no_color && terminal_.stderr_is_terminal);
  if (arguments_.empty()) line_.kind = CommandLine::Kind::kHelp;
  if (line_.kind == CommandLine::Kind::kRun) WEIRHOUSE_TRY_STATUS(CheckWords());
  if (line_.kind == CommandLine::Kind::kRun && verb_ == nullptr)
    return Wrong("no verb was given", "`wh --help` lists the verbs");
  if (line_.kind == CommandLine::Kind::kRun) WEIRHOUSE_TRY_STATUS(CheckGlobals());
  return std::move(line_);
}

// Names are kept, and told to the core, as UTF-8: with any other byte they would name another file.
Status CheckUtf8(const std::string& text, std::string_view what) {
  if (IsValidUtf8(text)) return Status();
  return Status(Code::kInvalidInput, fmt::format("{} is not UTF-8: {}", what, EscapeControl(text)))
      .WithError("WH8033")
      .WithHint("files and folders need names in UTF-8");
}
}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                     const Terminal& terminal) {
  WEIRHOUSE_TRY_STATUS(CheckUtf8(terminal.cwd, "the name of the folder that wh runs in"));
  for (const std::string& argument : arguments)
    WEIRHOUSE_TRY_STATUS(CheckUtf8(argument, "an argument"));
  return Parser(arguments, terminal).Parse();
}

Invocation OutputWishes(const std::vector<std::string>& arguments, const Terminal& terminal) {
  Invocation invocation;
  for (const std::string& argument : arguments) {
    invocation.json = invocation.json || argument == "--json";
    invocation.jsonl = invocation.jsonl || argument == "--jsonl";
  }
  invocation.stderr_is_terminal = terminal.stderr_is_terminal;
  invocation.color = terminal.stderr_is_terminal && !terminal.no_color;
  invocation.columns = terminal.columns;
  return invocation;
}
}  // namespace weirhouse::cli
