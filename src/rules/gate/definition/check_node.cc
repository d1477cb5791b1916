#include "rules/gate/definition/check_node.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "rules/gate/definition/value_parser.h"

namespace weirhouse::gate {
std::string CheckNode::What(std::string_view key) const { return fmt::format("{}.{}", kind, key); }
const YamlNode* CheckNode::Find(std::string_view key) const {
  return node.is_map() ? node.Find(key) : nullptr;
}
Result<const YamlNode*> CheckNode::Require(std::string_view key) const {
  return node.Require(key, kind);
}

Result<std::vector<std::string>> Columns(const CheckNode& at, Check& check) {
  const YamlNode* list = &at.node;
  if (at.node.is_map()) {
    const YamlNode* one = at.Find("column");
    const YamlNode* several = at.Find("columns");
    if (one != nullptr && several != nullptr) {
      return one->Error("WH3003", fmt::format("{} takes column or columns, not both", at.kind));
    }
    list = one != nullptr ? one : several;
    if (list == nullptr) {
      return at.node.Error("WH2003", fmt::format("{} lacks the key \"columns\"", at.kind));
    }
    if (one != nullptr && !one->is_scalar()) {
      return one->Error("WH2004", fmt::format("{} must be a column name", at.What("column")));
    }
  }
  WEIRHOUSE_TRY(auto names, list->AsStringList(at.What("columns")));
  if (names.empty()) return list->Error("WH3002", fmt::format("{} names no column", at.kind));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const YamlNode& where = list->is_sequence() ? list->items()[i] : *list;
    if (std::count(names.begin(), names.end(), names[i]) > 1) {
      return where.Error("WH3002", fmt::format("{} names \"{}\" twice", at.kind, names[i]));
    }
    check.columns.push_back({names[i], where.span()});
  }
  return names;
}

Result<std::string> Column(const CheckNode& at, Check& check) {
  WEIRHOUSE_TRY(const YamlNode* node, at.Require("column"));
  WEIRHOUSE_TRY(std::string name, node->AsString(at.What("column")));
  check.columns.push_back({name, node->span()});
  return name;
}

Result<bool> Flag(const CheckNode& at, std::string_view key) {
  const YamlNode* node = at.Find(key);
  if (node == nullptr) return false;
  return node->AsBool(at.What(key));
}

Result<std::string> Word(const CheckNode& at, std::string_view key,
                         std::initializer_list<const char*> allowed) {
  const YamlNode* node = at.Find(key);
  if (node == nullptr) return std::string();
  WEIRHOUSE_TRY(const std::string word, node->AsString(at.What(key)));
  const std::vector<std::string> words(allowed.begin(), allowed.end());
  if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  return node
      ->Error("WH3002",
              fmt::format("{} must be {}, found \"{}\"", at.What(key), Join(words, " or "), word))
      .WithHint(DidYouMean(word, words));
}

Result<std::int64_t> Micros(const CheckNode& at, const YamlNode& node, std::string_view key) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(at.What(key)));
  const auto us = ParseDurationMicros(text);
  if (!us.ok() || *us < 0) {
    return node.Error("WH3002", fmt::format("{} must be a duration such as 30m, found \"{}\"",
                                            at.What(key), text));
  }
  return *us;
}

Status NeedBound(const CheckNode& at, bool has_one) {
  if (has_one) return Status();
  return at.node.Error("WH3002", fmt::format("{} has no bound: give between, min or max", at.kind));
}

Result<std::vector<Literal>> ReadLiterals(const CheckNode& at, std::string_view key) {
  WEIRHOUSE_TRY(const YamlNode* list, at.Require(key));
  if (!list->is_sequence() || list->items().empty()) {
    return list->Error("WH3002", fmt::format("{} must be a list of values", at.What(key)));
  }
  std::vector<Literal> literals;
  for (const YamlNode& item : list->items()) {
    WEIRHOUSE_TRY(Literal literal, ReadLiteral(item, at.What(key)));
    literals.push_back(std::move(literal));
  }
  return literals;
}

Status IdleKey(const CheckNode& at, std::string_view key, std::string_view why) {
  return at.Find(key)->Error("WH3003", fmt::format("{} has no effect here: {}", at.What(key), why));
}

std::vector<std::string> WithBounds(std::vector<std::string> keys) {
  keys.insert(keys.end(), {"between", "min", "max", "min_exclusive", "max_exclusive"});
  return keys;
}

Result<Window> ReadWindow(const YamlNode& node, std::string_view text) {
  auto window = ParseWindow(text);
  if (window.ok()) return window;
  return node.Error("WH3002", window.status().message()).WithHint(window.status().hint());
}
}  // namespace weirhouse::gate
