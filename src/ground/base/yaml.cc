#include "ground/base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ground/base/text.h"

namespace weirhouse {
namespace {
constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr int kDepthMax = 64;
constexpr int kAliasesMax = 100;
// An alias is a copy, and a copy may hold aliases. Without a bound on the total, fifty lines that
// each name the line before twice would fill any memory.
constexpr std::size_t kAliasedNodesMax = 10'000;

std::size_t NodesIn(const YamlNode& node) {
  std::size_t count = 1;
  for (const YamlNode& item : node.items()) count += NodesIn(item);
  for (const YamlNode::Entry& entry : node.entries()) count += NodesIn(entry.value);
  return count;
}

struct YamlStop {
  Status status;
};
}  // namespace

// Builds nodes from the parser's events; yaml-cpp's own node type loses quoting and duplicate keys.
class YamlReader : public YAML::EventHandler {
 public:
  YamlReader(std::string_view text, std::string path)
      : lines_(Split(text, '\n')), path_(std::move(path)) {}

  std::vector<YamlNode> documents;

  void OnDocumentStart(const YAML::Mark& mark) override {
    // On a stray "," yaml-cpp 0.7 begins one empty document after another at the same place.
    if (mark.pos == document_at_) Stop(mark, "a comma or bracket outside any list");
    document_at_ = mark.pos;
    stack_.clear();
    anchors_.clear();
    root_ = YamlNode();
    root_.span_ = Span(mark);
  }
  void OnDocumentEnd() override {
    if (!root_.is_null()) documents.push_back(std::move(root_));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node;
    node.span_ = Span(mark);
    Place(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (++aliases_ > kAliasesMax) Stop(mark, fmt::format("more than {} aliases", kAliasesMax));
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) Stop(mark, "the alias names no finished anchor");
    aliased_nodes_ += NodesIn(known->second);
    if (aliased_nodes_ > kAliasedNodesMax) {
      Stop(mark, fmt::format("aliases stand for more than {} values", kAliasedNodesMax));
    }
    Place(YamlNode(known->second), YAML::NullAnchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag != "?" && tag != "!" && !tag.empty()) Stop(mark, fmt::format("custom tag \"{}\"", tag));
    YamlNode node;
    node.kind_ = YamlNode::Kind::kScalar;
    node.quoted_ = tag == "!";
    node.text_ = value;
    node.span_ = Span(mark);
    node.span_.width = std::max<int>(1, static_cast<int>(value.size()) + (node.quoted_ ? 2 : 0));
    if (!node.quoted_ && (value == "~" || value == "null" || value.empty()))
      node.kind_ = YamlNode::Kind::kNull;
    Place(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, YamlNode::Kind::kSequence, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, YamlNode::Kind::kMap, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor;
    std::optional<YamlNode> key;
  };

  SourceSpan Span(const YAML::Mark& mark) const {
    SourceSpan span{path_, mark.line + 1, mark.column + 1, 1, ""};
    if (mark.line >= 0 && static_cast<std::size_t>(mark.line) < lines_.size()) {
      span.source_line = lines_[static_cast<std::size_t>(mark.line)];
    }
    return span;
  }
  [[noreturn]] void Stop(const YAML::Mark& mark, const std::string& why) const {
    StopAt(Span(mark), why);
  }
  [[noreturn]] void StopAt(SourceSpan span, const std::string& why) const {
    throw YamlStop{Status(Code::kInvalidInput, "could not read YAML: " + why)
                       .WithError("WH2001")
                       .WithSpan(std::move(span))};
  }
  void Open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    if (stack_.size() >= kDepthMax) Stop(mark, fmt::format("nested deeper than {}", kDepthMax));
    Frame frame{YamlNode(), anchor, std::nullopt};
    frame.node.kind_ = kind;
    frame.node.span_ = Span(mark);
    stack_.push_back(std::move(frame));
  }
  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Place(std::move(frame.node), frame.anchor);
  }
  void Place(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_.insert_or_assign(anchor, node);
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& top = stack_.back();
    if (top.node.is_sequence()) {
      top.node.items_.push_back(std::move(node));
    } else if (!top.key) {
      if (!node.is_scalar()) StopAt(node.span_, "a key must be a plain word or a quoted text");
      if (top.node.Find(node.text_) != nullptr)
        StopAt(node.span_, fmt::format("duplicate key \"{}\"", node.text_));
      top.key = std::move(node);
    } else {
      top.node.entries_.push_back({top.key->text_, top.key->span_, std::move(node)});
      top.key.reset();
    }
  }

  std::vector<std::string_view> lines_;
  std::string path_;
  YamlNode root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  int aliases_ = 0;
  std::size_t aliased_nodes_ = 0;
  int document_at_ = -1;
};

Result<std::vector<YamlNode>> ParseYaml(std::string_view text, const std::string& path) {
  if (text.size() > kFileBytesMax) {
    return Status(Code::kInvalidInput,
                  fmt::format("could not read YAML: larger than 1 MiB: {}", path))
        .WithError("WH2001");
  }
  if (!IsValidUtf8(text) || text.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalidInput, fmt::format("could not read YAML: not UTF-8 text: {}", path))
        .WithError("WH2001");
  }
  YamlReader reader(text, path);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(reader)) {
    }
  } catch (const YamlStop& stop) {
    return stop.status;
  } catch (const YAML::Exception& error) {
    SourceSpan span{path, error.mark.line + 1, error.mark.column + 1, 1, ""};
    const auto lines = Split(text, '\n');
    if (error.mark.line >= 0 && static_cast<std::size_t>(error.mark.line) < lines.size()) {
      span.source_line = lines[static_cast<std::size_t>(error.mark.line)];
    }
    return Status(Code::kInvalidInput, "could not read YAML: " + error.msg)
        .WithError("WH2001")
        .WithSpan(std::move(span));
  }
  return std::move(reader.documents);
}

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const Entry& entry : entries_) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Status YamlNode::Error(std::string error_code, std::string message) const {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError(std::move(error_code))
      .WithSpan(span_);
}

Result<std::string> YamlNode::AsString(std::string_view what) const {
  if (!is_scalar()) return Error("WH2004", fmt::format("{} must be a text", what));
  return text_;
}
Result<std::int64_t> YamlNode::AsInt(std::string_view what) const {
  std::int64_t value = 0;
  if (is_scalar() && !quoted_) {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error == std::errc() && end == text_.data() + text_.size()) return value;
  }
  return Error("WH2004", fmt::format("{} must be a whole number, found \"{}\"", what, text_));
}
Result<double> YamlNode::AsDouble(std::string_view what) const {
  double value = 0;
  if (is_scalar() && !quoted_) {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    // from_chars reads "nan" and "inf" too: no bound or share in a project may be one of them.
    if (error == std::errc() && end == text_.data() + text_.size() && std::isfinite(value)) {
      return value;
    }
  }
  return Error("WH2004", fmt::format("{} must be a number, found \"{}\"", what, text_));
}
Result<bool> YamlNode::AsBool(std::string_view what) const {
  if (is_scalar() && !quoted_ && text_ == "true") return true;
  if (is_scalar() && !quoted_ && text_ == "false") return false;
  return Error("WH2004", fmt::format("{} must be true or false, found \"{}\"", what, text_));
}
Result<std::vector<std::string>> YamlNode::AsStringList(std::string_view what) const {
  std::vector<std::string> values;
  if (is_scalar()) {
    values.push_back(text_);
    return values;
  }
  if (!is_sequence()) return Error("WH2004", fmt::format("{} must be a list", what));
  for (const YamlNode& item : items_) {
    WEIRHOUSE_TRY(std::string value, item.AsString(what));
    values.push_back(std::move(value));
  }
  return values;
}

nlohmann::json YamlNode::ToJson() const {
  switch (kind_) {
    case Kind::kNull:
      return nullptr;
    case Kind::kSequence: {
      nlohmann::json list = nlohmann::json::array();
      for (const YamlNode& item : items_) list.push_back(item.ToJson());
      return list;
    }
    case Kind::kMap: {
      nlohmann::json map = nlohmann::json::object();
      for (const Entry& entry : entries_) map[entry.key] = entry.value.ToJson();
      return map;
    }
    case Kind::kScalar:
      break;
  }
  if (quoted_) return text_;
  if (text_ == "true") return true;
  if (text_ == "false") return false;
  const char* begin = text_.data();
  const char* end = begin + text_.size();
  std::int64_t integer = 0;
  if (const auto [at, error] = std::from_chars(begin, end, integer);
      error == std::errc() && at == end)
    return integer;
  double number = 0;
  if (const auto [at, error] = std::from_chars(begin, end, number);
      error == std::errc() && at == end && text_.find_first_of("0123456789") != std::string::npos) {
    return number;
  }
  return text_;
}

Status YamlNode::CheckKeys(std::string_view what, const std::vector<std::string>& known) const {
  if (!is_map()) return Error("WH2004", fmt::format("{} must be a map of keys", what));
  for (const Entry& entry : entries_) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    Status status(Code::kInvalidInput, fmt::format("unknown key \"{}\" in {}", entry.key, what));
    std::string hint = DidYouMean(entry.key, known);
    if (hint.empty()) hint = "known keys: " + Join(known, ", ");
    SourceSpan span = entry.key_span;
    span.width = static_cast<int>(entry.key.size());
    return std::move(status)
        .WithError("WH2002")
        .WithSpan(std::move(span))
        .WithHint(std::move(hint));
  }
  return Status();
}

Result<const YamlNode*> YamlNode::Require(std::string_view key, std::string_view what) const {
  const YamlNode* node = Find(key);
  if (node == nullptr) return Error("WH2003", fmt::format("{} lacks the key \"{}\"", what, key));
  return node;
}
}  // namespace weirhouse
