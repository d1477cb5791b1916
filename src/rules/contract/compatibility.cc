#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/text.h"
#include "rules/contract/contract.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {
namespace {
// One change as it is found; Compare adds the verdict of the mode.
class ChangeList {
 public:
  void Add(std::string path, std::string_view rule, std::string before, std::string after,
           bool backward, bool forward) {
    changes_.push_back({std::move(path), std::string(rule), std::move(before), std::move(after),
                        backward, forward, false});
  }
  // A rule that became stricter (old data may break it) or looser (old readers may meet new data).
  void AddStricter(const std::string& path, std::string_view rule, std::string before,
                   std::string after) {
    Add(path, rule, std::move(before), std::move(after), false, true);
  }
  void AddLooser(const std::string& path, std::string_view rule, std::string before,
                 std::string after) {
    Add(path, rule, std::move(before), std::move(after), true, false);
  }
  std::vector<ContractChange> Take() { return std::move(changes_); }

 private:
  std::vector<ContractChange> changes_;
};

std::string FlagText(bool flag) { return flag ? "true" : "false"; }
std::string BoundText(const std::optional<Bound>& bound) {
  return bound ? bound->text + (bound->exclusive ? " (exclusive)" : "") : "none";
}
std::string LengthText(const std::optional<std::int64_t>& length) {
  return length ? std::to_string(*length) : "none";
}
std::string OrNone(const std::string& text) { return text.empty() ? "none" : text; }

// Orders two bounds of one type at the lower end: negative if `a` lets in more than `b`. Exact:
// integers and times as integers, decimals (`exact`) by their digits, numbers as the doubles that
// they are judged as.
int CompareLower(LogicalType type, bool exact, const Bound& a, const Bound& b, int direction) {
  Slot left;
  Slot right;
  if (exact) {
    const int order = CompareNumberTexts(a.text, b.text);
    if (order != 0) return order * direction;
    return static_cast<int>(a.exclusive) - static_cast<int>(b.exclusive);
  }
  const bool whole = ParseValue(type, a.text, &left) == Parsed::kOk &&
                     ParseValue(type, b.text, &right) == Parsed::kOk &&
                     type != LogicalType::kNumber;
  if (!whole) {
    // The caller's contracts were both accepted, so that these parse.
    static_cast<void>(ParseValue(LogicalType::kNumber, a.text, &left));
    static_cast<void>(ParseValue(LogicalType::kNumber, b.text, &right));
  }
  const int order = whole ? (left.integer > right.integer) - (left.integer < right.integer)
                          : (left.number > right.number) - (left.number < right.number);
  if (order != 0) return order * direction;
  return static_cast<int>(a.exclusive) - static_cast<int>(b.exclusive);
}

void CompareBounds(const ContractField& before, const ContractField& after, ChangeList* changes) {
  const auto compare = [&](std::string_view rule, const std::optional<Bound>& old_bound,
                           const std::optional<Bound>& new_bound, int direction) {
    if (old_bound == new_bound) return;
    const bool exact = before.decimal || after.decimal;
    const bool stricter = !old_bound || (new_bound && CompareLower(before.type, exact, *new_bound,
                                                                   *old_bound, direction) > 0);
    const auto add = stricter ? &ChangeList::AddStricter : &ChangeList::AddLooser;
    (changes->*add)(before.name, rule, BoundText(old_bound), BoundText(new_bound));
  };
  compare("minimum", before.minimum, after.minimum, 1);
  compare("maximum", before.maximum, after.maximum, -1);
}

void CompareLengths(const ContractField& before, const ContractField& after, ChangeList* changes) {
  if (before.min_length != after.min_length) {
    const bool stricter = after.min_length.value_or(0) > before.min_length.value_or(0);
    const auto add = stricter ? &ChangeList::AddStricter : &ChangeList::AddLooser;
    (changes->*add)(before.name, "minLength", LengthText(before.min_length),
                    LengthText(after.min_length));
  }
  if (before.max_length != after.max_length) {
    const bool stricter =
        after.max_length.value_or(INT64_MAX) < before.max_length.value_or(INT64_MAX);
    const auto add = stricter ? &ChangeList::AddStricter : &ChangeList::AddLooser;
    (changes->*add)(before.name, "maxLength", LengthText(before.max_length),
                    LengthText(after.max_length));
  }
}

// Rules compared as text: another one is neither stricter nor looser, so it breaks both ways.
void CompareTextRule(const std::string& path, std::string_view rule, const std::string& before,
                     const std::string& after, ChangeList* changes) {
  if (before == after) return;
  changes->Add(path, rule, OrNone(before), OrNone(after), after.empty(), before.empty());
}

void CompareValidValues(const ContractField& before, const ContractField& after,
                        ChangeList* changes) {
  const std::set<std::string> old_values(before.valid_values.begin(), before.valid_values.end());
  const std::set<std::string> new_values(after.valid_values.begin(), after.valid_values.end());
  if (old_values == new_values) return;
  const auto includes = [](const std::set<std::string>& wide, const std::set<std::string>& narrow) {
    if (wide.empty()) return true;  // no list: any value
    if (narrow.empty()) return false;
    return std::includes(wide.begin(), wide.end(), narrow.begin(), narrow.end());
  };
  changes->Add(before.name, "validValues", OrNone(Join(before.valid_values, ", ")),
               OrNone(Join(after.valid_values, ", ")), includes(new_values, old_values),
               includes(old_values, new_values));
}

// True if every value of `before` is one of `after`'s. A decimal read as a double loses digits.
bool IsWidened(const ContractField& before, const ContractField& after) {
  constexpr int kIntegerDigits = 19;
  if (!after.decimal)
    return before.type == LogicalType::kInteger && after.type == LogicalType::kNumber;
  const int whole_digits = after.decimal->precision - after.decimal->scale;
  if (before.type == LogicalType::kInteger) return whole_digits >= kIntegerDigits;
  return before.decimal && after.decimal->scale >= before.decimal->scale &&
         whole_digits >= before.decimal->precision - before.decimal->scale;
}

void CompareFields(const ContractField& before, const ContractField& after, ChangeList* changes) {
  const std::string& path = before.name;
  if (before.type != after.type || before.decimal != after.decimal) {
    const bool widened = IsWidened(before, after);
    changes->Add(path, "type", before.TypeText(), after.TypeText(), widened, false);
    if (!widened) return;  // bounds of two types cannot be compared
  }
  if (before.required != after.required) {
    const auto add = after.required ? &ChangeList::AddStricter : &ChangeList::AddLooser;
    (changes->*add)(path, "required", FlagText(before.required), FlagText(after.required));
  }
  if (before.unique != after.unique) {
    const auto add = after.unique ? &ChangeList::AddStricter : &ChangeList::AddLooser;
    (changes->*add)(path, "unique", FlagText(before.unique), FlagText(after.unique));
  }
  if (before.primary_key_position != after.primary_key_position) {
    changes->Add(path, "primaryKey", std::to_string(before.primary_key_position),
                 std::to_string(after.primary_key_position), false, false);
  }
  CompareBounds(before, after, changes);
  CompareLengths(before, after, changes);
  CompareTextRule(path, "pattern", before.pattern, after.pattern, changes);
  CompareTextRule(path, "multipleOf", before.multiple_of, after.multiple_of, changes);
  CompareValidValues(before, after, changes);
  if (before.default_json != after.default_json) {
    // Without its default, a required field that old records lack would break them.
    const bool backward = after.default_json.has_value() || !after.required;
    changes->Add(path, "default", before.default_json.value_or("none"),
                 after.default_json.value_or("none"), backward, true);
  }
  if (before.format != after.format)
    changes->Add(path, "format", OrNone(before.format), OrNone(after.format), true, true);
  if (before.description != after.description) {
    changes->Add(path, "description", OrNone(before.description), OrNone(after.description), true,
                 true);
  }
}

void CompareAllFields(const Contract& before, const Contract& after, ChangeList* changes) {
  const bool was_closed = before.unknown_policy() == UnknownPolicy::kQuarantine;
  const bool is_closed = after.unknown_policy() == UnknownPolicy::kQuarantine;
  for (const ContractField& field : before.fields()) {
    if (const ContractField* same = after.Find(field.name)) {
      CompareFields(field, *same, changes);
    } else {
      changes->Add(field.name, "removed", field.TypeText(), "none",
                   /*backward=*/!is_closed, /*forward=*/!field.required);
    }
  }
  for (const ContractField& field : after.fields()) {
    if (before.Find(field.name) != nullptr) continue;
    const bool needs_value = field.required && !field.default_json;
    changes->Add(field.name, "added", "none",
                 fmt::format("{}{}", field.required ? "required " : "", field.TypeText()),
                 /*backward=*/!needs_value, /*forward=*/!was_closed);
  }
}

std::string KeysText(const std::vector<std::vector<std::string>>& keys) {
  std::vector<std::string> parts;
  for (const auto& key : keys) parts.push_back("(" + Join(key, ", ") + ")");
  return parts.empty() ? "none" : Join(parts, " ");
}

void CompareWhole(const Contract& before, const Contract& after, ChangeList* changes) {
  if (before.id() != after.id()) changes->Add("", "id", before.id(), after.id(), false, false);
  if (before.unknown_policy() != after.unknown_policy()) {
    const bool was_closed = before.unknown_policy() == UnknownPolicy::kQuarantine;
    const bool is_closed = after.unknown_policy() == UnknownPolicy::kQuarantine;
    changes->Add("", "whUnknownFields", std::string(PolicyName(before.unknown_policy())),
                 std::string(PolicyName(after.unknown_policy())), was_closed || !is_closed,
                 is_closed || !was_closed);
  }
  if (before.duplicate_keys() != after.duplicate_keys()) {
    changes->Add("", "duplicateValues", KeysText(before.duplicate_keys()),
                 KeysText(after.duplicate_keys()), after.duplicate_keys().empty(),
                 before.duplicate_keys().empty());
  }
  const auto note = [changes](std::string_view rule, const std::string& old_text,
                              const std::string& new_text) {
    if (old_text != new_text)
      changes->Add("", rule, OrNone(old_text), OrNone(new_text), true, true);
  };
  note("whViolation", std::string(PolicyName(before.violation_policy())),
       std::string(PolicyName(after.violation_policy())));
  note("whCompatibility", std::string(ModeName(before.compatibility_mode())),
       std::string(ModeName(after.compatibility_mode())));
  note("team", before.owner(), after.owner());
  note("status", before.status(), after.status());
  note("description", before.description(), after.description());
  std::vector<std::string> old_order;
  std::vector<std::string> new_order;
  for (const std::string& name : before.field_names())
    if (after.Find(name) != nullptr) old_order.push_back(name);
  for (const std::string& name : after.field_names())
    if (before.Find(name) != nullptr) new_order.push_back(name);
  note("order of fields", Join(old_order, ", "), Join(new_order, ", "));
  const auto migrations = [](const Contract& contract) {
    std::vector<std::string> lines;
    for (const Migration& each : contract.migrations())
      lines.push_back(fmt::format("{}: {} = {}", each.from_major, each.column, each.expression));
    return Join(lines, "; ");
  };
  note("whMigrateFrom", migrations(before), migrations(after));
}

Status Refused(std::string_view code, std::string message, std::string hint) {
  return Status(Code::kContractRefused, std::move(message))
      .WithError(std::string(code))
      .WithHint(std::move(hint));
}
}  // namespace

std::string ContractChange::ToString() const {
  return fmt::format("{}{}{}: {} → {}{}", path, path.empty() ? "" : ": ", rule, old_value,
                     new_value, breaking ? " (breaking)" : "");
}

CompatibilityReport Compare(const Contract& registered, const Contract& proposed) {
  ChangeList list;
  CompareAllFields(registered, proposed, &list);
  CompareWhole(registered, proposed, &list);
  CompatibilityReport report;
  report.changes = list.Take();
  if (!report.changes.empty()) report.verdict = Compatibility::kAdditive;
  const CompatibilityMode mode = registered.compatibility_mode();
  for (ContractChange& change : report.changes) {
    const bool judged_backward =
        mode == CompatibilityMode::kBackward || mode == CompatibilityMode::kFull;
    const bool judged_forward =
        mode == CompatibilityMode::kForward || mode == CompatibilityMode::kFull;
    change.breaking = (judged_backward && !change.backward) ||
                      (judged_forward && !change.forward) || change.rule == "id";
    if (change.breaking) report.verdict = Compatibility::kBreaking;
  }
  return report;
}

Status CheckPublishable(const Contract& registered, const Contract& proposed) {
  const CompatibilityReport report = Compare(registered, proposed);
  const Version& before = registered.version();
  const Version& after = proposed.version();
  if (report.verdict == Compatibility::kSame && before == after) return Status();
  if (registered.compatibility_mode() == CompatibilityMode::kDisabled) {
    return Refused("WH1123",
                   fmt::format("contract takes no new version: \"{}\" {} is registered with "
                               "whCompatibility disabled, proposed {}",
                               registered.id(), before.ToString(), after.ToString()),
                   "put the contract back as it is registered, or publish a contract of another "
                   "id")
        .WithSpan(proposed.span());
  }
  if (after < before) {
    return Refused("WH1122",
                   fmt::format("contract version goes back: \"{}\" {} is registered, proposed {}",
                               registered.id(), before.ToString(), after.ToString()),
                   fmt::format("raise the version above {}", before.ToString()))
        .WithSpan(proposed.span());
  }
  const bool breaking = report.verdict == Compatibility::kBreaking;
  if (breaking ? after.major > before.major : after != before) return Status();
  std::vector<Diagnostic> reasons;
  for (const ContractChange& change : report.changes) {
    if (breaking && !change.breaking) continue;
    Diagnostic reason;
    reason.error_code = breaking ? "WH1120" : "WH1121";
    reason.message = change.ToString();
    const ContractField* field = proposed.Find(change.path);
    reason.span = field != nullptr ? field->span : proposed.span();
    reason.note = change.backward ? "readers of the old version cannot read new records"
                                  : "records written under the old version break this rule";
    if (!breaking) reason.note.clear();
    reasons.push_back(std::move(reason));
  }
  const std::string first = reasons.empty() ? "" : reasons.front().message;
  const std::string more =
      reasons.size() > 1 ? fmt::format(" (and {} more)", reasons.size() - 1) : "";
  if (breaking) {
    return Refused(
               std::string(kBreakingChange.code()),
               fmt::format("contract change breaks {} compatibility: {} → {}: {}{}",
                           ModeName(registered.compatibility_mode()), registered.Title(),
                           after.ToString(), first, more),
               fmt::format("publish it as version {}.0.0, or undo the change", before.major + 1))
        .WithDiagnostics(std::move(reasons));
  }
  return Refused("WH1121",
                 fmt::format("contract changed under the same version: {}: {}{}",
                             registered.Title(), first, more),
                 fmt::format("raise the version to {}.{}.0", before.major, before.minor + 1))
      .WithDiagnostics(std::move(reasons));
}
}  // namespace weirhouse::contract
