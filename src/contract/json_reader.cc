#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "contract/json_record.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kFirstCapacity = 64 << 10;
constexpr std::size_t kKeptCapacity = 4 << 20;  // a parser grown beyond this is let go again

// A NUL or half a surrogate pair can only come from an escape: raw ones never pass simdjson. Half a
// pair shows as its three-byte form, which simdjson 3.0 lets through.
bool IsCleanText(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return false;
    if (static_cast<unsigned char>(text[i]) == 0xed && i + 1 < text.size() &&
        static_cast<unsigned char>(text[i + 1]) >= 0xa0) {
      return false;
    }
  }
  return true;
}

void AppendJsonNumber(double value, std::string* out) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  *out += text;
  if (text.find_first_of(".e") == std::string_view::npos) *out += ".0";  // it was no integer
}

void AppendJson(simdjson::dom::element element, std::string* out) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::OBJECT: {
      out->push_back('{');
      const char* separator = "";
      const simdjson::dom::object object = element.get_object().value_unsafe();
      for (const auto field : object) {
        *out += separator;
        AppendJsonText(field.key, out);
        out->push_back(':');
        AppendJson(field.value, out);
        separator = ",";
      }
      out->push_back('}');
      return;
    }
    case element_type::ARRAY: {
      out->push_back('[');
      const char* separator = "";
      const simdjson::dom::array items = element.get_array().value_unsafe();
      for (const auto item : items) {
        *out += separator;
        AppendJson(item, out);
        separator = ",";
      }
      out->push_back(']');
      return;
    }
    case element_type::STRING:
      return AppendJsonText(element.get_string().value_unsafe(), out);
    case element_type::INT64:
      *out += std::to_string(element.get_int64().value_unsafe());
      return;
    case element_type::DOUBLE:
      return AppendJsonNumber(element.get_double().value_unsafe(), out);
    case element_type::BOOL:
      *out += element.get_bool().value_unsafe() ? "true" : "false";
      return;
    case element_type::UINT64:  // refused before this
    case element_type::NULL_VALUE:
      *out += "null";
      return;
  }
}
}  // namespace

struct JsonReader::State {
  explicit State(const RecordProgram& its_program) : program(its_program) {}

  const RecordProgram& program;
  std::unique_ptr<simdjson::dom::parser> parser;
  std::string padded;
  bool has_escapes = false;
  std::vector<std::pair<std::string_view, simdjson::dom::element>> unknown;

  bool Parse(std::string_view record, std::size_t readable_after, simdjson::dom::object* object);
  bool IsGoodText(std::string_view text) const {
    return static_cast<std::int64_t>(text.size()) <= kStringBytesMax &&
           (!has_escapes || IsCleanText(text));
  }
  bool IsGoodNested(simdjson::dom::element element, int depth) const;
  bool IsGoodObject(simdjson::dom::object object, int depth) const;
  bool Fill(const FieldRules& field, simdjson::dom::element element, Slot* slot) const;
  bool TakeUnknown(std::string* out);
};

bool JsonReader::State::Parse(std::string_view record, std::size_t readable_after,
                              simdjson::dom::object* object) {
  if (parser != nullptr && parser->capacity() > kKeptCapacity) parser.reset();
  if (parser == nullptr) parser = std::make_unique<simdjson::dom::parser>();
  if (parser->capacity() < record.size()) {
    const std::size_t capacity = std::max(kFirstCapacity, std::bit_ceil(record.size()));
    if (parser->allocate(capacity) != simdjson::SUCCESS) return false;
  }
  const char* bytes = record.data();
  if (readable_after < simdjson::SIMDJSON_PADDING) {
    padded.assign(record);
    padded.resize(record.size() + simdjson::SIMDJSON_PADDING, ' ');
    bytes = padded.data();
  }
  has_escapes = std::memchr(record.data(), '\\', record.size()) != nullptr;
  simdjson::dom::element root;
  if (parser->parse(bytes, record.size(), /*realloc_if_needed=*/false).get(root) !=
      simdjson::SUCCESS) {
    return false;
  }
  return root.get_object().get(*object) == simdjson::SUCCESS;
}

bool JsonReader::State::IsGoodObject(simdjson::dom::object object, int depth) const {
  if (depth > kJsonDepthMax) return false;
  std::vector<std::string_view> keys;
  for (const auto field : object) {
    keys.push_back(field.key);
    if (keys.size() > static_cast<std::size_t>(kKeysMax) || !IsGoodText(field.key) ||
        !IsGoodNested(field.value, depth)) {
      return false;
    }
  }
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
}

// `depth` is that of the container around the element.
bool JsonReader::State::IsGoodNested(simdjson::dom::element element, int depth) const {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::OBJECT:
      return IsGoodObject(element.get_object().value_unsafe(), depth + 1);
    case element_type::ARRAY: {
      if (depth + 1 > kJsonDepthMax) return false;
      const simdjson::dom::array items = element.get_array().value_unsafe();
      std::int64_t count = 0;
      for (const auto item : items) {
        if (++count > kArrayItemsMax || !IsGoodNested(item, depth + 1)) return false;
      }
      return true;
    }
    case element_type::STRING:
      return IsGoodText(element.get_string().value_unsafe());
    case element_type::UINT64:
      return false;  // beyond int64
    default:
      return true;
  }
}

bool JsonReader::State::Fill(const FieldRules& field, simdjson::dom::element element,
                             Slot* slot) const {
  using simdjson::dom::element_type;
  const element_type found = element.type();
  if (found == element_type::NULL_VALUE) {
    slot->state = Slot::State::kNull;
    return true;
  }
  slot->state = Slot::State::kValue;
  switch (field.type) {
    case LogicalType::kString:
      if (found != element_type::STRING) return false;
      slot->text = element.get_string().value_unsafe();
      if (!IsGoodText(slot->text)) return false;
      break;
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
      if (found != element_type::STRING ||
          ParseTimeValue(field.type, element.get_string().value_unsafe(), &slot->integer) !=
              Parsed::kOk) {
        return false;
      }
      break;
    case LogicalType::kInteger:
      if (found != element_type::INT64) return false;
      slot->integer = element.get_int64().value_unsafe();
      break;
    case LogicalType::kNumber:
      if (found == element_type::INT64) {
        slot->number = static_cast<double>(element.get_int64().value_unsafe());
      } else if (found == element_type::DOUBLE) {
        slot->number = element.get_double().value_unsafe();
      } else {
        return false;
      }
      break;
    case LogicalType::kBoolean:
      if (found != element_type::BOOL) return false;
      slot->integer = element.get_bool().value_unsafe() ? 1 : 0;
      break;
  }
  return JudgeSlot(field, *slot, nullptr);
}

bool JsonReader::State::TakeUnknown(std::string* out) {
  const auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::sort(unknown.begin(), unknown.end(), by_key);
  if (std::adjacent_find(unknown.begin(), unknown.end(), same_key) != unknown.end()) return false;
  if (program.unknown_policy() == UnknownPolicy::kDrop) return true;
  char separator = '{';
  for (const auto& [key, element] : unknown) {
    out->push_back(separator);
    AppendJsonText(key, out);
    out->push_back(':');
    AppendJson(element, out);
    separator = ',';
  }
  out->push_back('}');
  return true;
}

JsonReader::JsonReader(const RecordProgram& program) : state_(std::make_unique<State>(program)) {}
JsonReader::~JsonReader() = default;

bool JsonReader::Read(std::string_view record, std::size_t readable_after, std::vector<Slot>* slots,
                      std::string* unknown) {
  simdjson::dom::object object;
  if (!state_->Parse(record, readable_after, &object)) return false;
  const RecordProgram& program = state_->program;
  for (Slot& slot : *slots) slot.state = Slot::State::kAbsent;
  state_->unknown.clear();
  unknown->clear();
  int guess = 0;
  int keys = 0;
  for (const auto field : object) {
    const std::string_view key = field.key;
    if (++keys > kKeysMax || !state_->IsGoodText(key)) return false;
    const int index = program.Find(key, guess);
    if (index < 0) {
      if (program.unknown_policy() == UnknownPolicy::kQuarantine ||
          !state_->IsGoodNested(field.value, 1)) {
        return false;
      }
      state_->unknown.emplace_back(key, field.value);
      continue;
    }
    guess = index + 1;
    Slot& slot = (*slots)[static_cast<std::size_t>(index)];
    if (slot.state != Slot::State::kAbsent) return false;  // the key came before
    if (!state_->Fill(program.fields()[static_cast<std::size_t>(index)], field.value, &slot)) {
      return false;
    }
  }
  if (!state_->unknown.empty() && !state_->TakeUnknown(unknown)) return false;
  return program.Complete(slots, nullptr);
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
