#include "ground/iceberg/read/snapshot_change.h"

#include <fmt/format.h>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

class SnapshotChangeTest : public TableTest {
 protected:
  void SetUp() override {
    first_ = Append(NewFlights({}), R"([{"id":1,"origin":"EWR"},{"id":2,"origin":"JFK"}])").table;
    second_ = Append(first_, R"([{"id":3,"origin":"LGA"}])", "r2").table;
  }

  ManifestList ListOf(const TablePtr& table) {
    return *LoadManifestList(store(), table->current_snapshot()->manifest_list).value();
  }
  std::vector<ManifestEntry> EntriesOf(const TablePtr& table, const ManifestFile& file) {
    return LoadManifest(store(), *table, file).value()->entries;
  }

  // A manifest of these entries as a foreign engine would write it.
  ManifestFile Write(const std::vector<ManifestEntry>& entries, std::int64_t sequence_number,
                     ManifestFile::Content content = ManifestFile::Content::kData) {
    ManifestDraft draft;
    draft.content = content;
    draft.snapshot = SnapshotId(77);
    draft.sequence_number = sequence_number;
    draft.entries = entries;
    WrittenManifest written = WriteManifest(draft, *second_).value();
    written.file.path =
        fmt::format("{}/metadata/doctored-{}.avro", second_->location, random_.Next());
    EXPECT_OK(store().Write(written.file.path, written.bytes));
    return written.file;
  }
  Snapshot Doctored(const ManifestList& list) {
    Snapshot snapshot;
    snapshot.id = SnapshotId(77);
    snapshot.parent = second_->current_snapshot()->id;
    snapshot.sequence_number = second_->last_sequence_number + 1;
    snapshot.manifest_list =
        fmt::format("{}/metadata/snap-{}.avro", second_->location, random_.Next());
    snapshot.summary = {{"operation", "append"}};
    EXPECT_OK(store().Write(
        snapshot.manifest_list,
        WriteManifestList(list, snapshot.id, snapshot.parent, snapshot.sequence_number)));
    return snapshot;
  }
  Result<SnapshotChange> Compare(const Snapshot& after) {
    return CompareSnapshots(store(), *second_, second_->current_snapshot(), after);
  }

  TablePtr first_;
  TablePtr second_;
};

TEST_F(SnapshotChangeTest, AnAppendOnlyAddsData) {
  ASSERT_OK_AND(const SnapshotChange change,
                CompareSnapshots(store(), *second_, first_->current_snapshot(),
                                 *second_->current_snapshot()));
  EXPECT_TRUE(change.only_adds_data());
  EXPECT_EQ(change.added_data.size(), 1u);
  EXPECT_EQ(change.new_manifests.size(), 1u);
  EXPECT_EQ(change.rows_before, 2);
  EXPECT_EQ(change.rows_after, 3);
}

TEST_F(SnapshotChangeTest, TheFirstSnapshotIsComparedWithNothing) {
  ASSERT_OK_AND(const SnapshotChange change,
                CompareSnapshots(store(), *second_, nullptr, *second_->current_snapshot()));
  EXPECT_TRUE(change.only_adds_data());
  EXPECT_EQ(change.added_data.size(), 2u);
  EXPECT_EQ(change.rows_before, 0);
  EXPECT_EQ(change.rows_after, 3);
}

TEST_F(SnapshotChangeTest, PositionDeletesAreCountedExactlyEvenWhenTwoNameOneRow) {
  StagedWrite once(store(), second_, random_, Options("r3"));
  const std::vector<RowPosition> rows = Find(second_, {1});
  ASSERT_OK(once.DeleteRows(rows));
  const TablePtr deleted = once.Finish().value().table;
  StagedWrite again(store(), deleted, random_, Options("r4"));
  ASSERT_OK(again.DeleteRows(rows));
  const TablePtr twice = again.Finish().value().table;
  ASSERT_OK_AND(
      const SnapshotChange change,
      CompareSnapshots(store(), *twice, deleted->current_snapshot(), *twice->current_snapshot()));
  EXPECT_EQ(change.added_deletes.size(), 1u);
  EXPECT_FALSE(change.only_adds_data());
  EXPECT_EQ(change.rows_before, 2);
  EXPECT_EQ(change.rows_after, 2);
}

TEST_F(SnapshotChangeTest, MergedManifestsWithTheSameFilesChangeNothing) {
  std::vector<ManifestEntry> entries;
  for (const ManifestFile& file : ListOf(second_)) {
    for (ManifestEntry entry : EntriesOf(second_, file)) {
      entry.status = ManifestEntry::Status::kExisting;
      entries.push_back(entry);
    }
  }
  ASSERT_OK_AND(const SnapshotChange change, Compare(Doctored({Write(entries, 3)})));
  EXPECT_TRUE(change.changes_nothing());
  EXPECT_EQ(change.new_manifests.size(), 1u);
  EXPECT_EQ(change.rows_after, 3);
}

TEST_F(SnapshotChangeTest, AListThatDropsAManifestRemovesItsFiles) {
  ManifestList list = ListOf(second_);
  list.pop_back();
  ASSERT_OK_AND(const SnapshotChange change, Compare(Doctored(list)));
  EXPECT_EQ(change.removed_data.size(), 1u);
  EXPECT_LT(change.rows_after, change.rows_before);
}

TEST_F(SnapshotChangeTest, AFileListedAgainInANewManifestIsRefused) {
  ManifestList list = ListOf(second_);
  std::vector<ManifestEntry> entries = EntriesOf(second_, list[0]);
  for (ManifestEntry& entry : entries) entry.status = ManifestEntry::Status::kAdded;
  list.push_back(Write(entries, 3));
  EXPECT_EQ(Compare(Doctored(list)).status().error_code(), "WH7078");
}

TEST_F(SnapshotChangeTest, AManifestListedTwiceIsRefused) {
  ManifestList list = ListOf(second_);
  list.push_back(list[0]);
  EXPECT_EQ(Compare(Doctored(list)).status().error_code(), "WH7078");
}

TEST_F(SnapshotChangeTest, AnotherSequenceNumberForALiveFileIsSeen) {
  ManifestList list = ListOf(second_);
  std::vector<ManifestEntry> entries = EntriesOf(second_, list[0]);
  for (ManifestEntry& entry : entries) {
    DataFile file = *entry.file;
    file.data_sequence_number += list[0].sequence_number == 1 ? 1 : -1;
    entry = {ManifestEntry::Status::kExisting, std::make_shared<const DataFile>(file)};
  }
  list[0] = Write(entries, 3);
  ASSERT_OK_AND(const SnapshotChange change, Compare(Doctored(list)));
  EXPECT_EQ(change.renumbered.size(), 1u);
  EXPECT_FALSE(change.only_adds_data());
}

TEST_F(SnapshotChangeTest, ASharedManifestUnderAnotherSequenceNumberIsRefused) {
  ManifestList list = ListOf(second_);
  list[0].sequence_number = 3;
  EXPECT_EQ(Compare(Doctored(list)).status().error_code(), "WH7078");
}

TEST_F(SnapshotChangeTest, ARetriedManifestInheritsTheNumberOfItsNewList) {
  DataFile added = *EntriesOf(second_, ListOf(second_)[0])[0].file;
  added.path = second_->location + "/data/new.parquet";
  added.data_sequence_number = 3;
  ManifestList list = ListOf(second_);
  list.push_back(
      Write({{ManifestEntry::Status::kAdded, std::make_shared<const DataFile>(added)}}, 3));
  ASSERT_OK_AND(const SnapshotChange before, Compare(Doctored(list)));
  EXPECT_EQ(before.added_data[0].data_sequence_number, 3);
  list.back().sequence_number = 4;  // another writer was faster; the manifest is kept
  Snapshot retried = Doctored(list);
  retried.sequence_number = 4;
  ASSERT_OK_AND(const SnapshotChange change, Compare(retried));
  ASSERT_EQ(change.added_data.size(), 1u);
  EXPECT_EQ(change.added_data[0].data_sequence_number, 4);
}

TEST_F(SnapshotChangeTest, AnotherRowCountForALiveFileIsSeen) {
  ManifestList list = ListOf(second_);
  std::vector<ManifestEntry> entries = EntriesOf(second_, list[0]);
  DataFile file = *entries[0].file;
  file.row_count += 5;
  entries[0] = {ManifestEntry::Status::kExisting, std::make_shared<const DataFile>(file)};
  list[0] = Write(entries, 3);
  ASSERT_OK_AND(const SnapshotChange change, Compare(Doctored(list)));
  EXPECT_EQ(change.redescribed.size(), 1u);
}

TEST_F(SnapshotChangeTest, BoundsThatHideRowsAreSeen) {
  ManifestList list = ListOf(second_);
  std::vector<ManifestEntry> entries = EntriesOf(second_, list[0]);
  DataFile file = *entries[0].file;
  file.columns[1].upper_bound = std::string(8, '\0');
  entries[0] = {ManifestEntry::Status::kExisting, std::make_shared<const DataFile>(file)};
  list[0] = Write(entries, 3);
  ASSERT_OK_AND(const SnapshotChange change, Compare(Doctored(list)));
  EXPECT_EQ(change.redescribed.size(), 1u);
}

TEST_F(SnapshotChangeTest, DeletesInAManifestOfDataAreRefused) {
  DataFile deletes = *EntriesOf(second_, ListOf(second_)[0])[0].file;
  deletes.path = second_->location + "/data/deletes.parquet";
  deletes.content = DataFile::Content::kPositionDeletes;
  ManifestList list = ListOf(second_);
  list.push_back(
      Write({{ManifestEntry::Status::kAdded, std::make_shared<const DataFile>(deletes)}}, 3));
  EXPECT_EQ(Compare(Doctored(list)).status().error_code(), "WH7078");
}

TEST_F(SnapshotChangeTest, CountsThatAreNotTheEntriesAreRefused) {
  DataFile added = *EntriesOf(second_, ListOf(second_)[0])[0].file;
  added.path = second_->location + "/data/new.parquet";
  ManifestList list = ListOf(second_);
  list.push_back(
      Write({{ManifestEntry::Status::kAdded, std::make_shared<const DataFile>(added)}}, 3));
  list.back().added_files = 0;  // planners would never open it
  EXPECT_EQ(Compare(Doctored(list)).status().error_code(), "WH7078");
}

TEST_F(SnapshotChangeTest, ASequenceNumberToComeIsRefused) {
  DataFile added = *EntriesOf(second_, ListOf(second_)[0])[0].file;
  added.path = second_->location + "/data/new.parquet";
  added.data_sequence_number = 9;
  ManifestList list = ListOf(second_);
  list.push_back(
      Write({{ManifestEntry::Status::kExisting, std::make_shared<const DataFile>(added)}}, 3));
  EXPECT_EQ(Compare(Doctored(list)).status().error_code(), "WH7078");
}

TEST_F(SnapshotChangeTest, WhatIsNotAManifestListIsRefusedWithItsPath) {
  Snapshot snapshot = *second_->current_snapshot();
  snapshot.manifest_list = scratch_ / "nonsense.avro";
  testing::WriteFile(snapshot.manifest_list, "not Avro");
  const Status status = Compare(snapshot).status();
  EXPECT_EQ(status.error_code(), "WH7052");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("nonsense.avro"));
}

TEST_F(SnapshotChangeTest, NothingNewIsOpenedBeforeItMayBe) {
  std::vector<std::string> asked;
  const auto refuse_second = [&](const std::string& path, std::int64_t) {
    asked.push_back(path);
    return asked.size() < 2 ? Status::Ok() : Status(Code::kPermissionDenied, "no");
  };
  const auto change = CompareSnapshots(store(), *second_, first_->current_snapshot(),
                                       *second_->current_snapshot(), refuse_second);
  EXPECT_EQ(change.status().code(), Code::kPermissionDenied);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0], second_->current_snapshot()->manifest_list);
}

TEST_F(SnapshotChangeTest, AListWrittenAnewAfterARefusalIsReadAnew) {
  ManifestList list = ListOf(second_);
  const Snapshot snapshot = Doctored(list);
  ASSERT_OK_AND(const SnapshotChange first, Compare(snapshot));
  EXPECT_TRUE(first.changes_nothing());
  list.pop_back();
  ASSERT_OK(store().Replace(snapshot.manifest_list,
                            WriteManifestList(list, snapshot.id, snapshot.parent, 3)));
  ASSERT_OK_AND(const SnapshotChange second, Compare(snapshot));
  EXPECT_EQ(second.removed_data.size(), 1u);
}

TEST_F(SnapshotChangeTest, ACompactionHoldsTheSameRows) {
  StagedWrite write(store(), second_, random_, Options("r3"));
  ASSERT_OK(write.DeleteRows(Find(second_, {2})));
  const TablePtr deleted = write.Finish().value().table;
  CompactionOptions options;
  options.all = true;
  const TablePtr compacted = StageCompaction(store(), deleted, random_, Options("r4"), options,
                                             [](std::int64_t n) { return CommitSeq(n); })
                                 .value()
                                 .table;
  ASSERT_OK_AND(const bool same, HoldSameRows(store(), *compacted, *deleted->current_snapshot(),
                                              *compacted->current_snapshot(), 1 << 20));
  EXPECT_TRUE(same);
  ASSERT_OK_AND(const bool before, HoldSameRows(store(), *compacted, *second_->current_snapshot(),
                                                *compacted->current_snapshot(), 1 << 20));
  EXPECT_FALSE(before);
}

TEST_F(SnapshotChangeTest, AnEqualCountOfOtherRowsIsNotTheSame) {
  StagedWrite write(store(), second_, random_, Options("r3"));
  ASSERT_OK(write.RemoveAllFiles());
  ASSERT_OK(write.Append(*Rows(R"([{"id":1,"origin":"EWR"},{"id":2,"origin":"JFK"},
                                   {"id":4,"origin":"LGA"}])")));
  const TablePtr other = write.Finish().value().table;
  ASSERT_OK_AND(const bool same, HoldSameRows(store(), *other, *second_->current_snapshot(),
                                              *other->current_snapshot(), 1 << 20));
  EXPECT_FALSE(same);
}

TEST_F(SnapshotChangeTest, NestedColumnsAreComparedToo) {
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("place", arrow::utf8())});
  NewTable wanted;
  wanted.name = "lab.nested";
  wanted.location = scratch_ / "lab/nested";
  wanted.schema = Schema::FromArrow(*schema).value();
  wanted.schema.fields[1].type =
      Type::Struct({{5, "x", TypeKind::kInt, false, ""},
                    {6, "l", Type::List({7, "", TypeKind::kString, false, ""}), false, ""}});
  ManualClock clock(now_);
  const TablePtr base = MakeTable(wanted, random_, clock).value();
  const auto nested = base->schema().ToArrow().value();
  const auto with = [&](const TablePtr& before, int x, const std::string& text, bool remove) {
    arrow::Int64Builder ids;
    EXPECT_TRUE(ids.Append(1).ok());
    const auto numbers = std::make_shared<arrow::Int32Builder>();
    const auto texts = std::make_shared<arrow::StringBuilder>();
    const auto lists = std::make_shared<arrow::ListBuilder>(
        arrow::default_memory_pool(), texts, nested->field(1)->type()->field(1)->type());
    arrow::StructBuilder places(nested->field(1)->type(), arrow::default_memory_pool(),
                                {numbers, lists});
    EXPECT_TRUE(places.Append().ok());
    EXPECT_TRUE(numbers->Append(x).ok());
    EXPECT_TRUE(lists->Append().ok());
    EXPECT_TRUE(texts->Append(text).ok());
    StagedWrite write(store(), before, random_, Options());
    if (remove) EXPECT_OK(write.RemoveAllFiles());
    EXPECT_OK(write.Append(*arrow::Table::Make(nested, {*ids.Finish(), *places.Finish()})));
    return write.Finish().value().table;
  };
  const TablePtr before = with(base, 7, "a", false);
  const TablePtr same = with(before, 7, "a", true);
  const TablePtr other_number = with(before, 8, "a", true);
  const TablePtr other_text = with(before, 7, "b", true);
  const auto holds = [&](const TablePtr& after) {
    return HoldSameRows(store(), *after, *before->current_snapshot(), *after->current_snapshot(),
                        1 << 20);
  };
  ASSERT_OK_AND(const bool kept, holds(same));
  EXPECT_TRUE(kept);
  ASSERT_OK_AND(const bool number, holds(other_number));
  EXPECT_FALSE(number);
  ASSERT_OK_AND(const bool letter, holds(other_text));
  EXPECT_FALSE(letter);
}

TEST_F(SnapshotChangeTest, ARewriteAboveTheLimitIsNotCompared) {
  StagedWrite write(store(), second_, random_, Options("r3"));
  ASSERT_OK(write.RemoveAllFiles());
  ASSERT_OK(write.Append(*Rows(R"([{"id":1}])")));
  const TablePtr other = write.Finish().value().table;
  const auto same =
      HoldSameRows(store(), *other, *second_->current_snapshot(), *other->current_snapshot(), 100);
  EXPECT_EQ(same.status().error_code(), "WH7079");
}
}  // namespace
}  // namespace weirhouse::iceberg
