#include "ground/catalog/store/group_writer.h"

#include <fmt/format.h>

#include <utility>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/catalog/catalog.h"

namespace weirhouse::catalog {
namespace {
// Made in advance: copying it allocates nothing.
const Status kUnknownForMemory =
    Status(Code::kUnavailable, "the outcome of the write is unknown: memory ran out during it")
        .WithError(kOutcomeUnknown)
        .WithHint("look the key up until the outcome is known; keep the staged files");
}  // namespace

Status GroupWriter::Write(const WriteWork& work) {
  Member mine{&work};
  queue_.Do(mine, [this](Group& group) { Lead(group); });
  return std::move(mine.status);
}

void GroupWriter::Lead(Group& group) {
  const Status begun = BeginGuarded();
  // Taken only now, so that callers who came during the wait for the write lock share this
  // transaction.
  queue_.Take(group);
  if (!begun.ok()) {
    for (Member* member : group) member->status = begun;
    return;
  }
  if (!WriteGuarded(group)) {
    for (Member* member : group) WriteAlone(*member);
  }
}

bool GroupWriter::WriteGuarded(const Group& group) {
  committing_ = false;
  Status thrown;
  try {
    return WriteTogether(group);
  } catch (...) {
    thrown = StatusOfException();
  }
  if (committing_) {
    SettleGuarded(group, thrown);
    return true;
  }
  connection_.reset();  // and with it the transaction
  // With several members it is unknown which one threw.
  if (group.size() > 1) return false;
  group.front()->status = thrown;
  return true;
}

bool GroupWriter::WriteTogether(const Group& group) {
  const bool lone = group.size() == 1;
  bool any = false;
  for (Member* member : group) {
    bool alive = true;
    member->status = lone ? member->work->body(*connection_) : InSavepoint(*member, alive);
    if (!alive) {
      connection_->Rollback();
      return false;
    }
    any = any || member->status.ok();
  }
  if (!any) {
    connection_->Rollback();
    return true;
  }
  WEIRHOUSE_FAILPOINT("catalog.group.before_commit");
  committing_ = true;
  const Status committed = connection_->Commit();
  if (committed.ok()) {
    WEIRHOUSE_FAILPOINT("catalog.group.after_commit");
    Finish(group);
    return true;
  }
  if (committed.code() == Code::kConflict) {
    connection_->Rollback();
    if (!lone) return false;
    group.front()->status = committed;
    return true;
  }
  if (committed.Is(kStorageFull)) {  // the disk was full before the end was written
    connection_->Rollback();
    for (Member* member : group) {
      if (member->status.ok()) member->status = committed;
    }
    return true;
  }
  Settle(group, committed);
  return true;
}

Status GroupWriter::InSavepoint(Member& member, bool& alive) {
  Status status = connection_->Savepoint();
  if (!status.ok()) {
    alive = false;
    return status;
  }
  status = member.work->body(*connection_);
  // A full disk rolls back the whole transaction, and with it the savepoint.
  alive = (status.ok() ? connection_->ReleaseSavepoint() : connection_->RollbackToSavepoint()).ok();
  return status;
}

void GroupWriter::WriteAlone(Member& member) {
  member.status = BeginGuarded();
  if (!member.status.ok()) return;
  // A lone member is never returned to the queue: any failure is its own status.
  Group alone;
  alone.Add(&member);
  static_cast<void>(WriteGuarded(alone));
}

void GroupWriter::Finish(const Group& group) {
  for (Member* member : group) {
    if (!member->status.ok() || !member->work->after) continue;
    try {
      member->status = member->work->after(*connection_);
    } catch (...) {
      member->status = StatusOfException();
    }
  }
}

void GroupWriter::SettleGuarded(const Group& group, const Status& failure) {
  try {
    return Settle(group, failure);
  } catch (...) {
    connection_.reset();
  }
  for (Member* member : group) {
    if (member->status.ok()) member->status = kUnknownForMemory;
  }
}

void GroupWriter::Settle(const Group& group, const Status& failure) {
  // The state after the failed COMMIT is read on a new connection, not guessed here.
  connection_.reset();
  const Status buried = OverwriteFailedCommit();
  for (Member* member : group) {
    if (member->status.ok()) member->status = SettleOne(*member->work, failure, buried);
  }
}

Status GroupWriter::OverwriteFailedCommit() {
  // A COMMIT whose fsync failed may have left whole frames in the log. No reader sees them, but
  // recovery after a crash would bring them back. A commit of our own overwrites them: only then is
  // a commit that is not visible certainly absent. It must change something, or nothing is written.
  // (PostgreSQL discards an uncommitted transaction by itself.)
  WEIRHOUSE_TRY_STATUS(Begin());
  if (connection_->dialect() != platform::Dialect::kSqlite) {
    connection_->Rollback();
    return Status::Ok();
  }
  Status buried = connection_->Run(
      "INSERT INTO counter (name, next) VALUES ('settled', 1) ON CONFLICT (name) DO UPDATE SET "
      "next = counter.next + 1");
  if (buried.ok()) buried = connection_->Commit();
  if (!buried.ok()) connection_.reset();
  return buried;
}

Status GroupWriter::SettleOne(const WriteWork& work, const Status& failure, const Status& buried) {
  const auto unknown = [&](const Status& why) {
    return Status(Code::kUnavailable,
                  fmt::format("the outcome of the {} is unknown: {}; looking it up failed too: {}",
                              work.what, failure.message(), why.message()))
        .WithError(kOutcomeUnknown)
        .WithHint("look the key up until the outcome is known; keep the staged files");
  };
  if (!work.took_place) return buried.ok() ? failure : unknown(buried);
  const Result<bool> there = Ask(work);
  if (!there.ok()) return unknown(there.status());
  if (*there) return Status::Ok();
  if (!buried.ok()) return unknown(buried);
  return Status(Code::kUnavailable,
                fmt::format("{} did not take place: {}", work.what, failure.message()))
      .WithError(kNothingWritten)
      .WithHint("nothing was written; run the same command again");
}

Result<bool> GroupWriter::Ask(const WriteWork& work) {
  WEIRHOUSE_TRY_STATUS(Begin());
  Result<bool> there = work.took_place(*connection_);
  if (there.ok()) {
    connection_->Rollback();
  } else {
    connection_.reset();
  }
  return there;
}

Status GroupWriter::OpenConnection() {
  if (connection_ == nullptr || connection_->lost()) {
    connection_.reset();
    WEIRHOUSE_TRY(connection_, open_());
  }
  return Status::Ok();
}

Status GroupWriter::BeginGuarded() {
  try {
    return BeginIfAllowed();
  } catch (...) {
    connection_.reset();
    return StatusOfException();
  }
}

Status GroupWriter::BeginIfAllowed() {
  WEIRHOUSE_TRY_STATUS(Begin());
  if (!guard_) return Status::Ok();
  Status may = guard_(*connection_);
  if (!may.ok()) connection_->Rollback();
  return may;
}

Status GroupWriter::Begin() {
  WEIRHOUSE_TRY_STATUS(OpenConnection());
  Status begun = connection_->Begin();
  // A log that was opened read-only stays so: the next transaction reopens it.
  if (begun.Is(platform::kReadOnlyDatabase)) {
    connection_.reset();
    return begun;
  }
  // The connection ended while it was idle: nothing was done yet, so use another one.
  if (begun.ok() || !connection_->lost()) return begun;
  WEIRHOUSE_TRY_STATUS(OpenConnection());
  return connection_->Begin();
}
}  // namespace weirhouse::catalog
