// Which events a project waits for.
#pragma once

#include <string_view>

#include "work/project/event/event_type.h"
#include "work/project/project.h"

namespace weirhouse::work {

// Whether a rule of the project with a command waits for events of this kind about `subject`. Events
// that every batch has (objects that arrived, tables that moved, runs that ended) are written only
// then: nobody would ever take them. Rare ones are kept in any case.
bool IsAwaited(const ProjectDefinition& project, EventKind kind, std::string_view subject);
}  // namespace weirhouse::work
