// What arrives, wherever it comes from: a landing folder today; HTTP bodies, objects of a store and
// records of a stream in time. The raw step asks for nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/catalog/record.h"

namespace weirhouse::work {

// The bytes of an arrival, from the first to the last; never all of them at once. Threads: one.
class ArrivalReader : public ByteStream {
 public:
  // Reads what is left: the digest of all bytes. Nothing if they are not what was sent (the sender
  // is still writing, or has put something else there): then nothing of it is taken. With `whole`,
  // the digest that an earlier reading gave: bytes that have it are that arrival.
  virtual Result<std::optional<Digest>> Finish(
      const std::optional<Digest>& whole = std::nullopt) = 0;
};

struct OpenedArrival {
  std::unique_ptr<ArrivalReader> reader;  // null: not to be read now
  bool gone = false;                      // nothing is there any more
};

// Source, name and digest are what an arrival is: the same again is a repeat, which changes no
// table.
struct Arrival {
  std::string source;
  std::string name;
  // Where it was seen, for people and for the catalog, which keeps it: a path, a URI.
  std::string place;
  // Tells this arrival from another of the same bytes at the same place.
  std::string occurrence;
  // Changes whenever its bytes may have: what was found of another version says nothing of this.
  std::string version;
  std::optional<std::int64_t> size_bytes;  // absent: known when it was read
  std::string sender = "landing";          // what the ledger says brought it
  // May be called again, from any moment until the arrival is acknowledged, if `opens_again`. Else
  // once: then the bytes wait in the state folder until they are stored.
  std::function<Result<OpenedArrival>()> open;
  bool opens_again = true;
  // What the commit keeps, so that the driver does not give this arrival again; digest and state
  // are filled in.
  std::optional<catalog::LandingRecord> seen;
  // The driver's own name for it: an offset, a receipt.
  std::string acknowledgement;
};

// The arrivals of one batch, in order. Threads: one.
class Arrivals {
 public:
  virtual ~Arrivals() = default;
  // Absent after the last.
  virtual Result<std::optional<Arrival>> Next() = 0;
  // The arrival is committed, as new or as a repeat, and its bytes are in the lake: its sender may
  // be told, and what holds it elsewhere may go. Called after the commit and never before, and again
  // by a later process if this one ends in between. What hinders it is told in `untaken`, by
  // place: it is no reason to end.
  virtual void Acknowledge(const Arrival& arrival, const Digest& digest,
                           std::map<std::string, std::string>& untaken) = 0;
};
}  // namespace weirhouse::work
