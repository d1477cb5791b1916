// Work that waits at the same time is done as one group. A caller that finds no leader becomes the
// leader and does the waiting work along with its own; callers that arrive meanwhile wait for the
// next round.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace weirhouse {

// A queue of `Item`s, each on the stack of the caller that waits for it, done in groups of up to
// `group_max`. Threads: any.
template <typename Item, std::size_t group_max>
class LeadQueue {
 public:
  // Items done together. It allocates nothing, so that the leader can always report a result, even
  // when memory has run out.
  class Group {
   public:
    void Add(Item* item) { items_[size_++] = item; }
    std::size_t size() const { return size_; }
    Item* front() const { return items_[0]; }
    Item* const* begin() const { return items_.data(); }
    Item* const* end() const { return items_.data() + size_; }

   private:
    std::array<Item*, group_max> items_{};
    std::size_t size_ = 0;
  };

  // Returns when `mine` is done. `lead(group)` is called on one thread at a time, with an empty
  // group. It calls Take to fill the group and stores the result in each item. It must not throw,
  // because other callers wait for it.
  template <typename Lead>
  void Do(Item& mine, const Lead& lead) {
    Waiting me{&mine};
    std::unique_lock lock(mutex_);
    waiting_.push_back(&me);
    while (!me.done) {
      if (led_) {
        changed_.wait(lock);
        continue;
      }
      led_ = true;
      taken_ = 0;
      lock.unlock();
      Group group;
      lead(group);
      lock.lock();
      for (std::size_t i = 0; i < taken_; ++i) round_[i]->done = true;
      led_ = false;
      changed_.notify_all();
    }
  }

  // Moves the waiting items into `group`, up to its limit. Called by the leader, once a round.
  void Take(Group& group) {
    const std::lock_guard lock(mutex_);
    while (!waiting_.empty() && taken_ < group_max) {
      round_[taken_++] = waiting_.front();
      group.Add(waiting_.front()->item);
      waiting_.pop_front();
    }
  }

 private:
  struct Waiting {
    Item* item;
    bool done = false;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> waiting_;             // guarded by mutex_
  bool led_ = false;                         // guarded by mutex_
  std::array<Waiting*, group_max> round_{};  // of the round at hand; guarded by mutex_
  std::size_t taken_ = 0;                    // of them
};
}  // namespace weirhouse
