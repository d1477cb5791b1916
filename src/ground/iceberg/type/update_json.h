// Reading what a REST client sent, member by member. No input makes these throw; the first thing
// wrong is kept with its place, and later reads answer with empty values: read all that is needed,
// then ask for the status.
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
#include "ground/base/status.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

inline constexpr int kColumnIdMax = 2'147'483'447;  // above it lie the ids of metadata columns
inline constexpr int kPartitionFieldIdMin = 1000;
inline constexpr int kRequestDepthMax = 200;     // a schema of 60 structs in each other fits
inline constexpr int kRequestItemsMax = 20'000;  // an expiry sends one update for each snapshot

// The part of a request that is read ("update 3 (add-schema)") and the first thing wrong with it.
struct JsonPlace {
  std::string context;
  Status status = {};

  // Says that the member at `path` is wrong: kInvalidInput (WH7067).
  void Refuse(std::string_view path, std::string_view why);
  // Keeps another refusal; the first one stays.
  void Fail(Status refusal);
  bool ok() const { return status.ok(); }
};

// The members of one JSON object. Keeps references to the place and the JSON: a short-lived local.
class JsonFields {
 public:
  JsonFields(JsonPlace& place, const nlohmann::json& object, std::string path);

  bool Has(const char* key) const;  // there, and not null
  std::string Path(std::string_view key) const;
  JsonPlace& place() const { return place_; }
  // The member itself, null where it is missing.
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
  std::string Text(const char* key);  // may not be empty
  std::string OptionalText(const char* key);
  // One of `known`, compared without case; its spelling there.
  std::string Word(const char* key, std::initializer_list<std::string_view> known);
  JsonFields Object(const char* key);
  // The elements of an array, each with its path; empty where there is none.
  std::vector<std::pair<const nlohmann::json*, std::string>> Array(const char* key);
  std::vector<std::int64_t> Longs(const char* key, std::int64_t minimum, std::int64_t maximum);
  std::vector<std::string> Texts(const char* key);
  std::map<std::string, std::string> TextMap(const char* key);

 private:
  std::optional<std::int64_t> IntegerAt(const nlohmann::json& value, const std::string& path,
                                        std::int64_t minimum, std::int64_t maximum);
  JsonPlace& place_;
  const nlohmann::json* object_;
  std::string path_;
};

// True if arrays and objects of `json` lie deeper in each other than kRequestDepthMax: what
// recurses over it may overflow the stack.
bool IsTooDeep(const nlohmann::json& json);
// A message that quotes what a client sent, short enough for a log line and without control
// characters.
std::string Clipped(std::string message);

// A schema, spec or order as a request states it, every member checked. Nested types are brought to
// the form in which Schema keeps them. A schema's id is what the client thinks it is. A partition
// field without an id has 0.
enum class ColumnIds : std::uint8_t {
  kKept,   // the table's own: not negative, not above kColumnIdMax
  kAnyOf,  // to be assigned anew: only different from each other
};
Schema ReadSchema(JsonPlace& place, const nlohmann::json& json, const std::string& path,
                  ColumnIds ids);
PartitionSpec ReadSpec(JsonPlace& place, const nlohmann::json& json, const std::string& path);
SortOrder ReadSortOrder(JsonPlace& place, const nlohmann::json& json, const std::string& path);
}  // namespace weirhouse::iceberg
