#include "work/project/landing_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;

// Folders that no landing folder may be, contain or lie in.
constexpr const char* kProjectFolders[] = {"contracts", "processed",     "gates",
                                           "features",  "training_sets", "models",
                                           "seeds",     "tests",         ".weirhouse"};

struct Place {
  std::string what;  // for the message
  fs::path path;
};

// The canonical form of a folder: absolute, links followed as far as it exists, no slash at the
// end.
fs::path CanonicalOf(const fs::path& root, const std::string& folder) {
  std::error_code error;
  const fs::path whole = fs::absolute(root / folder, error);
  fs::path path = fs::weakly_canonical(whole, error);
  if (error) path = whole.lexically_normal();  // a folder without permission
  return path.has_filename() ? path : path.parent_path();
}

bool IsOrHolds(const fs::path& outer, const fs::path& inner) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

// How `landing` relates to `other`; empty if they are apart.
std::string_view Relation(const fs::path& landing, const fs::path& other) {
  if (landing == other) return "is";
  if (IsOrHolds(landing, other)) return "holds";
  return IsOrHolds(other, landing) ? "lies in" : "";
}

Status Refusal(const YamlNode& landing, const Source& source, std::string_view relation,
               const std::string& what) {
  return landing
      .Error("WH2031", fmt::format("landing of the source \"{}\" {} {}: \"{}\"", source.name,
                                   relation, what, source.landing))
      .WithHint("give each source a folder of its own, for example landing/" + source.name + "/");
}

std::vector<Place> ProjectPlaces(const ProjectDefinition& project, const fs::path& root) {
  std::vector<Place> places;
  for (const char* folder : kProjectFolders) {
    places.push_back({fmt::format("the project's folder {}/", folder), CanonicalOf(root, folder)});
  }
  places.push_back({"the warehouse", CanonicalOf(root, project.profile.warehouse)});
  for (const Seed& seed : project.seeds) {
    places.push_back({fmt::format("the seed \"{}\"", seed.name), CanonicalOf(root, seed.path)});
  }
  return places;
}
}  // namespace

Status CheckLandingPlaces(const YamlNode& sources, const ProjectDefinition& project) {
  const fs::path root = CanonicalOf(project.root, "");
  const std::vector<Place> places = ProjectPlaces(project, root);
  std::vector<std::pair<fs::path, const Source*>> landings;
  for (const Source& source : project.sources) {
    if (!source.topic.empty()) continue;
    const fs::path path = CanonicalOf(root, source.landing);
    const YamlNode& landing = *sources.Find(source.name)->Find("landing");
    // A landing folder may be any folder in the project, but not the project itself.
    if (IsOrHolds(path, root)) {
      return Refusal(landing, source, Relation(path, root), "the project's folder");
    }
    for (const Place& place : places) {
      const std::string_view relation = Relation(path, place.path);
      if (!relation.empty()) return Refusal(landing, source, relation, place.what);
    }
    landings.emplace_back(path, &source);
  }
  // Sorted by path components, a folder stands right before those it contains, so neighbours
  // suffice.
  std::sort(landings.begin(), landings.end());
  for (std::size_t i = 1; i < landings.size(); ++i) {
    const auto& [outer, first] = landings[i - 1];
    const auto& [inner, second] = landings[i];
    if (!IsOrHolds(outer, inner)) continue;
    return Refusal(*sources.Find(second->name)->Find("landing"), *second, Relation(inner, outer),
                   fmt::format("that of \"{}\"", first->name));
  }
  return Status();
}

std::map<std::string, std::string> MissingLandingFolders(const ProjectDefinition& project) {
  std::map<std::string, std::string> missing;
  for (const Source& source : project.sources) {
    if (!source.topic.empty()) continue;
    std::error_code error;
    const fs::file_status found = fs::status(fs::path(project.root) / source.landing, error);
    if (found.type() == fs::file_type::not_found) missing[source.name] = source.landing;
  }
  return missing;
}
}  // namespace weirhouse::work
