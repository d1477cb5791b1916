// YAML 1.2 core as people write it in a project, with the place of every key and value.
//
// Scalars stay text until a reader asks for a type, so `on`, `no`, `1.0` and `2013-01-01` never
// change type because of their spelling. Limits: 1 MiB a file, depth 64, no custom tags, at most
// 100 aliases that stand for at most 10,000 values.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse {

// One node, a value type. Copies are deep, which suits small files. Threads: immutable once parsed;
// may be shared.
class YamlNode {
 public:
  enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMap };

  Kind kind() const { return kind_; }
  bool is_map() const { return kind_ == Kind::kMap; }
  bool is_sequence() const { return kind_ == Kind::kSequence; }
  bool is_scalar() const { return kind_ == Kind::kScalar; }
  bool is_null() const { return kind_ == Kind::kNull; }
  // The text of a scalar, quotes removed.
  const std::string& text() const { return text_; }
  // True for '…' and "…": such a scalar is always text.
  bool quoted() const { return quoted_; }
  const SourceSpan& span() const { return span_; }

  const std::vector<YamlNode>& items() const { return items_; }  // of a sequence
  struct Entry;
  const std::vector<Entry>& entries() const { return entries_; }  // of a map, in file order
  // The value of `key`, or nullptr.
  const YamlNode* Find(std::string_view key) const;

  // Typed reads. `what` names the thing in messages: "the gate's row_count".
  Result<std::string> AsString(std::string_view what) const;
  Result<std::int64_t> AsInt(std::string_view what) const;
  Result<double> AsDouble(std::string_view what) const;
  Result<bool> AsBool(std::string_view what) const;  // true and false only
  Result<std::vector<std::string>> AsStringList(
      std::string_view what) const;  // a single scalar is a list of one
  // As JSON, scalars by YAML 1.2 core (null, true/false, integers, floats, else text).
  nlohmann::json ToJson() const;

  // A kInvalidInput status at this node.
  Status Error(std::string error_code, std::string message) const;
  // Fails for the first key of this map that is not in `known`, with a suggestion (WH2002).
  Status CheckKeys(std::string_view what, const std::vector<std::string>& known) const;
  // The value of `key`, or an error that names the missing key (WH2003).
  Result<const YamlNode*> Require(std::string_view key, std::string_view what) const;

 private:
  friend class YamlReader;
  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  std::string text_;
  SourceSpan span_;
  std::vector<YamlNode> items_;
  std::vector<Entry> entries_;
};
struct YamlNode::Entry {
  std::string key;
  SourceSpan key_span;
  YamlNode value;
};

// Parses all documents of `text`; `path` is used in messages only. Duplicate keys are errors
// (WH2001).
Result<std::vector<YamlNode>> ParseYaml(std::string_view text, const std::string& path);
}  // namespace weirhouse
