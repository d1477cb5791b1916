#include "testing/simulator/invariants.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "ground/base/status.h"
#include "testing/simulator/simulated_sqlite.h"

namespace weirhouse::simulator {

class Invariants::Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string Text(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr
               ? std::string()
               : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }

 private:
  sqlite3_stmt* statement_;
};

namespace {
std::int64_t Nanos(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::optional<std::string> BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}
bool Exists(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0;
}
std::string WithoutScheme(const std::string& location) {
  return location.starts_with("file://") ? location.substr(7) : location;
}
Digest DigestOfHex(const std::string& hex) {
  Digest digest;
  if (!ParseDigest(hex, &digest)) return Digest{};
  return digest;
}
}  // namespace

Invariants::~Invariants() { sqlite3_close_v2(db_); }

void Invariants::Fail(std::string text) {
  if (!first_) first_ = std::move(text);
}

void Invariants::Each(const std::string& sql, const Visit& visit) {
  sqlite3_stmt* statement = nullptr;
  int rc = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
  if (rc == SQLITE_OK) {
    const Row row(statement);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) visit(row);
  }
  if (rc != SQLITE_DONE && rc != SQLITE_OK)
    Fail(fmt::format("I4 atomic snapshots: the catalog cannot be read: {}: {}", sqlite3_errmsg(db_),
                     sql));
  sqlite3_finalize(statement);
}

std::int64_t Invariants::One(const std::string& sql) {
  std::int64_t value = 0;
  Each(sql, [&](const Row& row) { value = row.Int(0); });
  return value;
}

std::optional<std::string> Invariants::Check(const std::vector<LandedFile>& landed,
                                             const std::set<ObjectKey>& excluded, bool drained) {
  first_.reset();
  const std::string path = root_ + "/.weirhouse/catalog.db";
  if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, PlainSqlite()) != SQLITE_OK) {
    Fail("I4 atomic snapshots: the catalog cannot be opened");
  } else {
    sqlite3_exec(db_, "BEGIN", nullptr, nullptr, nullptr);
    CheckLanded(landed, drained);
    CheckRaw(landed);
    CheckTables();
    CheckOffset("processed", "raw", drained);
    CheckOffset("feature", "processed", drained);
    CheckLineage();
    CheckGate();
    if (drained) CheckStates(landed, excluded);
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  sqlite3_close_v2(db_);
  db_ = nullptr;
  return first_;
}

std::set<ObjectKey> Invariants::ObjectsOf(std::optional<std::int64_t> seq) {
  std::set<ObjectKey> keys;
  const std::string path = root_ + "/.weirhouse/catalog.db";
  if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, PlainSqlite()) == SQLITE_OK) {
    Each(fmt::format("SELECT source, name, digest FROM object WHERE state <> 'duplicate'{}",
                     seq ? fmt::format(" AND seq = {}", *seq) : ""),
         [&](const Row& row) { keys.emplace(row.Text(0), row.Text(1), DigestOfHex(row.Text(2))); });
  }
  sqlite3_close_v2(db_);
  db_ = nullptr;
  return keys;
}

void Invariants::CheckLanded(const std::vector<LandedFile>& landed, bool drained) {
  std::set<std::tuple<std::string, std::string, std::string>> taken;
  Each("SELECT source, name, digest FROM object",
       [&](const Row& row) { taken.emplace(row.Text(0), row.Text(1), row.Text(2)); });
  for (const LandedFile& file : landed) {
    if (taken.contains({file.source, file.name, file.digest.ToHex()})) continue;
    const bool waits = Exists(fmt::format("{}/landing/{}/{}", root_, file.source, file.name));
    if (drained || !waits)
      Fail(fmt::format("I1 no loss: {}/{} landed and is neither in raw nor waiting", file.source,
                       file.name));
  }
}

void Invariants::CheckRaw(const std::vector<LandedFile>& landed) {
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> sent;
  for (const LandedFile& file : landed)
    sent[{file.source, file.name, file.digest.ToHex()}] = file.records.size();
  Each("SELECT source, name, digest, path, record_count FROM object WHERE state <> 'duplicate'",
       [&](const Row& row) {
         const std::string name = row.Text(0) + "/" + row.Text(1);
         const std::string path = WithoutScheme(row.Text(3));
         CheckFile("I3 raw immutable", path, row.Text(2));
         struct stat found{};
         if (lstat(path.c_str(), &found) == 0 && (found.st_mode & 0222) != 0)
           Fail(fmt::format("I3 raw immutable: the raw object of {} can be written", name));
         const auto file = sent.find({row.Text(0), row.Text(1), row.Text(2)});
         if (file == sent.end())
           return Fail(fmt::format("I3 raw immutable: {} is in raw and never landed", name));
         if (static_cast<std::int64_t>(file->second) != row.Int(4))
           Fail(fmt::format("I1 no loss: {} has {} records, the catalog says {}", name,
                            file->second, row.Int(4)));
       });
}

void Invariants::CheckFile(const std::string& invariant, const std::string& path,
                           const std::string& sha256) {
  // A hashed file is trusted as long as it is unchanged.
  struct stat seen{};
  if (lstat(path.c_str(), &seen) != 0)
    return Fail(fmt::format("{}: a file is gone: {}", invariant, path));
  const Hashed as_it_is{seen.st_ino, seen.st_size, Nanos(seen.st_mtim), Nanos(seen.st_ctim), {}};
  Hashed& found = hashed_[path];
  if (found.sha256.empty() || !found.IsSameFile(as_it_is)) {
    const auto bytes = BytesOf(path);
    if (!bytes) return Fail(fmt::format("{}: a file is gone: {}", invariant, path));
    found = as_it_is;
    found.sha256 = Sha256Of(*bytes).ToHex();
  }
  if (found.sha256 != sha256) Fail(fmt::format("{}: a file has other bytes: {}", invariant, path));
}

void Invariants::CheckTables() {
  Each("SELECT path, sha256 FROM file WHERE released = 0", [&](const Row& row) {
    CheckFile("I4 atomic snapshots", WithoutScheme(row.Text(0)), row.Text(1));
  });
  Each(
      "SELECT t.name, t.metadata_location FROM table_pointer t LEFT JOIN file f ON f.path = "
      "replace(t.metadata_location, 'file://', '') AND f.released = 0 WHERE f.path IS NULL",
      [&](const Row& row) {
        Fail(fmt::format("I4 atomic snapshots: {} is at metadata that no commit wrote: {}",
                         row.Text(0), row.Text(1)));
      });
  Each(
      "SELECT t.name, t.seq, s.seq FROM table_pointer t JOIN snapshot s ON s.id = (SELECT max(id) "
      "FROM snapshot WHERE table_name = t.name AND ref = 'main') WHERE s.seq > t.seq",
      [&](const Row& row) {
        Fail(
            fmt::format("I4 atomic snapshots: {} published a snapshot in commit {} and its "
                        "pointer is of commit {}",
                        row.Text(0), row.Int(2), row.Int(1)));
      });
}

void Invariants::CheckOffset(const std::string& consumer, const std::string& layer, bool drained) {
  const std::int64_t position =
      One(fmt::format("SELECT position FROM consumer_offset WHERE consumer = '{}'", consumer));
  std::map<std::int64_t, std::int64_t> runs;  // commit → how many increments took it in
  std::int64_t greatest = 0;
  Each(fmt::format(
           "SELECT CAST(src.key AS INTEGER), run.kind = '{}' AND run.name <> 'rebuild' FROM edge e "
           "JOIN node src ON src.id = e.src JOIN node dst ON dst.id = e.dst JOIN run ON 'r' || "
           "run.id = dst.key JOIN commit_log c ON CAST(c.seq AS TEXT) = src.key WHERE src.kind = "
           "'commit' AND dst.kind = 'run' AND e.kind = 'read' AND c.layer = '{}' AND run.state IN "
           "('committed', 'discarded')",
           consumer, layer),
       [&](const Row& row) {
         runs[row.Int(0)] += row.Int(1);
         greatest = std::max(greatest, row.Int(0));
       });
  for (const auto& [seq, count] : runs) {
    if (count > 1)
      Fail(fmt::format("I5 offsets: {} took in commit {} in {} runs", consumer, seq, count));
  }
  if (greatest > position)
    Fail(fmt::format("I5 offsets: {} stands at {}, and the effect of commit {} is visible",
                     consumer, position, greatest));
  Each(fmt::format("SELECT seq FROM commit_log WHERE layer = '{}' AND state = 'committed'", layer),
       [&](const Row& row) {
         const std::int64_t seq = row.Int(0);
         if (seq <= position && !runs.contains(seq))
           Fail(fmt::format("I5 offsets: {} stands at {} and skipped commit {}", consumer, position,
                            seq));
         if (drained && seq > position)
           Fail(fmt::format("I5 offsets: {} stands at {}, commit {} waits, and nothing runs",
                            consumer, position, seq));
       });
}

void Invariants::CheckLineage() {
  Each(
      "SELECT s.table_name, s.seq FROM snapshot s LEFT JOIN run r ON r.id = s.run LEFT JOIN "
      "commit_log c ON c.seq = s.seq AND c.run = s.run WHERE r.id IS NULL OR c.seq IS NULL OR "
      "r.state NOT IN ('committed', 'halted', 'discarded')",
      [&](const Row& row) {
        Fail(fmt::format("I6 lineage total: no run published {}@{}", row.Text(0), row.Int(1)));
      });
  Each(
      "SELECT n.key FROM node n LEFT JOIN edge e ON e.dst = n.id AND e.kind = 'wrote' WHERE "
      "n.kind = 'snapshot' GROUP BY n.id HAVING count(e.src) = 0",
      [&](const Row& row) { Fail(fmt::format("I6 lineage total: no run wrote {}", row.Text(0))); });
  Each(
      "SELECT e.seq FROM edge e LEFT JOIN node a ON a.id = e.src LEFT JOIN node b ON b.id = e.dst "
      "WHERE a.id IS NULL OR b.id IS NULL",
      [&](const Row& row) {
        Fail(fmt::format("I6 lineage total: an edge of commit {} leads to nothing", row.Int(0)));
      });
  Each(
      "SELECT s.table_name, s.seq FROM snapshot s JOIN commit_log c ON c.seq = s.seq WHERE s.ref "
      "= 'main' AND s.added_rows > 0 AND c.layer IN ('feature', 'rebuild') AND NOT EXISTS (SELECT "
      "1 FROM edge e JOIN node d ON d.id = e.dst WHERE d.kind = 'run' AND d.key = 'r' || s.run "
      "AND e.kind = 'read')",
      [&](const Row& row) {
        Fail(fmt::format("I6 lineage total: {}@{} was written by a run that read nothing",
                         row.Text(0), row.Int(1)));
      });
  Each(
      "SELECT run.id, o.id FROM edge e JOIN node s ON s.id = e.src AND s.kind = 'commit' JOIN node "
      "d ON d.id = e.dst AND d.kind = 'run' JOIN run ON 'r' || run.id = d.key JOIN object o ON "
      "CAST(o.seq AS TEXT) = s.key AND o.state <> 'duplicate' WHERE e.kind = 'read' AND run.kind "
      "<> 'retry' AND NOT EXISTS "
      "(SELECT 1 FROM edge f JOIN node g ON g.id = f.src WHERE f.dst = d.id AND f.kind = 'read' "
      "AND g.kind = 'object' AND g.key = 'o' || o.id) "
      // An object that was set aside is read when it is retried.
      "AND o.attempts < 3 AND NOT EXISTS (SELECT 1 FROM edge f JOIN node g ON g.id = f.src JOIN "
      "node "
      "h ON h.id = f.dst JOIN run t ON 'r' || t.id = h.key WHERE t.kind = 'retry' AND f.kind = "
      "'read' "
      "AND g.kind = 'object' AND g.key = 'o' || o.id)",
      [&](const Row& row) {
        Fail(fmt::format("I6 lineage total: run {} used up a commit and did not read its object {}",
                         row.Int(0), row.Int(1)));
      });
  Each(
      "SELECT c.seq FROM commit_log c WHERE c.seq > 1 AND NOT EXISTS (SELECT 1 FROM commit_log p "
      "WHERE p.seq = c.seq - 1)",
      [&](const Row& row) {
        Fail(fmt::format("I6 lineage total: the log of commits has a gap before {}", row.Int(0)));
      });
}

void Invariants::CheckGate() {
  Each(
      "SELECT v.gate, v.state, v.batch FROM verdict v JOIN snapshot s ON s.run = v.run AND s.ref = "
      "'main' AND s.table_name = v.table_name WHERE v.override_reason = '' AND v.state NOT IN "
      "('passed', 'warned', 'warming', 'skipped')",
      [&](const Row& row) {
        Fail(fmt::format("I7 gate: {} was published though gate {} {}", row.Text(2), row.Text(0),
                         row.Text(1)));
      });
  if (!variant_.gate) return;
  Each(
      "SELECT c.seq, c.batch FROM snapshot s JOIN commit_log c ON c.seq = s.seq WHERE c.layer = "
      "'processed' AND s.ref = 'main' AND s.table_name = 'processed.order' AND s.added_rows > 0 "
      "AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.batch = c.batch)",
      [&](const Row& row) {
        Fail(fmt::format("I7 gate: commit {} published batch {}, which no gate judged", row.Int(0),
                         row.Text(1)));
      });
}

void Invariants::CheckStates(const std::vector<LandedFile>& landed,
                             const std::set<ObjectKey>& excluded) {
  for (const std::string source : {"order", "visit"}) {
    if (source == "visit" && !variant_.visits) continue;
    std::map<std::string, std::int64_t> counted;
    Each(
        fmt::format("SELECT r.state, sum(r.count) FROM record_state r JOIN commit_log c ON c.seq = "
                    "r.seq WHERE c.state = 'committed' AND r.source = '{}' GROUP BY 1",
                    source),
        [&](const Row& row) {
          if (row.Int(1) != 0) counted[row.Text(0)] = row.Int(1);
        });
    const Expected expected = Expect(source, landed, excluded);
    if (counted == expected.states) continue;
    const auto shown = [](const std::map<std::string, std::int64_t>& states) {
      std::string text;
      for (const auto& [state, count] : states) text += fmt::format(" {} {}", count, state);
      return text;
    };
    Fail(fmt::format("I1 no loss: records of {} are counted as{}, and what landed says{}", source,
                     shown(counted), shown(expected.states)));
  }
}
}  // namespace weirhouse::simulator
