#include <thread>

#include "ground/iceberg/view/view_update_json.h"
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
  static std::vector<iceberg::ViewUpdate> Replacement(const std::string& sql) {
    const json updates =
        json::array({{{"action", "add-view-version"}, {"view-version", Version(sql)}},
                     {{"action", "set-current-view-version"}, {"view-version-id", -1}}});
    return iceberg::ParseViewUpdates(updates).value();
  }
  Result<SqlView> Make(const std::string& name, const json& body = Body()) {
    WEIRHOUSE_TRY(const iceberg::WantedView wanted, iceberg::ParseWantedView(body));
    return CreateView(*workspace, Writer(), name, wanted);
  }
};

TEST_F(ForeignViewTest, AViewIsMadeReplacedAndDropped) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const SqlView made, Make("lab.v"));
  EXPECT_EQ(made.metadata["location"], workspace->lake() + "/lab/v");
  ASSERT_OK_AND(const auto pointer, workspace->catalog().FindTable("lab.v"));
  EXPECT_EQ(pointer->kind, catalog::PointerKind::kView);
  EXPECT_EQ(pointer->metadata_location, made.metadata_location);
  const iceberg::AssertViewUuid same{made.metadata["view-uuid"]};
  ASSERT_OK_AND(const SqlView next,
                ReplaceView(*workspace, Writer(), "lab.v", {{same}, Replacement("select 2")}));
  EXPECT_EQ(next.metadata["current-version-id"], 2);
  EXPECT_NE(next.metadata_location, made.metadata_location);
  ASSERT_OK_AND(const SqlView loaded, LoadView(*workspace, Writer(), "lab.v"));
  EXPECT_EQ(loaded.metadata, next.metadata);
  EXPECT_EQ(LoadForeign(*workspace, Writer(), "lab.v").status().error_code(), "WH7101");
  const iceberg::AssertViewUuid other{"another"};
  EXPECT_EQ(
      ReplaceView(*workspace, Writer(), "lab.v", {{other}, Replacement("x")}).status().error_code(),
      "WH7109");
  ASSERT_OK(DropView(*workspace, Admin(), "lab.v"));
  EXPECT_EQ(LoadView(*workspace, Writer(), "lab.v").status().error_code(), "WH7103");
  EXPECT_EQ(DropView(*workspace, Admin(), "lab.v").error_code(), "WH7103");
}

TEST_F(ForeignViewTest, TablesAndViewsShareTheirNames) {
  MakeNamespace("lab");
  ASSERT_OK(Make("lab.v"));
  ASSERT_OK(Create("lab", "t"));
  const auto table = Create("lab", "v");
  EXPECT_EQ(table.status().message(), "View with same name already exists: lab.v");
  const auto view = Make("lab.t");
  EXPECT_EQ(view.status().message(), "Table with same name already exists: lab.t");
  EXPECT_EQ(Make("lab.v").status().message(), "View already exists: lab.v");
  EXPECT_EQ(DropView(*workspace, Admin(), "lab.t").error_code(), "WH7103");
  EXPECT_EQ(DropForeign(*workspace, Admin(), "lab.v", false).error_code(), "WH7101");
  const auto rename = [&](const std::string& from, const std::string& to) {
    return RenameForeign(*workspace, Admin(), from, to, {}, catalog::PointerKind::kView);
  };
  EXPECT_EQ(rename("lab.v", "lab.t").error_code(), "WH7102");
  EXPECT_EQ(rename("lab.t", "lab.u").error_code(), "WH7103");
  ASSERT_OK(rename("lab.v", "lab.u"));
  EXPECT_OK(LoadView(*workspace, Writer(), "lab.u"));
  EXPECT_EQ(Make("none.v").status().error_code(), "WH7033");
}

TEST_F(ForeignViewTest, AViewLiesInTheWarehouseAndOverNoTable) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "t"));
  const auto code = [&](const json& body) { return Make("lab.v", body).status().error_code(); };
  EXPECT_EQ(code(Body("x", "/tmp/v")), "WH7071");
  EXPECT_EQ(code(Body("x", table->location)), "WH7071");
  json body = Body("x");
  body["properties"]["write.metadata.path"] = "/tmp/v";
  EXPECT_EQ(code(body), "WH7071");
  body["properties"]["write.metadata.path"] = workspace->lake() + "/lab/beside";
  ASSERT_OK_AND(const SqlView made, Make("lab.v", body));
  EXPECT_THAT(made.metadata_location,
              ::testing::StartsWith(workspace->lake() + "/lab/beside/00000-"));
  const ViewChange escape{{}, {iceberg::SetLocation{"/tmp/v"}}};
  EXPECT_EQ(ReplaceView(*workspace, Writer(), "lab.v", escape).status().error_code(), "WH7071");
}

TEST_F(ForeignViewTest, WritersWhoReplaceAtTheSameTimeAllSucceed) {
  MakeNamespace("lab");
  ASSERT_OK(Make("lab.v"));
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        EXPECT_OK(ReplaceView(*workspace, Writer(), "lab.v",
                              {{}, Replacement(fmt::format("select {}", thread + 10))}));
      });
    }
  }
  ASSERT_OK_AND(const SqlView loaded, LoadView(*workspace, Writer(), "lab.v"));
  EXPECT_EQ(loaded.metadata["versions"].size(), 5U);
  EXPECT_EQ(loaded.metadata["version-log"].size(), 5U);
}

TEST_F(ForeignViewTest, ADroppedViewIsRegisteredAgain) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const SqlView made, Make("lab.v"));
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
  ASSERT_OK_AND(const SqlView loaded, LoadView(*workspace, Writer(), "lab.v"));
  EXPECT_EQ(loaded.metadata, made.metadata);
  // A table's metadata is no view's.
  ASSERT_OK_AND(const auto table, Create("lab", "t"));
  EXPECT_EQ(
      RegisterView(*workspace, Writer(), "lab.w", table->metadata_location).status().error_code(),
      "WH7107");
}
}  // namespace
}  // namespace weirhouse::work
