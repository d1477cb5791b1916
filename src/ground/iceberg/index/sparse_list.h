// A list of which few elements are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// Memory: the elements that are there, and four bytes for each of all once one is. Threads: any may
// read.
template <typename T>
class SparseList {
 public:
  SparseList() = default;
  explicit SparseList(std::size_t size) : size_(size) {}

  std::size_t size() const { return size_; }
  // Null if it is not there. Valid until the next Put.
  const T* operator[](std::size_t at) const {
    if (at >= places_.size() || places_[at] == 0) return nullptr;
    return &there_[places_[at] - 1];
  }
  void Put(std::size_t at, T element) {
    WEIRHOUSE_CHECK(at < size_);
    if (places_.empty()) places_.resize(size_);
    if (places_[at] != 0) {
      there_[places_[at] - 1] = std::move(element);
      return;
    }
    there_.push_back(std::move(element));
    places_[at] = static_cast<std::uint32_t>(there_.size());
  }
  void Remove(std::size_t at) {
    if (at < places_.size()) places_[at] = 0;
  }
  // All that were put, in that order, removed ones too.
  std::span<T> there() { return there_; }

 private:
  std::size_t size_ = 0;
  std::vector<std::uint32_t> places_;  // 1 + the place in `there_`; 0: not there. Empty: none is
  std::vector<T> there_;
};
}  // namespace weirhouse::iceberg
