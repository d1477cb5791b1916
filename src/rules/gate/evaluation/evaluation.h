// One judgement in progress: what its checks share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "rules/gate/definition/definition.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/input.h"
#include "rules/gate/state/check_state.h"

namespace weirhouse::platform {
class SqlSession;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

// Loads what checks ask for, once. Threads: one.
class Evaluation {
 public:
  Evaluation(const GateDefinition& definition, const GateInput& input,
             platform::SqlSession& session, Clock& clock);
  // Takes the rows out of the session again.
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  const GateDefinition& definition() const { return definition_; }
  const GateInput& input() const { return input_; }
  // The rows of the batch.
  const RowSourcePtr& batch() const { return batch_; }
  // The rows a check judges: the batch, or with scope: table the staged table with `columns` and
  // the table's key.
  Result<RowSourcePtr> Source(const Check& check, const std::vector<std::string>& columns);
  // The same with scope: table, as a table.
  Result<RowsPtr> Rows(const Check& check, const std::vector<std::string>& columns);
  Result<RowsPtr> OtherTable(const std::string& name, const std::vector<std::string>& columns);
  // Runs the query of a check over what it reads.
  Result<RowsPtr> QueryOf(const Check& check, const std::string& sql);
  // The same in pieces: registers the tables that are read, under their names; runs SQL within the
  // bounds of the check.
  Status Register(const SqlReads& reads);
  Result<RowsPtr> Ask(const Check& check, const std::string& sql);
  // Makes `rows`, a part of the batch, `this`.
  Status RegisterBatch(const RowsPtr& rows);
  // What is registered under a name that was read.
  const RowsPtr& Registered(const std::string& name) const { return registered_.at(name); }
  // What is found where `sql`, the query of a check, could not be run: if it failed on values, on
  // which rows, by which expression. Else the error as it is.
  Result<Finding> Blame(const Check& check, const std::string& sql, const Status& why);
  // Goes over the batch for all checks that are judged from their states, once for each set of
  // columns that checks name: what they found is then ready, and of the states only those of
  // columns with a history are kept.
  void GatherBatch();
  // What GatherBatch found for `check`, and how long that took; nothing where it did not look.
  struct Ready {
    Result<Finding> finding = Finding();
    std::int64_t duration_us = 0;
  };
  std::optional<Ready> TakeReady(const Check& check);
  // The state of a check that can be judged from it, over the rows that it judges. That of a column
  // with a history is made once for all checks and the profile. Valid until the next call.
  Result<const CheckState*> StateOf(const Check& check);
  // The rows that StateOf went over, with scope: table.
  Result<RowsPtr> JudgedRows(const Check& check);
  // This batch's profile: the columns whose history the gate needs.
  Result<BatchProfile> Profile();
  // What the checks of one kind keep together for this judgement: a T, made when it is first asked
  // for.
  template <typename T>
  T& Shared() {
    std::shared_ptr<void>& shared = shared_[typeid(T)];
    if (shared == nullptr) shared = std::make_shared<T>();
    return *static_cast<T*>(shared.get());
  }
  platform::SqlSession& session() { return session_; }
  // Not OK once a query was ended because the process was told to stop: then nothing is judged.
  const Status& stopped() const { return stopped_; }

 private:
  struct Pass;
  // Goes over the rows once for `checks`, which name the same columns.
  void Gather(const std::vector<const Check*>& checks);
  void FinishGathered(Pass& pass);
  Result<RowsPtr> ThisRows(const std::vector<std::string>& columns);
  Result<RowsPtr> StagedTable(const std::vector<std::string>& columns);
  std::vector<std::string> ColumnsOf(const SqlReads::TableRead& table) const;
  // Rows of `name` on which `sql` fails; those of the batch, or of the staged table.
  Result<std::vector<std::int64_t>> FailingRowsOf(const Check& check, const std::string& sql,
                                                  const std::string& name, nlohmann::json& detail);

  const GateDefinition& definition_;
  const GateInput& input_;
  platform::SqlSession& session_;
  Clock& clock_;
  RowSourcePtr batch_;
  std::map<const Check*, Ready> ready_;
  std::map<std::vector<std::string>, RowsPtr> read_;  // of a batch that is no table
  std::map<std::vector<std::string>, RowsPtr> staged_;
  std::map<std::pair<std::string, std::vector<std::string>>, RowsPtr> others_;
  std::map<std::string, RowsPtr> registered_;
  std::map<std::type_index, std::shared_ptr<void>> shared_;
  std::map<std::string, CheckState> histories_;  // by column
  std::optional<CheckState> state_;              // of the last check without one
  Status stopped_;
};

// The verdict on what was gathered, for a check that needs no rows. A pure function: equal states
// are equal findings, whichever way they were merged. Errors end as state error.
Result<Finding> FinishCheck(const CheckState& state, const Check& check, const Against& against);
}  // namespace weirhouse::gate
