// Real tables in a warehouse, and commits to be judged. For tests.
#pragma once

#include <arrow/api.h>

#include <set>

#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "rules/policy/policy.h"
#include "testing/testing.h"

namespace weirhouse::policy {

class JudgeTest : public ::testing::Test {
 protected:
  platform::ObjectStore& store() { return platform::LocalStore(); }
  Warehouse warehouse() const { return {scratch_ / "lake"}; }

  static std::shared_ptr<arrow::Schema> TripSchema() {
    return arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false),
                          arrow::field("place", arrow::utf8()),
                          arrow::field("fare", arrow::float64())});
  }
  iceberg::TablePtr NewTable(const std::string& name) {
    iceberg::NewTable wanted;
    wanted.name = name;
    std::string folder = name;
    std::replace(folder.begin(), folder.end(), '.', '/');
    wanted.location = scratch_ / ("lake/" + folder);
    wanted.schema = iceberg::Schema::FromArrow(*TripSchema()).value();
    ManualClock clock(now_);
    return MakeTable(wanted, random_, clock).value();
  }
  iceberg::StageOptions Options(const std::string& operation = "") {
    now_ += std::chrono::seconds(1);
    iceberg::StageOptions options;
    options.run_name = "r1";
    options.idempotency_key = random_.Uuid4();
    options.now = now_;
    options.operation = operation;
    return options;
  }
  void Add(iceberg::StagedWrite& write, const std::string& json) {
    EXPECT_OK(write.Append(*testing::TableOf(TripSchema(), json)));
  }
  iceberg::TablePtr Append(const iceberg::TablePtr& base, const std::string& json,
                           const std::string& ref = "main") {
    iceberg::StageOptions options = Options();
    options.ref = ref;
    iceberg::StagedWrite write(store(), base, random_, options);
    Add(write, json);
    return write.Finish().value().table;
  }
  // A table of two files and three rows.
  iceberg::TablePtr Filled(const std::string& name) {
    return Append(Append(NewTable(name), R"([{"id":1,"place":"a"},{"id":2,"place":"b"}])"),
                  R"([{"id":3,"place":"c"}])");
  }
  iceberg::TablePtr DeleteRow(const iceberg::TablePtr& base, const std::string& operation = "") {
    iceberg::StagedWrite write(store(), base, random_, Options(operation));
    EXPECT_OK(write.DeleteRows(std::vector<iceberg::RowPosition>{{Files(base)[0], 0}}));
    return write.Finish().value().table;
  }
  iceberg::TablePtr RemoveFile(const iceberg::TablePtr& base, const std::string& operation = "") {
    iceberg::StagedWrite write(store(), base, random_, Options(operation));
    const std::vector<std::string> files = Files(base);
    EXPECT_OK(write.RemoveFiles(std::span(files).first(1)));
    return write.Finish().value().table;
  }
  iceberg::TablePtr Compact(const iceberg::TablePtr& base) {
    iceberg::CompactionOptions options;
    options.all = true;
    return StageCompaction(store(), base, random_, Options(), options,
                           [](std::int64_t n) { return CommitSeq(n); })
        .value()
        .table;
  }
  iceberg::TablePtr SetRefs(const iceberg::TablePtr& base,
                            std::vector<iceberg::RefChange> changes) {
    now_ += std::chrono::seconds(1);
    return StageRefs(store(), base, random_, changes, now_).value().table;
  }
  std::vector<std::string> Files(const iceberg::TablePtr& table) {
    std::vector<std::string> files;
    const auto shares = DeletedShares(store(), table);
    for (const auto& share : shares.value()) files.push_back(share.file.path);
    return files;
  }
  // A copy to be doctored.
  static std::shared_ptr<iceberg::TableMetadata> CopyOf(const iceberg::TablePtr& table) {
    return std::make_shared<iceberg::TableMetadata>(*table);
  }

  static Principal Who(Role role) {
    Principal who;
    who.id = "t1";
    who.name = "somebody";
    who.role = role;
    who.scopes = {"*"};
    return who;
  }
  static Principal View(RunId run, const std::string& table) {
    Principal who = Who(Role::kPublisher);
    who.scopes.clear();
    who.staging_area = run;
    who.view_tables = {table};
    return who;
  }
  Result<Judgement> Judge(const Principal& who, const iceberg::TablePtr& before,
                          const iceberg::TablePtr& after) {
    ProposedCommit commit;
    commit.who = &who;
    commit.table = after->name;
    commit.rules = rules_;
    commit.rules.layer = LayerOf(after->name);
    commit.before = before.get();
    commit.after = after.get();
    commit.other_locations = others_;
    return policy::Judge(store(), warehouse(), commit);
  }
  std::string CodeOf(const Principal& who, const iceberg::TablePtr& before,
                     const iceberg::TablePtr& after) {
    const Status status = Judge(who, before, after).status();
    return status.ok() ? "ok" : status.error_code();
  }

  testing::ScratchFolder scratch_;
  SeededRandom random_{11};
  ProcessTime now_ = ProcessTimeOfMicros(1'388'534'400'000'000);
  TableRules rules_;
  std::vector<std::string> others_;
};
}  // namespace weirhouse::policy
