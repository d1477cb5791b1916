// Whether the machine and the project's state are well: each check with what was found and what
// would mend it.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "work/project/project.h"
#include "work/upkeep/relocation.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct CheckRow {
  std::string check;
  std::string state;  // ok | warn | fail
  std::string found;
  std::string remedy;  // empty: none is needed
};
struct DoctorAnswer {
  std::vector<CheckRow> checks;
  std::optional<Code> failed;  // of the first check that fails
};
// {"checks": [{check, state, found, remedy}]}
nlohmann::json ToJson(const DoctorAnswer& answer);

// What the checks of the machine are told. `state_folder` is looked at where it exists, else
// `folder`.
struct MachineAsked {
  std::string folder;
  std::string state_folder;
  std::uint16_t port = 0;
  bool daemon_listens = false;  // for this project: then nobody wonders that the port is in use
};
// Clock, disk, permissions, fsync, port, Python.
// Cost: some fsyncs in that folder, and a Python process of at most 20 s.
void CheckMachine(const MachineAsked& asked, DoctorAnswer& answer);
// The project's files, its catalog with its hash chain, and what lies beside it. `project` is what
// its files say, `workspace` what is open; either may be an error.
// Cost: reads the whole chain.
void CheckProject(const Result<std::shared_ptr<const work::ProjectDefinition>>& project,
                  const Result<work::Workspace*>& workspace, DoctorAnswer& answer);
// There is no project: a warning, since the machine alone can be asked about.
void NoteNoProject(const Status& status, DoctorAnswer& answer);
// What became of a project whose folder was moved.
void NotePlace(const work::RelocationReport& report, DoctorAnswer& answer);
void NoteVersions(DoctorAnswer& answer);

// CheckProject of a project that a daemon serves, by its files as they stand. Threads: any.
void CheckServed(work::Workspace& served, DoctorAnswer& answer);
}  // namespace weirhouse::answers
