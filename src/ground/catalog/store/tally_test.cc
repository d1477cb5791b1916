#include "ground/catalog/store/tally.h"

#include "ground/catalog/store/write_form.h"
#include "testing/testing.h"

namespace weirhouse::catalog {
namespace {
using Kind = WriteForm::Kind;

TEST(Tally, IsTheSameInWhateverOrderRowsCameAndWent) {
  Tally grown;
  for (int i = 0; i < 50; ++i) grown.Add(Sha256Of(std::to_string(i)));
  for (int i = 49; i >= 20; --i) grown.Remove(Sha256Of(std::to_string(i)));
  Tally small;
  for (int i = 19; i >= 0; --i) small.Add(Sha256Of(std::to_string(i)));
  EXPECT_EQ(grown, small);
  EXPECT_EQ(grown.rows, 20);
  for (int i = 0; i < 20; ++i) small.Remove(Sha256Of(std::to_string(i)));
  EXPECT_EQ(small, Tally());
}

TEST(Tally, CarriesAndBorrowsThroughAllWords) {
  Digest ones;
  ones.bytes.fill(0xff);
  Digest one;
  one.bytes.back() = 1;
  Tally tally;
  tally.Add(ones);
  tally.Add(one);
  EXPECT_EQ(tally.sum, (std::array<std::uint64_t, 4>{0, 0, 0, 0}));
  tally.Remove(one);
  EXPECT_EQ(tally.sum_hex(), ones.ToHex());
  tally.Remove(ones);
  EXPECT_EQ(tally, Tally());
  Tally less;
  less.Remove(one);  // a difference may be below zero, and comes back
  less.Add(one);
  EXPECT_EQ(less, Tally());
}

TEST(Tally, ReadsBackWhatItWrites) {
  Tally tally;
  tally.Add(Sha256Of("row"));
  EXPECT_EQ(tally.sum_hex(), Sha256Of("row").ToHex());
  Tally read;
  ASSERT_TRUE(ParseSum(tally.sum_hex(), &read));
  EXPECT_EQ(read.sum, tally.sum);
  EXPECT_EQ(tally.ToText(), "1:" + Sha256Of("row").ToHex());
  EXPECT_FALSE(ParseSum("12", &read));
  EXPECT_FALSE(ParseSum(std::string(64, 'g'), &read));
}

WriteForm Form(std::string_view sql) {
  auto form = ParseWriteForm(sql);
  EXPECT_TRUE(form.ok()) << form.status().ToString();
  return form.ok() ? *form : WriteForm();
}

TEST(WriteForm, TellsWhichRowsAStatementWrites) {
  EXPECT_EQ(Form("SELECT 1 FROM t WHERE a = ?").kind, Kind::kOther);
  EXPECT_EQ(Form("PRAGMA integrity_check").kind, Kind::kOther);
  const WriteForm insert =
      Form("INSERT INTO t (a, b) VALUES (?, 'x ON CONFLICT (a) DO UPDATE ?') RETURNING id");
  EXPECT_EQ(insert.kind, Kind::kInsert);
  EXPECT_EQ(insert.table, "t");
  EXPECT_EQ(insert.answer, std::vector<std::string>{"id"});
  EXPECT_EQ(insert.statement, "INSERT INTO t (a, b) VALUES (?, 'x ON CONFLICT (a) DO UPDATE ?')");
  EXPECT_EQ(Form("INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO NOTHING").kind, Kind::kInsert);
  EXPECT_EQ(Form("INSERT INTO t (a) SELECT b FROM u WHERE c = 1").kind, Kind::kInsert);
  EXPECT_EQ(Form("DELETE FROM t WHERE a = ?").kind, Kind::kDelete);
  EXPECT_EQ(Form("DELETE FROM t").table, "t");

  const WriteForm update =
      Form("UPDATE t SET a = ?, b = (SELECT c FROM u WHERE d = ?) WHERE e = ? AND f IN ('?')");
  EXPECT_EQ(update.kind, Kind::kUpdate);
  EXPECT_EQ(update.where, "e = ? AND f IN ('?')");
  EXPECT_EQ(update.where_parameter, 2U);
  EXPECT_EQ(Form("UPDATE t SET a = a + 1").where, "");
}

TEST(WriteForm, FindsTheRowThatAnUpsertReplaces) {
  const WriteForm form = Form(
      "INSERT INTO t (a, b, c, d) VALUES (?, coalesce(?, ?), ?, 'it''s') ON CONFLICT (c, d) "
      "DO UPDATE SET b = excluded.b RETURNING b");
  EXPECT_EQ(form.kind, Kind::kUpsert);
  ASSERT_EQ(form.matches.size(), 2U);
  EXPECT_EQ(form.matches[0].column, "c");
  EXPECT_EQ(form.matches[0].parameter, 3U);
  EXPECT_EQ(form.matches[0].literal, "");
  EXPECT_EQ(form.matches[1].literal, "'it''s'");
}

TEST(WriteForm, RefusesWhatItCannotFollow) {
  for (const char* sql :
       {"REPLACE INTO t (a) VALUES (?)", "INSERT OR REPLACE INTO t (a) VALUES (?)",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "INSERT INTO t (a, b) SELECT 1, 2 ON CONFLICT (a) DO UPDATE SET b = 3",
        "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT (a) DO UPDATE SET b = 3",
        "INSERT INTO t (a) VALUES (?) ON CONFLICT (b) DO UPDATE SET a = 3"}) {
    EXPECT_EQ(ParseWriteForm(sql).status().error_code(), "WH7085") << sql;
  }
}
}  // namespace
}  // namespace weirhouse::catalog
