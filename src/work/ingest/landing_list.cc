#include "work/ingest/landing_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "work/ingest/raw_step.h"
#include "work/ingest/unread_file.h"
#include "work/landing/landed_file.h"
#include "work/landing/landing_name.h"

namespace weirhouse::work {
namespace {
// Objects of one batch, for batches by arrival: many small files become one commit. In memory each
// of them takes about a kilobyte beside its bytes (raw_step.cc).
constexpr std::size_t kArrivalObjectsMax = 8'192;
constexpr std::int64_t kArrivalBytesMax = 256 << 20;

// `looks`: null to list everything.
Result<std::vector<landing::Landing>> ListAll(Workspace& workspace, landing::LandingLooks* looks) {
  std::vector<landing::Landing> landings;
  for (const Source& source : workspace.project().sources) {
    if (!source.topic.empty()) {
      landings.emplace_back();  // one for each source
      continue;
    }
    const landing::LandingRule rule = MakeLandingRule(workspace, source);
    const ProcessTime now = workspace.clock().Now();
    auto landing = looks == nullptr ? landing::ListLanding(rule, workspace.catalog(), now)
                                    : looks->List(rule, workspace.catalog(), now);
    WEIRHOUSE_TRY(landings.emplace_back(), std::move(landing));
  }
  return landings;
}

// Groups files into batches of bounded size, in order of arrival.
void AddByArrival(std::vector<landing::LandedFile> files, std::vector<WaitingBatch>& batches) {
  std::sort(files.begin(), files.end(),
            [](const landing::LandedFile& a, const landing::LandedFile& b) {
              return std::tie(a.entry.mtime_ns, a.source, a.name) <
                     std::tie(b.entry.mtime_ns, b.source, b.name);
            });
  std::int64_t bytes = 0;
  WaitingBatch current;
  for (landing::LandedFile& file : files) {
    if (!current.files.empty() && (current.files.size() >= kArrivalObjectsMax ||
                                   bytes + file.entry.size_bytes > kArrivalBytesMax)) {
      batches.push_back(std::exchange(current, {}));
      bytes = 0;
    }
    if (current.files.empty()) current.name = "arrival-" + FormatTime(file.entry.mtime_us());
    bytes += file.entry.size_bytes;
    current.files.push_back(std::move(file));
  }
  if (!current.files.empty()) batches.push_back(std::move(current));
}

Waiting GroupByBatch(std::vector<landing::Landing> landings) {
  Waiting waiting;
  std::map<std::string, std::vector<landing::LandedFile>> dated;
  std::vector<landing::LandedFile> by_arrival;
  for (landing::Landing& landing : landings) {
    for (const landing::Untaken& one : landing.untaken) waiting.untaken[one.path] = one.why;
    for (const landing::LandedFile& file : landing.unmatched)
      waiting.unmatched.push_back(file.path);
    waiting.being_written += static_cast<std::int64_t>(landing.incomplete.size());
    for (landing::LandedFile& file : landing.complete) {
      ++waiting.files;
      (file.batch.empty() ? by_arrival : dated[file.batch]).push_back(std::move(file));
    }
  }
  for (auto& [name, files] : dated) waiting.batches.push_back({name, std::move(files)});
  AddByArrival(std::move(by_arrival), waiting.batches);
  return waiting;
}
}  // namespace

landing::LandingRule MakeLandingRule(Workspace& workspace, const Source& source) {
  const std::string& root = workspace.project().root;
  std::string folder =
      source.landing.starts_with("/") ? source.landing : root + "/" + source.landing;
  while (folder.ends_with('/')) folder.pop_back();
  return {source.name, folder, source.batch, source.delete_after, landing::AsideName(root)};
}

bool RemoveStored(const landing::LandingRule& rule, const landing::LandedFile& file,
                  const Digest& digest, std::map<std::string, std::string>& untaken,
                  const std::function<Result<bool>()>& is_stored) {
  const Result<landing::Removal> removal = landing::RemoveLanded(file, digest, rule, is_stored);
  if (!removal.ok()) {
    untaken[file.path] =
        "it is stored and cannot be removed: " + landing::TextOfName(removal.status().message());
  } else if (*removal == landing::Removal::kKeptAside) {
    untaken[file.path] = fmt::format(
        "two further files came under this name; the first of them lies in {} beside it, and "
        "the next run ingests it from there",
        rule.aside_name);
  }
  return !removal.ok() || *removal != landing::Removal::kNotStored;
}

std::function<Result<bool>()> IsInLake(Workspace& workspace, const landing::LandedFile& file,
                                       const Digest& digest, landing::Depth depth) {
  return [&workspace, &file, &digest, depth] {
    return landing::IsStored(workspace.catalog(), workspace.store(), file.source, file.name,
                             file.path, digest, depth);
  };
}

Result<Waiting> ListWaiting(Workspace& workspace) {
  WEIRHOUSE_TRY(std::vector<landing::Landing> landings, ListAll(workspace, nullptr));
  for (std::size_t i = 0; i < landings.size(); ++i) {
    const landing::LandingRule rule = MakeLandingRule(workspace, workspace.project().sources[i]);
    for (const std::string& aside : landings[i].aside) {
      landing::ListAside(rule, aside, landings[i].untaken);
    }
  }
  Waiting waiting = GroupByBatch(std::move(landings));
  const UnreadFiles unread = UnreadFiles::Load(workspace);
  for (const WaitingBatch& batch : waiting.batches) {
    for (const landing::LandedFile& file : batch.files) {
      if (const std::string* why = unread.FindFailure(file))
        waiting.untaken[file.path] = "the last run could not read it: " + *why;
    }
  }
  return waiting;
}

namespace {
Result<Waiting> Tidy(Workspace& workspace, landing::LandingLooks* looks) {
  WEIRHOUSE_TRY(std::vector<landing::Landing> landings, ListAll(workspace, looks));
  std::map<std::string, std::string> untaken;
  std::vector<landing::Landing> aside_of(landings.size());
  std::set<std::string> not_stored;
  bool tidied = false;
  for (std::size_t i = 0; i < landings.size(); ++i) {
    const landing::LandingRule rule = MakeLandingRule(workspace, workspace.project().sources[i]);
    for (const std::string& aside : landings[i].aside) {
      WEIRHOUSE_TRY_STATUS(landing::SettleAside(rule, aside, workspace.catalog(), workspace.store(),
                                                workspace.clock().Now(), aside_of[i]));
    }
    for (const landing::AcknowledgedFile& known : landings[i].acknowledged) {
      const auto is_stored = IsInLake(workspace, known.file, known.digest, landing::Depth::kDigest);
      if (!RemoveStored(rule, known.file, known.digest, untaken, is_stored))
        not_stored.insert(known.file.path);
    }
    tidied = tidied || !landings[i].aside.empty() || !not_stored.empty();
  }
  // Files that were put back wait like any others.
  if (tidied) {
    if (looks != nullptr) looks->NoteLost();
    WEIRHOUSE_TRY(landings, ListAll(workspace, looks));
  }
  // A file whose bytes are nowhere else is taken in again, as a repeat, which restores its object.
  for (landing::Landing& landing : landings) {
    for (landing::AcknowledgedFile& known : landing.acknowledged) {
      if (not_stored.contains(known.file.path)) landing.complete.push_back(std::move(known.file));
    }
  }
  landings.insert(landings.end(), std::make_move_iterator(aside_of.begin()),
                  std::make_move_iterator(aside_of.end()));
  Waiting waiting = GroupByBatch(std::move(landings));
  waiting.untaken.merge(untaken);
  UnreadFiles unread = UnreadFiles::Load(workspace);
  unread.KeepOnly(waiting.batches);
  unread.Save();
  return waiting;
}
}  // namespace

Result<Waiting> TidyLanding(Workspace& workspace) { return Tidy(workspace, nullptr); }
Result<Waiting> TidyLanding(Workspace& workspace, landing::LandingLooks& looks) {
  return Tidy(workspace, &looks);
}
}  // namespace weirhouse::work
