// A note beside the catalog of the commit it was last at, so that a catalog replaced by an older
// copy is noticed.
//
// A small file of the state folder: `head`, the number and chain digest of a commit, and `lives`,
// one line for each time the catalog did not continue from there. Written after the commit and
// never fsynced: after a crash it may lag behind the catalog, which is harmless, and it cannot be
// ahead.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::work {

// What to report about replaced catalogs, oldest first: those noted before, and whether the present
// catalog lacks the commit that was last noted.
Result<std::vector<std::string>> OtherLives(platform::ObjectStore& store,
                                            const std::string& state_folder,
                                            catalog::Catalog& catalog);
// Notes the catalog's present commit and, if it did not continue from the noted one, that fact. For
// the writer, after opening the catalog and before closing it. A failure is no error; a later
// replacement then goes unnoticed.
void RememberCatalog(platform::ObjectStore& store, const std::string& state_folder,
                     catalog::Catalog& catalog);
}  // namespace weirhouse::work
