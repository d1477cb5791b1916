#include "rules/policy/location.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "ground/base/ascii.h"
#include "ground/base/failpoint.h"
#include "ground/base/name.h"
#include "ground/base/text.h"

namespace weirhouse::policy {
namespace {

constexpr std::size_t kPathBytesMax = 4096;  // the kernel's PATH_MAX

// Iceberg's compatibility kit names places outside any warehouse, and data files that do not exist.
// Test builds can let them pass, so that the protocol behind them is tested anyway.
bool AnyLocation() { return Planted("any_location"); }

Status Escapes(std::string_view path, std::string_view why, std::string hint) {
  return Status(Code::kPermissionDenied, fmt::format("{}: {}", why, EscapeControl(path)))
      .WithError("WH7071")
      .WithHint(std::move(hint));
}

// Some clients decode %XX, others do not: a name that climbs in either reading is refused. (A "/"
// in a partition's value is correctly written as %2F.)
bool Climbs(std::string_view name) {
  std::string decoded;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool coded = name[i] == '%' && i + 2 < name.size() && HexDigit(name[i + 1]) >= 0 &&
                       HexDigit(name[i + 2]) >= 0;
    if (!coded) {
      decoded += name[i];
      continue;
    }
    decoded += static_cast<char>(HexDigit(name[i + 1]) * 16 + HexDigit(name[i + 2]));
    i += 2;
  }
  for (const std::string_view part : Split(decoded, '/')) {
    if (part == "..") return true;
  }
  return decoded.find('\0') != std::string::npos;
}

// The names of an absolute path, without "." and empty ones; absent if it is not absolute or
// climbs.
std::optional<std::vector<std::string_view>> NamesOf(std::string_view path) {
  // Drops the scheme. ".." is refused, because links decide which folder it leaves.
  if (path.starts_with("file:")) {
    path.remove_prefix(5);
    if (path.starts_with("//") && !path.starts_with("///")) return std::nullopt;  // of a host
  }
  if (!path.starts_with('/') || path.size() > kPathBytesMax) return std::nullopt;
  std::vector<std::string_view> names;
  for (const std::string_view name : Split(path, '/')) {
    if (name.empty() || name == ".") continue;
    if (Climbs(name)) return std::nullopt;
    names.push_back(name);
  }
  return names;
}

std::string Normal(std::string_view path) {
  std::string normal;
  const auto names = NamesOf(path);
  if (!names) return normal;
  for (const std::string_view name : *names) normal += fmt::format("/{}", name);
  return normal;
}

bool IsInOrSame(std::string_view path, std::string_view folder) {
  return path == folder ||
         (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

// The first name below the warehouse tells whose folder it is.
Status CheckFolder(const iceberg::TableMetadata& metadata, std::string_view place,
                   std::string_view path) {
  const std::string_view first = place.substr(0, place.find('/'));
  if (first == "code" || first == "model") {
    return Escapes(path,
                   fmt::format("the location of table \"{}\" lies among the project's own files",
                               metadata.name),
                   "choose another folder, or another name for the namespace");
  }
  const std::string_view own = NamespaceView(metadata.name).first();
  if (LayerOf(first) == Layer::kOpen || first == own) return Status::Ok();
  return Escapes(path,
                 fmt::format("the location of table \"{}\" lies in the folder of another layer, {}",
                             metadata.name, first),
                 "leave the location out: the catalog chooses one");
}

const std::string* Property(const iceberg::TableMetadata& metadata, std::string_view key) {
  const auto it = metadata.properties.find(std::string(key));
  return it == metadata.properties.end() ? nullptr : &it->second;
}
}  // namespace

PathGuard::PathGuard(const Warehouse& warehouse) {
  roots_.push_back(Normal(warehouse.root));
  std::error_code error;
  const std::string real = std::filesystem::weakly_canonical(warehouse.root, error).string();
  if (!error && real != roots_[0]) roots_.push_back(real);
}

std::string PathGuard::ByName(std::string_view path) const {
  const std::string normal = Normal(path);
  for (const std::string& root : roots_) {
    if (!root.empty() && IsInOrSame(normal, root)) {
      return normal.size() == root.size() ? "" : normal.substr(root.size() + 1);
    }
  }
  return "";
}

Result<std::string> PathGuard::Inside(std::string_view path) {
  const std::string hint =
      fmt::format("choose a place below {}, without \"..\"", roots_.empty() ? "" : roots_[0]);
  const auto names = NamesOf(path);
  if (!names) {
    return Escapes(path, "a location is not an absolute path of this warehouse, or climbs", hint);
  }
  const std::string normal = Normal(path);
  for (const std::string& root : roots_) {
    if (root.empty() || !IsInOrSame(normal, root)) continue;
    if (normal.size() == root.size()) return std::string();
    std::string relative = normal.substr(root.size() + 1);
    WEIRHOUSE_TRY_STATUS(Walk(relative, path));
    return relative;
  }
  return Escapes(path, "a location lies outside the warehouse", hint);
}

// Refuses links on the path, as far as it exists.
Status PathGuard::Walk(const std::string& relative, std::string_view path) {
  std::size_t end = 0;
  while (end != std::string::npos) {
    end = relative.find('/', end + 1);
    const std::string_view part = std::string_view(relative).substr(0, end);
    const bool last = end == std::string::npos;
    if (!last && walked_.contains(part)) continue;
    std::error_code error;
    const auto status =
        std::filesystem::symlink_status(fmt::format("{}/{}", roots_[0], part), error);
    if (status.type() == std::filesystem::file_type::not_found) return Status::Ok();
    if (status.type() == std::filesystem::file_type::symlink) {
      return Escapes(path,
                     fmt::format("a location passes a symbolic link, {}", EscapeControl(part)),
                     "name the place itself; below the warehouse no link is followed");
    }
    if (error || (!last && status.type() != std::filesystem::file_type::directory)) {
      return Escapes(path, fmt::format("a location passes {}, which is no folder", part),
                     "choose another place");
    }
    if (!last) walked_.insert(std::string(part));
  }
  return Status::Ok();
}

Result<Places> PathGuard::PlacesOf(const iceberg::TableMetadata& metadata) {
  Places places;
  if (AnyLocation()) return places;
  WEIRHOUSE_TRY(places.emplace_back(), Inside(metadata.location));
  for (const std::string_view key : kPathProperties) {
    const std::string* path = Property(metadata, key);
    if (path == nullptr) continue;
    WEIRHOUSE_TRY(places.emplace_back(), Inside(*path));
  }
  return places;
}

Status PathGuard::CheckFile(std::string_view what, const std::string& path, std::int64_t size_bytes,
                            const Places& places) {
  if (AnyLocation()) return Status::Ok();
  WEIRHOUSE_TRY(const std::string relative, Inside(path));
  const bool own = std::any_of(places.begin(), places.end(), [&](const std::string& place) {
    return !place.empty() && IsInOrSame(relative, place) && relative != place;
  });
  if (!own) {
    return Escapes(path, fmt::format("a {} lies outside its table's location", what),
                   "let the engine write it below the table's location or `write.data.path`; files "
                   "that lie elsewhere cannot be added, only copied");
  }
  std::error_code error;
  const std::string full = fmt::format("{}/{}", roots_[0], relative);
  const auto status = std::filesystem::symlink_status(full, error);
  const auto contradiction = [&](std::string message) {
    return Status(Code::kInvalidInput, std::move(message))
        .WithError("WH7078")
        .WithHint("nothing was committed; write the file again and retry");
  };
  if (status.type() != std::filesystem::file_type::regular) {
    return contradiction(fmt::format("a {} that the commit names is not a file on this machine: {}",
                                     what, EscapeControl(path)));
  }
  if (size_bytes < 0) return Status::Ok();
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(full, error));
  if (!error && size == size_bytes) return Status::Ok();
  return contradiction(fmt::format("a {} has {} bytes where the commit says {}: {}", what,
                                   error ? 0 : size, size_bytes, EscapeControl(path)));
}

Status CheckInside(const Warehouse& warehouse, std::string_view path) {
  if (AnyLocation()) return Status::Ok();
  return PathGuard(warehouse).Inside(path).status();
}

bool MovesLocations(const iceberg::TableMetadata* before, const iceberg::TableMetadata& after) {
  if (before == nullptr || before->location != after.location) return true;
  return std::any_of(
      std::begin(kPathProperties), std::end(kPathProperties), [&](std::string_view key) {
        const std::string* was = Property(*before, key);
        const std::string* is = Property(after, key);
        return (was == nullptr) != (is == nullptr) || (was != nullptr && *was != *is);
      });
}

std::vector<std::string> PlacesOf(const Warehouse& warehouse,
                                  const iceberg::TableMetadata& metadata) {
  std::vector<std::string> places;
  if (AnyLocation()) return places;
  const PathGuard guard(warehouse);
  for (const std::string& path : iceberg::PlacesOf(metadata)) {
    if (const std::string place = guard.ByName(path); !place.empty()) {
      places.push_back(fmt::format("{}/{}", Normal(warehouse.root), place));
    }
  }
  return places;
}

Status CheckLocations(const Warehouse& warehouse, const iceberg::TableMetadata& metadata,
                      const std::vector<std::string>& other_locations) {
  if (AnyLocation()) return Status::Ok();
  PathGuard guard(warehouse);
  WEIRHOUSE_TRY(const Places places, guard.PlacesOf(metadata));
  std::vector<std::string> others;
  for (const std::string& other : other_locations) {
    if (std::string place = guard.ByName(other); !place.empty()) {
      others.push_back(std::move(place));
    }
  }
  for (const std::string& place : places) {
    const std::string path = fmt::format("{}/{}", warehouse.root, place);
    if (place.empty()) {
      return Escapes(
          warehouse.root,
          fmt::format("the location of table \"{}\" is the whole warehouse", metadata.name),
          "choose a folder of its own below it");
    }
    WEIRHOUSE_TRY_STATUS(CheckFolder(metadata, place, path));
    for (const std::string& other : others) {
      if (!IsInOrSame(place, other) && !IsInOrSame(other, place)) continue;
      return Escapes(path,
                     fmt::format("the location of table \"{}\" overlaps that of another table, "
                                 "{}/{}",
                                 metadata.name, warehouse.root, other),
                     "choose a folder of its own, or leave the location out");
    }
  }
  return Status::Ok();
}
}  // namespace weirhouse::policy
