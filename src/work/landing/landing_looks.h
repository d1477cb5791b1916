// Looks at landing folders again and again, at a cost that grows with what is new and not with what
// is known.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/catalog.h"
#include "work/landing/landing.h"

namespace weirhouse::landing {

// The first look at a folder lists it all. Later ones look at the places that were reported as
// changed and at those that the look before left unsettled (files that are being written, were not
// taken in, or cannot be). Beside that, each look that is due by time lists a part of the folders,
// from where the last one ended: so it finds what nobody reported, at the latest after
// entries / kSliceEntries such looks, and in a small folder at the next one. If changes were lost,
// the next look lists it all.
//
// Threads: any may report; one lists. Memory: about 100 bytes for each changed or unsettled place;
// more than kUnsettledMax of them are forgotten, and the next look lists it all. Holds one folder
// open between looks if it has more entries than a slice.
class LandingLooks {
 public:
  LandingLooks();
  ~LandingLooks();
  LandingLooks(const LandingLooks&) = delete;
  LandingLooks& operator=(const LandingLooks&) = delete;

  // A file or a folder at `path`, an absolute path in the bytes of the disk, came or changed.
  void NoteChanged(const std::string& path);
  void NoteLost();
  // The next look is to list a part of the folders, too.
  void NoteDue();
  // The folders of the rules that were listed so far.
  std::vector<std::string> Folders() const;

  // As ListLanding, for what this look sees.
  Result<Landing> List(const LandingRule& rule, catalog::Catalog& catalog, ProcessTime now);

  static constexpr std::size_t kUnsettledMax = 65'536;
  // Entries of all folders together that a look lists beside what changed: some 20 ms.
  static constexpr std::size_t kSliceEntries = 4'096;
  static constexpr std::size_t kSliceEntriesLeast = 256;  // of each folder

 private:
  struct Folder;
  struct Seen {
    bool whole = false;
    std::set<std::string> places;
    std::size_t entries = 0;
  };
  Folder& FolderOf(const LandingRule& rule);
  Seen Take(Folder& folder, const LandingRule& rule);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Folder>>
      folders_;  // by source and folder
};
}  // namespace weirhouse::landing
