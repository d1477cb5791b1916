// The shared writing connection: work that waits at the same time is made durable by one COMMIT.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/base/writers/lead_queue.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// One unit of writing: atomic, whatever happens to other work in the same transaction.
struct WriteWork {
  // Writes. It may be called again if the transaction was rolled back because of other work, so it
  // must first discard its earlier results.
  std::function<Status(platform::Database&)> body;
  // Whether the work took place, called with a new connection if the outcome of COMMIT is unknown.
  // Without it the failure is returned as it is.
  std::function<Result<bool>(platform::Database&)> took_place{};
  std::string what{};  // for messages: "the commit of run r12"
  // Called after COMMIT, before any caller gets its result.
  std::function<Status(platform::Database&)> after{};
};

// Threads: any. A caller that finds no leader becomes the leader: it opens a transaction, takes all
// waiting work, runs each in a savepoint of its own, and commits once. A lone caller waits for
// nobody and needs no savepoint.
class GroupWriter {
 public:
  using Open = std::function<Result<std::unique_ptr<platform::Database>>()>;
  // Called first in each transaction: whether this process may still write.
  using Guard = std::function<Status(platform::Database&)>;
  explicit GroupWriter(Open open, Guard guard = nullptr)
      : open_(std::move(open)), guard_(std::move(guard)) {}

  // After OK the work is durable. Errors: those of the body; kUnavailable with WH7084 (certain:
  // nothing was written) or WH7003 (unknown) if COMMIT failed. An exception (out of memory) closes
  // the connection and is an error of the work that threw it.
  Status Write(const WriteWork& work);

 private:
  // Limits the memory and the latency of one transaction; further work goes into the next one.
  static constexpr std::size_t kGroupMax = 64;

  struct Member {
    const WriteWork* work;
    Status status = Status::Ok();
  };
  using Queue = LeadQueue<Member, kGroupMax>;
  using Group = Queue::Group;

  // Does not throw, because other callers wait for the leader.
  void Lead(Group& group);
  // One transaction for all of `group`. False if it was certainly rolled back as a whole: then each
  // member is tried alone.
  bool WriteTogether(const Group& group);
  // As WriteTogether; does not throw.
  bool WriteGuarded(const Group& group);
  Status InSavepoint(Member& member, bool& alive);
  void WriteAlone(Member& member);
  void Settle(const Group& group, const Status& failure);
  void SettleGuarded(const Group& group, const Status& failure);
  // Makes sure that the frames a failed COMMIT left in the log cannot reappear.
  Status OverwriteFailedCommit();
  Status SettleOne(const WriteWork& work, const Status& failure, const Status& buried);
  Result<bool> Ask(const WriteWork& work);
  void Finish(const Group& group);
  Status OpenConnection();
  // Opens a transaction, on a new connection if the old one has ended.
  Status Begin();
  // As Begin, if the guard permits. Does not throw.
  Status BeginGuarded();
  Status BeginIfAllowed();

  const Open open_;
  const Guard guard_;
  Queue queue_;
  // Used by the leader; absent after a COMMIT with unknown outcome.
  std::unique_ptr<platform::Database> connection_;
  bool committing_ = false;  // used by the leader: the transaction may have taken place
};
}  // namespace weirhouse::catalog
