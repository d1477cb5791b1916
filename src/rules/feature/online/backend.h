// The service that stores the online store's rows: RocksDB in the product, maps in memory for
// tests; one suite tests all drivers (backend_conformance.h).
//
// It stores, by view and generation: rows by entity, newest first; the list of versions of each
// table key; gaps (entities whose older row left). And one marker for each view. Values are bytes
// in the form of online_layout.h, which drivers do not interpret.
//
// Requirements for a driver, and how one over Redis could meet them:
//   - A Write is all or nothing, and seen as a whole: MULTI/EXEC, or one script.
//   - Rows of one entity in order: a sorted set for each entity with all scores 0, whose members
//     begin with the inverted times, read by ZRANGEBYLEX; values in a hash beside it. A set of the
//     entities of a generation gives EachRow.
//   - A moment: all reads through one OnlineMoment are of one state, across views. Redis has no
//     snapshots, so a driver need not keep the state: a read after a Write may answer kConflict,
//     and
//     the caller looks again (OnlineStore::AtOneMoment). A counter that each Write increments, and
//     that each reading script returns, is enough for that.
//   - DropGeneration of a generation that no marker names may continue after the Write (UNLINK by
//   the
//     set of entities), because no one can read it.
//   - `sync`: WAIT and an append-only file with `always`. Without it the last Writes may be lost,
//   but
//     never an earlier one without the later ones; the markers then tell.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::feature {

// The place of one generation of a view.
struct ViewPlace {
  std::string view_id;
  std::uint32_t generation = 0;
};

// Identifies one version of one row. Views of bytes; in a visit they are valid during the call.
struct OnlineRowKey {
  std::string_view entity;
  std::int64_t event_time = 0;
  std::int64_t known_time = 0;
  std::string_view row_key;
  std::string_view digest;  // 32 bytes
};

// Writes that are applied together, in the order of the calls. Threads: one.
class OnlineWrites {
 public:
  virtual ~OnlineWrites() = default;
  virtual void PutRow(const ViewPlace& place, const OnlineRowKey& key, std::string_view value) = 0;
  virtual void DeleteRow(const ViewPlace& place, const OnlineRowKey& key) = 0;
  virtual void PutVersions(const ViewPlace& place, std::string_view row_key,
                           std::string_view value) = 0;
  virtual void DeleteVersions(const ViewPlace& place, std::string_view row_key) = 0;
  virtual void PutGap(const ViewPlace& place, std::string_view entity) = 0;
  virtual void PutMarker(const std::string& view_id, std::string_view value) = 0;
  virtual void DeleteMarker(const std::string& view_id) = 0;
  // Removes rows, version lists and gaps of one generation; DropView those of all. The marker
  // stays.
  virtual void DropGeneration(const ViewPlace& place) = 0;
  virtual void DropView(const std::string& view_id) = 0;
  virtual std::int64_t count() const = 0;
};

// Visits rows until it returns false.
using VisitOnlineRow = std::function<bool(const OnlineRowKey& key, std::string_view value)>;

// One state of the backend; must not outlive the backend. All reads that succeed are of that state;
// a driver that cannot keep it answers kConflict once the state is gone. Threads: any.
class OnlineMoment {
 public:
  virtual ~OnlineMoment() = default;
  virtual Result<std::optional<std::string>> Marker(const std::string& view_id) const = 0;
  virtual Result<bool> HasGap(const ViewPlace& place, std::string_view entity) const = 0;
  // The rows of one entity with an event time up to `at` / after it. Newest first: by event time,
  // then by known time, both descending; equal ones in any order.
  virtual Status RowsUpTo(const ViewPlace& place, std::string_view entity, std::int64_t at,
                          const VisitOnlineRow& visit) const = 0;
  virtual Status RowsAfter(const ViewPlace& place, std::string_view entity, std::int64_t at,
                           const VisitOnlineRow& visit) const = 0;
};

// Threads: reads from any; one writer at a time. Errors: kUnavailable, the service cannot be
// reached; kCorruption (WH4014), its contents cannot be read: the store is a cache and is rebuilt.
class OnlineBackend {
 public:
  virtual ~OnlineBackend() = default;

  virtual std::unique_ptr<OnlineWrites> NewWrites() = 0;
  // All or nothing. `sync`: durable when it returns. `writes` must come from NewWrites of this
  // backend.
  virtual Status Write(OnlineWrites& writes, bool sync) = 0;

  // All functions below read the last written state.
  virtual Result<std::map<std::string, std::string>> Markers() = 0;  // by view id
  // One answer for each key, in order.
  virtual Result<std::vector<std::optional<std::string>>> Versions(
      const ViewPlace& place, const std::vector<std::string_view>& row_keys) = 0;
  virtual Result<std::optional<std::string>> Row(const ViewPlace& place,
                                                 const OnlineRowKey& key) = 0;
  // The rows of a generation: those of one entity together and newest first, entities in any order.
  // Rows of visited entities may be written or deleted meanwhile.
  virtual Status EachRow(const ViewPlace& place, const VisitOnlineRow& visit) = 0;
  virtual Status EachVersions(
      const ViewPlace& place,
      const std::function<bool(std::string_view row_key, std::string_view value)>& visit) = 0;
  // Replaces generation `to`, which no one reads yet, by a copy of `from`. Not a single write: the
  // next Copy drops what an interrupted one left.
  virtual Status Copy(const ViewPlace& from, const ViewPlace& to) = 0;

  virtual std::unique_ptr<OnlineMoment> Look() = 0;
};
}  // namespace weirhouse::feature
