// A writing connection that keeps the tallies of what it writes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ground/catalog/store/tally.h"
#include "ground/catalog/store/write_form.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// It intercepts every statement that writes rows: it first reads the rows that are replaced or
// removed, gets the new rows from the statement itself, and adds the difference to the table's
// tally when the transaction ends. Statements whose form it cannot read fail (WH7085).
//
// Cost: a digest of each written row, one more look-up by key of each row that an UPDATE or an
// upsert replaces, and at the end one small row per written table.
class TalliedDatabase final : public platform::Database {
 public:
  explicit TalliedDatabase(std::unique_ptr<platform::Database> db) : db_(std::move(db)) {}

  platform::Dialect dialect() const override { return db_->dialect(); }
  Status Run(std::string_view sql, const std::vector<platform::DatabaseValue>& parameters) override;
  Status Each(std::string_view sql, const std::vector<platform::DatabaseValue>& parameters,
              const std::function<Status(const platform::DatabaseRow&)>& visit) override;
  Status Stream(std::string_view sql,
                const std::function<Status(const platform::DatabaseRow&)>& visit) override {
    return db_->Stream(sql, visit);
  }
  Status Script(std::string_view sql) override { return db_->Script(sql); }
  std::int64_t Changes() const override { return changes_; }
  Result<bool> HasTable(std::string_view name) override { return db_->HasTable(name); }

  Status Begin() override;
  Status BeginRead() override;
  Status Commit() override;
  void Rollback() override;
  Status Savepoint() override;
  Status RollbackToSavepoint() override;
  Status ReleaseSavepoint() override;
  Status WaitForWriters() override { return db_->WaitForWriters(); }
  bool lost() const override { return db_->lost(); }

  // Updates the stored tallies with what was written so far and marks them as stated by commit
  // `seq`, together with those that no commit has stated yet; returns all of these as text by
  // table.
  Result<std::map<std::string, std::string>> StateTallies(std::int64_t seq);

 private:
  struct Prepared {
    WriteForm form;
    std::string sql;  // returns `form.answer`, then all columns
    std::string old;  // reads the rows before the write; empty if there are none
  };
  using Changed = std::map<std::string, Tally>;

  Result<const Prepared*> Prepare(std::string_view sql);
  Result<const TallyColumns*> ColumnsOf(const std::string& table);
  Result<std::vector<Digest>> RowsBefore(const Prepared& write,
                                         const std::vector<platform::DatabaseValue>& parameters);
  Status Write(const Prepared& write, const std::vector<platform::DatabaseValue>& parameters,
               const std::function<Status(const platform::DatabaseRow&)>* visit);
  // Adds the changes to the stored tallies. `seq`: the commit that states them, if any.
  Status Store(std::int64_t seq);

  std::unique_ptr<platform::Database> db_;
  std::unordered_map<std::string, Prepared> prepared_;
  std::map<std::string, TallyColumns> columns_;
  Changed changed_;                  // by the open transaction, and not yet stored
  std::vector<Changed> savepoints_;  // as it was when each was set
  std::int64_t changes_ = 0;
};
}  // namespace weirhouse::catalog
