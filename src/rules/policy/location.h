// Paths judged by what they really name.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

// Places of one table, relative to the warehouse: its location and what its properties name.
using Places = std::vector<std::string>;

// Looks paths up below the warehouse, each folder once. Threads: one.
class PathGuard {
 public:
  explicit PathGuard(const Warehouse& warehouse);

  // The path relative to the warehouse, "processed/flight/data/a.parquet"; empty for its root.
  //   kPermissionDenied  WH7071: outside, climbs, or passes a symbolic link
  Result<std::string> Inside(std::string_view path);
  // The same by the text alone, for paths that were judged when they came; empty if outside.
  std::string ByName(std::string_view path) const;
  // A file of a table: inside one of its places, there, whole, and not a link or a device.
  // `size_bytes` -1: not known.
  //   kPermissionDenied  WH7071
  //   kInvalidInput      WH7078: it is not there, or of another size
  Status CheckFile(std::string_view what, const std::string& path, std::int64_t size_bytes,
                   const Places& places);
  // Where a table's files may lie.
  Result<Places> PlacesOf(const iceberg::TableMetadata& metadata);

 private:
  Status Walk(const std::string& relative, std::string_view path);

  std::vector<std::string> roots_;  // as it is named, and as it really is
  std::set<std::string, std::less<>> walked_;
};

// The properties that name places.
using iceberg::kPathProperties;
}  // namespace weirhouse::policy
