#include "ground/platform/io/faulty_store.h"
#include "rules/policy/judge_fixture.h"

namespace weirhouse::policy {
namespace {

using iceberg::TablePtr;

// ---- Raw
TEST_F(JudgeTest, RawTakesAppendsAndSaysWhatTheyBring) {
  const TablePtr before = Filled("raw.trip");
  const TablePtr after = Append(before, R"([{"id":4}])");
  ASSERT_OK_AND(const Judgement judgement, Judge(Who(Role::kWriter), before, after));
  ASSERT_EQ(judgement.refs.size(), 1u);
  EXPECT_EQ(judgement.refs[0].ref, "main");
  EXPECT_TRUE(judgement.refs[0].descends);
  EXPECT_EQ(judgement.refs[0].before, before->current_snapshot());
  EXPECT_EQ(judgement.refs[0].change.added_data.size(), 1u);
  EXPECT_EQ(judgement.refs[0].change.rows_after, 4);
  EXPECT_EQ(judgement.files.size(), 3u);  // data, manifest, list
  EXPECT_FALSE(judgement.schema_changed);
}

TEST_F(JudgeTest, RawTakesNoDeletesWhateverTheSummarySays) {
  const TablePtr before = Filled("raw.trip");
  for (const Role role : {Role::kWriter, Role::kAdmin}) {
    for (const char* claim : {"", "append", "overwrite", "delete"}) {
      EXPECT_EQ(CodeOf(Who(role), before, DeleteRow(before, claim)), "WH7072") << claim;
      EXPECT_EQ(CodeOf(Who(role), before, RemoveFile(before, claim)), "WH7072") << claim;
    }
  }
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, DeleteRow(before, "replace")), "WH7076");
}

TEST_F(JudgeTest, RawTakesNoOverwrite) {
  const TablePtr before = Filled("raw.trip");
  iceberg::StagedWrite write(store(), before, random_, Options("append"));
  ASSERT_OK(write.RemoveAllFiles());
  Add(write, R"([{"id":1},{"id":2},{"id":3}])");
  const Status status = Judge(Who(Role::kWriter), before, write.Finish().value().table).status();
  EXPECT_EQ(status.error_code(), "WH7072");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("removes 2 data files"));
  EXPECT_THAT(status.message(), ::testing::HasSubstr("raw.trip"));
}

TEST_F(JudgeTest, RawIsNotDeletedFromInTwoSteps) {
  const TablePtr before = Filled("raw.trip");
  // The second snapshot brings the file back under its name: head beside head nothing is gone.
  const TablePtr after = Append(RemoveFile(before), R"([{"id":5}])");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "WH7072");
}

TEST_F(JudgeTest, RawKeepsItsSnapshotsRefsAndLocation) {
  const TablePtr filled = Filled("raw.trip");
  const TablePtr before = SetRefs(filled, {{"dev", filled->snapshots[0].id}});
  const Principal admin = Who(Role::kAdmin);
  auto expired = CopyOf(before);
  expired->snapshots.erase(expired->snapshots.begin());
  EXPECT_EQ(CodeOf(admin, before, expired), "WH7072");
  auto unbranched = CopyOf(before);
  unbranched->refs.erase("dev");
  EXPECT_EQ(CodeOf(admin, before, unbranched), "WH7072");
  auto moved = CopyOf(before);
  moved->location = scratch_ / "lake/raw/elsewhere";
  EXPECT_EQ(CodeOf(admin, before, moved), "WH7072");
}

TEST_F(JudgeTest, RawIsNotRolledBack) {
  const TablePtr before = Filled("raw.trip");
  const TablePtr after = SetRefs(before, {{"main", before->snapshots[0].id}});
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, after), "WH7072");
}

TEST_F(JudgeTest, SnapshotsBeyondTheHundredLastMayGoWithAnyCommit) {
  TablePtr before = NewTable("raw.trip");
  for (int i = 0; i < iceberg::kSnapshotsKept; ++i) before = Append(before, R"([{"id":1}])");
  const TablePtr after = Append(before, R"([{"id":2}])");
  ASSERT_EQ(after->FindSnapshot(before->snapshots[0].id), nullptr);
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "ok");
}

// ---- Replace
TEST_F(JudgeTest, OnlyAMaintainerCompactsALayer) {
  for (const char* name : {"raw.trip", "processed.trip"}) {
    const TablePtr before = Filled(name);
    const TablePtr after = Compact(before);
    EXPECT_EQ(CodeOf(Who(Role::kMaintainer), before, after), "ok");
    EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, after), "ok");
    EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "WH7070");
    EXPECT_EQ(CodeOf(Who(Role::kReader), before, after), "WH7070");
  }
}

TEST_F(JudgeTest, AReplaceThatChangesRowsIsRefusedEverywhere) {
  for (const char* name : {"raw.trip", "processed.trip", "lab.trip"}) {
    const TablePtr before = Filled(name);
    iceberg::StagedWrite fewer(store(), before, random_, Options("replace"));
    ASSERT_OK(fewer.RemoveAllFiles());
    Add(fewer, R"([{"id":1,"place":"a"}])");
    EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, fewer.Finish().value().table), "WH7076");
    iceberg::StagedWrite other(store(), before, random_, Options("replace"));
    ASSERT_OK(other.RemoveAllFiles());
    Add(other, R"([{"id":1,"place":"a"},{"id":2,"place":"b"},{"id":3,"place":"CHANGED"}])");
    const Status status =
        Judge(Who(Role::kMaintainer), before, other.Finish().value().table).status();
    EXPECT_EQ(status.error_code(), "WH7076");
    EXPECT_THAT(status.message(), ::testing::HasSubstr("other content"));
  }
}

TEST_F(JudgeTest, ACompactionThatFoldsDeletesInKeepsTheRows) {
  const TablePtr before = DeleteRow(Filled("processed.trip"));
  EXPECT_EQ(CodeOf(Who(Role::kMaintainer), before, Compact(before)), "ok");
}

TEST_F(JudgeTest, AMaintainerAddsNoRows) {
  const TablePtr before = Filled("processed.trip");
  EXPECT_EQ(CodeOf(Who(Role::kMaintainer), before, Append(before, R"([{"id":9}])")), "WH7070");
  EXPECT_EQ(CodeOf(Who(Role::kMaintainer), before, DeleteRow(before)), "WH7070");
}

// ---- Processed and open
TEST_F(JudgeTest, ProcessedTablesOfOthersAreOverwrittenAndDeletedFrom) {
  const TablePtr before = Filled("processed.trip");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, DeleteRow(before)), "ok");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, RemoveFile(before)), "ok");
}

TEST_F(JudgeTest, ASummaryThatSaysAppendOverADeleteIsALieAnywhere) {
  for (const char* name : {"processed.trip", "lab.trip"}) {
    const TablePtr before = Filled(name);
    const Status status = Judge(Who(Role::kWriter), before, DeleteRow(before, "append")).status();
    EXPECT_EQ(status.error_code(), "WH7078");
    EXPECT_EQ(status.code(), Code::kInvalidInput);
    EXPECT_THAT(status.message(), ::testing::HasSubstr("says append"));
  }
}

TEST_F(JudgeTest, ATableThatADefinitionMakesTakesNoCommit) {
  rules_.made_by = "processed/trip.sql";
  const TablePtr before = Filled("processed.trip");
  const Status status = Judge(Who(Role::kAdmin), before, Append(before, R"([{"id":4}])")).status();
  EXPECT_EQ(status.error_code(), "WH7075");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("processed/trip.sql"));
}

TEST_F(JudgeTest, TheProjectsLayersTakeNoCommit) {
  for (const char* name : {"feature.trip", "quarantine.trip", "system.trip", "training_set.trip"}) {
    const TablePtr before = Filled(name);
    EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, Append(before, R"([{"id":4}])")), "WH7075");
  }
}

TEST_F(JudgeTest, OnlyAMaintainerExpiresTagsAndRollsBackProcessedTables) {
  const TablePtr before = Filled("processed.trip");
  auto expired = CopyOf(before);
  expired->snapshots.erase(expired->snapshots.begin());
  const TablePtr tagged = SetRefs(before, {{"v1", before->snapshots[0].id, "tag"}});
  const TablePtr back = SetRefs(before, {{"main", before->snapshots[0].id}});
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, expired), "WH7070");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, tagged), "WH7070");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, back), "WH7077");
  for (const Role role : {Role::kMaintainer, Role::kAdmin}) {
    EXPECT_EQ(CodeOf(Who(role), before, expired), "ok");
    EXPECT_EQ(CodeOf(Who(role), before, tagged), "ok");
    ASSERT_OK_AND(const Judgement judgement, Judge(Who(role), before, back));
    EXPECT_FALSE(judgement.refs[0].descends);
    EXPECT_EQ(judgement.refs[0].change.removed_data.size(), 1u);
  }
}

TEST_F(JudgeTest, ARefMustDescendFromTheHeadItReplaces) {
  const TablePtr base = Filled("processed.trip");
  const TablePtr mine = Append(base, R"([{"id":4}])");
  const TablePtr theirs = Append(base, R"([{"id":5}])");
  auto after = CopyOf(mine);
  after->snapshots.push_back(theirs->snapshots.back());
  after->refs["main"].snapshot = theirs->snapshots.back().id;
  for (const Role role : {Role::kWriter, Role::kAdmin}) {
    EXPECT_EQ(CodeOf(Who(role), mine, after), "WH7077");
  }
  auto headless = CopyOf(mine);
  headless->refs.erase("main");
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), mine, headless), "WH7077");
}

TEST_F(JudgeTest, OpenTablesMayBeReplacedAsAWhole) {
  const TablePtr before = Filled("lab.trip");
  const TablePtr fresh = Filled("lab.trip");
  auto after = CopyOf(before);
  for (const iceberg::Snapshot& snapshot : fresh->snapshots) after->snapshots.push_back(snapshot);
  after->refs["main"].snapshot = fresh->snapshots.back().id;
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "ok");
}

// ---- Gates and staging areas
TEST_F(JudgeTest, AGatedMainMovesThroughItsViewAlone) {
  rules_.gated = true;
  rules_.gate = "trip";
  const TablePtr before = Filled("processed.trip");
  for (const Role role : {Role::kWriter, Role::kAdmin}) {
    const Status status = Judge(Who(role), before, Append(before, R"([{"id":4}])")).status();
    EXPECT_EQ(status.error_code(), "WH7074");
    EXPECT_THAT(status.hint(), ::testing::HasSubstr("wh staging open processed.trip"));
  }
  const TablePtr staged = Append(before, R"([{"id":4}])", "staging-r12");
  ASSERT_OK_AND(const Judgement judgement,
                Judge(View(RunId(12), "processed.trip"), before, staged));
  ASSERT_EQ(judgement.refs.size(), 1u);
  EXPECT_EQ(judgement.refs[0].ref, "staging-r12");
  EXPECT_EQ(judgement.refs[0].before, nullptr);
  EXPECT_EQ(judgement.refs[0].base, before->current_snapshot());
  EXPECT_EQ(judgement.refs[0].change.added_data.size(), 1u);
}

TEST_F(JudgeTest, AGatedTableIsNotBornWithRows) {
  rules_.gated = true;
  EXPECT_EQ(CodeOf(Who(Role::kWriter), nullptr, NewTable("processed.trip")), "ok");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), nullptr, Filled("processed.trip")), "WH7074");
}

TEST_F(JudgeTest, AViewMovesItsOwnStagingRefAndNothingElse) {
  const Principal view = View(RunId(12), "processed.trip");
  const TablePtr before = Filled("processed.trip");
  EXPECT_EQ(CodeOf(view, before, Append(before, R"([{"id":4}])")), "WH7074");
  EXPECT_EQ(CodeOf(view, before, Append(before, R"([{"id":4}])", "staging-r13")), "WH7074");
  auto renamed = CopyOf(before);
  renamed->properties["owner"] = "me";
  EXPECT_EQ(CodeOf(view, before, renamed), "WH7074");
  auto held = CopyOf(before);
  held->properties["weirhouse.staged.r12.set.owner"] = "me";
  EXPECT_EQ(CodeOf(view, before, held), "ok");
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, held), "WH7074");
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, Append(before, R"([{"id":4}])", "staging-r12")),
            "WH7074");
  EXPECT_EQ(CodeOf(View(RunId(12), "processed.other"), before,
                   Append(before, R"([{"id":4}])", "staging-r12")),
            "WH7070");
}

TEST_F(JudgeTest, WhatAViewHoldsBackIsJudgedAsIfPublished) {
  const Principal view = View(RunId(12), "processed.trip");
  const TablePtr before = Filled("processed.trip");
  auto schema = CopyOf(before);
  schema->schemas.push_back(before->schema());
  schema->schemas.back().schema_id = 1;
  schema->schemas.back().fields.pop_back();
  schema->properties["weirhouse.staged.r12.schema"] = "1";
  EXPECT_EQ(CodeOf(view, before, schema), "WH7073");
  auto escape = CopyOf(before);
  escape->properties["weirhouse.staged.r12.set.write.data.path"] = "/tmp/elsewhere";
  EXPECT_EQ(CodeOf(view, before, escape), "WH7071");
}

TEST_F(JudgeTest, RawStaysAppendOnlyThroughAView) {
  const Principal view = View(RunId(12), "raw.trip");
  const TablePtr before = Filled("raw.trip");
  iceberg::StageOptions options = Options();
  options.ref = "staging-r12";
  iceberg::StagedWrite write(store(), before, random_, options);
  ASSERT_OK(write.RemoveAllFiles());
  EXPECT_EQ(CodeOf(view, before, write.Finish().value().table), "WH7072");
}

// ---- Evidence
TEST_F(JudgeTest, ASnapshotOfTheTableCannotBecomeAnother) {
  const TablePtr before = Filled("lab.trip");
  auto after = CopyOf(before);
  after->snapshots[0].manifest_list = before->snapshots[1].manifest_list;
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, after), "WH7078");
}

TEST_F(JudgeTest, AFileThatIsNotThereOrOfAnotherSizeIsRefused) {
  const TablePtr before = Filled("lab.trip");
  const TablePtr after = Append(before, R"([{"id":4}])");
  std::string added;
  for (const std::string& file : Files(after)) {
    const auto old = Files(before);
    if (std::find(old.begin(), old.end(), file) == old.end()) added = file;
  }
  std::filesystem::resize_file(added, 10);
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "WH7078");
  std::filesystem::remove(added);
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "WH7078");
}

TEST_F(JudgeTest, ADiskThatFailsIsNoJudgement) {
  const TablePtr before = Filled("raw.trip");
  const TablePtr after = Append(before, R"([{"id":4}])");
  const Principal who = Who(Role::kWriter);
  ProposedCommit commit;
  commit.who = &who;
  commit.table = after->name;
  commit.rules.layer = Layer::kRaw;
  commit.before = before.get();
  commit.after = after.get();
  int fail_at = 1;
  for (;; ++fail_at) {
    platform::FaultyStore faulty(store(), fail_at, Code::kUnavailable);
    const auto judged = policy::Judge(faulty, warehouse(), commit);
    if (judged.ok() && !faulty.fault_fired()) break;
    EXPECT_EQ(judged.status().code(), Code::kUnavailable) << "fail_at=" << fail_at;
  }
  EXPECT_GT(fail_at, 4);
}

TEST_F(JudgeTest, NobodyIsRefused) {
  const TablePtr before = Filled("lab.trip");
  ProposedCommit commit;
  commit.after = before.get();
  EXPECT_EQ(policy::Judge(store(), warehouse(), commit).status().error_code(), "WH7070");
}
}  // namespace
}  // namespace weirhouse::policy
