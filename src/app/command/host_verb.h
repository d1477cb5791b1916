// A verb in a project that stays open when the verb has ended: what it leaves behind.
#pragma once

#include <cstdint>
#include <string_view>

#include "app/command/command.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::command {

// Whether nothing more is taken of this process, whatever it tries: another one has claimed the
// project since this one opened it, or the catalog's file is not where it was opened.
inline bool EndsWriter(const Status& status) {
  return status.Is(catalog::kWriterReplaced) || status.Is(catalog::kCatalogMoved);
}

enum class Aftermath : std::uint8_t {
  kNone,
  kThrown,        // memory ran out, or a bug: what is kept in memory may be half done
  kReplaced,      // another process writes to the project: nothing of this one is taken any more
  kCacheDamaged,  // noted (work/workspace/cache_damage.h): mended where the project is opened anew
};

// As RunCommand. `mends`: the caller opens a project with a damaged cache anew and runs the verb
// again, so that nothing of the damage is printed. `error`: why the verb has no answer, for those who
// have other words for it than exit codes; may be null.
int RunInHost(const Invocation& invocation, Streams& streams, Host& host, bool mends,
              Aftermath* aftermath, Status* error = nullptr);
}  // namespace weirhouse::command
