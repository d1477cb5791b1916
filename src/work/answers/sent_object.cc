#include "work/answers/sent_object.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "ground/base/request/json_depth.h"
#include "ground/base/text.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

constexpr int kNumberTooLarge = 406;  // of nlohmann::json::out_of_range

// A parser that only looks: for names that come twice, and for numbers as they are written.
class Look : public json::json_sax_t {
 public:
  explicit Look(SentObject& sent) : sent_(sent) {}
  const std::string& twice() const { return twice_; }
  const std::string& too_large() const { return too_large_; }

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  // Called for numbers with a sign only: 0 is written -0.
  bool number_integer(number_integer_t value) override {
    return Keep(value == 0 ? "-0" : std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override { return Keep(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& spelt) override {
    return Keep(spelt);
  }
  bool start_object(std::size_t /*size*/) override {
    objects_.emplace_back();
    return true;
  }
  bool key(string_t& name) override {
    Object& object = objects_.back();
    if (!object.names.insert(name).second) twice_ = name;
    object.name = name;
    return true;
  }
  bool end_object() override {
    objects_.pop_back();
    return true;
  }
  bool start_array(std::size_t /*size*/) override {
    ++arrays_;
    return true;
  }
  bool end_array() override {
    --arrays_;
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    if (error.id == kNumberTooLarge) too_large_ = token;
    return false;
  }

 private:
  struct Object {
    std::set<std::string> names;
    std::string name;  // of the member that is read
  };

  bool Keep(std::string spelt) {
    if (arrays_ > 0) return true;
    if (objects_.size() == 1)
      sent_.numbers[objects_[0].name] = std::move(spelt);
    else if (objects_.size() == 2)
      sent_.inner_numbers[objects_[0].name][objects_[1].name] = std::move(spelt);
    return true;
  }

  SentObject& sent_;
  std::vector<Object> objects_;  // that are open
  std::size_t arrays_ = 0;       // that are open
  std::string twice_;
  std::string too_large_;
};

Status Refused(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH8048");
}
}  // namespace

Result<SentObject> ParseSent(std::string_view text, std::string_view what) {
  if (MeasureJsonDepth(text) > kSentDepthMax)
    return Refused(fmt::format("{} is nested deeper than {} levels", what, kSentDepthMax));
  SentObject sent;
  Look look(sent);
  const bool whole = json::sax_parse(text, &look);
  if (!look.too_large().empty()) {
    return Refused(fmt::format("{} holds a number beyond all doubles: {}", what,
                               EscapeControl(look.too_large())));
  }
  if (whole) sent.members = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!whole || !sent.members.is_object())
    return Refused(fmt::format("{} must be one JSON object", what));
  if (look.twice().empty()) return sent;
  return Refused(fmt::format("{} names \"{}\" twice", what, EscapeControl(look.twice())));
}
}  // namespace weirhouse::answers
