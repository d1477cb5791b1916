#include "work/pipeline/batch/refusals.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/text.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kRefusedObjectsTold = 1000;
constexpr std::size_t kReasonsTold = 1000;  // records of further reasons are not counted by reason
constexpr std::size_t kReasonsInStory = 3;
constexpr std::size_t kRefusalsShown = 10;
constexpr std::size_t kReasonsShown = 5;

// The records of this batch that tables left out because they lack a key, each once. A table of
// mode full leaves out those of earlier batches again, and an aggregate rows without a record
// behind them. `anywhere`: also by tables over tables, whose records another table holds.
std::vector<RejectedRecord> RejectedNow(const SourceRecords& records, const WorkOfBatch& work,
                                        bool anywhere) {
  const auto now = [&](RecordId record) {
    return std::any_of(records.objects.begin(), records.objects.end(), [&](const auto& object) {
      const std::int64_t ordinal = record.value() - object.first_record_id.value();
      return ordinal >= 0 && ordinal < object.record_count;
    });
  };
  std::vector<RejectedRecord> rejected;
  std::set<RecordId> seen;
  for (const auto& one : work) {
    if (!anywhere && one->records() != &records) continue;
    for (const RejectedRecord& row : one->rejected()) {
      if (now(row.record) && seen.insert(row.record).second) rejected.push_back(row);
    }
  }
  return rejected;
}

// By reason: records that broke the contract and records with null keys.
std::map<std::string, QuarantineReason> ReasonsOf(const SourceRecords& records,
                                                  const WorkOfBatch& work,
                                                  const QuarantinePlaces& places) {
  std::map<std::string, QuarantineReason> reasons = records.reasons;
  for (const RejectedRecord& rejected : RejectedNow(records, work, true)) {
    const std::string reason = MakeViolation(rejected).Reason();
    QuarantineReason& known = reasons[reason];
    if (known.records++ > 0) continue;
    known.source = records.source;
    known.reason = reason;
    const auto place = places.find(reason);
    known.first = place != places.end()
                      ? place->second
                      : fmt::format("{}/{}", records.source, rejected.record.value());
    known.found = rejected.found;
  }
  return reasons;
}

// The number of records that broke the contract or lack a key.
std::int64_t QuarantinedIn(const SourceRecords& records, const WorkOfBatch& work, bool anywhere) {
  return records.quarantined_count +
         static_cast<std::int64_t>(RejectedNow(records, work, anywhere).size());
}

void AddReason(const QuarantineReason& reason, std::vector<QuarantineReason>& told) {
  for (QuarantineReason& known : told) {
    if (known.source != reason.source || known.reason != reason.reason) continue;
    known.records += reason.records;
    return;
  }
  if (told.size() < kReasonsTold) told.push_back(reason);
}

// Fields that every object of `records` that has valid records lacks.
std::vector<contract::AbsentField> AbsentFromAll(const SourceRecords& records) {
  std::vector<contract::AbsentField> absent;
  for (const auto& [name, field] : records.absent_fields) {
    if (field.objects == records.objects_with_rows && !field.similar.empty())
      absent.push_back({name, field.similar});
  }
  return absent;
}
}  // namespace

void NoteRefusals(const SourcesOfBatch& sources, const WorkOfBatch& work,
                  const QuarantinePlaces& places, const std::string& batch, RunSummary& summary) {
  for (const auto& [source, records] : sources) {
    for (const RefusedObject& refused : records.refused) {
      ++summary.refused_objects;
      if (summary.refused.size() < kRefusedObjectsTold) summary.refused.push_back(refused);
    }
    for (const auto& [text, reason] : ReasonsOf(records, work, places))
      AddReason(reason, summary.quarantined);
    if (records.record_count > 0 && QuarantinedIn(records, work, false) == records.record_count)
      summary.refused_batches.push_back({batch, source, records.record_count});
  }
}

std::string QuarantineStory(const SourcesOfBatch& sources, const WorkOfBatch& work) {
  std::string story;
  for (const auto& [source, records] : sources) {
    const std::int64_t count = QuarantinedIn(records, work, true);
    if (count == 0) continue;
    const std::map<std::string, QuarantineReason> by_reason = ReasonsOf(records, work, {});
    std::vector<QuarantineReason> reasons;
    for (const auto& [text, reason] : by_reason) reasons.push_back(reason);
    std::stable_sort(reasons.begin(), reasons.end(),
                     [](const auto& a, const auto& b) { return a.records > b.records; });
    std::vector<std::string> told;
    for (const QuarantineReason& reason : reasons) {
      if (told.size() == kReasonsInStory) break;
      told.push_back(fmt::format("{} ({})", reason.reason, WithThousands(reason.records)));
    }
    if (reasons.size() > told.size())
      told.push_back(fmt::format("and {} more reasons", reasons.size() - told.size()));
    story += fmt::format("{}{} of {} records of {} in quarantine: {}", story.empty() ? "" : "; ",
                         WithThousands(count), WithThousands(records.record_count), source,
                         Join(told, ", "));
  }
  return story;
}

Status NoteAbsentFields(Workspace& workspace, const SourcesOfBatch& sources,
                        const std::string& batch, catalog::CommitRequest& request,
                        std::vector<std::string>& warnings) {
  for (const auto& [source, records] : sources) {
    if (records.objects_with_rows == 0) continue;
    std::vector<std::string> notes;
    for (const contract::AbsentField& field : AbsentFromAll(records)) {
      std::string note = fmt::format(
          "no record of {} in batch {} has \"{}\", which its contract declares; \"{}\" "
          "is there and is not declared: did you mean that?",
          source, batch, field.name, field.similar);
      notes.push_back(note);
      // A commit that conflicts is tried again, so the warning may exist already.
      if (std::find(warnings.begin(), warnings.end(), note) == warnings.end())
        warnings.push_back(std::move(note));
    }
    const auto kept = catalog::setting::Absent(source);
    WEIRHOUSE_TRY(const auto before, kept.In(workspace.catalog()));
    if (!notes.empty()) {
      if (before != notes) request.settings.push_back(kept.To(notes));
    } else if (before) {
      request.settings.push_back(kept.Removed());
    }
  }
  return Status();
}

std::string FormatKeptTable(const std::string& table, const std::string& where, const Status& why) {
  return fmt::format(
      "{} stays as it is{}: {} ({}); other tables continue, and it catches up once its SQL works",
      table, where, why.message(), why.error_code());
}

Status NoteStanding(Workspace& workspace, const WorkOfBatch& work,
                    const std::map<std::string, Status>& standing,
                    catalog::CommitRequest& request) {
  for (const auto& one : work) {
    const std::string& name = one->transform().definition.name();
    const auto kept = catalog::setting::Standing(name);
    WEIRHOUSE_TRY(const auto before, kept.In(workspace.catalog()));
    const auto why = standing.find(name);
    if (why != standing.end()) {
      const catalog::StandingNote now{std::string(why->second.error_code()),
                                      std::string(why->second.message())};
      if (before != now) request.settings.push_back(kept.To(now));
    } else if (before) {
      request.settings.push_back(kept.Removed());
    }
  }
  return Status();
}

std::vector<std::string> RefusalLines(const RunSummary& summary) {
  std::vector<std::string> lines;
  for (const RefusedObject& refused : summary.refused) {
    if (lines.size() == kRefusalsShown) break;
    lines.push_back(fmt::format("refused whole: {}: {}{}{}", refused.object, refused.reason,
                                refused.found.empty() ? "" : ": ", refused.found));
  }
  if (summary.refused_objects > static_cast<std::int64_t>(lines.size())) {
    lines.push_back(fmt::format(
        "and {} more objects refused whole",
        WithThousands(summary.refused_objects - static_cast<std::int64_t>(lines.size()))));
  }
  for (const RefusedBatch& refused : summary.refused_batches) {
    lines.push_back(fmt::format("refused: every record of {} in batch {} ({}) is in quarantine",
                                refused.source, refused.batch, WithThousands(refused.records)));
  }
  std::vector<const QuarantineReason*> reasons;
  for (const QuarantineReason& reason : summary.quarantined) reasons.push_back(&reason);
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto* a, const auto* b) { return a->records > b->records; });
  const std::size_t shown = std::min(reasons.size(), kReasonsShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const QuarantineReason& reason = *reasons[i];
    lines.push_back(fmt::format(
        "quarantined: {} of {}: {}, first {}{}{}", WithThousands(reason.records), reason.source,
        reason.reason, reason.first, reason.found.empty() ? "" : ", found ", reason.found));
  }
  if (reasons.size() > shown)
    lines.push_back(fmt::format("and {} more reasons", reasons.size() - shown));
  return lines;
}
}  // namespace weirhouse::work
