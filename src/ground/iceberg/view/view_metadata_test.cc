#include "ground/iceberg/view/view_metadata.h"

#include <fmt/format.h>

#include "ground/iceberg/view/view_update_json.h"
#include "testing/testing.h"

namespace weirhouse::iceberg {
namespace {
using Json = nlohmann::json;
using ::testing::HasSubstr;

const ProcessTime kNow = ProcessTimeOfMicros(1'700'000'000'000'000);

Json SchemaWith(const std::string& column) {
  return {{"type", "struct"},
          {"schema-id", 0},
          {"fields",
           Json::array({{{"id", 1}, {"name", column}, {"type", "long"}, {"required", false}}})}};
}
Json VersionWith(const std::string& sql, const std::string& dialect = "spark", int schema = 0) {
  return {
      {"version-id", 1},
      {"timestamp-ms", 1000},
      {"schema-id", schema},
      {"summary", Json::object()},
      {"default-namespace", Json::array({"lab"})},
      {"representations", Json::array({{{"type", "sql"}, {"sql", sql}, {"dialect", dialect}}})}};
}
Json NewView(const Json& properties = Json::object()) {
  const Json request = {{"name", "v"},
                        {"schema", SchemaWith("a")},
                        {"view-version", VersionWith("select 1")},
                        {"properties", properties}};
  return NewViewMetadata(ParseWantedView(request).value(), "/lake/lab/v", "u1", kNow).value();
}
// What a REST client's request does, from its JSON on.
Result<Json> ApplyRequest(const Json& view, const Json& updates) {
  WEIRHOUSE_TRY(const std::vector<ViewUpdate> read, ParseViewUpdates(updates));
  return ApplyViewUpdates(view, read, kNow);
}
Status CheckRequest(const Json& view, const Json& requirements) {
  WEIRHOUSE_TRY(const std::vector<AssertViewUuid> read, ParseViewRequirements(requirements));
  return CheckViewRequirements(view, read);
}
Json Add(const Json& version) {
  return {{"action", "add-view-version"}, {"view-version", version}};
}
Json SetCurrent(int id) {
  return {{"action", "set-current-view-version"}, {"view-version-id", id}};
}
const Json kAnyDialect = {{"replace.drop-dialect.allowed", "true"}};

TEST(ViewMetadata, ANewViewHasOneVersionAndItsLog) {
  const Json view = NewView({{"comment", "x"}});
  EXPECT_EQ(view["view-uuid"], "u1");
  EXPECT_EQ(view["format-version"], 1);
  EXPECT_EQ(view["current-version-id"], 1);
  EXPECT_EQ(view["versions"].size(), 1U);
  EXPECT_EQ(view["version-log"], Json::array({{{"timestamp-ms", 1000}, {"version-id", 1}}}));
  EXPECT_EQ(view["properties"]["comment"], "x");
  EXPECT_OK(CheckViewMetadata(view));
}

TEST(ViewMetadata, AReplacementAddsSchemaVersionAndLogEntry) {
  const Json view = NewView();
  ASSERT_OK_AND(const Json next,
                ApplyRequest(view, {{{"action", "add-schema"}, {"schema", SchemaWith("b")}},
                                    Add(VersionWith("select 2", "spark", -1)),
                                    SetCurrent(-1)}));
  EXPECT_EQ(next["current-version-id"], 2);
  EXPECT_EQ(next["versions"][1]["schema-id"], 1);
  EXPECT_EQ(next["schemas"].size(), 2U);
  EXPECT_EQ(next["version-log"].size(), 2U);
  EXPECT_EQ(next["version-log"][1]["timestamp-ms"], 1000);
}

TEST(ViewMetadata, EqualVersionsAndSchemasAreReused) {
  const Json view = NewView();
  ASSERT_OK_AND(const Json same,
                ApplyRequest(view, {{{"action", "add-schema"}, {"schema", SchemaWith("a")}},
                                    Add(VersionWith("select 1", "spark", -1)),
                                    SetCurrent(-1)}));
  EXPECT_EQ(same, view);
}

TEST(ViewMetadata, AnOldVersionSetAgainIsLoggedNow) {
  const Json view = NewView();
  ASSERT_OK_AND(const Json two, ApplyRequest(view, {Add(VersionWith("select 2")), SetCurrent(-1)}));
  ASSERT_OK_AND(const Json back, ApplyRequest(two, Json::array({SetCurrent(1)})));
  EXPECT_EQ(back["current-version-id"], 1);
  EXPECT_EQ(back["version-log"].size(), 3U);
  EXPECT_EQ(back["version-log"][2]["timestamp-ms"], 1'700'000'000'000);
}

TEST(ViewMetadata, HistoryEndsWhereVersionsWereForgotten) {
  Json view = NewView({{"version.history.num-entries", "2"}});
  for (int i = 2; i <= 5; ++i) {
    ASSERT_OK_AND(
        view, ApplyRequest(view, {Add(VersionWith(fmt::format("select {}", i))), SetCurrent(-1)}));
  }
  EXPECT_EQ(view["versions"].size(), 2U);
  EXPECT_EQ(view["versions"][0]["version-id"], 4);
  EXPECT_EQ(view["version-log"].size(), 2U);
  // Setting the older one again keeps it, whatever comes.
  ASSERT_OK_AND(view, ApplyRequest(view, Json::array({SetCurrent(4)})));
  ASSERT_OK_AND(view, ApplyRequest(view, Json::array({Add(VersionWith("select 6"))})));
  EXPECT_EQ(view["current-version-id"], 4);
  EXPECT_EQ(view["versions"].size(), 2U);
  EXPECT_OK(CheckViewMetadata(view));
}

TEST(ViewMetadata, ADialectIsNotLostUnlessAllowed) {
  const Json version = VersionWith("select 2", "trino");
  const auto refused = ApplyRequest(NewView(), {Add(version), SetCurrent(-1)});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), HasSubstr("loss of view dialects"));
  EXPECT_OK(ApplyRequest(NewView(kAnyDialect), {Add(version), SetCurrent(-1)}));
}

TEST(ViewMetadata, PropertiesAndLocationChange) {
  ASSERT_OK_AND(const Json next,
                ApplyRequest(NewView({{"a", "1"}, {"b", "2"}}),
                             {{{"action", "set-properties"}, {"updates", {{"c", "3"}}}},
                              {{"action", "remove-properties"}, {"removals", {"a", "zz"}}},
                              {{"action", "set-location"}, {"location", "/lake/lab/w"}},
                              {{"action", "assign-uuid"}, {"uuid", "u1"}},
                              {{"action", "upgrade-format-version"}, {"format-version", 1}}}));
  EXPECT_EQ(next["properties"], (Json{{"b", "2"}, {"c", "3"}}));
  EXPECT_EQ(next["location"], "/lake/lab/w");
}

TEST(ViewMetadata, WhatCannotBeAppliedChangesNothing) {
  const Json view = NewView();
  Json twice = VersionWith("select 2");
  twice["representations"].push_back({{"type", "sql"}, {"sql", "x"}, {"dialect", "SPARK"}});
  Json odd = VersionWith("x");
  odd["representations"][0]["type"] = "graph";
  const std::vector<Json> bad = {
      {{"action", "assign-uuid"}, {"uuid", "other"}},
      {{"action", "upgrade-format-version"}, {"format-version", 2}},
      {{"action", "upgrade-format-version"}, {"format-version", 0}},
      {{"action", "add-snapshot"}},
      {{"action", 7}},
      Json(3),
      Json::object(),
      Add(twice),
      Add(odd),
      Add(VersionWith("x", "spark", 9)),
      Add(VersionWith("x", "spark", -1)),
      Add(VersionWith("x", "")),
      Add(Json()),
      SetCurrent(-1),
      SetCurrent(77),
      {{"action", "add-schema"}, {"schema", 3}},
      {{"action", "set-properties"}, {"updates", {{"a", 1}}}},
      {{"action", "set-properties"}, {"updates", {{"version.history.num-entries", "0"}}}},
      {{"action", "remove-properties"}, {"removals", 3}},
      {{"action", "set-location"}},
  };
  for (const Json& update : bad) {
    const auto refused = ApplyRequest(view, Json::array({update}));
    EXPECT_EQ(refused.status().error_code(), "WH7108") << update.dump();
  }
  EXPECT_FALSE(ApplyRequest(view, Json::object()).ok());
}

TEST(ViewMetadata, TheUuidIsTheOneRequirement) {
  const Json view = NewView();
  EXPECT_OK(CheckRequest(view, Json::array({{{"type", "assert-view-uuid"}, {"uuid", "U1"}}})));
  EXPECT_EQ(
      CheckRequest(view, Json::array({{{"type", "assert-view-uuid"}, {"uuid", "u2"}}})).code(),
      Code::kConflict);
  EXPECT_EQ(CheckRequest(view, Json::array({{{"type", "assert-create"}}})).error_code(), "WH7108");
  EXPECT_EQ(CheckRequest(view, 3).error_code(), "WH7108");
}

TEST(ViewMetadata, MetadataThatContradictsItselfIsFound) {
  const Json good = NewView();
  const auto broken = [&](const char* key, const Json& value) {
    Json view = good;
    view[key] = value;
    return CheckViewMetadata(view).error_code();
  };
  EXPECT_EQ(broken("view-uuid", 3), "WH7108");
  EXPECT_EQ(broken("format-version", 2), "WH7108");
  EXPECT_EQ(broken("current-version-id", 9), "WH7108");
  EXPECT_EQ(broken("versions", Json::array()), "WH7108");
  EXPECT_EQ(broken("versions", Json::array({3})), "WH7108");
  EXPECT_EQ(broken("schemas", Json::array()), "WH7108");
  EXPECT_EQ(broken("version-log", Json::array({Json::object()})), "WH7108");
  EXPECT_EQ(broken("properties", Json::array()), "WH7108");
  EXPECT_EQ(CheckViewMetadata(Json()).error_code(), "WH7108");
}
}  // namespace
}  // namespace weirhouse::iceberg
