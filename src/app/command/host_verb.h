// Runs a verb in a project that stays open after the verb has ended, and tells what the verb leaves
// behind.
#pragma once

#include <cstdint>
#include <string_view>

#include "app/command/command.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::command {

// Whether this process can commit nothing any more: another process has claimed the project since
// this one opened it, or the catalog's file is not where it was opened.
inline bool EndsWriter(const Status& status) {
  return status.Is(catalog::kWriterReplaced) || status.Is(catalog::kCatalogMoved);
}

enum class Aftermath : std::uint8_t {
  kNone,
  kThrown,        // memory ran out, or a bug: state kept in memory may be half changed
  kReplaced,      // another process writes to the project: this one can commit nothing any more
  kCacheDamaged,  // noted (work/workspace/cache_damage.h): rebuilt when the project is opened again
};

// As RunCommand. `mends`: the caller opens a project with a damaged cache again and runs the verb
// again, so nothing is printed about the damage. `error`: why the verb has no answer, for callers
// that report it otherwise than by exit code; may be null.
int RunInHost(const Invocation& invocation, Streams& streams, Host& host, bool mends,
              Aftermath* aftermath, Status* error = nullptr);
}  // namespace weirhouse::command
