// The fast reader: one pass over the bytes of a record, directly into slots, without a tree.
// simdjson's library cannot share a process with Arrow's: libparquet exports another version of it
// under the same names (docs/decisions).
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <deque>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "rules/contract/decode/json_record.h"

namespace weirhouse::contract {
namespace {
static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

// Non-zero if any of 8 bytes ends a run of plain text: a quote, a backslash, below 0x20, above
// 0x7f. (The subtractions only borrow into bytes after the first hit, which is then checked byte by
// byte.)
std::uint64_t TextStops(std::uint64_t word) {
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t backslash = word ^ (kOnes * '\\');
  return (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) | (word - kOnes * 0x20) |
          word) &
         kHighs;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Four hexadecimal digits, or -1.
int FourDigits(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int code = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(at[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}
}  // namespace

void AppendCodePoint(std::uint32_t code, std::string* out) {
  const auto tail = [&](unsigned shift) {
    out->push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3f)));
  };
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xc0 | (code >> 6)));
    tail(0);
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | (code >> 12)));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xf0 | (code >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

struct JsonReader::State {
  explicit State(const RecordProgram& its_program) : program(its_program) {
    for (const FieldRules& field : program.fields()) {
      std::string quoted;
      AppendJsonText(field.name, &quoted);
      quoted_names.push_back(std::move(quoted));
    }
  }

  const RecordProgram& program;
  std::vector<std::string> quoted_names;  // as most producers write them
  const char* at = nullptr;
  const char* end = nullptr;
  std::deque<std::string> kept;  // unescaped texts that slots or keys point to
  std::size_t kept_count = 0;
  std::string scratch;
  std::vector<std::pair<std::string_view, std::string_view>> unknown;  // key, raw value

  void SkipBlank() {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
  }
  bool Take(char c) {
    if (at == end || *at != c) return false;
    ++at;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (static_cast<std::size_t>(end - at) < word.size() ||
        std::memcmp(at, word.data(), word.size()) != 0) {
      return false;
    }
    at += word.size();
    return true;
  }
  std::string* KeptText() {
    if (kept_count == kept.size()) kept.emplace_back();
    return &kept[kept_count++];
  }

  bool ReadText(bool keep, std::string_view* out);
  bool ReadEscaped(const char* begin, const char* first_escape, bool has_high, std::string* text);
  bool ReadEscape(const char** position, std::string* text) const;
  bool ReadNumber(LogicalType type, Slot* slot);
  bool ReadNumberText(std::string_view* text);
  bool ReadField(const FieldRules& field, Slot* slot);
  bool ReadKey(int guess, int* index, std::string_view* key);
  bool ReadMember(int* guess, std::vector<Slot>* slots);
  bool SkipValue(int depth);
  bool SkipObject(int depth);
  bool SkipArray(int depth);
  bool WriteUnknown(std::string* out);
};

bool JsonReader::State::ReadEscape(const char** position, std::string* text) const {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const char* p = *position + 1;
  if (p == end) return false;
  if (const auto letter = kLetters.find(*p); letter != std::string_view::npos) {
    text->push_back(kMeanings[letter]);
    *position = p + 1;
    return true;
  }
  if (*p != 'u') return false;
  int code = FourDigits(p + 1, end);
  p += 5;
  if (code <= 0 || (code >= 0xdc00 && code < 0xe000)) return false;  // no digits, NUL, a lone half
  if (code >= 0xd800 && code < 0xdc00) {
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return false;
    const int low = FourDigits(p + 2, end);
    if (low < 0xdc00 || low >= 0xe000) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    p += 6;
  }
  AppendCodePoint(static_cast<std::uint32_t>(code), text);
  *position = p;
  return true;
}

bool JsonReader::State::ReadEscaped(const char* begin, const char* first_escape, bool has_high,
                                    std::string* text) {
  text->assign(begin, first_escape);
  const char* p = first_escape;
  while (p < end && *p != '"') {
    if (*p == '\\') {
      if (!ReadEscape(&p, text)) return false;
      continue;
    }
    const auto byte = static_cast<unsigned char>(*p);
    if (byte < 0x20) return false;
    has_high |= byte >= 0x80;
    text->push_back(*p++);
  }
  if (p == end) return false;
  at = p + 1;
  return !has_high || IsValidUtf8(*text);
}

bool JsonReader::State::ReadText(bool keep, std::string_view* out) {
  if (!Take('"')) return false;
  const char* begin = at;
  const char* p = at;
  bool has_high = false;
  while (true) {
    std::uint64_t word = 0;
    while (end - p >= 8) {
      std::memcpy(&word, p, sizeof(word));
      if (const std::uint64_t stops = TextStops(word); stops != 0) {
        p += std::countr_zero(stops) / 8;
        break;
      }
      p += 8;
    }
    if (p == end) return false;
    const auto byte = static_cast<unsigned char>(*p);
    if (byte == '"') break;
    if (byte < 0x20) return false;
    if (byte == '\\') {
      std::string* text = keep ? KeptText() : &scratch;
      if (!ReadEscaped(begin, p, has_high, text)) return false;
      *out = *text;
      return static_cast<std::int64_t>(out->size()) <= kStringBytesMax;
    }
    has_high |= byte >= 0x80;
    ++p;
  }
  *out = std::string_view(begin, static_cast<std::size_t>(p - begin));
  at = p + 1;
  return static_cast<std::int64_t>(out->size()) <= kStringBytesMax &&
         (!has_high || IsValidUtf8(*out));
}

// Reads the longest run of characters that numbers consist of; true if it is a number.
bool JsonReader::State::ReadNumberText(std::string_view* text) {
  const char* begin = at;
  while (at < end &&
         (IsDigit(*at) || *at == '.' || *at == 'e' || *at == 'E' || *at == '+' || *at == '-'))
    ++at;
  *text = std::string_view(begin, static_cast<std::size_t>(at - begin));
  return IsJsonNumber(*text);
}

bool JsonReader::State::ReadNumber(LogicalType type, Slot* slot) {
  constexpr std::ptrdiff_t kSafeDigits = 18;  // always fit into 64 bits
  const char* p = at;
  const bool negative = p < end && *p == '-';
  if (negative) ++p;
  const char* digits = p;
  std::int64_t value = 0;
  while (p < end && IsDigit(*p)) {
    if (p - digits < kSafeDigits) value = value * 10 + (*p - '0');
    ++p;
  }
  const std::ptrdiff_t count = p - digits;
  if (count == 0 || (count > 1 && *digits == '0')) return false;
  const bool whole = p == end || (*p != '.' && *p != 'e' && *p != 'E');
  if (whole && count <= kSafeDigits) {
    at = p;
    slot->integer = negative ? -value : value;
    slot->number = NumberOfWhole(slot->integer, negative);
    return true;
  }
  std::string_view text;
  return ReadNumberText(&text) && ParseValue(type, text, slot) == Parsed::kOk;
}

bool JsonReader::State::ReadField(const FieldRules& field, Slot* slot) {
  if (at == end) return false;
  if (*at == 'n') {
    slot->state = Slot::State::kNull;
    return TakeWord("null");
  }
  slot->state = Slot::State::kValue;
  std::string_view text;
  switch (field.type) {
    case LogicalType::kString:
      if (!ReadText(/*keep=*/true, &slot->text)) return false;
      break;
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
      if (!ReadText(/*keep=*/false, &text) ||
          ParseTimeValue(field.type, text, &slot->integer) != Parsed::kOk) {
        return false;
      }
      break;
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      if (field.decimal) {
        if (!ReadNumberText(&text) || ParseDecimal(*field.decimal, text, slot) != Parsed::kOk)
          return false;
      } else if (!ReadNumber(field.type, slot)) {
        return false;
      }
      break;
    case LogicalType::kBoolean:
      slot->integer = *at == 't' ? 1 : 0;
      if (!TakeWord("true") && !TakeWord("false")) return false;
      break;
  }
  return JudgeSlot(field, *slot, nullptr);
}

// The next key and its field; the field that usually comes next is compared in place.
bool JsonReader::State::ReadKey(int guess, int* index, std::string_view* key) {
  if (static_cast<std::size_t>(guess) < quoted_names.size() &&
      TakeWord(quoted_names[static_cast<std::size_t>(guess)])) {
    *index = guess;
    return true;
  }
  if (!ReadText(/*keep=*/true, key)) return false;
  *index = program.Find(*key, guess);
  return true;
}

bool JsonReader::State::ReadMember(int* guess, std::vector<Slot>* slots) {
  int index = -1;
  std::string_view key;
  SkipBlank();
  if (!ReadKey(*guess, &index, &key)) return false;
  SkipBlank();
  if (!Take(':')) return false;
  SkipBlank();
  if (index >= 0) {
    *guess = index + 1;
    Slot& slot = (*slots)[static_cast<std::size_t>(index)];
    if (slot.state != Slot::State::kAbsent) return false;  // the key came before
    return ReadField(program.fields()[static_cast<std::size_t>(index)], &slot);
  }
  if (program.unknown_policy() == UnknownPolicy::kQuarantine) return false;
  const char* begin = at;
  if (!SkipValue(1)) return false;
  unknown.emplace_back(key, std::string_view(begin, static_cast<std::size_t>(at - begin)));
  return true;
}

// Skips one value and checks all of it. `depth` is that of the container around it.
bool JsonReader::State::SkipValue(int depth) {
  if (at == end) return false;
  std::string_view text;
  switch (*at) {
    case '{':
      return SkipObject(depth + 1);
    case '[':
      return SkipArray(depth + 1);
    case '"':
      return ReadText(/*keep=*/false, &text);
    case 't':
      return TakeWord("true");
    case 'f':
      return TakeWord("false");
    case 'n':
      return TakeWord("null");
    default:
      return ReadNumberText(&text);  // whatever its size: it is kept as it was written
  }
}

bool JsonReader::State::SkipObject(int depth) {
  if (depth > kJsonDepthMax) return false;
  ++at;
  SkipBlank();
  if (Take('}')) return true;
  std::vector<std::string_view> keys;
  do {
    std::string_view key;
    SkipBlank();
    if (!ReadText(/*keep=*/true, &key)) return false;
    keys.push_back(key);
    if (keys.size() > static_cast<std::size_t>(kKeysMax)) return false;
    SkipBlank();
    if (!Take(':')) return false;
    SkipBlank();
    if (!SkipValue(depth)) return false;
    SkipBlank();
  } while (Take(','));
  if (!Take('}')) return false;
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
}

bool JsonReader::State::SkipArray(int depth) {
  if (depth > kJsonDepthMax) return false;
  ++at;
  SkipBlank();
  if (Take(']')) return true;
  std::int64_t items = 0;
  do {
    SkipBlank();
    if (++items > kArrayItemsMax || !SkipValue(depth)) return false;
    SkipBlank();
  } while (Take(','));
  return Take(']');
}

bool JsonReader::State::WriteUnknown(std::string* out) {
  std::sort(unknown.begin(), unknown.end());
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::adjacent_find(unknown.begin(), unknown.end(), same_key) != unknown.end()) return false;
  if (program.unknown_policy() == UnknownPolicy::kDrop) return true;
  char separator = '{';
  for (const auto& [key, raw] : unknown) {
    out->push_back(separator);
    AppendJsonText(key, out);
    out->push_back(':');
    *out += raw;
    separator = ',';
  }
  out->push_back('}');
  return true;
}

JsonReader::JsonReader(const RecordProgram& program) : state_(std::make_unique<State>(program)) {}
JsonReader::~JsonReader() = default;

bool JsonReader::Read(std::string_view record, std::vector<Slot>* slots, std::string* unknown) {
  State& state = *state_;
  state.at = record.data();
  state.end = record.data() + record.size();
  state.kept_count = 0;
  state.unknown.clear();
  unknown->clear();
  for (Slot& slot : *slots) slot.state = Slot::State::kAbsent;
  state.SkipBlank();
  if (!state.Take('{')) return false;
  state.SkipBlank();
  if (!state.Take('}')) {
    int guess = 0;
    int keys = 0;
    do {
      if (++keys > kKeysMax || !state.ReadMember(&guess, slots)) return false;
      state.SkipBlank();
    } while (state.Take(','));
    if (!state.Take('}')) return false;
  }
  state.SkipBlank();
  if (state.at != state.end) return false;
  if (!state.unknown.empty() && !state.WriteUnknown(unknown)) return false;
  return state.program.Complete(slots, nullptr);
}

void AppendJsonText(std::string_view text, std::string* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      *out += "\\n";
    } else if (byte < 0x20) {
      *out += "\\u00";
      out->push_back(kHex[byte >> 4]);
      out->push_back(kHex[byte & 15]);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}
}  // namespace weirhouse::contract
