// Reading the keys of one check, shared by the parsers of its kinds.
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

// The parsers of the kinds.
Result<Rule> ParseRowCount(const CheckNode& at, Check& check);
Result<Rule> ParseRowCountChange(const CheckNode& at, Check& check);
Result<Rule> ParseFreshness(const CheckNode& at, Check& check);
Result<Rule> ParseArrives(const CheckNode& at, Check& check);
Result<Rule> ParseRequired(const CheckNode& at, Check& check);
Result<Rule> ParseUnique(const CheckNode& at, Check& check);
Result<Rule> ParseRange(const CheckNode& at, Check& check);
Result<Rule> ParseSet(const CheckNode& at, Check& check);
Result<Rule> ParsePattern(const CheckNode& at, Check& check);
Result<Rule> ParseLength(const CheckNode& at, Check& check);
Result<Rule> ParseType(const CheckNode& at, Check& check);
Result<Rule> ParsePair(const CheckNode& at, Check& check);
Result<Rule> ParseReferences(const CheckNode& at, Check& check);
Result<Rule> ParseStatistic(const CheckNode& at, Check& check);
Result<Rule> ParseQuantile(const CheckNode& at, Check& check);
Result<Rule> ParseDistinct(const CheckNode& at, Check& check);
Result<Rule> ParseDistribution(const CheckNode& at, Check& check);
Result<Rule> ParseSql(const CheckNode& at, Check& check);
}  // namespace weirhouse::gate
