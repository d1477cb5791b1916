// What the online store needs of the service that keeps its rows: RocksDB here, a memory of maps in
// tests; one suite for all (backend_conformance.h).
//
// What is kept, by view and generation: rows by entity, newest first; of each table key the list of
// its versions; gaps (an entity whose older row left). And one marker for each view. Values are
// bytes of online_layout.h, which no driver looks into.
//
// What is asked of a driver, and how one over Redis would give it:
//   - A Write is all or nothing, and seen whole: MULTI/EXEC, or one script.
//   - Rows of one entity in order: a sorted set for each entity with all scores 0, whose members
//     begin with the inverted times, asked by ZRANGEBYLEX; values in a hash beside it. A set of the
//     entities of a generation gives EachRow.
//   - A moment: what is read through one OnlineMoment is of one state, across views. Redis has no
//     snapshots, so a driver need not keep the state: a read that comes after a Write may answer
//     kConflict, and who asks takes another look (OnlineStore::AtOneMoment). A counter that each
//     Write raises, and each reading script answers with, is enough for that.
//   - DropGeneration of what a marker no longer names may go on after the Write (UNLINK by the set
//     of entities): nobody can see it.
//   - `sync`: WAIT and an append-only file with `always`; without it the last Writes may be lost,
//     never one before another, which the markers then tell.
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

// Where one generation of a view lies.
struct ViewPlace {
  std::string view_id;
  std::uint32_t generation = 0;
};

// Names one version of one row. Views of bytes; in a visit they live for the call only.
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
  // Rows, version lists and gaps of one generation; of all generations. The marker stays.
  virtual void DropGeneration(const ViewPlace& place) = 0;
  virtual void DropView(const std::string& view_id) = 0;
  virtual std::int64_t count() const = 0;
};

// Visits rows until it returns false.
using VisitOnlineRow = std::function<bool(const OnlineRowKey& key, std::string_view value)>;

// One state of the backend, which it must not outlive. All reads that answer are of that state; a
// driver that cannot keep it answers kConflict once the state has gone. Threads: any.
class OnlineMoment {
 public:
  virtual ~OnlineMoment() = default;
  virtual Result<std::optional<std::string>> Marker(const std::string& view_id) const = 0;
  virtual Result<bool> HasGap(const ViewPlace& place, std::string_view entity) const = 0;
  // The rows of one entity with an event time up to `at` / after it. Newest first: by event time,
  // then by known time, both descending; among equals in any order.
  virtual Status RowsUpTo(const ViewPlace& place, std::string_view entity, std::int64_t at,
                          const VisitOnlineRow& visit) const = 0;
  virtual Status RowsAfter(const ViewPlace& place, std::string_view entity, std::int64_t at,
                           const VisitOnlineRow& visit) const = 0;
};

// Threads: reads from any; one writer at a time. Errors: kUnavailable, the service cannot be had;
// kCorruption (WH4014), what it holds cannot be read: the store is a cache and is built anew.
class OnlineBackend {
 public:
  virtual ~OnlineBackend() = default;

  virtual std::unique_ptr<OnlineWrites> NewWrites() = 0;
  // All or nothing. `sync`: durable when it returns. What was made by NewWrites of this backend.
  virtual Status Write(OnlineWrites& writes, bool sync) = 0;

  // All that follow read what was written last.
  virtual Result<std::map<std::string, std::string>> Markers() = 0;  // by view id
  // One answer for each key, in order.
  virtual Result<std::vector<std::optional<std::string>>> Versions(
      const ViewPlace& place, const std::vector<std::string_view>& row_keys) = 0;
  virtual Result<std::optional<std::string>> Row(const ViewPlace& place,
                                                 const OnlineRowKey& key) = 0;
  // The rows of a generation: those of one entity together and newest first, entities in any order.
  // Rows may be written or deleted meanwhile: those of entities that were visited.
  virtual Status EachRow(const ViewPlace& place, const VisitOnlineRow& visit) = 0;
  virtual Status EachVersions(
      const ViewPlace& place,
      const std::function<bool(std::string_view row_key, std::string_view value)>& visit) = 0;
  // All of one generation in another one, which nobody reads yet, in place of what is there. Not
  // one write: what is cut short is dropped by the next.
  virtual Status Copy(const ViewPlace& from, const ViewPlace& to) = 0;

  virtual std::unique_ptr<OnlineMoment> Look() = 0;
};
}  // namespace weirhouse::feature
