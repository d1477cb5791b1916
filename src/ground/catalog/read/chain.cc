// The hash chain over commits: what a commit wrote cannot change later without showing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "ground/catalog/read/chain_names.h"
#include "ground/catalog/store/index_check.h"
#include "ground/catalog/store/layout_check.h"
#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/store/tallied_database.h"
#include "ground/catalog/store/tally.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

// The immutable rows of one commit, by kind. Commit computes the digests and VerifyChain checks
// them with the same statements.
struct Part {
  std::string_view name;
  std::string_view sql;
  int columns;
};
constexpr std::array<Part, 10> kParts{{
    {"snapshots",
     "SELECT table_name, snapshot_id, sequence_number, ref, operation, added_rows, deleted_rows, "
     "total_rows, run FROM snapshot WHERE seq = ? ORDER BY id",
     9},
    {"files",
     "SELECT path, table_name, kind, size_bytes, sha256, run FROM file WHERE seq = ? ORDER BY id",
     6},
    {"objects",
     "SELECT id, source, name, digest, size_bytes, record_count, first_record_id, path, batch, "
     "contract_version, sender, arrived_at, state FROM object WHERE seq = ? ORDER BY id",
     13},
    {"verdicts",
     "SELECT gate, table_name, state, batch, batch_end, checks, override_reason, override_by, run "
     "FROM verdict WHERE seq = ? ORDER BY id",
     9},
    {"metrics",
     "SELECT table_name, name, batch, batch_end, in_baseline, value, run FROM metric WHERE seq = ? "
     "ORDER BY id",
     7},
    {"record_states",
     "SELECT source, table_name, state, count, run FROM record_state WHERE seq = ? ORDER BY id", 5},
    {"nodes", "SELECT id, kind, key, record FROM node WHERE seq = ? ORDER BY id", 4},
    {"edges", "SELECT src, dst, kind, run FROM edge WHERE seq = ? ORDER BY src, dst, kind", 4},
    {"events", "SELECT id, type, subject, data FROM outbox WHERE seq = ? ORDER BY id", 4},
    {"predictions",
     "SELECT id, model, at, request, vector, vector_digest, output, features_seq FROM prediction "
     "WHERE seq = ? ORDER BY number",
     8},
}};

// Digests of the parts of commit `seq`; a part without rows is left out.
Result<nlohmann::json> PartDigests(Database& db, CommitSeq seq) {
  nlohmann::json digests = nlohmann::json::object();
  for (const Part& part : kParts) {
    Sha256 sha;
    bool any = false;
    WEIRHOUSE_TRY_STATUS(db.Each(part.sql, {seq.value()}, [&](const DatabaseRow& row) {
      any = true;
      for (int column = 0; column < part.columns; ++column) sha.UpdateSized(row.AnyAsText(column));
      return Status::Ok();
    }));
    if (any) digests[std::string(part.name)] = sha.Finish().ToHex();
  }
  return digests;
}

nlohmann::json TablesOf(const CommitRequest& request) {
  std::map<std::string_view, const FileRecord*> files;
  for (const FileRecord& file : request.files) files.emplace(file.path, &file);
  nlohmann::json tables = nlohmann::json::array();
  for (const TableChange& change : request.tables) {
    nlohmann::json table{{"name", change.name},
                         {"uuid", change.uuid},
                         {"old", nullptr},
                         {"new", change.metadata_location},
                         {"metadata_sha256", nullptr}};
    if (change.expected_metadata_location) table["old"] = *change.expected_metadata_location;
    if (const auto file = files.find(change.metadata_location); file != files.end()) {
      table["metadata_sha256"] = file->second->sha256.ToHex();
    }
    if (change.kind != PointerKind::kTable) table["kind"] = PointerKindName(change.kind);
    tables.push_back(std::move(table));
  }
  return tables;
}

std::string_view WhatName(NamespaceChange::What what) {
  switch (what) {
    case NamespaceChange::What::kCreate:
      return "create";
    case NamespaceChange::What::kSet:
      return "set";
    case NamespaceChange::What::kDrop:
      return "drop";
  }
  return "unknown";
}

// Members that only some commits have. An empty member is left out, as in records from before it
// existed.
void AddNames(const CommitRequest& request, nlohmann::json& record) {
  for (const TableDrop& drop : request.drops) {
    record["drops"].push_back({{"name", drop.name}, {"old", drop.expected_metadata_location}});
  }
  for (const TableRename& rename : request.renames) {
    record["renames"].push_back({{"name", rename.name},
                                 {"new_name", rename.new_name},
                                 {"old", rename.expected_metadata_location}});
  }
  for (const NamespaceChange& change : request.namespaces) {
    record["namespaces"].push_back({{"what", WhatName(change.what)},
                                    {"name", change.wanted.name},
                                    {"properties", change.wanted.properties}});
  }
  if (!request.released_files.empty()) {
    record["released"] = {{"files", request.released_files.size()},
                          {"paths_sha256", Sha256OfPieces(request.released_files).ToHex()}};
  }
  if (request.reply) {
    record["reply"] = {{"key", request.reply->key},
                       {"request", request.reply->request},
                       {"status", request.reply->status},
                       {"body_sha256", Sha256Of(request.reply->body).ToHex()}};
  }
}

// The columns of one row of the log as its record states them.
nlohmann::json HeadOf(std::int64_t seq, RunId run, std::string_view state, std::string_view layer,
                      const std::string& batch, std::int64_t time,
                      std::optional<std::int64_t> batch_end) {
  nlohmann::json head{{"seq", seq},          {"run", run.value()}, {"state", state},
                      {"layer", layer},      {"batch", batch},     {"time", time},
                      {"batch_end", nullptr}};
  if (batch_end) head["batch_end"] = *batch_end;
  return head;
}

// Walks the log in order and collects what must hold at its end.
class ChainCheck {
 public:
  explicit ChainCheck(Database& db) : db_(&db) {}

  Status Walk() {
    WEIRHOUSE_TRY(chain_, ChainStart(*db_));
    // The table of answers has no index by commit. Materialised it gets one for this query;
    // otherwise it would be scanned for each commit.
    WEIRHOUSE_TRY_STATUS(db_->Stream(
        "SELECT c.seq, c.run, c.state, c.layer, c.batch, c.committed_at, c.batch_end, "
        "c.record, c.chain, r.step_identity, a.idempotency_key FROM commit_log c LEFT JOIN "
        "run r ON r.id = c.run LEFT JOIN (WITH one AS MATERIALIZED (SELECT seq, idempotency_key "
        "FROM answer) SELECT seq, idempotency_key FROM one) a ON a.seq = c.seq ORDER BY c.seq",
        [&](const DatabaseRow& row) { return CheckCommit(row); }));
    WEIRHOUSE_TRY_STATUS(CheckTail());
    WEIRHOUSE_TRY_STATUS(names_.Check(*db_, last_));
    WEIRHOUSE_TRY_STATUS(CheckOffsetRows());
    return CheckTallies(*db_, tallies_, last_);
  }

 private:
  Status CheckCommit(const DatabaseRow& row) {
    const std::int64_t seq = row.Int(0);
    if (seq != last_ + 1)
      return ChainBroken(seq, fmt::format("the commit after {} is missing", last_));
    const std::string record = row.Text(7);
    chain_ = ChainStep(chain_, record);
    if (chain_.ToHex() != row.Text(8)) {
      return ChainBroken(seq, "its record, its position or the commit before it was changed");
    }
    const auto stated = nlohmann::json::parse(record, nullptr, /*allow_exceptions=*/false);
    if (!stated.is_object()) return ChainBroken(seq, "its record cannot be read");
    std::optional<std::int64_t> batch_end;
    if (!row.IsNull(6)) batch_end = row.Int(6);
    const nlohmann::json head = HeadOf(seq, RunId(row.Int(1)), row.Text(2), row.Text(3),
                                       row.Text(4), row.Int(5), batch_end);
    for (const auto& [name, value] : head.items()) {
      if (stated.value(name, nlohmann::json()) != nlohmann::json::parse(JsonText(value))) {
        return ChainBroken(seq, fmt::format("its {} was changed", name));
      }
    }
    // The run and the answer are joined: they may be missing.
    const auto joined = [&](int column) {
      return row.IsNull(column) ? std::string() : row.Text(column);
    };
    if (stated.value("step", "") != joined(9)) return ChainBroken(seq, "its run was changed");
    if (nlohmann::json(stated.value("key", "")) != nlohmann::json::parse(JsonText(joined(10)))) {
      return ChainBroken(seq, "its idempotency key was changed");
    }
    last_ = seq;
    return CheckRows(seq, stated);
  }

  Status CheckRows(std::int64_t seq, const nlohmann::json& stated) {
    WEIRHOUSE_TRY(const nlohmann::json parts, PartDigests(*db_, CommitSeq(seq)));
    const nlohmann::json wanted = stated.value("parts", nlohmann::json::object());
    for (const Part& part : kParts) {
      const std::string name(part.name);
      if (parts.value(name, "") != wanted.value(name, "")) {
        return ChainBroken(seq, fmt::format("its {} were changed", name));
      }
    }
    names_.Follow(seq, stated);
    const nlohmann::json tallies = stated.value("tallies", nlohmann::json::object());
    for (const auto& [table, tally] : tallies.items()) {
      tallies_[table] = {seq, tally.get<std::string>()};
    }
    for (const auto& offset : stated.value("offsets", nlohmann::json::array())) {
      offsets_[offset.value("consumer", "")] = {offset.value("position", std::int64_t{0}), seq};
    }
    return Status::Ok();
  }

  // A truncated log is still consistent by itself, but rows point beyond its end.
  Status CheckTail() {
    std::int64_t named = 0;
    WEIRHOUSE_TRY_STATUS(
        db_->Each("SELECT coalesce(max(seq), 0) FROM run UNION ALL SELECT coalesce(max(seq), 0) "
                  "FROM answer UNION ALL SELECT coalesce(max(seq), 0) FROM node",
                  {}, [&](const DatabaseRow& row) {
                    named = std::max(named, row.Int(0));
                    return Status::Ok();
                  }));
    if (named > last_) return ChainBroken(named, "the commit is missing from the log");
    return Status::Ok();
  }

  Status CheckOffsetRows() {
    std::size_t count = 0;
    WEIRHOUSE_TRY_STATUS(db_->Each(
        "SELECT consumer, position, seq FROM consumer_offset", {},
        [&](const DatabaseRow& row) -> Status {
          ++count;
          const auto stated = offsets_.find(JsonSafe(row.Text(0)));
          if (stated != offsets_.end() && stated->second == std::pair(row.Int(1), row.Int(2))) {
            return Status::Ok();
          }
          return ChainBroken(row.Int(2),
                             fmt::format("the offset of consumer \"{}\" was changed", row.Text(0)));
        }));
    if (count == offsets_.size()) return Status::Ok();
    return ChainBroken(last_, "the offset of a consumer is missing");
  }

  Database* db_;
  Digest chain_;
  std::int64_t last_ = 0;
  NamesCheck names_;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> offsets_;
  std::map<std::string, StatedTally> tallies_;
};
}  // namespace

Result<Digest> ChainStart(Database& db) {
  std::string stored;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT value FROM setting WHERE key = 'project_id'", {},
                               [&](const DatabaseRow& row) {
                                 stored = row.Text(0);
                                 return Status::Ok();
                               }));
  WEIRHOUSE_TRY(const nlohmann::json id, StoredJson(stored, "project id"));
  if (!id.is_string()) {
    return Status(Code::kCorruption, "catalog has no project id").WithError("WH7088");
  }
  return Sha256Of(id.get<std::string>());
}

Digest ChainStep(const Digest& before, std::string_view record) {
  Sha256 sha;
  sha.Update(std::string_view("\x02", 1));
  sha.Update(before.view());
  sha.Update(Sha256Of(record).view());
  return sha.Finish();
}

Result<std::string> BuildRecord(CommitContext& commit) {
  const CommitRequest& request = commit.request;
  std::optional<std::int64_t> batch_end;
  if (request.batch_end) batch_end = Micros(*request.batch_end);
  nlohmann::json record = HeadOf(commit.seq.value(), commit.run.id, RunStateName(request.run_state),
                                 Name(request.layer), request.batch, Micros(commit.now), batch_end);
  record["v"] = 1;
  record["step"] = commit.run.plan.step_identity.ToHex();
  record["attempt"] = commit.run.attempt;
  record["key"] = request.idempotency_key;
  record["tables"] = TablesOf(request);
  record["offsets"] = nlohmann::json::array();
  for (const OffsetMove& move : request.offsets) {
    record["offsets"].push_back({{"consumer", move.consumer},
                                 {"from", move.expected},
                                 {"position", move.position},
                                 {"generation", move.generation}});
  }
  AddNames(request, record);
  record["verdicts"] = nlohmann::json::array();
  for (const VerdictRecord& verdict : request.verdicts) {
    record["verdicts"].push_back({{"gate", verdict.gate},
                                  {"table", verdict.table},
                                  {"state", verdict.state},
                                  {"by", verdict.override_by},
                                  {"reason", verdict.override_reason}});
  }
  if (request.also_closes) {
    record["closes"] = {{"run", request.also_closes->value()},
                        {"state", RunStateName(*request.also_state)}};
  }
  WEIRHOUSE_TRY(record["parts"], PartDigests(commit.db, commit.seq));
  // For all tables the transaction has written so far, including rows of other commits: an in-place
  // change is covered, whichever commit wrote the row first.
  if (auto* tallied = dynamic_cast<TalliedDatabase*>(&commit.db)) {
    WEIRHOUSE_TRY(record["tallies"], tallied->StateTallies(commit.seq.value()));
  }
  return JsonText(record);
}

Status SqlCatalog::VerifyChain() {
  return ReadOneState([](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(CheckLayout(db));
    // First, because the checks below find rows by these indexes.
    WEIRHOUSE_TRY_STATUS(CheckIndexes(db));
    try {
      WEIRHOUSE_TRY_STATUS(ChainCheck(db).Walk());
      return CheckTotals(db);
    } catch (const nlohmann::json::exception& error) {
      // Only a record of a foreign shape with a matching hash gets here: the chain was rebuilt by
      // someone.
      return Status(Code::kCorruption,
                    fmt::format("the record of a commit has a foreign form: {}", error.what()))
          .WithError("WH7008");
    }
  });
}
}  // namespace weirhouse::catalog
