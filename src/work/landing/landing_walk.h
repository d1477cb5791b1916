// Walks through a landing folder: all of it, a part of it, or the places that are known to have
// changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/open_folder.h"
#include "work/landing/landing.h"

namespace weirhouse::landing {

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// Whether files and folders of this name are not landed files: hidden ones, *.tmp and *.part.
bool IsSkipped(std::string_view name);

// How far a walk has come: it may go on later, with another Walk. Memory: the names of the folders
// that are still to be listed.
struct FolderCursor {
  bool begun = false;
  std::vector<std::string> folders;                // places that are still to be listed
  std::string place;                               // of the folder that is being listed …
  std::optional<platform::OpenFolder> folder;      // … and that folder
  std::optional<platform::FolderListing> listing;  // of it
  bool at_end() const { return begun && !listing && folders.empty(); }
};

// One look at a landing folder; what it finds is in the end a Landing. Cost: one stat for each
// entry, and one query of the catalog for each hundred files. Memory: what is new, and one piece of
// a folder. Threads: one.
class Walk {
 public:
  // All must outlive it.
  Walk(const LandingRule& rule, catalog::Catalog& catalog, ProcessTime now)
      : rule_(rule), catalog_(catalog), now_(now) {}

  // Lists on from `cursor` until it has seen `entries_max` entries, or a few more, or all. A new
  // cursor begins with the landing folder.
  void GoOn(FolderCursor& cursor, std::size_t entries_max);
  // Looks at these places, files or whole folders, below the landing folder; those that are gone
  // are nothing.
  void LookAt(const std::set<std::string>& places);
  // To be called once, last.
  Result<Landing> Finish();
  // The places that a later look must see again, whatever happens to them: those in the Landing, and
  // those that were refused. Valid after Finish.
  const std::set<std::string>& unsettled() const { return unsettled_; }

 private:
  // The files that the catalog knows, by their paths.
  using Known = std::unordered_map<std::string, catalog::LandingRecord>;

  bool Open(FolderCursor& cursor);
  Known Recall(const std::vector<std::string>& paths);
  // Handles entries of one folder. Its folders are added to `below`.
  void Take(const platform::OpenFolder& folder, const std::string& prefix,
            const std::vector<platform::Entry>& entries, std::vector<std::string>& below);
  void TakeFolder(const platform::Entry& entry, const std::string& place,
                  std::vector<std::string>& below);
  void Consider(const platform::OpenFolder& folder, const platform::Entry& entry,
                const std::string& place, std::string path, const catalog::LandingRecord* record);
  void WatchFilesOfTheFuture();
  void Refuse(std::string_view place, std::string why);

  const LandingRule& rule_;
  catalog::Catalog& catalog_;
  const ProcessTime now_;
  Status problem_;                              // an error of the catalog
  std::set<std::uint64_t> future_;              // inodes of incomplete files that must be watched
  std::unordered_set<std::string> considered_;  // places of files that are not settled
  std::set<std::string> unsettled_;
  Landing landing_;
};
}  // namespace weirhouse::landing
