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

namespace weirhouse::engine {
namespace {
constexpr std::size_t kArrivalObjectsMax = 256;  // objects of one batch where batches go by arrival
constexpr std::int64_t kArrivalBytesMax = 256 << 20;

Result<std::vector<raw::Landing>> ListAll(Workspace& workspace) {
  std::vector<raw::Landing> landings;
  for (const Source& source : workspace.project().sources) {
    WEIRHOUSE_TRY(
        landings.emplace_back(),
        raw::ListLanding(RuleOf(workspace, source), workspace.catalog(), workspace.clock().Now()));
  }
  return landings;
}

// Files by arrival, in batches of bounded size.
void AddByArrival(std::vector<raw::LandedFile> files, std::vector<WaitingBatch>& batches) {
  std::sort(files.begin(), files.end(), [](const raw::LandedFile& a, const raw::LandedFile& b) {
    return std::tie(a.entry.mtime_ns, a.source, a.name) <
           std::tie(b.entry.mtime_ns, b.source, b.name);
  });
  std::int64_t bytes = 0;
  WaitingBatch current;
  for (raw::LandedFile& file : files) {
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

Waiting GroupByBatch(std::vector<raw::Landing> landings) {
  Waiting waiting;
  std::map<std::string, std::vector<raw::LandedFile>> dated;
  std::vector<raw::LandedFile> by_arrival;
  for (raw::Landing& landing : landings) {
    for (const raw::Untaken& one : landing.untaken) waiting.untaken[one.path] = one.why;
    for (const raw::LandedFile& file : landing.unmatched) waiting.unmatched.push_back(file.path);
    waiting.being_written += static_cast<std::int64_t>(landing.incomplete.size());
    for (raw::LandedFile& file : landing.complete) {
      ++waiting.files;
      (file.batch.empty() ? by_arrival : dated[file.batch]).push_back(std::move(file));
    }
  }
  for (auto& [name, files] : dated) waiting.batches.push_back({name, std::move(files)});
  AddByArrival(std::move(by_arrival), waiting.batches);
  return waiting;
}
}  // namespace

raw::LandingRule RuleOf(Workspace& workspace, const Source& source) {
  const std::string& root = workspace.project().root;
  std::string folder =
      source.landing.starts_with("/") ? source.landing : root + "/" + source.landing;
  while (folder.ends_with('/')) folder.pop_back();
  return {source.name, folder, source.batch, source.delete_after, raw::AsideName(root)};
}

bool RemoveStored(const raw::LandingRule& rule, const raw::LandedFile& file, const Digest& digest,
                  std::map<std::string, std::string>& untaken,
                  const std::function<Result<bool>()>& is_stored) {
  const Result<raw::Removal> removal = raw::RemoveLanded(file, digest, rule, is_stored);
  if (!removal.ok()) {
    untaken[file.path] =
        "it is stored and cannot be removed: " + raw::TextOfName(removal.status().message());
  } else if (*removal == raw::Removal::kKeptAside) {
    untaken[file.path] = fmt::format(
        "another file came under this name twice; the first of the two lies in {} beside it, and "
        "the next run takes it in from there",
        rule.aside_name);
  }
  return !removal.ok() || *removal != raw::Removal::kNotStored;
}

std::function<Result<bool>()> IsInLake(Workspace& workspace, const raw::LandedFile& file,
                                       const Digest& digest, raw::Depth depth) {
  return [&workspace, &file, &digest, depth] {
    return raw::IsStored(workspace.catalog(), workspace.disk(), file.source, file.name, file.path,
                         digest, depth);
  };
}

Result<Waiting> ListWaiting(Workspace& workspace) {
  WEIRHOUSE_TRY(std::vector<raw::Landing> landings, ListAll(workspace));
  for (std::size_t i = 0; i < landings.size(); ++i) {
    const raw::LandingRule rule = RuleOf(workspace, workspace.project().sources[i]);
    for (const std::string& aside : landings[i].aside) {
      raw::ListAside(rule, aside, landings[i].untaken);
    }
  }
  Waiting waiting = GroupByBatch(std::move(landings));
  const UnreadFiles unread = UnreadFiles::Load(workspace);
  for (const WaitingBatch& batch : waiting.batches) {
    for (const raw::LandedFile& file : batch.files) {
      if (const std::string* why = unread.WhyNot(file))
        waiting.untaken[file.path] = "the last run could not read it: " + *why;
    }
  }
  return waiting;
}

Result<Waiting> TidyLanding(Workspace& workspace) {
  WEIRHOUSE_TRY(std::vector<raw::Landing> landings, ListAll(workspace));
  std::map<std::string, std::string> untaken;
  std::vector<raw::Landing> aside_of(landings.size());
  std::set<std::string> not_stored;
  bool tidied = false;
  for (std::size_t i = 0; i < landings.size(); ++i) {
    const raw::LandingRule rule = RuleOf(workspace, workspace.project().sources[i]);
    for (const std::string& aside : landings[i].aside) {
      WEIRHOUSE_TRY_STATUS(raw::SettleAside(rule, aside, workspace.catalog(), workspace.disk(),
                                            workspace.clock().Now(), aside_of[i]));
    }
    for (const raw::AcknowledgedFile& known : landings[i].acknowledged) {
      const auto is_stored = IsInLake(workspace, known.file, known.digest, raw::Depth::kDigest);
      if (!RemoveStored(rule, known.file, known.digest, untaken, is_stored))
        not_stored.insert(known.file.path);
    }
    tidied = tidied || !landings[i].aside.empty() || !not_stored.empty();
  }
  // What was put back waits like any other file.
  if (tidied) {
    WEIRHOUSE_TRY(landings, ListAll(workspace));
  }
  // What is nowhere else is taken in once more, as a repeat, which restores its object.
  for (raw::Landing& landing : landings) {
    for (raw::AcknowledgedFile& known : landing.acknowledged) {
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
}  // namespace weirhouse::engine
