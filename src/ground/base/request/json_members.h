// Reads a client's JSON member by member. No input makes these functions throw. The first error is
// kept with its place, and later reads return empty values: read all members first, then check the
// status once. A null member counts as missing. Threads: one. Cost: one look-up per member.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/ascii.h"
#include "ground/base/request/request_place.h"

namespace weirhouse {

inline constexpr int kRequestDepthMax = 200;     // a schema of 60 nested structs fits
inline constexpr int kRequestItemsMax = 20'000;  // an expiry sends one update for each snapshot

// The members of one JSON object. Keeps references to the place and the JSON, so use it as a
// short-lived local.
class JsonFields {
 public:
  JsonFields(RequestPlace& place, const nlohmann::json& object, std::string path);

  bool Has(const char* key) const;  // present and not null
  std::string Path(std::string_view key) const;
  RequestPlace& place() const { return place_; }
  // The member itself; null if it is missing.
  const nlohmann::json& Any(const char* key) const;

  std::int64_t Long(const char* key, std::int64_t minimum = 0,
                    std::int64_t maximum = std::numeric_limits<std::int64_t>::max());
  std::optional<std::int64_t> OptionalLong(
      const char* key, std::int64_t minimum = 0,
      std::int64_t maximum = std::numeric_limits<std::int64_t>::max());
  int Int(const char* key, int minimum = 0, int maximum = std::numeric_limits<int>::max());
  std::optional<int> OptionalInt(const char* key, int minimum = 0,
                                 int maximum = std::numeric_limits<int>::max());
  bool Bool(const char* key);
  bool OptionalBool(const char* key);  // missing: false
  std::string Text(const char* key);   // may not be empty
  std::string AnyText(const char* key);
  std::string OptionalText(const char* key);
  // One of `known`, compared without case; returned as `known` spells it.
  std::string Word(const char* key, std::initializer_list<std::string_view> known);
  JsonFields Object(const char* key);
  // The elements of an array, each with its path; empty if the member is missing.
  std::vector<std::pair<const nlohmann::json*, std::string>> Array(const char* key);
  std::vector<std::int64_t> Longs(const char* key, std::int64_t minimum, std::int64_t maximum);
  std::vector<std::string> Texts(const char* key);
  std::vector<std::string> OptionalTexts(const char* key);
  std::map<std::string, std::string> TextMap(const char* key);
  std::map<std::string, std::string> OptionalTextMap(const char* key);

 private:
  // Refuses `found`, at `path`, because it has the wrong type.
  void RefuseType(const nlohmann::json& found, const std::string& path, std::string_view why);
  void RefuseElement(const nlohmann::json& found, const std::string& path, std::string_view mixed);
  std::vector<std::pair<const nlohmann::json*, std::string>> ArrayAt(const char* key,
                                                                     std::string_view why_not);
  std::optional<std::int64_t> IntegerAt(const nlohmann::json& value, const std::string& path,
                                        std::int64_t minimum, std::int64_t maximum);
  RequestPlace& place_;
  const nlohmann::json* object_;
  std::string path_;
};

// True if `json` is nested deeper than kRequestDepthMax, so that recursing over it may overflow the
// stack. Does not recurse itself.
bool IsTooDeep(const nlohmann::json& json);
}  // namespace weirhouse
