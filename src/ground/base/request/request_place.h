// The part of a request that is looked at, and the first thing that is wrong with it.
//
// Whoever reads or applies a request refuses what is wrong by its place and goes on; the first refusal
// stays. So all that is needed is read, and the status is asked for once.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "ground/base/status.h"

namespace weirhouse {

// How one protocol says that a member is not what it must be. All refusals are kInvalidInput.
struct RequestWords {
  std::string_view error_code;        // "WH7067"
  std::string_view separator = ": ";  // between the part of the request and the member
  std::string_view text = "must be a string";
  std::string_view integer = "must be an integer";
  std::string_view flag = "must be true or false";
  std::string_view array = "must be an array";
  std::string_view object = "must be an object";
  std::string_view text_array = "must be an array";
  std::string_view text_object = "must be an object";
  // Of an array or object that holds something else than texts; empty: the element itself is named, and
  // told by `text`.
  std::string_view mixed_array = "";
  std::string_view mixed_object = "";
  std::string_view beyond_int64 = "";  // empty: the range is told
  bool tells_missing = true;           // false: what is missing is told as what is of another type
  bool tells_found = false;            // ", found number"
};

struct RequestPlace {
  // `words` must outlive it: a constant.
  RequestPlace(const RequestWords& its_words, std::string its_context)
      : context(std::move(its_context)), words(&its_words) {}

  // Says that the member at `path` is wrong; the part as a whole where `path` is empty.
  void Refuse(std::string_view path, std::string_view why);
  // Keeps another refusal; the first one stays.
  void Fail(Status refusal);
  bool ok() const { return status.ok(); }
  // `value`, unless something was refused.
  template <typename T>
  Result<T> Unless(T value) const {
    if (!status.ok()) return status;
    return value;
  }

  std::string context;  // "update 3 (add-schema)"
  const RequestWords* words;
  Status status = {};
};

// A message that quotes what a client sent, short enough for a log line and without control
// characters.
std::string Clipped(std::string message);
}  // namespace weirhouse
