// One request in terms of the catalog: who asks, what is named, what the body says.
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

// What one request works with. Lives on the stack of its handler.
struct RestCall {
  work::Workspace& workspace;
  const http::HttpRequest& request;
  work::Caller caller;
  nlohmann::json body = {};  // an object; null where the route takes none
  ProcessTime reply_kept_until = {};

  // Set by a handler:
  bool committed = false;  // rows or pointers that those downstream care for have changed
  Status hidden_refusal =
      Status();  // of a read that policy forbids and that is told as "not found"
  std::vector<std::string> tables = {};  // what it was about, for the audit log

  const policy::Principal& who() const { return caller.who; }
};

// ---- Names
// A namespace or a table as a request names it. `problem` says why no such thing can exist here (a
// dot in a level, say): reading it finds nothing, making it is refused.
struct Name {
  std::string text;  // "a.b" or "a.b.t": as the catalog knows it
  Status problem = Status();
};
// The step "a\x1fb" of a path, or the query field of this form.
Name ParseNamespaceStep(std::string_view step);
Name JoinName(const Name& name_space, std::string_view own_name);
// Of the path's {namespace}, and {table} or {view}.
Name NamespaceInPath(const RestCall& call);
Name TableInPath(const RestCall& call);
Name ViewInPath(const RestCall& call);
// {"namespace": ["a", "b"], "name": "t"}
Result<Name> ParseIdentifier(const nlohmann::json& identifier, std::string_view where);
Result<Name> ParseLevels(const nlohmann::json& levels, std::string_view where);
// ["a","b"] of "a.b"
nlohmann::json LevelsToJson(std::string_view name_space);

// ---- Bodies. All errors: kInvalidInput (WH7105).
Status Malformed(std::string what);
// One JSON object, no deeper than kSentDepthMax; looks before it parses.
Result<nlohmann::json> ParseBody(std::string_view text);
Result<std::string> ParseText(const nlohmann::json& object, const char* key);
Result<bool> ParseFlagMember(const nlohmann::json& object, const char* key);  // absent: false
// Absent or null: empty.
Result<std::map<std::string, std::string>> ParseTexts(const nlohmann::json& object,
                                                      const char* key);
Result<std::vector<std::string>> ParseList(const nlohmann::json& object, const char* key);
// An array in `object`; absent or null: nullptr.
Result<const nlohmann::json*> ParseArray(const nlohmann::json& object, const char* key);

// ---- Queries
// Absent: `if_absent`. Anything but true and false is refused.
Result<bool> ParseFlag(const RestCall& call, const std::string& name);

// A page of a sorted list of names.
struct Page {
  bool wanted = false;     // else the whole list
  std::string after = "";  // the last name of the page before
  std::int64_t size = kPageSizeMax;
};
Result<Page> ParsePage(const RestCall& call);
std::string MakePageToken(std::string_view last_name);

// Who calls, by its user agent: "duckdb 1.5.5"; empty if it does not say.
std::string FindEngine(const http::HttpRequest& request);
}  // namespace weirhouse::rest
