#include "ground/catalog/store/tallied_database.h"

#include <fmt/format.h>

#include "ground/base/text.h"

namespace weirhouse::catalog {
namespace {
using platform::DatabaseRow;
using platform::DatabaseValue;

constexpr std::size_t kPreparedMax = 512;

// The condition that finds the row which an upsert replaces.
std::string MatchCondition(const std::vector<WriteForm::Match>& matches) {
  std::string condition;
  for (const WriteForm::Match& match : matches) {
    condition += fmt::format("{}{} = {}", condition.empty() ? "" : " AND ", match.column,
                             match.literal.empty() ? "?" : match.literal);
  }
  return condition;
}
}  // namespace

Result<const TallyColumns*> TalliedDatabase::ColumnsOf(const std::string& table) {
  if (const auto found = columns_.find(table); found != columns_.end()) return &found->second;
  WEIRHOUSE_TRY(TallyColumns columns, TallyColumns::Of(*db_, table));
  return &columns_.emplace(table, std::move(columns)).first->second;
}

Result<const TalliedDatabase::Prepared*> TalliedDatabase::Prepare(std::string_view sql_view) {
  std::string sql(sql_view);
  if (const auto found = prepared_.find(sql); found != prepared_.end()) return &found->second;
  Prepared write;
  WEIRHOUSE_TRY(write.form, ParseWriteForm(sql));
  if (write.form.table == kTallyTable) write.form.kind = WriteForm::Kind::kOther;
  if (write.form.kind != WriteForm::Kind::kOther) {
    WEIRHOUSE_TRY(const TallyColumns* columns, ColumnsOf(write.form.table));
    std::vector<std::string> answer = write.form.answer;
    answer.push_back(columns->list());
    write.sql = fmt::format("{} RETURNING {}", write.form.statement, Join(answer, ", "));
    const std::string select = fmt::format("SELECT {} FROM {}", columns->list(), write.form.table);
    if (write.form.kind == WriteForm::Kind::kUpsert) {
      write.old = fmt::format("{} WHERE {}", select, MatchCondition(write.form.matches));
    } else if (write.form.kind == WriteForm::Kind::kUpdate) {
      write.old =
          write.form.where.empty() ? select : fmt::format("{} WHERE {}", select, write.form.where);
    }
  }
  if (prepared_.size() >= kPreparedMax) prepared_.clear();
  return &prepared_.emplace(std::move(sql), std::move(write)).first->second;
}

Result<std::vector<Digest>> TalliedDatabase::RowsBefore(
    const Prepared& write, const std::vector<DatabaseValue>& parameters) {
  std::vector<Digest> rows;
  if (write.old.empty()) return rows;
  std::vector<DatabaseValue> values;
  if (write.form.kind == WriteForm::Kind::kUpdate) {
    for (std::size_t i = write.form.where_parameter; i < parameters.size(); ++i) {
      values.push_back(parameters[i]);
    }
  }
  for (const WriteForm::Match& match : write.form.matches) {
    if (!match.literal.empty()) continue;
    if (match.parameter >= parameters.size()) break;  // the statement itself will fail
    values.push_back(parameters[match.parameter]);
  }
  WEIRHOUSE_TRY(const TallyColumns* columns, ColumnsOf(write.form.table));
  WEIRHOUSE_TRY_STATUS(db_->Each(write.old, values, [&](const DatabaseRow& row) {
    rows.push_back(columns->DigestOf(row));
    return Status::Ok();
  }));
  return rows;
}

Status TalliedDatabase::Write(const Prepared& write, const std::vector<DatabaseValue>& parameters,
                              const std::function<Status(const DatabaseRow&)>* visit) {
  WEIRHOUSE_TRY(const std::vector<Digest> before, RowsBefore(write, parameters));
  WEIRHOUSE_TRY(const TallyColumns* columns, ColumnsOf(write.form.table));
  const auto first = static_cast<int>(write.form.answer.size());
  const bool removes = write.form.kind == WriteForm::Kind::kDelete;
  Tally change;
  std::int64_t returned = 0;
  WEIRHOUSE_TRY_STATUS(db_->Each(write.sql, parameters, [&](const DatabaseRow& row) {
    ++returned;
    if (removes) {
      change.Remove(columns->DigestOf(row, first));
    } else {
      change.Add(columns->DigestOf(row, first));
    }
    return visit == nullptr ? Status::Ok() : (*visit)(row);
  }));
  changes_ = returned;
  // An upsert whose condition is false changes no row.
  if (returned > 0) {
    for (const Digest& row : before) change.Remove(row);
  }
  if (change != Tally()) changed_[write.form.table].Add(change);
  return Status::Ok();
}

Status TalliedDatabase::Run(std::string_view sql, const std::vector<DatabaseValue>& parameters) {
  WEIRHOUSE_TRY(const Prepared* write, Prepare(sql));
  if (write->form.kind != WriteForm::Kind::kOther) return Write(*write, parameters, nullptr);
  Status status = db_->Run(sql, parameters);
  changes_ = db_->Changes();
  return status;
}

Status TalliedDatabase::Each(std::string_view sql, const std::vector<DatabaseValue>& parameters,
                             const std::function<Status(const DatabaseRow&)>& visit) {
  if (sql.starts_with("SELECT ")) return db_->Each(sql, parameters, visit);
  WEIRHOUSE_TRY(const Prepared* write, Prepare(sql));
  if (write->form.kind != WriteForm::Kind::kOther) return Write(*write, parameters, &visit);
  return db_->Each(sql, parameters, visit);
}

Status TalliedDatabase::Store(std::int64_t seq) {
  if (changed_.empty()) return Status::Ok();
  const Changed changed = std::move(changed_);
  changed_.clear();
  WEIRHOUSE_TRY(const auto stored, StoredTallies(*db_));
  for (const auto& [table, change] : changed) {
    // A tally that was removed or damaged from outside stays so, and `wh verify` reports it.
    const auto found = stored.find(table);
    if (found == stored.end() || !found->second.readable) continue;
    Tally tally = found->second.tally;
    tally.Add(change);
    WEIRHOUSE_TRY_STATUS(
        db_->Run("UPDATE tally SET row_count = ?, digest = ?, seq = ? WHERE table_name = ?",
                 {tally.rows, tally.sum_hex(), seq == 0 ? found->second.seq : seq, table}));
  }
  return Status::Ok();
}

Result<std::map<std::string, std::string>> TalliedDatabase::StateTallies(std::int64_t seq) {
  WEIRHOUSE_TRY_STATUS(Store(seq));
  WEIRHOUSE_TRY_STATUS(db_->Run("UPDATE tally SET seq = ? WHERE seq = 0", {seq}));
  WEIRHOUSE_TRY(const auto stored, StoredTallies(*db_));
  std::map<std::string, std::string> stated;
  for (const auto& [table, tally] : stored) {
    if (tally.seq == seq) stated.emplace(table, tally.tally.ToText());
  }
  return stated;
}

Status TalliedDatabase::Begin() {
  changed_.clear();
  savepoints_.clear();
  return db_->Begin();
}
Status TalliedDatabase::BeginRead() {
  changed_.clear();
  savepoints_.clear();
  return db_->BeginRead();
}
Status TalliedDatabase::Commit() {
  WEIRHOUSE_TRY_STATUS(Store(0));
  return db_->Commit();
}
void TalliedDatabase::Rollback() {
  changed_.clear();
  savepoints_.clear();
  db_->Rollback();
}

Status TalliedDatabase::Savepoint() {
  WEIRHOUSE_TRY_STATUS(db_->Savepoint());
  savepoints_.push_back(changed_);
  return Status::Ok();
}
Status TalliedDatabase::RollbackToSavepoint() {
  if (!savepoints_.empty()) {
    changed_ = std::move(savepoints_.back());
    savepoints_.pop_back();
  }
  return db_->RollbackToSavepoint();
}
Status TalliedDatabase::ReleaseSavepoint() {
  if (!savepoints_.empty()) savepoints_.pop_back();
  return db_->ReleaseSavepoint();
}
}  // namespace weirhouse::catalog
