// One call of the REST catalog: its caller, the names in its path, its body.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/net/message.h"
#include "work/foreign/foreign_commit.h"
#include "work/workspace/workspace.h"

namespace weirhouse::rest {

inline constexpr std::size_t kEngineBytesMax = 80;
inline constexpr std::int64_t kPageSizeMax = 10'000;

// The context of one call, passed to its handler. Lives on the stack of the server's handler.
// Threads: one.
struct RestCall {
  work::Workspace& workspace;
  const http::HttpRequest& request;
  work::Caller caller;
  nlohmann::json body = {};  // an object; null if the route has no body
  ProcessTime reply_kept_until = {};

  // Set by a handler:
  bool committed = false;  // rows or pointers that downstream steps use have changed
  Status hidden_refusal =
      Status();  // of a read that policy forbids and that is answered as "not found"
  std::vector<std::string> tables = {};  // the tables or namespaces concerned, for the audit log

  const policy::Principal& who() const { return caller.who; }
};

// ---- Names
// The name of a namespace or table in a request. `problem` says why nothing can have this name here
// (a level with a dot, for example): a read finds nothing, a creation is refused.
struct Name {
  std::string text;  // "a.b" or "a.b.t": as the catalog knows it
  Status problem = Status();
};
// Parses the step "a\x1fb" of a path, or a query field of this form.
Name ParseNamespaceStep(std::string_view step);
Name JoinName(const Name& name_space, std::string_view own_name);
// The name in the path's {namespace}, and {table} or {view}.
Name NamespaceInPath(const RestCall& call);
Name TableInPath(const RestCall& call);
Name ViewInPath(const RestCall& call);
// Parses {"namespace": ["a", "b"], "name": "t"}, and ["a", "b"]. `where` names the member in
// messages.
Result<Name> ParseIdentifier(const nlohmann::json& identifier, std::string_view where);
Result<Name> ParseLevels(const nlohmann::json& levels, std::string_view where);
// ["a","b"] of "a.b"
nlohmann::json LevelsToJson(std::string_view name_space);

// ---- Bodies. All errors: kInvalidInput (WH7105).
Status Malformed(std::string what);
// Parses one JSON object. Its depth is limited to kSentDepthMax and checked before parsing.
Result<nlohmann::json> ParseBody(std::string_view text);
Result<std::string> ParseText(const nlohmann::json& object, const char* key);
Result<bool> ParseFlagMember(const nlohmann::json& object, const char* key);  // absent: false
// Empty if absent or null.
Result<std::map<std::string, std::string>> ParseTexts(const nlohmann::json& object,
                                                      const char* key);
Result<std::vector<std::string>> ParseList(const nlohmann::json& object, const char* key);
// The array under `key`; nullptr if absent or null.
Result<const nlohmann::json*> ParseArray(const nlohmann::json& object, const char* key);

// ---- Queries
// A query field that must be true or false; false if absent.
Result<bool> ParseFlag(const RestCall& call, const std::string& name);

// The requested page of a sorted list of names.
struct Page {
  bool wanted = false;     // false: the whole list
  std::string after = "";  // the last name of the previous page
  std::int64_t size = kPageSizeMax;
};
Result<Page> ParsePage(const RestCall& call);
std::string MakePageToken(std::string_view last_name);

// The calling engine, from its user agent: "duckdb 1.5.5"; empty if unknown.
std::string FindEngine(const http::HttpRequest& request);
}  // namespace weirhouse::rest
