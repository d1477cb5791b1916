// The invariants of a project after any crash, checked with SQLite and SHA-256 alone: of the
// product only the names of the catalog's columns are used. They are the same seven as in
// tests/crash/checker.py.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "testing/simulator/world.h"

struct sqlite3;

namespace weirhouse::simulator {

// Threads: one.
class Invariants {
 public:
  // `root`: the project's folder.
  Invariants(std::string root, Variant variant) : root_(std::move(root)), variant_(variant) {}
  ~Invariants();
  Invariants(const Invariants&) = delete;
  Invariants& operator=(const Invariants&) = delete;

  // The first violated invariant: "I1 no loss: …". `drained`: no work is left, so every record must
  // have its state.
  std::optional<std::string> Check(const std::vector<LandedFile>& landed,
                                   const std::set<ObjectKey>& excluded, bool drained);
  // Files may have changed: hash them again.
  void DistrustFiles() { hashed_.clear(); }
  // The objects of commit `seq`; all objects if it is absent.
  std::set<ObjectKey> ObjectsOf(std::optional<std::int64_t> seq);

 private:
  class Row;
  using Visit = std::function<void(const Row&)>;
  void Each(const std::string& sql, const Visit& visit);
  std::int64_t One(const std::string& sql);
  void Fail(std::string text);
  void CheckFile(const std::string& invariant, const std::string& path, const std::string& sha256);
  void CheckLanded(const std::vector<LandedFile>& landed, bool drained);
  void CheckRaw(const std::vector<LandedFile>& landed);
  void CheckTables();
  void CheckOffset(const std::string& consumer, const std::string& layer, bool drained);
  void CheckLineage();
  void CheckGate();
  void CheckStates(const std::vector<LandedFile>& landed, const std::set<ObjectKey>& excluded);

  const std::string root_;
  const Variant variant_;
  sqlite3* db_ = nullptr;
  std::optional<std::string> first_;
  // A file as it was when it was hashed.
  struct Hashed {
    std::uint64_t inode = 0;
    std::int64_t size_bytes = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    std::string sha256;
    bool IsSameFile(const Hashed& other) const {
      return inode == other.inode && size_bytes == other.size_bytes && mtime_ns == other.mtime_ns &&
             ctime_ns == other.ctime_ns;
    }
  };
  std::map<std::string, Hashed> hashed_;  // by path
};
}  // namespace weirhouse::simulator
