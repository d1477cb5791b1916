// The world of a simulated life: a small project, the files that land in it, and the expected
// content of its tables, computed from the landed records alone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/random.h"

namespace weirhouse::simulator {

// The project's variant, derived from the seed.
struct Variant {
  bool history = false;       // processed.order keeps its versions
  bool gate = false;          // orders above 1000 halt their batch
  bool visits = false;        // a second source, with a table of its own
  bool totals = false;        // a table that SQL computes from all of processed.order
  bool delete_after = false;  // landed files are removed once they are stored
  friend auto operator<=>(const Variant&, const Variant&) = default;
};
// Draws one of a few variants, so that each project is made once.
Variant DrawVariant(Random& random);
// Path in the project → text. `gate_ignored`: without the gate's file.
std::map<std::string, std::string> FilesOf(const Variant& variant, bool gate_ignored);
// The processed tables, histories and feature tables that it has.
std::vector<std::string> TablesOf(const Variant& variant);

inline constexpr std::int64_t kMinuteUs = 60'000'000;
inline constexpr int kAmountMax = 1000;  // what the gate lets through

// One sent record.
struct Record {
  bool valid = true;  // by its contract
  std::string id;
  std::string shop;
  int amount = 0;
  std::int64_t at_us = 0;
  std::int64_t reported_us = 0;
  std::string line;
};
// The identity of an arrival: source, name, bytes.
using ObjectKey = std::tuple<std::string, std::string, Digest>;
struct LandedFile {
  std::string source;  // "order" or "visit"
  std::string name;
  std::string bytes;
  Digest digest;
  std::vector<Record> records;
  ObjectKey key() const { return {source, name, digest}; }
};

// Makes files: with new records, repeated records, late ones, contradictory ones, invalid ones,
// ones that a gate stops; and whole files again.
class Sender {
 public:
  Sender(const Variant& variant, Random& random) : variant_(variant), random_(random) {}
  LandedFile Next(const std::vector<LandedFile>& sent);

 private:
  Record MakeOrder(const std::vector<LandedFile>& sent, int day);
  Record Spoilt(Record record);
  const Variant variant_;
  Random& random_;
  std::int64_t files_ = 0;
  std::int64_t halting_ = 0;
};

// A row of a table or a history; of a visit `shop` is empty and `at_us` is when it was seen.
struct Row {
  std::string id;
  std::string shop;
  std::int64_t amount = 0;
  std::int64_t at_us = 0;
  std::int64_t reported_us = 0;
  friend auto operator<=>(const Row&, const Row&) = default;
};

// The expected result of one source once all landed files are processed.
struct Expected {
  std::map<std::string, std::int64_t> states;
  // By key: the rows of which one is current. Several if records of the same order contradict each
  // other.
  std::map<std::string, std::set<Row>> current;
  // By key and order: likewise for the history.
  std::map<std::pair<std::string, std::int64_t>, std::set<Row>> versions;
  bool conflicts = false;
};
// `excluded`: the objects that a person left out.
Expected Expect(std::string_view source, const std::vector<LandedFile>& landed,
                const std::set<ObjectKey>& excluded);
}  // namespace weirhouse::simulator
