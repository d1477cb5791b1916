// The disk under SQLite in a simulated life: a SQLite VFS (sqlite.org/vfs.html) on top of the
// default one.
//
// Writes to a database and its log that were not yet fsynced may be lost at a power loss, in any
// part and order. After a failed fsync, later ones do not cover the earlier writes, as on Linux,
// which has marked the pages clean by then (Rebello et al., "Can Applications Recover from fsync
// Failures?", ATC 2020).
#pragma once

#include <string>

#include "ground/base/random.h"
#include "testing/simulator/faults.h"
#include "testing/simulator/plant.h"

namespace weirhouse::simulator {

// From the first call on, all databases that the process opens use it; faults occur while there is
// a life. One life at a time. Threads: one.
void BeginSqliteLife(Faults& faults, Plant plant);
void EndSqliteLife();
// All connections must be closed.
void LosePowerOfSqlite(Random& random);
// The name of the default VFS, for checks from outside: it reads the files directly, without
// faults.
const char* PlainSqlite();
}  // namespace weirhouse::simulator
