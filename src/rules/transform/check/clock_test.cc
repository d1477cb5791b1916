// The clock is refused in every spelling, also where the columns of a relation are not known.
#include "rules/transform/flights_fixture.h"

namespace weirhouse::transform {
namespace {

TEST(CheckClock, IsRefusedInEverySpelling) {
  ASSERT_OK_AND(auto engine, platform::SqlEngine::Open({}));
  ASSERT_OK_AND(auto session, engine->Connect());
  SchemaCatalog schemas;
  schemas.Add("records.a",
              arrow::schema({arrow::field("id", arrow::int64()),
                             arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"))}),
              "contract a");
  const auto check = [&](const std::string& sql) {
    return CheckSelect(*session, {"a.sql", sql}, schemas).status();
  };
  for (const char* expression :
       {"now()", "CURRENT_DATE", "Current_Timestamp", "current_time", "localtime", "localtimestamp",
        "today()", "age(t)", "ago(interval 1 day)", "get_current_time()", "get_current_timestamp()",
        "transaction_timestamp()", "current_localtimestamp()", "pg_postmaster_start_time()",
        "pg_conf_load_time()", "current_user"}) {
    const std::string sql(expression);
    EXPECT_EQ(check("SELECT id, " + sql + " AS x FROM records.a").error_code(), "WH2106") << sql;
    if (sql == "age(t)") continue;
    EXPECT_EQ(check("SELECT " + sql + " AS x FROM (VALUES (1)) AS v").error_code(), "WH2106")
        << sql;
  }
  EXPECT_OK(check("SELECT id, 'epoch'::timestamptz AS x FROM records.a"));
}
}  // namespace
}  // namespace weirhouse::transform
