// The writing connection, shared: work that waits at the same time is made durable by one COMMIT.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/base/writers/lead_queue.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// One thing to be written: whole or not at all, whatever becomes of the work it shares a
// transaction with.
struct WriteWork {
  // Writes. It may be called again when a transaction was undone for the sake of others, so it
  // begins by forgetting what it did before.
  std::function<Status(platform::Database&)> body;
  // Whether the work took place, asked of a new connection when the end of a COMMIT is unknown.
  // Without it the failure is handed on as it is.
  std::function<Result<bool>(platform::Database&)> took_place{};
  std::string what{};  // for messages: "the commit of run r12"
  // Called after COMMIT, before anybody is told.
  std::function<Status(platform::Database&)> after{};
};

// Threads: any. Whoever comes while nobody writes leads: it opens a transaction, takes all that
// waits by then, runs each in a savepoint of its own, and commits once. A lone caller waits for
// nobody and has no savepoint.
class GroupWriter {
 public:
  using Open = std::function<Result<std::unique_ptr<platform::Database>>()>;
  // Asked first in each transaction: whether this process may still write.
  using Guard = std::function<Status(platform::Database&)>;
  explicit GroupWriter(Open open, Guard guard = nullptr)
      : open_(std::move(open)), guard_(std::move(guard)) {}

  // After OK the work is durable. Errors: those of the body; kUnavailable with WH7084 (certain:
  // nothing was written) or WH7003 (unknown) if COMMIT failed. What is thrown in between (memory
  // that ran out) ends the connection, and is an error of the work that it came from.
  Status Write(const WriteWork& work);

 private:
  // What bounds the memory and the latency of one transaction; the others are next.
  static constexpr std::size_t kGroupMax = 64;

  struct Member {
    const WriteWork* work;
    Status status = Status::Ok();
  };
  using Queue = LeadQueue<Member, kGroupMax>;
  using Group = Queue::Group;

  // Throws nothing: others wait for whoever leads.
  void Lead(Group& group);
  // One transaction for all of `group`. False if it was undone as a whole, for certain: then each
  // is to be tried alone.
  bool WriteTogether(const Group& group);
  // The same; throws nothing.
  bool WriteGuarded(const Group& group);
  Status InSavepoint(Member& member, bool& alive);
  void WriteAlone(Member& member);
  void Settle(const Group& group, const Status& failure);
  void SettleGuarded(const Group& group, const Status& failure);
  // Makes sure that what the failed COMMIT left in the log cannot come back.
  Status Bury();
  Status SettleOne(const WriteWork& work, const Status& failure, const Status& buried);
  Result<bool> Ask(const WriteWork& work);
  void Finish(const Group& group);
  Status OpenConnection();
  // Opens a transaction, on a new connection if the old one has ended.
  Status Begin();
  // The same, if the guard lets us. Throws nothing.
  Status BeginGuarded();
  Status BeginIfAllowed();

  const Open open_;
  const Guard guard_;
  Queue queue_;
  // Of whoever leads; absent after a COMMIT whose end is unknown.
  std::unique_ptr<platform::Database> connection_;
  bool committing_ = false;  // of whoever leads: the transaction may have taken place
};
}  // namespace weirhouse::catalog
