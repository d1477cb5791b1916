// Tables that another engine made: partitioned by every transform, nested, evolved, of version 1,
// without field ids. pyiceberg is the other side, row by row and member by member.
#include <arrow/io/file.h>
#include <arrow/ipc/writer.h>
#include <fmt/format.h>

#include "ground/iceberg/format/deletion_vector.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/python_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

Result<CommitSeq> SameNumber(std::int64_t sequence_number) { return CommitSeq(sequence_number); }

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

class ForeignTableTest : public PythonTest {
 protected:
  // " METADATA ARROW_FILE" for compare_with_pyiceberg, of the rows as we read them.
  std::string AsArgument(const TablePtr& table) {
    const std::string path = scratch_ / fmt::format("rows-{}.arrow", ++files_);
    const auto rows = Scan::Plan(store(), table, {}).value().ReadAll();
    SCOPED_TRACE(table->name);
    EXPECT_OK(rows.status());
    if (!rows.ok()) return "";
    EXPECT_TRUE(rows.value()->ValidateFull().ok());
    auto file = arrow::io::FileOutputStream::Open(path).ValueOrDie();
    auto writer = arrow::ipc::MakeFileWriter(file, rows.value()->schema()).ValueOrDie();
    EXPECT_TRUE(writer->WriteTable(*rows.value()).ok());
    EXPECT_TRUE(writer->Close().ok());
    EXPECT_TRUE(file->Close().ok());
    return fmt::format(" {} {}", table->metadata_location, path);
  }

  std::map<std::string, TablePtr> ForeignTables() {
    const auto answers = nlohmann::json::parse(
        Run("write_nested_with_pyiceberg", scratch_ / "foreign"), nullptr, false);
    EXPECT_FALSE(answers.is_discarded());
    std::map<std::string, TablePtr> tables;
    for (const auto& [name, location] : answers.items()) {
      auto table = LoadTable(store(), "foreign." + name, location);
      EXPECT_OK(table.status());
      if (table.ok()) tables[name] = std::move(table).value();
    }
    return tables;
  }

  int files_ = 0;
};

TEST_F(ForeignTableTest, WeReadTheirRowsAndTheyReadOursByFieldAndByPartition) {
  const auto tables = ForeignTables();
  EXPECT_EQ(tables.size(), 18u);
  std::string rows;
  std::string metadata;
  for (const auto& [name, table] : tables) {
    SCOPED_TRACE(name);
    rows += AsArgument(table);
    const std::string path = scratch_ / (name + ".metadata.json");
    testing::WriteFile(path, SerializeTableMetadata(*table));
    metadata += fmt::format(" {} {}", table->metadata_location, path);

    const auto theirs = Read(table);
    StagedWrite write(store(), table, random_, Options());
    ASSERT_OK(write.Append(*theirs));
    ASSERT_OK_AND(const StagedTable staged, write.Finish());
    EXPECT_EQ(Read(staged.table)->num_rows(), 2 * theirs->num_rows());
    rows += AsArgument(staged.table);
    CompactionOptions options;
    options.all = true;
    ASSERT_OK_AND(const StagedTable compact, StageCompaction(store(), staged.table, random_,
                                                             Options("c1"), options, SameNumber));
    rows += AsArgument(compact.table);
  }
  EXPECT_EQ(Run("compare_with_pyiceberg", rows), "");
  EXPECT_EQ(Run("compare_with_duckdb", rows), "");
  EXPECT_EQ(Run("same_metadata", metadata), "");
}

TEST_F(ForeignTableTest, ADeletionVectorMasksWhatItsWriterMeant) {
  const auto cases = nlohmann::json::parse(Run("deletion_vectors", ""), nullptr, false);
  ASSERT_FALSE(cases.is_discarded());
  std::string puffin = "PFA1";
  for (const auto& item : cases) {
    const auto positions = item["positions"].get<std::vector<std::int64_t>>();
    const std::string blob = BytesOfHex(item["hex"].get<std::string>());
    DataFile file;
    file.content = DataFile::Content::kPositionDeletes;
    file.path = scratch_ / "deletes.puffin";
    file.format = FileFormat::kPuffin;
    file.row_count = static_cast<std::int64_t>(positions.size());
    file.referenced_data_file = "/t/data/a.parquet";
    file.content_offset = static_cast<std::int64_t>(puffin.size());
    file.content_size_bytes = static_cast<std::int64_t>(blob.size());
    puffin += blob;
    testing::WriteFile(file.path, puffin);
    ASSERT_OK_AND(const auto deletes, LoadPositionDeletes(store(), file));
    EXPECT_EQ(deletes->at("/t/data/a.parquet"), positions);
    // Damage is found, never followed.
    for (std::size_t i = 0; i < blob.size(); i += 1 + blob.size() / 50) {
      std::string damaged = blob;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
      EXPECT_EQ(ParseDeletionVector(damaged, file).status().error_code(), "WH7061");
      EXPECT_FALSE(ParseDeletionVector(std::string_view(blob).substr(0, i), file).ok());
    }
    if (file.row_count > 0) {
      --file.row_count;
      EXPECT_EQ(ParseDeletionVector(blob, file).status().error_code(), "WH7061");
    }
  }
}
}  // namespace
}  // namespace weirhouse::iceberg
