// Reading the keys of one check, shared by its kinds.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/yaml.h"
#include "rules/gate/definition/definition.h"

namespace weirhouse::gate {

// The map of one check with its kind.
struct CheckNode {
  const std::string& kind;
  const YamlNode& node;

  // "mean.within"
  std::string What(std::string_view key) const;
  const YamlNode* Find(std::string_view key) const;
  Result<const YamlNode*> Require(std::string_view key) const;
};

// One column under `column`, or several under `columns`; a bare list or name where allowed.
Result<std::vector<std::string>> Columns(const CheckNode& at, Check& check);
Result<std::string> Column(const CheckNode& at, Check& check);
// true or false, absent = false.
Result<bool> Flag(const CheckNode& at, std::string_view key);
// One of a few words, absent = empty.
Result<std::string> Word(const CheckNode& at, std::string_view key,
                         std::initializer_list<const char*> allowed);
Result<std::int64_t> Micros(const CheckNode& at, const YamlNode& node, std::string_view key);
Status NeedBound(const CheckNode& at, bool has_one);

// A list of one or more values.
Result<std::vector<Literal>> ReadLiterals(const CheckNode& at, std::string_view key);
// WH3003: the key is there and would change nothing, and why.
Status IdleKey(const CheckNode& at, std::string_view key, std::string_view why);
// `keys`, and those of bounds.
std::vector<std::string> WithBounds(std::vector<std::string> keys);
// "28d", "same_weekday_4w", "7d_same_hour"
Result<Window> ReadWindow(const YamlNode& node, std::string_view text);
}  // namespace weirhouse::gate
