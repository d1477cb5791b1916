#include <thread>

#include "testing/projects/foreign_fixture_test.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

struct ForeignViewTest : SharedForeignTest {
  static json Body(const std::string& sql = "select 1", const std::string& location = "") {
    json body = {{"name", "v"},
                 {"schema", CreateBody("v")["schema"]},
                 {"properties", {{"comment", "x"}}},
                 {"view-version", Version(sql)}};
    if (!location.empty()) body["location"] = location;
    return body;
  }
  static json Version(const std::string& sql) {
    return {
        {"version-id", 1},
        {"timestamp-ms", 1000},
        {"schema-id", 0},
        {"summary", {{"engine-name", "spark"}}},
        {"default-namespace", json::array({"lab"})},
        {"representations", json::array({{{"type", "sql"}, {"sql", sql}, {"dialect", "spark"}}})}};
  }
  static json Replacement(const std::string& sql) {
    return json::array({{{"action", "add-view-version"}, {"view-version", Version(sql)}},
                        {{"action", "set-current-view-version"}, {"view-version-id", -1}}});
  }
};

TEST_F(ForeignViewTest, AViewIsMadeReplacedAndDropped) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const ForeignView made, CreateView(*workspace, Writer(), "lab.v", Body()));
  EXPECT_EQ(made.metadata["location"], workspace->lake() + "/lab/v");
  ASSERT_OK_AND(const auto pointer, workspace->catalog().FindTable("lab.v"));
  EXPECT_EQ(pointer->kind, catalog::PointerKind::kView);
  EXPECT_EQ(pointer->metadata_location, made.metadata_location);
  const json requirements =
      json::array({{{"type", "assert-view-uuid"}, {"uuid", made.metadata["view-uuid"]}}});
  ASSERT_OK_AND(const ForeignView next,
                ReplaceView(*workspace, Writer(), "lab.v", requirements, Replacement("select 2")));
  EXPECT_EQ(next.metadata["current-version-id"], 2);
  EXPECT_NE(next.metadata_location, made.metadata_location);
  ASSERT_OK_AND(const ForeignView loaded, LoadView(*workspace, Writer(), "lab.v"));
  EXPECT_EQ(loaded.metadata, next.metadata);
  EXPECT_EQ(LoadForeign(*workspace, Writer(), "lab.v").status().error_code(), "WH7101");
  const json other = json::array({{{"type", "assert-view-uuid"}, {"uuid", "another"}}});
  EXPECT_EQ(
      ReplaceView(*workspace, Writer(), "lab.v", other, Replacement("x")).status().error_code(),
      "WH7109");
  ASSERT_OK(DropView(*workspace, Admin(), "lab.v"));
  EXPECT_EQ(LoadView(*workspace, Writer(), "lab.v").status().error_code(), "WH7103");
  EXPECT_EQ(DropView(*workspace, Admin(), "lab.v").error_code(), "WH7103");
}

TEST_F(ForeignViewTest, TablesAndViewsShareTheirNames) {
  MakeNamespace("lab");
  ASSERT_OK(CreateView(*workspace, Writer(), "lab.v", Body()));
  ASSERT_OK(Create("lab", "t"));
  const auto table = Create("lab", "v");
  EXPECT_EQ(table.status().message(), "View with same name already exists: lab.v");
  const auto view = CreateView(*workspace, Writer(), "lab.t", Body());
  EXPECT_EQ(view.status().message(), "Table with same name already exists: lab.t");
  EXPECT_EQ(CreateView(*workspace, Writer(), "lab.v", Body()).status().message(),
            "View already exists: lab.v");
  EXPECT_EQ(DropView(*workspace, Admin(), "lab.t").error_code(), "WH7103");
  EXPECT_EQ(DropForeign(*workspace, Admin(), "lab.v", false).error_code(), "WH7101");
  const auto rename = [&](const std::string& from, const std::string& to) {
    return RenameForeign(*workspace, Admin(), from, to, {}, catalog::PointerKind::kView);
  };
  EXPECT_EQ(rename("lab.v", "lab.t").error_code(), "WH7102");
  EXPECT_EQ(rename("lab.t", "lab.u").error_code(), "WH7103");
  ASSERT_OK(rename("lab.v", "lab.u"));
  EXPECT_OK(LoadView(*workspace, Writer(), "lab.u"));
  EXPECT_EQ(CreateView(*workspace, Writer(), "none.v", Body()).status().error_code(), "WH7033");
}

TEST_F(ForeignViewTest, AViewLiesInTheWarehouseAndOverNoTable) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "t"));
  const auto code = [&](const json& body) {
    return CreateView(*workspace, Writer(), "lab.v", body).status().error_code();
  };
  EXPECT_EQ(code(Body("x", "/tmp/v")), "WH7071");
  EXPECT_EQ(code(Body("x", table->location)), "WH7071");
  json body = Body("x");
  body["properties"]["write.metadata.path"] = "/tmp/v";
  EXPECT_EQ(code(body), "WH7071");
  body["properties"]["write.metadata.path"] = workspace->lake() + "/lab/beside";
  ASSERT_OK_AND(const ForeignView made, CreateView(*workspace, Writer(), "lab.v", body));
  EXPECT_THAT(made.metadata_location,
              ::testing::StartsWith(workspace->lake() + "/lab/beside/00000-"));
  const json escape = json::array({{{"action", "set-location"}, {"location", "/tmp/v"}}});
  EXPECT_EQ(ReplaceView(*workspace, Writer(), "lab.v", {}, escape).status().error_code(), "WH7071");
}

TEST_F(ForeignViewTest, WritersWhoReplaceAtTheSameTimeAllSucceed) {
  MakeNamespace("lab");
  ASSERT_OK(CreateView(*workspace, Writer(), "lab.v", Body()));
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        EXPECT_OK(ReplaceView(*workspace, Writer(), "lab.v", {},
                              Replacement(fmt::format("select {}", thread + 10))));
      });
    }
  }
  ASSERT_OK_AND(const ForeignView loaded, LoadView(*workspace, Writer(), "lab.v"));
  EXPECT_EQ(loaded.metadata["versions"].size(), 5U);
  EXPECT_EQ(loaded.metadata["version-log"].size(), 5U);
}

TEST_F(ForeignViewTest, ADroppedViewIsRegisteredAgain) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const ForeignView made, CreateView(*workspace, Writer(), "lab.v", Body()));
  EXPECT_EQ(
      RegisterView(*workspace, Writer(), "lab.v", made.metadata_location).status().error_code(),
      "WH7102");
  ASSERT_OK(DropView(*workspace, Admin(), "lab.v"));
  EXPECT_EQ(RegisterView(*workspace, Writer(), "lab.v", "/etc/passwd").status().error_code(),
            "WH7071");
  EXPECT_EQ(RegisterView(*workspace, Writer(), "lab.v", made.metadata_location + "x")
                .status()
                .error_code(),
            "WH7107");
  ASSERT_OK(RegisterView(*workspace, Writer(), "lab.v", made.metadata_location));
  ASSERT_OK_AND(const ForeignView loaded, LoadView(*workspace, Writer(), "lab.v"));
  EXPECT_EQ(loaded.metadata, made.metadata);
  // A table's metadata is no view's.
  ASSERT_OK_AND(const auto table, Create("lab", "t"));
  EXPECT_EQ(
      RegisterView(*workspace, Writer(), "lab.w", table->metadata_location).status().error_code(),
      "WH7107");
}
}  // namespace
}  // namespace weirhouse::work
