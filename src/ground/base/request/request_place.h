// The part of a request that is being checked, and the first error found in it.
//
// Code that reads or applies a request refuses a wrong member by its path and goes on; the first
// refusal is kept. So it reads all it needs and checks the status once.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "ground/base/status.h"

namespace weirhouse {

// The wording of one protocol for a member that has the wrong type. All refusals are kInvalidInput.
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
  // For an array or object with an element that is not a string. Empty: the element itself is
  // named, with the wording of `text`.
  std::string_view mixed_array = "";
  std::string_view mixed_object = "";
  std::string_view beyond_int64 = "";  // empty: the message gives the allowed range
  // false: a missing member is refused like one of the wrong type
  bool tells_missing = true;
  bool tells_found = false;  // ", found number"
};

struct RequestPlace {
  // `words` must outlive it: a constant.
  RequestPlace(const RequestWords& its_words, std::string its_context)
      : context(std::move(its_context)), words(&its_words) {}

  // Refuses the member at `path`, or the whole part if `path` is empty.
  void Refuse(std::string_view path, std::string_view why);
  // Records `refusal`, unless an earlier one is recorded.
  void Fail(Status refusal);
  bool ok() const { return status.ok(); }
  // `value`, or the recorded refusal.
  template <typename T>
  Result<T> Unless(T value) const {
    if (!status.ok()) return status;
    return value;
  }

  std::string context;  // "update 3 (add-schema)"
  const RequestWords* words;
  Status status = {};
};

// `message`, which quotes client input, cut to the length of a log line and without control
// characters.
std::string Clipped(std::string message);
}  // namespace weirhouse
