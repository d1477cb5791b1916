// What a run did, as people and programs read it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/command/context.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::command {

// "693,558 processed + 1 quarantined (0 duplicate, conflict, superseded, filtered, excluded)"
std::string FormatStates(const std::map<std::string, std::int64_t>& states);
// Names the landed files that were not taken in, each with the reason; the first 20 of them.
void SayUntaken(Context& context, const std::map<std::string, std::string>& files);
// Warns of landing folders that do not exist (work::MissingLandingFolders).
void SayMissingFolders(Context& context, const std::map<std::string, std::string>& folders);
std::string Story(const work::BehindHalt& behind);
// The story of Plan::waiting_views, which holds at least one.
std::string StoryOfViews(const std::vector<std::string>& views);
// Prints the summary and returns the exit code: 3 after a halt, where an object or a whole batch
// was refused, and where a feed is overdue; 130 after Ctrl-C.
int ReportRun(Context& context, work::Workspace& workspace, const work::RunSummary& summary);
}  // namespace weirhouse::command
