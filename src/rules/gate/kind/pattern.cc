// `pattern`: each text matches a regular expression of RE2.
#include <fmt/format.h>
#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
constexpr std::int64_t kPatternMemoryMax = 8 << 20;  // bytes; RE2's own default
constexpr std::size_t kTextsAtOnce = 16;
constexpr int kProgramMax = 64;  // instructions of a pattern that is asked of several texts
constexpr std::int64_t kTriedAtLeast = 16;
constexpr std::int64_t kRefusedShare = 4;  // of the tries: then one by one is cheaper

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryMax);
  return options;
}

bool MatchesWhole(const RE2& regex, std::string_view text) {
  return regex.Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_BOTH, nullptr, 0);
}

// Asks a pattern of texts, several at a time: RE2 takes a lock for each match, which costs as much
// as the match of a short text. Texts without NUL that are each followed by one match
// `(?:(?:regex)\x00){16}` only if each of them matches: there are as many NULs as the pattern asks
// for, so that none belongs to a text. What looks at a text's surroundings (^, $) can only refuse
// more; of a block that is refused each text is asked alone. Threads: one.
class TextBlocks {
 public:
  // `bad` gets the rows whose text does not match, in the order in which they are added.
  TextBlocks(const RE2& regex, std::vector<std::int64_t>& bad) : regex_(regex), bad_(bad) {
    const std::string_view pattern = WithoutEnds(regex.pattern());
    // \Q would take the rest of the pattern literally.
    if (regex.ProgramSize() > kProgramMax || pattern.find("\\Q") != std::string_view::npos) return;
    block_ = std::make_unique<RE2>(fmt::format("(?:(?:{})\\x00){{{}}}", pattern, kTextsAtOnce),
                                   PatternOptions());
    if (!block_->ok()) block_.reset();
  }

  void Add(std::int64_t row, std::string_view text) {
    if (block_ == nullptr || text.find('\0') != std::string_view::npos) {
      Finish();
      if (!MatchesWhole(regex_, text)) bad_.push_back(row);
      return;
    }
    bytes_.append(text);
    bytes_.push_back('\0');
    rows_.push_back(row);
    ends_.push_back(bytes_.size() - 1);
    if (rows_.size() == kTextsAtOnce) Ask();
  }
  // Asks what was added since the last whole block, and is ready for more.
  void Finish() {
    AskEach();
    Clear();
  }

 private:
  // A match of the whole text begins and ends where these look.
  static std::string_view WithoutEnds(std::string_view pattern) {
    const bool repeated =
        pattern.size() > 1 && std::string_view("*+?{").find(pattern[1]) != std::string_view::npos;
    if (pattern.starts_with('^') && !repeated) pattern.remove_prefix(1);
    if (!pattern.ends_with('$')) return pattern;
    const std::size_t escape = pattern.find_last_not_of('\\', pattern.size() - 2);
    const std::size_t begin = escape == std::string_view::npos ? 0 : escape + 1;
    const bool escaped = (pattern.size() - 1 - begin) % 2 != 0;
    if (!escaped) pattern.remove_suffix(1);
    return pattern;
  }

  void Ask() {
    ++tried_;
    if (!MatchesWhole(*block_, bytes_)) {
      ++refused_;
      AskEach();
      if (tried_ >= kTriedAtLeast && refused_ * kRefusedShare > tried_) block_.reset();
    }
    Clear();
  }
  void AskEach() {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!MatchesWhole(regex_, std::string_view(bytes_).substr(begin, ends_[i] - begin)))
        bad_.push_back(rows_[i]);
      begin = ends_[i] + 1;
    }
  }
  void Clear() {
    bytes_.clear();
    rows_.clear();
    ends_.clear();
  }

  const RE2& regex_;
  std::vector<std::int64_t>& bad_;
  std::unique_ptr<RE2> block_;  // null: each text is asked alone
  std::string bytes_;           // texts, each followed by NUL
  std::vector<std::int64_t> rows_;
  std::vector<std::size_t> ends_;
  std::int64_t tried_ = 0;
  std::int64_t refused_ = 0;
};

class PatternRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<PatternRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(const YamlNode* regex, at.Require("regex"));
    WEIRHOUSE_TRY(rule->regex_, regex->AsString(at.What("regex")));
    WEIRHOUSE_TRY(const std::string match, Word(at, "match", {"full", "search"}));
    rule->search_ = match == "search";
    const RE2 compiled(rule->regex_, PatternOptions());
    if (!compiled.ok()) {
      return regex
          ->Error("WH3008", fmt::format("the pattern does not compile: {}", compiled.error()))
          .WithHint(compiled.error_code() == RE2::ErrorBadPerlOp
                        ? "RE2 has no look-around and no back-references"
                        : "");
    }
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    return NeedFamily(check, schema, column_, {Family::kText}, "text");
  }

 protected:
  Status Mark(const Check& check, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    const RE2 regex(regex_, PatternOptions());
    if (!regex.ok()) {
      return Status(Code::kInvalidInput, "the pattern does not compile: " + regex.error())
          .WithError("WH3008");
    }
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, column_));
    if (search_ || column->type()->id() == arrow::Type::DICTIONARY) {
      return MarkTexts(check, column_, rows, first_row, marked, [&](std::string_view text) {
        return regex.Match({text.data(), text.size()}, 0, text.size(),
                           search_ ? RE2::UNANCHORED : RE2::ANCHOR_BOTH, nullptr, 0);
      });
    }
    WEIRHOUSE_TRY_STATUS(NeedTexts(check, *column, column_));
    TextBlocks blocks(regex, marked.bad);
    WEIRHOUSE_TRY_STATUS(VisitColumn(
        *column, [&](std::int64_t) { ++marked.nulls; },
        [&](std::int64_t row, const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>)
            blocks.Add(first_row + row, value);
        }));
    blocks.Finish();
    return Status();
  }
  std::string WhatIsBad() const override { return "values do not match"; }

 private:
  std::string column_;
  std::string regex_;
  bool search_ = false;  // a match anywhere is enough; default: the whole value
};
}  // namespace

CheckKind PatternKind() {
  return {.names = {"pattern"},
          .keys = {"column", "regex", "match", "scope", "too_few"},
          .judges_values = true,
          .parse = PatternRule::Parse};
}
}  // namespace weirhouse::gate
