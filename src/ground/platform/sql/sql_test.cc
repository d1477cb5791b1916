#include "ground/platform/sql/sql.h"

#include <arrow/api.h>
#include <arrow/builder.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using ::testing::HasSubstr;
using weirhouse::testing::RowsAsJson;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::TableOf;

class Sql : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(engine_, SqlEngine::Open({}));
    ASSERT_OK_AND(session_, engine_->Connect());
  }
  std::string Rows(const std::string& sql) {
    auto table = session_->Query(sql);
    return table.ok() ? RowsAsJson(**table) : table.status().ToString();
  }
  std::unique_ptr<SqlEngine> engine_;
  std::unique_ptr<SqlSession> session_;
};

std::shared_ptr<arrow::Schema> PairSchema() {
  return arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())});
}
std::shared_ptr<arrow::Table> Pairs(const std::string& rows) { return TableOf(PairSchema(), rows); }

// `count` rows of k = 0, 1, 2, … and a text of it, in chunks of `chunk_rows`.
std::shared_ptr<arrow::Table> ManyRows(std::int64_t count, std::int64_t chunk_rows) {
  arrow::ArrayVector keys;
  arrow::ArrayVector texts;
  for (std::int64_t start = 0; start < count; start += chunk_rows) {
    arrow::Int64Builder key;
    arrow::StringBuilder text;
    for (std::int64_t i = start; i < std::min(count, start + chunk_rows); ++i) {
      EXPECT_TRUE(key.Append(i).ok());
      EXPECT_TRUE(
          (i % 7 == 0 ? text.AppendNull() : text.Append("row number " + std::to_string(i))).ok());
    }
    keys.push_back(*key.Finish());
    texts.push_back(*text.Finish());
  }
  return arrow::Table::Make(
      arrow::schema({arrow::field("k", arrow::int64()), arrow::field("s", arrow::utf8())}),
      {std::make_shared<arrow::ChunkedArray>(keys, arrow::int64()),
       std::make_shared<arrow::ChunkedArray>(texts, arrow::utf8())});
}

TEST_F(Sql, ReadsRegisteredRowsAgainAndAgain) {
  ASSERT_OK(session_->Register("records.arrival", Pairs(R"([{"a":1,"b":"x"},{"a":2,"b":null}])")));
  const std::string expected = Rows("SELECT a, b FROM records.arrival");
  EXPECT_THAT(expected, HasSubstr("x"));
  EXPECT_EQ(Rows("SELECT a, b FROM records.arrival"), expected);
  ASSERT_OK_AND(const auto table, session_->Query("SELECT * FROM records.arrival"));
  EXPECT_TRUE(table->Equals(*Pairs(R"([{"a":1,"b":"x"},{"a":2,"b":null}])")));
}

TEST_F(Sql, ReadsTheRowsThatWereRegisteredLast) {
  ASSERT_OK(session_->Register("t", Pairs(R"([{"a":1,"b":"x"}])")));
  ASSERT_OK(session_->Register("t", Pairs(R"([{"a":7,"b":"y"}])")));
  ASSERT_OK_AND(const auto same, session_->Query("SELECT * FROM t"));
  EXPECT_TRUE(same->Equals(*Pairs(R"([{"a":7,"b":"y"}])")));
  // Another schema under the same name.
  const auto schema = arrow::schema({arrow::field("c", arrow::float64())});
  ASSERT_OK(session_->Register("t", TableOf(schema, R"([{"c":1.5}])")));
  ASSERT_OK_AND(const auto other, session_->Query("SELECT * FROM t"));
  EXPECT_TRUE(other->Equals(*TableOf(schema, R"([{"c":1.5}])")));
}

TEST_F(Sql, ForgetsUnregisteredRows) {
  auto rows = Pairs(R"([{"a":1,"b":"x"}])");
  const std::weak_ptr<arrow::Table> watch = rows;
  ASSERT_OK(session_->Register("processed.t", std::move(rows)));
  EXPECT_FALSE(watch.expired());
  ASSERT_OK(session_->Unregister("processed.t"));
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(session_->Query("SELECT * FROM processed.t").status().code(), Code::kInvalidInput);
  EXPECT_OK(session_->Unregister("processed.t"));
}

TEST_F(Sql, KeepsSessionsApart) {
  ASSERT_OK_AND(auto other, engine_->Connect());
  ASSERT_OK(session_->Register("records.t", Pairs(R"([{"a":1,"b":"mine"}])")));
  ASSERT_OK(other->Register("records.t", Pairs(R"([{"a":2,"b":"theirs"}])")));
  EXPECT_THAT(Rows("SELECT b FROM records.t"), HasSubstr("mine"));
  ASSERT_OK_AND(const auto theirs, other->Query("SELECT b FROM records.t"));
  EXPECT_THAT(RowsAsJson(*theirs), HasSubstr("theirs"));
}

TEST_F(Sql, ASessionBeginsWithoutTheRowsOfOneThatEnded) {
  auto rows = Pairs(R"([{"a":1,"b":"old"}])");
  const std::weak_ptr<arrow::Table> watch = rows;
  ASSERT_OK(session_->Register("records.t", std::move(rows)));
  ASSERT_OK(session_->Query("SELECT b FROM records.t"));
  session_.reset();
  EXPECT_TRUE(watch.expired());
  ASSERT_OK_AND(session_, engine_->Connect());
  EXPECT_EQ(session_->Query("SELECT b FROM records.t").status().code(), Code::kInvalidInput);
  session_.reset();
  ASSERT_OK_AND(session_, engine_->Connect());
  // The same name, with the same columns and with others.
  ASSERT_OK(session_->Register("records.t", Pairs(R"([{"a":2,"b":"new"}])")));
  EXPECT_THAT(Rows("SELECT b FROM records.t"), HasSubstr("new"));
  session_.reset();
  ASSERT_OK_AND(session_, engine_->Connect());
  ASSERT_OK(session_->Register("Records.T", Pairs(R"([{"a":3,"b":"third"}])")));
  ASSERT_OK(session_->Register("records.t", Pairs(R"([{"a":4,"b":"fourth"}])")));
  EXPECT_THAT(Rows("SELECT b FROM records.t"), HasSubstr("fourth"));
  ASSERT_OK(session_->Register("Records.T", Pairs(R"([{"a":5,"b":"fifth"}])")));
  EXPECT_THAT(Rows("SELECT b FROM records.t"), HasSubstr("fifth"));
}

TEST_F(Sql, WhatASessionExecutedEndsWithIt) {
  ASSERT_OK(session_->Execute("CREATE TABLE made AS SELECT 1 AS a"));
  session_.reset();
  ASSERT_OK_AND(session_, engine_->Connect());
  EXPECT_EQ(session_->Query("SELECT a FROM made").status().code(), Code::kInvalidInput);
}

TEST_F(Sql, BoundsOfASessionEndWithIt) {
  session_->SetBounds({.result_bytes = 1});
  session_.reset();
  ASSERT_OK_AND(session_, engine_->Connect());
  EXPECT_EQ(session_->SetBounds({}).result_bytes, 0);
}

TEST_F(Sql, ReadsEmptyTables) {
  ASSERT_OK(session_->Register("t", Pairs("[]")));
  ASSERT_OK_AND(const auto table, session_->Query("SELECT * FROM t"));
  EXPECT_EQ(table->num_rows(), 0);
  EXPECT_TRUE(table->schema()->Equals(PairSchema()));
  ASSERT_OK_AND(const auto count, session_->Query("SELECT count(*) AS n FROM t"));
  EXPECT_TRUE(
      count->Equals(*TableOf(arrow::schema({arrow::field("n", arrow::int64())}), R"([{"n":0}])")));
}

TEST_F(Sql, CountsRowsWithoutReadingColumns) {
  ASSERT_OK(session_->Register("t", ManyRows(5000, 700)));
  ASSERT_OK_AND(const auto count, session_->Query("SELECT count(*) AS n FROM t"));
  EXPECT_TRUE(count->Equals(
      *TableOf(arrow::schema({arrow::field("n", arrow::int64())}), R"([{"n":5000}])")));
}

TEST_F(Sql, KeepsRowsInOrderAcrossChunksAndThreads) {
  const auto rows = ManyRows(100'000, 3001);
  ASSERT_OK(session_->Register("t", rows));
  ASSERT_OK_AND(const auto all, session_->Query("SELECT * FROM t"));
  ASSERT_TRUE(all->Equals(**rows->CombineChunks()));
  ASSERT_OK_AND(const auto some, session_->Query("SELECT k FROM t WHERE k % 2 = 1"));
  ASSERT_EQ(some->num_rows(), 50'000);
  const auto& keys = static_cast<const arrow::Int64Array&>(*some->column(0)->chunk(0));
  for (std::int64_t i = 0; i < keys.length(); ++i) ASSERT_EQ(keys.Value(i), 2 * i + 1);
}

TEST_F(Sql, JoinsAndAggregatesInParallel) {
  ASSERT_OK(session_->Register("left.t", ManyRows(200'000, 50'000)));
  ASSERT_OK(session_->Register("right.t", ManyRows(200'000, 7'777)));
  const std::string quoted = R"(SELECT count(*)::BIGINT AS n, sum(l.k)::BIGINT AS s,
      count(r.s)::BIGINT AS t FROM "left".t l JOIN "right".t r ON l.k = r.k AND l.s = r.s)";
  const std::int64_t with_text = 200'000 - (200'000 + 6) / 7;
  ASSERT_OK_AND(const auto table, session_->Query(quoted));
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*table->column(0)->chunk(0)).Value(0), with_text);
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*table->column(2)->chunk(0)).Value(0), with_text);
}

TEST_F(Sql, TakesEveryTypeInAndOut) {
  ASSERT_OK_AND(const auto made, session_->Query(R"(
    SELECT * FROM (VALUES
      (true, 1::TINYINT, 2::SMALLINT, 3, 4::BIGINT, 1.5::FLOAT, -0.0::DOUBLE, 1.25::DECIMAL(4,2),
       123456.78::DECIMAL(9,2), 1234567890.123::DECIMAL(18,3), -12345678901234567890.5::DECIMAL(38,1),
       'text', 'äöü and more than twelve bytes', '\x00\xFF'::BLOB, DATE '2013-12-30',
       TIME '22:31:08.000001', TIMESTAMP '2013-12-30 20:15:00.25',
       TIMESTAMPTZ '2013-12-30 20:15:00.25+02', 170141183460469231731687303715884105::HUGEINT,
       [1, NULL, 3], {'x': 1, 'y': 'z'}),
      (NULL, NULL, NULL, NULL, NULL, NULL, 'nan'::DOUBLE, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL))
    t(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v))"));
  const auto& schema = *made->schema();
  EXPECT_EQ(schema.field(10)->type()->ToString(), "decimal128(38, 1)");
  EXPECT_EQ(schema.field(11)->type()->ToString(), "string");
  EXPECT_EQ(schema.field(13)->type()->ToString(), "binary");
  EXPECT_EQ(schema.field(15)->type()->ToString(), "time64[us]");
  EXPECT_EQ(schema.field(16)->type()->ToString(), "timestamp[us]");
  EXPECT_EQ(schema.field(17)->type()->ToString(), "timestamp[us, tz=UTC]");
  EXPECT_EQ(schema.field(18)->type()->ToString(), "decimal128(38, 0)");
  ASSERT_OK(made->ValidateFull().ok() ? Status::Ok() : Status(Code::kInternal, "invalid"));
  ASSERT_OK(session_->Register("t", made));
  ASSERT_OK_AND(const auto again, session_->Query("SELECT * FROM t"));
  EXPECT_TRUE(again->Equals(*made, false, arrow::EqualOptions::Defaults().nans_equal(true)))
      << again->ToString() << made->ToString();
  EXPECT_THAT(Rows("SELECT CAST(r AS VARCHAR) AS z FROM t LIMIT 1"),
              HasSubstr("2013-12-30 18:15:00.25+00"));
}

TEST_F(Sql, ReadsSlicedArraysWithNulls) {
  const auto rows = ManyRows(10'000, 10'000)->Slice(4'321, 5'000);
  ASSERT_OK(session_->Register("t", rows));
  ASSERT_OK_AND(const auto table, session_->Query("SELECT s, k FROM t WHERE k >= 0"));
  EXPECT_TRUE(table->column(1)->Equals(*rows->column(0)));
  EXPECT_TRUE(table->column(0)->Equals(*rows->column(1)));
}

TEST_F(Sql, KeepsRowsAliveWhileTheResultIsUsed) {
  ASSERT_OK(session_->Register("t", ManyRows(3000, 1000)));
  ASSERT_OK_AND(const auto table, session_->Query("SELECT s FROM t"));
  ASSERT_OK(session_->Unregister("t"));
  session_.reset();
  engine_.reset();
  EXPECT_EQ(static_cast<const arrow::StringArray&>(*table->column(0)->chunk(0)).GetString(1),
            "row number 1");
}

TEST_F(Sql, RunsSessionsOfOneEngineSideBySide) {
  std::vector<std::jthread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      auto session = engine_->Connect();
      if (!session.ok() || !(*session)->Register("t", ManyRows(20'000, 999)).ok()) return;
      for (int i = 0; i < 5; ++i) {
        auto table = (*session)->Query("SELECT sum(k)::BIGINT FROM t");
        if (table.ok() &&
            static_cast<const arrow::Int64Array&>(*(*table)->column(0)->chunk(0)).Value(0) ==
                199'990'000) {
          ++right;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 20);
}

TEST_F(Sql, TellsWhereSqlIsWrong) {
  const Status syntax = session_->Query("SELECT 1 FRUM t").status();
  EXPECT_EQ(syntax.code(), Code::kInvalidInput);
  EXPECT_THAT(syntax.message(), HasSubstr("syntax error"));
  ASSERT_TRUE(syntax.span().has_value());
  EXPECT_EQ(syntax.span()->column, 15);
  ASSERT_OK(session_->Register("t", Pairs("[]")));
  const Status column = session_->Query("SELECT a, bb FROM t").status();
  EXPECT_EQ(column.code(), Code::kInvalidInput);
  ASSERT_TRUE(column.span().has_value());
  EXPECT_EQ(column.span()->column, 11);
  EXPECT_THAT(column.message(), HasSubstr("bb"));
  const Status running =
      session_->Query("SELECT CAST(x AS INTEGER) FROM (VALUES ('a')) t(x)").status();
  EXPECT_EQ(running.code(), Code::kInvalidInput);
}

TEST_F(Sql, TakesOneStatementOnly) {
  EXPECT_EQ(session_->Query("SELECT 1; SELECT 2").status().code(), Code::kInvalidInput);
  EXPECT_EQ(session_->Query("").status().code(), Code::kInvalidInput);
  EXPECT_EQ(session_->Query(std::string_view("SELECT 1\0 FROM t", 16)).status().code(),
            Code::kInvalidInput);
}

TEST_F(Sql, RefusesEverythingOutsideWhenLocked) {
  const ScratchFolder scratch;
  weirhouse::testing::WriteFile(scratch / "x.csv", "a\n1\n");
  for (const std::string& sql : std::vector<std::string>{
           "SELECT * FROM read_csv('" + scratch / "x.csv" + "')",
           "SELECT * FROM '" + scratch / "x.csv" + "'", "SELECT * FROM read_text('/etc/passwd')",
           "COPY (SELECT 1) TO '" + scratch / "out.csv" + "'",
           "ATTACH '" + scratch / "x.db" + "' AS x", "INSTALL httpfs", "LOAD httpfs",
           "SET enable_external_access=true", "SET memory_limit='100GB'"}) {
    EXPECT_FALSE(session_->Query(sql).ok()) << sql;
    EXPECT_FALSE(session_->Execute(sql).ok()) << sql;
  }
  const Status outside = session_->Query("SELECT * FROM read_text('/etc/passwd')").status();
  EXPECT_EQ(outside.code(), Code::kPermissionDenied);
  EXPECT_EQ(outside.error_code(), "WH7036");
  EXPECT_THAT(outside.message(), HasSubstr("SQL was refused: "));
  EXPECT_THAT(outside.message(), HasSubstr("/etc/passwd"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "out.csv"));
}

TEST_F(Sql, ReadsFilesWhenUnlocked) {
  const ScratchFolder scratch;
  weirhouse::testing::WriteFile(scratch / "x.csv", "a\n17\n");
  ASSERT_OK_AND(auto engine, SqlEngine::Open({.locked = false}));
  ASSERT_OK_AND(auto session, engine->Connect());
  ASSERT_OK_AND(const auto table,
                session->Query("SELECT a FROM read_csv('" + scratch / "x.csv" + "')"));
  EXPECT_THAT(RowsAsJson(*table), HasSubstr("17"));
}

TEST_F(Sql, GivesTheSyntaxTreeAndTakesItBack) {
  const std::string sql = "SELECT a, (b + 1) AS c FROM records.x WHERE (d = 'e''f')";
  ASSERT_OK_AND(const std::string json, session_->ParseToJson(sql));
  const auto tree = nlohmann::json::parse(json);
  const auto& node = tree["statements"][0]["node"];
  EXPECT_EQ(node["from_table"]["table_name"], "x");
  EXPECT_EQ(node["select_list"][0]["query_location"], 7);
  ASSERT_OK_AND(const std::string back, session_->JsonToSql(json));
  EXPECT_EQ(back, sql);
  const Status wrong = session_->ParseToJson("SELECT a FRUM b c").status();
  EXPECT_EQ(wrong.code(), Code::kInvalidInput);
  ASSERT_TRUE(wrong.span().has_value());
  EXPECT_EQ(wrong.span()->column, 15);
  for (const char* statement :
       {"DELETE FROM records.x", "INSERT INTO x VALUES (1)", "UPDATE x SET a = 1", "DROP TABLE x",
        "CREATE TABLE x AS SELECT 1", "WITH y AS (SELECT 1) DELETE FROM x", "SET threads = 1",
        "COPY x TO 'y'", "ATTACH 'y'", "PRAGMA version", "BEGIN", "EXPLAIN SELECT 1"}) {
    EXPECT_TRUE(session_->ParseToJson(statement).status().Is(kNotASelect)) << statement;
  }
  EXPECT_FALSE(session_->JsonToSql("{}").ok());
  EXPECT_FALSE(session_->JsonToSql("no JSON").ok());
}

TEST_F(Sql, DescribesWithoutRunning) {
  ASSERT_OK(session_->Register("t", Pairs("[]")));
  ASSERT_OK_AND(const auto schema,
                session_->Describe("SELECT a, b AS c, TIMESTAMPTZ '2013-01-01 00:00:00Z' AS d, "
                                   "error('never run') AS e FROM t"));
  EXPECT_EQ(schema->field(0)->ToString(), "a: int64");
  EXPECT_EQ(schema->field(1)->ToString(), "c: string");
  EXPECT_EQ(schema->field(2)->ToString(), "d: timestamp[us, tz=UTC]");
  EXPECT_EQ(session_->Describe("SELECT zz FROM t").status().code(), Code::kInvalidInput);
}

TEST_F(Sql, QuotesNamesThatAreNotWords) {
  ASSERT_OK(session_->Register("a\"b.c; DROP TABLE x--", Pairs(R"([{"a":1,"b":"odd"}])")));
  EXPECT_THAT(Rows("SELECT b FROM \"a\"\"b\".\"c; DROP TABLE x--\""), HasSubstr("odd"));
  ASSERT_OK(session_->Unregister("a\"b.c; DROP TABLE x--"));
}

TEST_F(Sql, RefusesRowsWithoutColumns) {
  const Status status = session_->Register(
      "t", arrow::Table::Make(arrow::schema({}), arrow::ChunkedArrayVector(), 3));
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH7039");
  EXPECT_EQ(status.message(), "could not pass rows to the SQL engine: they have no columns");
}

constexpr char kSlowQuery[] =
    "SELECT a.range FROM range(3000000) a, range(3000000) b WHERE a.range * b.range = -1";

TEST_F(Sql, EndsAQueryThatTakesTooLong) {
  session_->SetBounds({.time = std::chrono::milliseconds(200)});
  const auto begin = std::chrono::steady_clock::now();
  const Status status = session_->Query(kSlowQuery).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH7047") << status.ToString();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  const SqlBounds before = session_->SetBounds({});
  EXPECT_EQ(before.time, std::chrono::milliseconds(200));
  EXPECT_EQ(Rows("SELECT 1::BIGINT AS a"), "{\"a\":1}\n");
}

TEST_F(Sql, EndsAQueryOnceToldToStop) {
  std::atomic<int> asked{0};
  session_->SetBounds({.told_to_stop = [&asked] { return ++asked > 3; }});
  const Status status = session_->Query(kSlowQuery).status();
  EXPECT_TRUE(status.Is(kSqlToldToStop)) << status.ToString();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH7049");
  EXPECT_THAT(status.message(), HasSubstr("told to stop"));
  EXPECT_GT(asked.load(), 3);
}

TEST_F(Sql, EndsAQueryWhoseRowsAreTooMany) {
  session_->SetBounds({.result_bytes = 1 << 20});
  EXPECT_EQ(session_->Query("SELECT i FROM range(100000000000) t(i)").status().error_code(),
            "WH7048");
  ASSERT_OK_AND(const auto few, session_->Query("SELECT i FROM range(10000) t(i)"));
  EXPECT_EQ(few->num_rows(), 10'000);
  // An error while rows are fetched is returned.
  EXPECT_EQ(session_->Query("SELECT i, error('x') FROM range(10) t(i)").status().error_code(),
            "WH7035");
}

TEST_F(Sql, BoundsChangeNoAnswer) {
  ASSERT_OK(session_->Register("t", ManyRows(100'000, 1'000)));
  const std::string sql = "SELECT k, count(*) OVER () AS n FROM t ORDER BY k DESC";
  ASSERT_OK_AND(const auto free, session_->Query(sql));
  session_->SetBounds({.time = std::chrono::minutes(5),
                       .result_bytes = 64 << 20,
                       .told_to_stop = [] { return false; }});
  ASSERT_OK_AND(const auto bounded, session_->Query(sql));
  EXPECT_TRUE(free->Equals(*bounded));
}

TEST_F(Sql, SaysWhereItCouldNotSpill) {
  const ScratchFolder scratch;
  weirhouse::testing::WriteFile(scratch / "file", "");
  ASSERT_OK_AND(auto engine,
                SqlEngine::Open(
                    {.threads = 1, .memory_limit_mb = 20, .temp_folder = scratch / "file/spill"}));
  ASSERT_OK_AND(auto session, engine->Connect());
  const Status status =
      session->Query("SELECT i, hash(i) AS h FROM range(10000000) t(i) ORDER BY h").status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH7037") << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr("file/spill"));
  EXPECT_THAT(status.hint(), HasSubstr("a folder for spilling"));
}

TEST_F(Sql, KeepsMemoryUnderItsLimit) {
  ASSERT_OK_AND(auto engine, SqlEngine::Open({.memory_limit_mb = 20}));
  ASSERT_OK_AND(auto session, engine->Connect());
  const Status status = session->Query("SELECT list(i) FROM range(20000000) t(i)").status();
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_OK(session->Query("SELECT 1").status());
}
}  // namespace
}  // namespace weirhouse::platform
