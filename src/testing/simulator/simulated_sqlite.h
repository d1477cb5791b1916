// The disk under SQLite in a simulated life: a VFS of SQLite (sqlite.org/vfs.html) over its own.
//
// What is written to a database and its log, and not yet fsynced, may be lost when the power goes,
// in any part and order. After an fsync that failed, later ones are not believed about what came
// before it, as in Linux, whose pages are clean by then (Rebello et al., "Can Applications Recover
// from fsync Failures?", ATC 2020).
#pragma once

#include <string>

#include "ground/base/random.h"
#include "testing/simulator/faults.h"
#include "testing/simulator/plant.h"

namespace weirhouse::simulator {

// From the first call on all databases that the process opens lie on it; faults come while there
// is a life. One life at a time. Threads: one.
void BeginSqliteLife(Faults& faults, Plant plant);
void EndSqliteLife();
// All connections must be closed.
void LosePowerOfSqlite(Random& random);
// The VFS below, for whoever looks from outside: sees what the files hold, and has no faults.
const char* PlainSqlite();
}  // namespace weirhouse::simulator
