#include "rules/policy/step.h"

#include <fmt/format.h>

#include "ground/base/text.h"
#include "ground/platform/io/location.h"
#include "rules/policy/schema_rules.h"

namespace weirhouse::policy {
namespace {

using iceberg::SnapshotChange;

Status AppendOnly(const ProposedCommit& commit, std::string what) {
  return Status(
             Code::kPermissionDenied,
             fmt::format("raw is append-only, and the commit {}: table \"{}\"", what, commit.table))
      .WithError("WH7072")
      .WithHint(
          "append only; correct the data in a processed table, which may overwrite and delete");
}

Status ContradictsStep(const ProposedCommit& commit, std::string what) {
  return Status(Code::kInvalidInput,
                fmt::format("the commit is not what it says: {}: table \"{}\"", what, commit.table))
      .WithError("WH7078")
      .WithHint("nothing was committed; report it to the makers of the engine that wrote it");
}

// "removes 2 data files and adds 1 delete file": what a change does besides adding data.
std::string WhatItDoes(const SnapshotChange& change) {
  std::vector<std::string> parts;
  const auto add = [&](std::string_view verb, std::size_t count, std::string_view of) {
    if (count == 0) return;
    parts.push_back(fmt::format("{} {} {}{}", verb, count, of, count == 1 ? "" : "s"));
  };
  add("removes", change.removed_data.size(), "data file");
  add("deletes rows with", change.added_deletes.size(), "delete file");
  add("removes", change.removed_deletes.size(), "delete file");
  add("gives another sequence number to", change.renumbered.size(), "file");
  add("describes anew", change.redescribed.size(), "file");
  return parts.empty() ? "only adds data" : Join(parts, ", ");
}

Status JudgeReplace(platform::ObjectStore& store, const ProposedCommit& commit,
                    const Powers& powers, const iceberg::Snapshot* parent,
                    const iceberg::Snapshot& snapshot, const SnapshotChange& change) {
  if (!powers.maintains) {
    return RoleRefused(commit, "rewrite its files (replace)", "maintainer or admin");
  }
  const auto rows_change = [&](std::string what) {
    return Status(Code::kPermissionDenied,
                  fmt::format("a replace must keep the rows as they are, and this one {}: table "
                              "\"{}\"",
                              what, commit.table))
        .WithError("WH7076")
        .WithHint(
            "rewrite the files from the latest snapshot, or write a change of rows as an "
            "overwrite");
  };
  if (!change.renumbered.empty() || !change.redescribed.empty()) {
    return rows_change(WhatItDoes(change));
  }
  if (change.changes_nothing()) return Status::Ok();  // only manifests changed
  if (parent == nullptr) return rows_change("begins a table");
  const bool equality = [&] {
    for (const iceberg::DataFile& file : change.removed_deletes) {
      if (file.content == iceberg::DataFile::Content::kEqualityDeletes) return true;
    }
    return false;
  }();
  // Counts of rows under equality deletes are too high; the contents decide below.
  if (!equality && change.rows_before != change.rows_after) {
    return rows_change(fmt::format("has {} rows where there were {}",
                                   WithThousands(change.rows_after),
                                   WithThousands(change.rows_before)));
  }
  WEIRHOUSE_TRY(const bool same,
                iceberg::HoldSameRows(store, *commit.after, *parent, snapshot, kReplaceBytesMax));
  return same ? Status::Ok() : rows_change("has rows of other content");
}

// A row that claims to be older would be missed by readers of new rows.
Status CheckNewNumbers(const ProposedCommit& commit, const iceberg::Snapshot& snapshot,
                       const SnapshotChange& change) {
  if (commit.after->format_version < 2) return Status::Ok();
  for (const iceberg::DataFile& file : change.added_data) {
    if (file.data_sequence_number == snapshot.sequence_number) continue;
    return AppendOnly(commit, fmt::format("adds a file under the older sequence number {}: {}",
                                          file.data_sequence_number, file.path));
  }
  return Status::Ok();
}
}  // namespace

Powers PowersOver(const Principal& who, Layer layer) {
  Powers powers;
  powers.staged = who.staging_area.has_value();
  powers.writes = powers.staged || who.role == Role::kWriter || who.role == Role::kAdmin;
  powers.maintains = !powers.staged && (who.role == Role::kMaintainer || who.role == Role::kAdmin ||
                                        (layer == Layer::kOpen && who.role == Role::kWriter));
  return powers;
}

Status RoleRefused(const ProposedCommit& commit, std::string_view what, std::string_view needed) {
  const std::string who =
      commit.who->staging_area
          ? fmt::format("the token of staging area {}", ToString(*commit.who->staging_area))
          : fmt::format("role {}", RoleName(commit.who->role));
  return Status(Code::kPermissionDenied, fmt::format("{} may not {}: table \"{}\" (token \"{}\")",
                                                     who, what, commit.table, commit.who->name))
      .WithError("WH7070")
      .WithHint(fmt::format("this needs role {}: ask an admin for a token", needed));
}

iceberg::MayOpen OpensOnly(platform::ObjectStore& store, PathGuard& guard, const Places& places) {
  return [&store, &guard, &places](const std::string& path, std::int64_t size_bytes) -> Status {
    const std::string_view what = size_bytes < 0 ? "manifest list" : "manifest";
    WEIRHOUSE_TRY_STATUS(guard.CheckFile(what, path, size_bytes, places));
    WEIRHOUSE_TRY(const platform::FileInfo info, store.Stat(platform::CanonicalPath(path)));
    if (info.size_bytes <= kManifestBytesMax) return Status::Ok();
    return Status(Code::kInvalidInput, fmt::format("a {} of {} bytes is too large to judge: {}",
                                                   what, info.size_bytes, path))
        .WithError("WH7078")
        .WithHint("rewrite the manifests into smaller ones");
  };
}

Status JudgeStep(platform::ObjectStore& store, const ProposedCommit& commit, const Powers& powers,
                 const iceberg::Snapshot* parent, const iceberg::Snapshot& snapshot,
                 const SnapshotChange& change) {
  const auto claim = snapshot.summary.find("operation");
  const std::string operation = claim == snapshot.summary.end() ? "" : claim->second;
  const bool raw = commit.rules.layer == Layer::kRaw;
  if (operation == "replace") {
    return JudgeReplace(store, commit, powers, parent, snapshot, change);
  }
  if (raw) {
    if (!change.only_adds_data()) return AppendOnly(commit, WhatItDoes(change));
    WEIRHOUSE_TRY_STATUS(CheckNewNumbers(commit, snapshot, change));
  }
  if (!change.renumbered.empty() || !change.redescribed.empty()) {
    return ContradictsStep(commit, "it " + WhatItDoes(change));
  }
  if (operation == "append" && !change.only_adds_data()) {
    return ContradictsStep(commit,
                           fmt::format("its summary says append, but it {}", WhatItDoes(change)));
  }
  if (!powers.writes && !change.changes_nothing()) {
    return RoleRefused(commit, "change rows; it may rewrite files that keep them (replace)",
                       "writer or admin");
  }
  if (commit.rules.contract == nullptr) return Status::Ok();
  for (const iceberg::DataFile& file : change.added_data) {
    WEIRHOUSE_TRY_STATUS(CheckRequiredValues(*commit.after, *commit.rules.contract, file));
  }
  return Status::Ok();
}
}  // namespace weirhouse::policy
