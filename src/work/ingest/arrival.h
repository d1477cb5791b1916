// What arrives, wherever it comes from: files of a landing folder and records of a topic; in time
// objects of a store. The raw step sees arrivals through this interface
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "ground/catalog/settings.h"

namespace weirhouse::work {

// The bytes of an arrival, read once from first to last and never all at once. Threads: one.
class ArrivalReader : public ByteStream {
 public:
  // Reads what is left and returns the digest of all bytes; absent if they are not what was sent
  // (the sender is still writing, or has replaced them): then nothing of the arrival is stored.
  // `whole` is the digest from an earlier reading: bytes with that digest are the arrival in any
  // case.
  virtual Result<std::optional<Digest>> Finish(
      const std::optional<Digest>& whole = std::nullopt) = 0;
};

struct OpenedArrival {
  std::unique_ptr<ArrivalReader> reader;  // null: it cannot be read now
  bool gone = false;                      // nothing is there any more
};

// Source, name and digest identify an arrival: the same again is a repeat, which changes no table.
struct Arrival {
  std::string source;
  std::string name;
  // Where it was found, for people and for the catalog: a path, a URI.
  std::string place;
  // Tells this arrival from another one with the same bytes at the same place.
  std::string occurrence;
  // Changes whenever the bytes may have: findings about another version do not apply to this one.
  std::string version;
  std::optional<std::int64_t> size_bytes;  // absent: known only after reading
  std::string sender = "landing";          // how it came, for the ledger
  // If `opens_again`, this may be called any number of times until the arrival is acknowledged.
  // Else it is called once, and the bytes are spooled in the state folder until they are stored.
  std::function<Result<OpenedArrival>()> open;
  bool opens_again = true;
  // What the commit records, so that the driver does not return this arrival again; digest and
  // state are filled in.
  std::optional<catalog::LandingRecord> seen;
  // What else the same commit sets.
  std::vector<catalog::SettingChange> settings;
  // The driver's own handle for it: an offset, a receipt.
  std::string acknowledgement;
};

// The arrivals of one batch, in order. Threads: one.
class Arrivals {
 public:
  virtual ~Arrivals() = default;
  // Absent after the last.
  virtual Result<std::optional<Arrival>> Next() = 0;
  // Called after the commit, when the arrival is recorded as new or as a repeat and its bytes are
  // in the lake: now its sender may be told, and copies elsewhere may be removed. Called again by a
  // later process if this one ends in between. A failure is added to `untaken`, by place, and does
  // not end the run.
  virtual void Acknowledge(const Arrival& arrival, const Digest& digest,
                           std::map<std::string, std::string>& untaken) = 0;
};
}  // namespace weirhouse::work
