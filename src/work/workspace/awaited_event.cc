#include "work/workspace/awaited_event.h"

#include <algorithm>
#include <string>

namespace weirhouse::work {
namespace {
bool AlertWaits(const Alert& alert, EventKind kind) {
  return !alert.command.empty() && std::ranges::any_of(alert.when, [&](const std::string& when) {
    const std::string_view word = std::string_view(when).substr(0, when.find_first_of(" >"));
    return KindWaitedFor(AlertConditions(), word) == kind;
  });
}

bool NotifyWaits(const Notify& notify, EventKind kind, std::string_view subject) {
  return !notify.command.empty() && KindWaitedFor(NotifyConditions(), notify.when) == kind &&
         (notify.table.empty() || notify.table == subject);
}
}  // namespace

bool IsAwaited(const ProjectDefinition& project, EventKind kind, std::string_view subject) {
  return std::ranges::any_of(project.alerts,
                             [&](const Alert& alert) { return AlertWaits(alert, kind); }) ||
         std::ranges::any_of(project.notify, [&](const Notify& notify) {
           return NotifyWaits(notify, kind, subject);
         });
}
}  // namespace weirhouse::work
