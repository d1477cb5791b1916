#include <arrow/compute/api.h>

#include <cstdlib>
#include <filesystem>

#include "ground/platform/columnar/parquet.h"
#include "ground/platform/db/sqlite.h"
#include "testing/projects/shop_fixture.h"
#include "work/training/modeling.h"
#include "work/training/modeling_record.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using ::testing::HasSubstr;

// The data files of a snapshot of a table, with their bytes.
std::map<std::string, std::string> FilesOf(Workspace& workspace, const std::string& table,
                                           std::optional<SnapshotId> snapshot) {
  std::map<std::string, std::string> files;
  const auto loaded = workspace.LoadTable(table);
  EXPECT_OK(loaded);
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  const auto scan = iceberg::Scan::Plan(workspace.store(), *loaded, options);
  EXPECT_OK(scan);
  for (const auto& task : scan->tasks())
    files[task.file.path] = weirhouse::testing::ReadFile(task.file.path);
  return files;
}

// As WriteParquet, but the file has `size_bytes`: what the table's manifest says of it stays true.
void WriteOfSize(Workspace& workspace, const std::string& path, const arrow::Table& rows,
                 std::int64_t size_bytes) {
  std::size_t pad = 0;
  for (int tries = 0; tries < 20; ++tries) {
    platform::ParquetOptions options;
    options.key_values = {{"pad", std::string(pad, 'x')}};
    std::filesystem::remove(path);
    ASSERT_OK_AND(const auto file, platform::WriteParquet(workspace.store(), path, rows, options));
    if (file.size_bytes == size_bytes) return;
    ASSERT_GE(static_cast<std::int64_t>(pad) + size_bytes - file.size_bytes, 0);
    pad += static_cast<std::size_t>(size_bytes - file.size_bytes);
  }
  FAIL() << "no padding makes a file of " << size_bytes << " bytes";
}

// The digests of rows, which decide only between rows of one time, as zeros: room for what a
// file of the same size needs.
std::shared_ptr<arrow::Table> WithoutDigests(const arrow::Table& rows) {
  const int column = rows.schema()->GetFieldIndex("row_digest");
  const auto& field = rows.schema()->field(column);
  const auto zeros = arrow::MakeArrayFromScalar(arrow::FixedSizeBinaryScalar(std::string(32, '\0')),
                                                rows.num_rows());
  const auto cast = arrow::compute::Cast(arrow::Datum(zeros.ValueOrDie()), field->type());
  return rows.SetColumn(column, field, std::make_shared<arrow::ChunkedArray>(cast->make_array()))
      .ValueOrDie();
}

// The same rows of a view with every total one more: well formed, of other bytes.
void AddOneToTotals(Workspace& workspace, const std::string& path) {
  ASSERT_OK_AND(const auto rows, platform::ReadParquet(workspace.store(), path, {}));
  const int column = rows->schema()->GetFieldIndex("v1_total");
  ASSERT_GE(column, 0) << rows->schema()->ToString();
  const auto more =
      arrow::compute::CallFunction("add", {rows->column(column), arrow::Datum(std::int64_t{1})});
  ASSERT_TRUE(more.ok()) << more.status().ToString();
  const auto cast = arrow::compute::Cast(*more, rows->schema()->field(column)->type());
  ASSERT_TRUE(cast.ok());
  const auto changed =
      rows->SetColumn(column, rows->schema()->field(column), cast->chunked_array());
  ASSERT_TRUE(changed.ok());
  const auto size_bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  WriteOfSize(workspace, path, *WithoutDigests(**changed), size_bytes);
}

// A project with a training set and a model; made once, what a test changes it puts back.
struct Trained : ShopTest {
  void TestBody() override {}
  void SetUp() override {
    ShopTest::SetUp();
    AddModels();
    LandDays(6);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    ASSERT_OK(BuildTrainingSet(*workspace, "big_v1", NoProgress()));
    ASSERT_OK(TrainModel(*workspace, "big", nullptr, NoProgress()));
  }
};

struct ReproduceTest : ::testing::Test {
  static void SetUpTestSuite() {
    const std::string python = testing::SourceFolder() + "/.deps/venv/bin/python";
    setenv("WEIRHOUSE_PYTHON", python.c_str(), /*overwrite=*/1);
    trained = std::make_unique<Trained>();
    trained->SetUp();
  }
  static void TearDownTestSuite() { trained.reset(); }
  static std::unique_ptr<Trained> trained;

  Workspace& workspace() { return *trained->workspace; }
  std::string InScratch(const std::string& name) { return trained->scratch / name; }
  Result<Reproduction> Again(const std::string& id, const json& overrides = nullptr,
                             const std::string& folder = "") {
    return Reproduce(workspace(), id, folder, overrides, NoProgress());
  }
  // The data files of the snapshot that the training set read, with their bytes.
  std::map<std::string, std::string> FilesOfInput(const std::string& table) {
    const auto node = workspace().catalog().FindNode({catalog::NodeKind::kTrainingSet, "big_v1#1"});
    EXPECT_OK(node);
    const auto record = TrainingSetFromJson((*node)->node.record);
    EXPECT_OK(record);
    return FilesOf(workspace(), table, record->inputs.at(table).snapshot);
  }
};
std::unique_ptr<Trained> ReproduceTest::trained;

TEST_F(ReproduceTest, ATrainingSetComesOutTheSameAfterMoreDataArrived) {
  trained->Land("2024-01-07.jsonl",
                Order("1-0", 99, "2024-01-01T06:00:00Z", "2024-01-07T06:00:00Z"));
  ASSERT_OK(RunPending(workspace(), NoProgress()));
  ASSERT_OK_AND(const Reproduction again, Again("big_v1#1"));
  EXPECT_TRUE(again.same);
  EXPECT_TRUE(again.differences.empty());
  ASSERT_EQ(again.digests.size(), 1U);
  ASSERT_OK_AND(const auto node,
                workspace().catalog().FindNode({catalog::NodeKind::kTrainingSet, "big_v1#1"}));
  EXPECT_EQ(again.digests[0].second, node->node.record["content"].get<std::string>());
}

TEST_F(ReproduceTest, AModelComesOutTheSameToTheByteAfterTheProjectChanged) {
  trained->Write("train.py", "raise SystemExit('other code')\n");
  trained->Write("seeds/shops.csv", "shop,city\na,Bergen\nb,Rome\n");
  trained->Reopen();
  ASSERT_OK_AND(const CommitSeq before, workspace().catalog().LastSeq());
  ASSERT_OK_AND(const Reproduction again, Again("big#1", nullptr, InScratch("again")));
  EXPECT_TRUE(again.same) << (again.differences.empty() ? "" : again.differences[0].what);
  EXPECT_EQ(weirhouse::testing::ReadFile(InScratch("again/project/train.py")),
            ShopModelFile("train.py"));
  EXPECT_TRUE(std::filesystem::exists(InScratch("again/job/model/model.json")));
  ASSERT_OK_AND(const CommitSeq after, workspace().catalog().LastSeq());
  EXPECT_EQ(before, after);  // nothing is recorded
  // The folder is ours now and is used again.
  ASSERT_OK_AND(const Reproduction third, Again("big#1", nullptr, InScratch("again")));
  EXPECT_TRUE(third.same);
}

TEST_F(ReproduceTest, AChangedParameterIsNamedFirst) {
  ASSERT_OK_AND(const Reproduction again, Again("big#1", {{"cut", 51}}));
  EXPECT_FALSE(again.same);
  ASSERT_GE(again.differences.size(), 2U);
  EXPECT_EQ(again.differences[0].what, "parameter cut");
  EXPECT_EQ(again.differences[0].recorded, "50");
  EXPECT_EQ(again.differences[0].found, "51");
  EXPECT_EQ(again.differences[1].what, "artifact model.json");
}

TEST_F(ReproduceTest, AnUnknownParameterIsRefused) {
  const auto again = Again("big#1", {{"cutt", 51}});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().error_code(), "WH6011");
  EXPECT_THAT(again.status().hint(), HasSubstr("cut"));
  EXPECT_EQ(Again("big_v1#1", {{"cut", 51}}).status().error_code(), "WH6011");
}

TEST_F(ReproduceTest, AFailingCommandCannotBeReproduced) {
  const auto again = Again("big#1", {{"fail", true}});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), Code::kUnavailable);
  EXPECT_THAT(again.status().message(), HasSubstr("told to fail"));
}

TEST_F(ReproduceTest, AnInputFileThatCannotBeReadIsNamed) {
  const auto files = FilesOfInput("feature.shop_sales_v1");
  for (const auto& [path, bytes] : files) {
    std::string other = bytes;
    for (std::size_t i = 8; i + 8 < other.size(); ++i)
      other[i] = static_cast<char>(other[i] ^ 0x5a);
    weirhouse::testing::WriteFile(path, other);
  }
  const auto again = Again("big_v1#1");
  for (const auto& [path, bytes] : files) weirhouse::testing::WriteFile(path, bytes);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), Code::kUnavailable);
  EXPECT_THAT(again.status().message(), HasSubstr("input feature.shop_sales_v1@"));
}

TEST_F(ReproduceTest, AChangedValueIsNamedByItsFileItsColumnAndItsRow) {
  const auto files = FilesOfInput("feature.shop_sales_v1");
  for (const auto& [path, bytes] : files) AddOneToTotals(workspace(), path);
  const auto again = Again("big_v1#1");
  for (const auto& [path, bytes] : files) weirhouse::testing::WriteFile(path, bytes);
  ASSERT_OK(again);
  EXPECT_FALSE(again->same);
  ASSERT_GE(again->differences.size(), 3U);
  EXPECT_EQ(again->differences[0].what, "training set content");
  EXPECT_THAT(again->differences[1].what, HasSubstr("input feature.shop_sales_v1@"));
  EXPECT_THAT(again->differences.back().what, HasSubstr("column shop_sales.total_24h, row "));
}

TEST_F(ReproduceTest, WithoutTheStoredCodeItCannotBeDone) {
  const std::string code = workspace().lake() + "/code";
  std::filesystem::rename(code, code + "-away");
  const auto again = Again("big#1");
  std::filesystem::rename(code + "-away", code);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), Code::kUnavailable);
  EXPECT_THAT(again.status().message(), HasSubstr("big#1 cannot be reproduced"));
}

// Other bytes in the file of the stored code, as `with` says; they are put back.
struct DamagedCode {
  DamagedCode(Workspace& workspace, const std::function<std::string(std::string)>& with) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(workspace.lake() + "/code")) {
      if (!entry.is_regular_file()) continue;
      const std::string path = entry.path().string();
      before[path] = weirhouse::testing::ReadFile(path);
      Put(path, with(before[path]));
    }
  }
  ~DamagedCode() {
    for (const auto& [path, bytes] : before) Put(path, bytes);
  }
  static void Put(const std::string& path, const std::string& bytes) {
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    weirhouse::testing::WriteFile(path, bytes);
    std::filesystem::permissions(path, std::filesystem::perms(0444));
  }
  std::map<std::string, std::string> before;
};

TEST_F(ReproduceTest, StoredCodeOfOtherBytesIsNotRun) {
  const DamagedCode damaged(workspace(), [](std::string bytes) {
    const std::string words = "told to fail";
    const std::size_t at = bytes.find(words);
    return at == std::string::npos ? bytes : bytes.replace(at, words.size(), "told to FAIL");
  });
  const Status status = Again("big#1").status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH6013");
  EXPECT_THAT(status.message(), HasSubstr("big#1 cannot be reproduced: the stored code "));
  EXPECT_THAT(status.message(), HasSubstr(" gives the digest "));
  EXPECT_THAT(status.hint(), HasSubstr("`wh verify --deep`"));
}

TEST_F(ReproduceTest, StoredCodeThatCannotBeReadIsNamed) {
  const DamagedCode damaged(workspace(), [](const std::string&) { return "[]"; });
  const Status status = Again("big#1").status();
  EXPECT_EQ(status.error_code(), "WH2024");
  EXPECT_THAT(status.message(),
              HasSubstr("big#1 cannot be reproduced: stored code cannot be read: "));
  EXPECT_THAT(status.message(), HasSubstr(damaged.before.begin()->first));
  EXPECT_THAT(status.hint(), HasSubstr("restore it from a backup"));
}

// As if somebody had removed the tag of the set, and expiry what it kept.
TEST_F(ReproduceTest, ASnapshotThatIsGoneIsNamedWithTheTagThatKeptIt) {
  const std::string table = "feature.shop_sales_v1";
  ASSERT_OK_AND(const auto node,
                workspace().catalog().FindNode({catalog::NodeKind::kTrainingSet, "big_v1#1"}));
  const std::string before = node->node.record.dump();
  json other = node->node.record;
  other["inputs"][table]["snapshot"] = 17;
  ASSERT_OK_AND(const auto catalog,
                platform::Sqlite::Open(InScratch(".weirhouse/catalog.db"), /*read_only=*/false));
  const std::string update = "UPDATE node SET record = ? WHERE kind = 'training_set' AND key = ?";
  ASSERT_OK(catalog->Run(update, {other.dump(), "big_v1#1"}));
  const Status status = Again("big_v1#1").status();
  ASSERT_OK(catalog->Run(update, {before, "big_v1#1"}));
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH4022");
  EXPECT_THAT(status.message(),
              HasSubstr("big_v1#1 cannot be reproduced: the snapshot " + table + "@"));
  EXPECT_THAT(status.message(), HasSubstr(" that \"big_v1\" was built on is gone"));
  EXPECT_THAT(status.hint(), HasSubstr("by the tag \"training_set-big_v1-1\""));
}

// Changes the rows of a view between their use and the check of what came of them.
struct ChangesBeforeTheCheck final : Progress {
  explicit ChangesBeforeTheCheck(Workspace& of) : workspace(of) {}
  void Update(std::string_view what, std::int64_t, std::int64_t) override {
    if (what != "naive check") return;
    for (const auto& [path, bytes] : FilesOf(workspace, "feature.shop_sales_v1", std::nullopt))
      AddOneToTotals(workspace, path);
  }
  void Say(std::string_view) override {}
  bool Cancelled() override { return false; }
  Workspace& workspace;
};

using NaiveCheckTest = ShopTest;
TEST_F(NaiveCheckTest, ASetThatContradictsItsDefinitionIsNotPublished) {
  AddModels();
  LandDays(6);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ChangesBeforeTheCheck progress(*workspace);
  const Status status = BuildTrainingSet(*workspace, "big_v1", progress).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.error_code(), "WH4021");
  EXPECT_THAT(status.message(),
              HasSubstr(" values of \"big_v1\", derived again by the definition alone, differ: "));
  EXPECT_THAT(status.message(), HasSubstr("shop_sales.total_24h"));
  EXPECT_THAT(status.hint(), HasSubstr("nothing was published"));
  ASSERT_OK_AND(const auto sets, workspace->catalog().Nodes(catalog::NodeKind::kTrainingSet));
  EXPECT_TRUE(sets.empty());
}

TEST_F(ReproduceTest, AFolderWithOtherFilesIsLeftAlone) {
  weirhouse::testing::WriteFile(InScratch("mine/letter.txt"), "dear");
  const auto again = Again("big_v1#1", nullptr, InScratch("mine"));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().error_code(), "WH6012");
  EXPECT_EQ(weirhouse::testing::ReadFile(InScratch("mine/letter.txt")), "dear");
}

TEST_F(ReproduceTest, AnUnknownIdIsNotFound) {
  EXPECT_EQ(Again("small#1").status().code(), Code::kNotFound);
  EXPECT_EQ(Again("small").status().code(), Code::kNotFound);
}
}  // namespace
}  // namespace weirhouse::work
