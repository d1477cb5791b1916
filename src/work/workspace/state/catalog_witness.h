// Which commit the catalog stood at when it was last written here, kept beside it, so that an older
// catalog that is put back is noticed.
//
// A small file of the state folder: `head`, the number and the chain of a commit, and `lives`, one
// line for each time the catalog did not go on from there. Written after the commit and never
// fsynced: after a crash it may lag behind the catalog, which tells nothing, and cannot be ahead.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::work {

// What is to be said of the catalog's other lives, oldest first: those that were written down, and
// that the catalog as it stands does not hold the commit it was last seen at.
Result<std::vector<std::string>> OtherLives(platform::ObjectStore& store,
                                            const std::string& state_folder,
                                            catalog::Catalog& catalog);
// Remembers where the catalog stands and, if it does not go on from where it was, that it did not.
// For the writer, when it has opened it and before it closes it. Failing to tells nobody later, and
// is no error.
void RememberCatalog(platform::ObjectStore& store, const std::string& state_folder,
                     catalog::Catalog& catalog);
}  // namespace weirhouse::work
