// Checks paths by what they really name.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

// The places of one table, relative to the warehouse: its location and those that its properties
// name.
using Places = std::vector<std::string>;

// Looks up paths below the warehouse, each folder once. Threads: one.
class PathGuard {
 public:
  explicit PathGuard(const Warehouse& warehouse);

  // The path relative to the warehouse, "processed/flight/data/a.parquet"; empty for its root.
  //   kPermissionDenied  WH7071: outside, climbs, or passes a symbolic link
  Result<std::string> Inside(std::string_view path);
  // The same from the text alone, for paths that were checked when they came; empty if outside.
  std::string ByName(std::string_view path) const;
  // Checks a file of a table: it is inside one of the table's places, exists, has its size, and is
  // not a link or a device. `size_bytes` -1: unknown.
  //   kPermissionDenied  WH7071
  //   kInvalidInput      WH7078: it is not there, or of another size
  Status CheckFile(std::string_view what, const std::string& path, std::int64_t size_bytes,
                   const Places& places);
  // The places where a table's files may lie.
  Result<Places> PlacesOf(const iceberg::TableMetadata& metadata);

 private:
  Status Walk(const std::string& relative, std::string_view path);

  std::vector<std::string> roots_;  // as named, and with links resolved
  std::set<std::string, std::less<>> walked_;
};

// The properties that name places.
using iceberg::kPathProperties;
}  // namespace weirhouse::policy
