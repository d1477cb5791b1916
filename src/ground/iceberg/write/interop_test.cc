// Other engines read what we write, and we read what they write.
#include <fmt/format.h>

#include "ground/base/text.h"
#include "ground/iceberg/python_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

Result<CommitSeq> CommitOfNumber(std::int64_t sequence_number) {
  return CommitSeq(sequence_number);
}

class InteropTest : public PythonTest {
 protected:
  // Our rows in the form the scripts print: one JSON object a line, by id.
  std::string Ours(const TablePtr& table) {
    const auto rows = Read(table);
    std::map<std::int64_t, std::string> lines;
    for (std::int64_t i = 0; i < rows->num_rows(); ++i) {
      std::string line = "{";
      for (int c = 0; c < rows->num_columns(); ++c) {
        const auto scalar = rows->column(c)->GetScalar(i).ValueOrDie();
        std::string text = "null";
        if (scalar->is_valid) {
          text = scalar->ToString();
          if (rows->field(c)->type()->id() == arrow::Type::TIMESTAMP) {
            text = text.substr(0, 19) + "+00:00";
          }
          if (rows->field(c)->type()->id() == arrow::Type::DOUBLE) {
            text = nlohmann::json(static_cast<const arrow::DoubleScalar&>(*scalar).value).dump();
          } else if (!arrow::is_integer(rows->field(c)->type()->id())) {
            text = nlohmann::json(text).dump();
          }
        }
        line += fmt::format("{}\"{}\": {}", c > 0 ? ", " : "", rows->field(c)->name(), text);
      }
      const auto id = rows->column(0)->GetScalar(i).ValueOrDie();
      lines[static_cast<const arrow::Int64Scalar&>(*id).value] = line + "}\n";
    }
    std::string all;
    for (const auto& [id, line] : lines) all += line;
    return all;
  }

  // A table with everything that other readers must cope with: partitions, upserts that mask rows
  // (some of which moved partition), an additive schema change across old and new files, merged
  // manifests, a compaction.
  TablePtr LivedInTable(int commits) {
    StagedTable staged = Append(NewFlights(), R"([{"id":0,"at":"2013-01-01T00:00:00Z"}])");
    for (int i = 1; i <= commits; ++i) {
      StagedWrite write(store(), staged.table, random_, Options(fmt::format("r{}", i)));
      if (i == commits / 2) EXPECT_OK(write.SetSchema(Wider(staged.table->schema())));
      std::string rows;
      for (int k = 0; k < 5; ++k) {
        rows += fmt::format(
            R"({}{{"id":{},"origin":"O{}","at":"2013-{:02}-{:02}T01:02:03Z","delay":{}.25}})",
            k > 0 ? "," : "", i * 3 + k, k, 1 + (i + k) % 4, 1 + i % 28, i);
      }
      std::set<std::int64_t> replaced;
      for (int k = 0; k < 5; ++k) replaced.insert(i * 3 + k);
      EXPECT_OK(write.Append(*Rows("[" + rows + "]")));
      EXPECT_OK(write.DeleteRows(Find(staged.table, replaced)));
      staged = write.Finish().value();
    }
    return staged.table;
  }

  static Schema Wider(Schema schema) {
    Field note;
    note.name = "note";
    note.type = TypeKind::kString;
    schema.fields.push_back(note);
    return schema;
  }
};

TEST_F(InteropTest, OthersReadUpsertsAnAddedColumnAndACompaction) {
  const TablePtr table = LivedInTable(40);
  const std::string ours = Ours(table);
  EXPECT_THAT(ours, ::testing::HasSubstr("\"note\": null"));
  CompactionOptions options;
  options.deleted_share_min = 0;
  ASSERT_OK_AND(const StagedTable staged,
                StageCompaction(store(), table, random_, Options("c1"), options, CommitOfNumber));
  EXPECT_EQ(Ours(staged.table), ours);
  const std::string both = table->metadata_location + " " + staged.table->metadata_location;
  EXPECT_EQ(Run("read_with_pyiceberg", both), ours + "\n" + ours + "\n");
  EXPECT_EQ(Run("read_with_duckdb", both), ours + "\n" + ours + "\n");
}

TEST_F(InteropTest, OthersPruneByOurPartitionsAndBoundsWithoutLosingRows) {
  const TablePtr table = LivedInTable(12);
  const std::string arguments =
      R"(--where "\"at\" >= '2013-03-01T00:00:00+00:00' and id > 20" )" + table->metadata_location;
  const std::string by_pyiceberg = Run("read_with_pyiceberg", arguments);
  EXPECT_EQ(Run("read_with_duckdb", arguments), by_pyiceberg);
  std::string wanted;
  const std::string ours = Ours(table);  // the lines are views of it
  for (const std::string_view line : Split(ours, '\n')) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_discarded() || row["id"] <= 20) continue;
    if (row["at"].get<std::string>() >= "2013-03-01") wanted += std::string(line) + "\n";
  }
  EXPECT_FALSE(wanted.empty());
  EXPECT_EQ(by_pyiceberg, wanted + "\n");
}

TEST_F(InteropTest, WeReadWhatPyicebergWroteAndGoOnWriting) {
  const auto answers =
      nlohmann::json::parse(Run("write_with_pyiceberg", scratch_ / "foreign"), nullptr, false);
  ASSERT_FALSE(answers.is_discarded());
  ASSERT_EQ(answers.size(), 3u);
  std::string for_duckdb;
  std::string for_pyiceberg;
  std::string by_duckdb;
  std::string by_pyiceberg;
  const auto compare = [&](const TablePtr& table, bool pyiceberg_too) {
    for_duckdb += " " + table->metadata_location;
    by_duckdb += Ours(table) + "\n";
    if (!pyiceberg_too) return;  // it reads no equality deletes
    for_pyiceberg += " " + table->metadata_location;
    by_pyiceberg += Ours(table) + "\n";
  };
  for (const auto& [name, answer] : answers.items()) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND(const TablePtr table, LoadTable(store(), "foreign." + name, answer["metadata"]));
    std::string ids;
    for (const auto& id : answer["ids"]) ids += (ids.empty() ? "" : " ") + id.dump();
    EXPECT_EQ(Ids(table), ids);
    compare(table, false);

    StagedWrite write(store(), table, random_, Options("r1"));
    ASSERT_OK(write.Append(*Rows(R"([{"id":7,"origin":"O9"},{"id":999,"origin":null}])")));
    ASSERT_OK(write.DeleteRows(Find(table, {7})));
    ASSERT_OK_AND(const StagedTable staged, write.Finish());
    compare(staged.table, false);
    // A compaction folds the foreign deletes in; then pyiceberg can read the table too.
    CompactionOptions options;
    options.all = true;
    ASSERT_OK_AND(
        const StagedTable compact,
        StageCompaction(store(), staged.table, random_, Options("c1"), options, CommitOfNumber));
    EXPECT_EQ(Ours(compact.table), Ours(staged.table));
    compare(compact.table, true);
  }
  EXPECT_EQ(Run("read_with_duckdb", for_duckdb), by_duckdb);
  EXPECT_EQ(Run("read_with_pyiceberg", for_pyiceberg), by_pyiceberg);
}
}  // namespace
}  // namespace weirhouse::iceberg
