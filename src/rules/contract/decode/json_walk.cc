// The collecting walk: a strict JSON parser (RFC 8259) that continues after a violation as long as
// the text has a structure, and knows the byte offset of everything.
#include <algorithm>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "rules/contract/decode/json_record.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kSyntaxShownBytes = 40;

class JsonWalk {
 public:
  JsonWalk(const RecordProgram& program, std::string_view text, std::int64_t offset)
      : program_(program), text_(text), offset_(offset), slots_(program.fields().size()) {}

  std::vector<Violation> Run() {
    SkipBlank();
    const std::size_t begin = at_;
    const bool is_object = Peek() == '{';
    if (is_object) {
      WalkRecord();
    } else if (ScanValue(0).form != Form::kBroken && !stopped_) {
      Add(ViolationKind::kWrongType, "type", "object", begin, at_);
    }
    SkipBlank();
    if (!stopped_ && at_ != text_.size()) Stop("the end of the record");
    if (!stopped_ && is_object) {
      path_.clear();
      sink_.Look("", offset_);
      program_.Complete(&slots_, &sink_);
    }
    std::vector<Violation> violations = sink_.Take();
    for (Violation& violation : violations) {
      // What is found in place of a missing field.
      if (violation.kind == ViolationKind::kMissing && violation.found.empty())
        violation.found =
            ShownText(SimilarName(violation.path, {unknown_.begin(), unknown_.end()}));
    }
    return violations;
  }

 private:
  enum class Form : std::uint8_t { kNull, kBoolean, kNumber, kText, kContainer, kBroken };
  struct Value {
    Form form = Form::kBroken;  // kBroken: its violation was already added
    std::string text;           // unescaped, of kText
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipBlank() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  void Add(ViolationKind kind, std::string_view rule, std::string expected, std::size_t begin,
           std::size_t end) {
    sink_.Look(text_.substr(begin, end - begin), offset_ + static_cast<std::int64_t>(begin));
    sink_.Add(kind, path_, rule, std::move(expected));
  }
  // The text has no usable structure from here on.
  void Stop(std::string_view expected) {
    if (stopped_) return;
    stopped_ = true;
    sink_.Look(text_.substr(at_, kSyntaxShownBytes), offset_ + static_cast<std::int64_t>(at_));
    sink_.Add(ViolationKind::kNotJson, "", "json", std::string(expected));
  }

  void WalkRecord();
  void JudgeField(std::size_t index, const Value& value);
  Value ScanValue(int depth);
  Value ScanWord(std::string_view word, Form form);
  Value ScanNumber();
  Value ScanText();
  bool ScanEscape(std::string* out, bool* half_pair);
  Value ScanContainer(int depth);
  void ScanMembers(int depth);
  void ScanItems(int depth);
  void SkipContainer();

  const RecordProgram& program_;
  std::string_view text_;
  std::int64_t offset_;
  std::vector<Slot> slots_;
  std::set<std::string> unknown_;  // keys that the contract does not declare
  ViolationSink sink_;
  std::string path_;
  std::size_t at_ = 0;
  bool stopped_ = false;
};

void JsonWalk::WalkRecord() {
  int keys = 0;
  ++at_;
  SkipBlank();
  if (Peek() == '}') {
    ++at_;
    return;
  }
  while (!stopped_) {
    path_.clear();
    SkipBlank();
    if (Peek() != '"') return Stop("a key in quotes");
    const std::size_t key_at = at_;
    const Value key = ScanText();
    if (stopped_) return;
    if (++keys == kKeysMax + 1)
      Add(ViolationKind::kTooLarge, "keys", WithThousands(kKeysMax), key_at, at_);
    SkipBlank();
    if (Peek() != ':') return Stop("a colon");
    ++at_;
    path_ = key.text;
    const Value value = ScanValue(1);
    if (stopped_) return;
    const int index = key.form == Form::kText ? program_.Find(key.text, -1) : -1;
    const bool first = index >= 0
                           ? slots_[static_cast<std::size_t>(index)].state == Slot::State::kAbsent
                           : unknown_.insert(key.text).second || key.form != Form::kText;
    if (!first) {
      Add(ViolationKind::kGivenTwice, "duplicate", "one value", key_at, value.end);
    } else if (index >= 0) {
      JudgeField(static_cast<std::size_t>(index), value);
    } else if (program_.unknown_policy() == UnknownPolicy::kQuarantine) {
      Add(ViolationKind::kUnknownField, "unknown", "a field of the contract", value.begin,
          value.end);
    }
    SkipBlank();
    if (Peek() == '}') {
      ++at_;
      return;
    }
    if (Peek() != ',') return Stop("a comma or a closing brace");
    ++at_;
  }
}

void JsonWalk::JudgeField(std::size_t index, const Value& value) {
  const FieldRules& field = program_.fields()[index];
  Slot& slot = slots_[index];
  slot.state = Slot::State::kValue;
  if (value.form == Form::kBroken) return;
  if (value.form == Form::kNull) {
    slot.state = Slot::State::kNull;
    return;
  }
  const std::string_view raw = text_.substr(value.begin, value.end - value.begin);
  sink_.Look(raw, offset_ + static_cast<std::int64_t>(value.begin));
  bool good = false;
  switch (field.type) {
    case LogicalType::kString:
      slot.text = value.text;
      good = value.form == Form::kText;
      break;
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
      good = value.form == Form::kText &&
             ParseTimeValue(field.type, value.text, &slot.integer) == Parsed::kOk;
      break;
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      if (value.form == Form::kNumber) {
        const Parsed parsed = ParseFieldValue(field, raw, &slot);
        if (parsed == Parsed::kOutOfRange)
          return sink_.Add(ViolationKind::kOutOfRange, path_, "range", RangeText(field));
        good = parsed == Parsed::kOk;
      }
      break;
    case LogicalType::kBoolean:
      good = value.form == Form::kBoolean;
      slot.integer = raw == "true" ? 1 : 0;
      break;
  }
  if (good) {
    JudgeSlot(field, slot, &sink_);
  } else {
    const bool is_time = field.type == LogicalType::kDate || field.type == LogicalType::kTimestamp;
    std::string why;
    if (is_time)
      why =
          value.form == Form::kText ? ExplainNotOfType(field.type, value.text) : "it is not a text";
    sink_.Add(ViolationKind::kWrongType, path_, "type", std::string(TypeName(field.type)),
              std::move(why));
  }
  slot.text = {};  // it pointed into `value`
}

// `depth` is that of the container around the value.
JsonWalk::Value JsonWalk::ScanValue(int depth) {
  SkipBlank();
  switch (Peek()) {
    case '{':
    case '[':
      return ScanContainer(depth + 1);
    case '"':
      return ScanText();
    case 't':
      return ScanWord("true", Form::kBoolean);
    case 'f':
      return ScanWord("false", Form::kBoolean);
    case 'n':
      return ScanWord("null", Form::kNull);
    default:
      return ScanNumber();
  }
}

JsonWalk::Value JsonWalk::ScanWord(std::string_view word, Form form) {
  if (!text_.substr(at_).starts_with(word)) {
    Stop("a JSON value");
    return {};
  }
  Value value{form, "", at_, at_ + word.size()};
  at_ += word.size();
  return value;
}

JsonWalk::Value JsonWalk::ScanNumber() {
  const std::size_t begin = at_;
  while (at_ < text_.size() &&
         std::string_view("+-.0123456789eE").find(text_[at_]) != std::string_view::npos) {
    ++at_;
  }
  // Whether its size is allowed depends on its field.
  if (!IsJsonNumber(text_.substr(begin, at_ - begin))) {
    at_ = begin;
    Stop("a JSON value");
    return {};
  }
  return {Form::kNumber, "", begin, at_};
}

bool JsonWalk::ScanEscape(std::string* out, bool* half_pair) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const auto four_digits = [this]() -> std::int64_t {
    if (at_ + 4 > text_.size()) return -1;
    std::int64_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = HexDigit(text_[at_ + static_cast<std::size_t>(i)]);
      if (digit < 0) return -1;
      code = code * 16 + digit;
    }
    return code;
  };
  ++at_;  // the backslash
  if (const auto letter = kLetters.find(Peek()); at_ < text_.size() && letter != kLetters.npos) {
    out->push_back(kMeanings[letter]);
    ++at_;
    return true;
  }
  if (Peek() != 'u') return false;
  ++at_;
  std::int64_t code = four_digits();
  if (code < 0) return false;
  at_ += 4;
  if (code >= 0xdc00 && code < 0xe000) *half_pair = true;
  if (code >= 0xd800 && code < 0xdc00) {
    const bool more = text_.substr(at_).starts_with("\\u");
    at_ += more ? 2 : 0;
    const std::int64_t low = more ? four_digits() : -1;
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at_ += 4;
    } else {
      *half_pair = true;
      at_ -= more ? 2 : 0;  // what follows is an escape of its own
    }
  }
  if (!*half_pair) AppendCodePoint(static_cast<std::uint32_t>(code), out);
  return true;
}

JsonWalk::Value JsonWalk::ScanText() {
  Value value{Form::kText, "", at_, at_};
  bool half_pair = false;
  ++at_;
  while (true) {
    if (at_ >= text_.size()) {
      at_ = value.begin;
      Stop("a closing quote");
      return {};
    }
    const char c = text_[at_];
    if (c == '"') break;
    if (c == '\\') {
      const std::size_t escape_at = at_;
      if (!ScanEscape(&value.text, &half_pair)) {
        at_ = escape_at;
        Stop("a valid escape");
        return {};
      }
    } else if (c != '\0' && static_cast<unsigned char>(c) < 0x20) {
      Stop("no control characters in a text");
      return {};
    } else {
      value.text.push_back(c);
      ++at_;
    }
  }
  value.end = ++at_;
  if (half_pair) {
    Add(ViolationKind::kNotText, "surrogate", "whole surrogate pairs", value.begin, value.end);
  } else if (!IsValidUtf8(value.text)) {
    Add(ViolationKind::kNotText, "utf8", "UTF-8", value.begin, value.end);
  } else if (value.text.find('\0') != std::string::npos) {
    Add(ViolationKind::kNotText, "nul", "no NUL", value.begin, value.end);
  } else if (static_cast<std::int64_t>(value.text.size()) > kStringBytesMax) {
    Add(ViolationKind::kTooLarge, "string_bytes", WithThousands(kStringBytesMax), value.begin,
        value.end);
  } else {
    return value;
  }
  value.form = Form::kBroken;
  return value;
}

JsonWalk::Value JsonWalk::ScanContainer(int depth) {
  const std::size_t begin = at_;
  if (depth > kJsonDepthMax) {
    SkipContainer();
    Add(ViolationKind::kTooDeep, "depth", std::to_string(kJsonDepthMax), begin,
        std::min(begin + 40, at_));
    return {Form::kBroken, "", begin, at_};
  }
  const std::size_t path_size = path_.size();
  if (Peek() == '{') {
    ScanMembers(depth);
  } else {
    ScanItems(depth);
  }
  path_.resize(path_size);
  return {Form::kContainer, "", begin, at_};
}

void JsonWalk::ScanMembers(int depth) {
  const std::size_t path_size = path_.size();
  std::set<std::string> seen;
  int keys = 0;
  ++at_;
  SkipBlank();
  if (Peek() == '}') {
    ++at_;
    return;
  }
  while (!stopped_) {
    SkipBlank();
    if (Peek() != '"') return Stop("a key in quotes");
    const std::size_t key_at = at_;
    const Value key = ScanText();
    if (stopped_) return;
    if (++keys == kKeysMax + 1)
      Add(ViolationKind::kTooLarge, "keys", WithThousands(kKeysMax), key_at, at_);
    path_ += '.';
    path_ += key.text;
    if (key.form == Form::kText && !seen.insert(key.text).second) {
      Add(ViolationKind::kGivenTwice, "duplicate", "one value", key_at, at_);
    }
    SkipBlank();
    if (Peek() != ':') return Stop("a colon");
    ++at_;
    static_cast<void>(ScanValue(depth));
    path_.resize(path_size);
    SkipBlank();
    if (stopped_) return;
    if (Peek() == '}') {
      ++at_;
      return;
    }
    if (Peek() != ',') return Stop("a comma or a closing brace");
    ++at_;
  }
}

void JsonWalk::ScanItems(int depth) {
  const std::size_t path_size = path_.size();
  ++at_;
  SkipBlank();
  if (Peek() == ']') {
    ++at_;
    return;
  }
  for (std::int64_t item = 0; !stopped_; ++item) {
    path_ += '[';
    path_ += std::to_string(item);
    path_ += ']';
    if (item == kArrayItemsMax) {
      Add(ViolationKind::kTooLarge, "array_items", WithThousands(kArrayItemsMax), at_, at_);
    }
    static_cast<void>(ScanValue(depth));
    path_.resize(path_size);
    SkipBlank();
    if (stopped_) return;
    if (Peek() == ']') {
      ++at_;
      return;
    }
    if (Peek() != ',') return Stop("a comma or a closing bracket");
    ++at_;
  }
}

// Skips a container that is too deep to be parsed, by its brackets alone.
void JsonWalk::SkipContainer() {
  std::int64_t open = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
    } else if (c == '{' || c == '[') {
      ++open;
    } else if ((c == '}' || c == ']') && --open == 0) {
      ++at_;
      return;
    }
  }
  at_ = text_.size();
}
}  // namespace

std::vector<Violation> WalkJsonRecord(const RecordProgram& program, std::string_view record,
                                      std::int64_t record_offset) {
  return JsonWalk(program, record, record_offset).Run();
}
}  // namespace weirhouse::contract
