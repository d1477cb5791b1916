#include "api/iceberg/rest_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ground/base/ascii.h"
#include "ground/base/digest.h"
#include "ground/base/name.h"
#include "ground/base/request/json_depth.h"
#include "ground/base/request/json_members.h"
#include "ground/base/text.h"

namespace weirhouse::rest {
namespace {
using nlohmann::json;

constexpr char kLevelSeparator = '\x1f';
constexpr RequestWords kBodyWords{.error_code = "WH7105",
                                  .separator = "",
                                  .text = "must be a text",
                                  .text_array = "must be an array of texts",
                                  .text_object = "must be an object of texts",
                                  .mixed_array = "must be an array of texts",
                                  .mixed_object = "must be an object of texts",
                                  .tells_found = true};
constexpr std::size_t kNameBytesMax = 1024;
constexpr std::size_t kShownBytesMax = 200;

std::string Shown(std::string_view text) { return EscapeControl(text.substr(0, kShownBytesMax)); }

// A level with a dot would be ambiguous in the joined form.
Status CheckLevel(std::string_view level) {
  if (level.empty()) return Malformed("the name cannot be used: one of its levels is empty");
  if (level.find('.') != std::string_view::npos) {
    return Malformed(fmt::format(
        "the name cannot be used: it has a dot, which separates levels in this catalog: \"{}\"",
        Shown(level)));
  }
  return Status();
}

void AddLevel(Name& name, std::string_view level) {
  if (!name.text.empty()) name.text += '.';
  name.text += level;
  if (name.problem.ok()) name.problem = CheckLevel(level);
  if (name.problem.ok() && name.text.size() > kNameBytesMax)
    name.problem = Malformed("the name cannot be used: it is longer than 1,024 bytes");
}

Status WrongType(std::string_view key, std::string_view wanted, const json& found) {
  return Malformed(fmt::format("\"{}\" must be {}, found {}", key, wanted, found.type_name()));
}

const json* Find(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const std::string* Header(const http::HttpRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? nullptr : &found->second;
}

std::optional<std::string> OfHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const char* end = hex.data() + i + 2;
    const auto [stop, error] = std::from_chars(hex.data() + i, end, byte, 16);
    if (error != std::errc() || stop != end) return std::nullopt;
    text += static_cast<char>(byte);
  }
  return text;
}
}  // namespace

Name ParseNamespaceStep(std::string_view step) {
  Name name;
  for (const std::string_view level : Split(step, kLevelSeparator)) AddLevel(name, level);
  return name;
}

Name JoinName(const Name& name_space, std::string_view own_name) {
  Name name = name_space;
  AddLevel(name, own_name);
  return name;
}

Name NamespaceInPath(const RestCall& call) {
  return ParseNamespaceStep(call.request.parameters.at("namespace"));
}
Name TableInPath(const RestCall& call) {
  return JoinName(NamespaceInPath(call), call.request.parameters.at("table"));
}
Name ViewInPath(const RestCall& call) {
  return JoinName(NamespaceInPath(call), call.request.parameters.at("view"));
}

Result<Name> ParseLevels(const json& levels, std::string_view where) {
  if (!levels.is_array()) return WrongType(where, "an array of texts", levels);
  if (levels.empty()) return Malformed(fmt::format("\"{}\" is empty: name a namespace", where));
  Name name;
  for (const json& level : levels) {
    if (!level.is_string()) return WrongType(where, "an array of texts", level);
    AddLevel(name, level.get_ref<const std::string&>());
  }
  return name;
}

Result<Name> ParseIdentifier(const json& identifier, std::string_view where) {
  if (!identifier.is_object()) return WrongType(where, "an object", identifier);
  const json* levels = Find(identifier, "namespace");
  if (levels == nullptr) return Malformed(fmt::format("\"{}\" lacks \"namespace\"", where));
  WEIRHOUSE_TRY(const Name name_space, ParseLevels(*levels, "namespace"));
  WEIRHOUSE_TRY(const std::string own, ParseText(identifier, "name"));
  return JoinName(name_space, own);
}

json LevelsToJson(std::string_view name_space) {
  json levels = json::array();
  for (const std::string_view level : NamespaceView(name_space).levels()) levels.push_back(level);
  return levels;
}

Status Malformed(std::string what) {
  return Status(Code::kInvalidInput, std::move(what)).WithError("WH7105");
}

Result<json> ParseBody(std::string_view text) {
  if (MeasureJsonDepth(text) > kSentDepthMax)
    return Malformed(fmt::format("the body is nested deeper than {} levels", kSentDepthMax));
  json body = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (body.is_discarded()) return Malformed("the body is not JSON");
  if (!body.is_object()) return WrongType("body", "an object", body);
  return body;
}

Result<std::string> ParseText(const json& object, const char* key) {
  RequestPlace place(kBodyWords, "");
  std::string text = JsonFields(place, object, "").AnyText(key);
  return place.Unless(std::move(text));
}

Result<bool> ParseFlagMember(const json& object, const char* key) {
  RequestPlace place(kBodyWords, "");
  const bool flag = JsonFields(place, object, "").OptionalBool(key);
  return place.Unless(flag);
}

Result<std::map<std::string, std::string>> ParseTexts(const json& object, const char* key) {
  RequestPlace place(kBodyWords, "");
  auto texts = JsonFields(place, object, "").OptionalTextMap(key);
  return place.Unless(std::move(texts));
}

Result<std::vector<std::string>> ParseList(const json& object, const char* key) {
  RequestPlace place(kBodyWords, "");
  auto texts = JsonFields(place, object, "").OptionalTexts(key);
  return place.Unless(std::move(texts));
}

Result<const json*> ParseArray(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return static_cast<const json*>(nullptr);
  if (!found->is_array()) return WrongType(key, "an array", *found);
  return &*found;
}

Result<bool> ParseFlag(const RestCall& call, const std::string& name) {
  const auto found = call.request.query.find(name);
  if (found == call.request.query.end() || found->second.empty()) return false;
  const std::string value = LowerCase(found->second);
  if (value == "true" || value == "false") return value == "true";
  return Malformed(
      fmt::format("\"{}\" must be true or false, found \"{}\"", name, Shown(found->second)));
}

Result<Page> ParsePage(const RestCall& call) {
  Page page;
  const auto& query = call.request.query;
  if (const auto size = query.find("pageSize"); size != query.end() && !size->second.empty()) {
    const std::string& text = size->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), page.size);
    if (error != std::errc() || end != text.data() + text.size() || page.size < 1) {
      return Malformed(
          fmt::format("\"pageSize\" must be a number from 1 on, found \"{}\"", Shown(text)));
    }
    page.size = std::min(page.size, kPageSizeMax);
    page.wanted = true;
  }
  if (const auto token = query.find("pageToken"); token != query.end()) {
    page.wanted = true;
    const auto after = OfHex(token->second);
    if (!after) return Malformed("\"pageToken\" was not issued by this catalog");
    page.after = *after;
  }
  return page;
}

std::string MakePageToken(std::string_view last_name) { return ToHex(last_name); }

std::string FindEngine(const http::HttpRequest& request) {
  // Java's client states its name and version in this header field only.
  const std::string* agent = Header(request, "x-client-version");
  if (agent == nullptr) agent = Header(request, "user-agent");
  if (agent == nullptr) return "";
  std::string engine(Trim(std::string_view(*agent).substr(0, agent->find('('))));
  engine.resize(std::min(engine.size(), kEngineBytesMax));
  const std::size_t slash = engine.find('/');
  if (slash != std::string::npos) {
    // "duckdb/v1.5.5 more/2" → "duckdb 1.5.5"
    std::string version = engine.substr(slash + 1, engine.find(' ', slash) - slash - 1);
    if (version.size() > 1 && version[0] == 'v') version.erase(0, 1);
    engine = engine.substr(0, slash) + " " + version;
  }
  return EscapeControl(LowerCase(engine));
}
}  // namespace weirhouse::rest
