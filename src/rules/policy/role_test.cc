#include "rules/policy/policy.h"
#include "testing/testing.h"

namespace weirhouse::policy {
namespace {

Principal Of(Role role, std::vector<std::string> scopes = {"*"}) {
  Principal who;
  who.id = "t1";
  who.name = "somebody";
  who.role = role;
  who.scopes = std::move(scopes);
  return who;
}
std::string CodeOf(const Status& status) { return status.error_code(); }

constexpr Action kAll[] = {Action::kRead,
                           Action::kCreateTable,
                           Action::kRegisterTable,
                           Action::kCommit,
                           Action::kDropTable,
                           Action::kPurgeTable,
                           Action::kRenameTable,
                           Action::kCreateView,
                           Action::kReplaceView,
                           Action::kDropView,
                           Action::kRenameView,
                           Action::kRegisterOver,
                           Action::kCreateNamespace,
                           Action::kSetNamespaceProperties,
                           Action::kDropNamespace};

TEST(Role, NamesAreReadBack) {
  for (const Role role :
       {Role::kReader, Role::kWriter, Role::kMaintainer, Role::kPublisher, Role::kAdmin}) {
    ASSERT_OK_AND(const Role parsed, ParseRole(RoleName(role)));
    EXPECT_EQ(parsed, role);
  }
  const Status status = ParseRole("reeder").status();
  EXPECT_EQ(CodeOf(status), "WH7090");
  EXPECT_THAT(status.hint(), ::testing::HasSubstr("reader"));
}

TEST(Role, AReaderAndAPublisherOnlyRead) {
  for (const Role role : {Role::kReader, Role::kPublisher}) {
    for (const Action action : kAll) {
      EXPECT_EQ(MayAct(Of(role), action, "lab.trip").ok(), action == Action::kRead)
          << ActionName(action);
    }
  }
}

TEST(Role, AWriterMakesTablesAndChangesThemButDropsNothing) {
  const Principal writer = Of(Role::kWriter);
  EXPECT_OK(MayAct(writer, Action::kCreateTable, "lab.trip"));
  EXPECT_OK(MayAct(writer, Action::kCommit, "lab.trip"));
  const Status drop = MayAct(writer, Action::kDropTable, "lab.trip");
  EXPECT_EQ(CodeOf(drop), "WH7070");
  EXPECT_EQ(drop.code(), Code::kPermissionDenied);
  EXPECT_THAT(drop.hint(), ::testing::HasSubstr("admin"));
}

TEST(Role, AMaintainerChangesTablesThatAreThereAndMakesNone) {
  EXPECT_OK(MayAct(Of(Role::kMaintainer), Action::kCommit, "lab.trip"));
  EXPECT_EQ(CodeOf(MayAct(Of(Role::kMaintainer), Action::kCreateTable, "lab.trip")), "WH7070");
}

TEST(Role, AnAdminDoesAllWhereNoLayerForbidsIt) {
  for (const Action action : kAll) EXPECT_OK(MayAct(Of(Role::kAdmin), action, "lab.trip"));
}

TEST(Role, AScopeEndsAtItsNamespace) {
  const Principal who = Of(Role::kAdmin, {"lab.a"});
  EXPECT_TRUE(who.Covers("lab.a"));
  EXPECT_TRUE(who.Covers("lab.a.deep.trip"));
  EXPECT_FALSE(who.Covers("lab.ab"));
  EXPECT_FALSE(who.Covers("lab"));
  EXPECT_FALSE(Of(Role::kAdmin, {}).Covers("lab"));
  EXPECT_EQ(CodeOf(MayAct(who, Action::kCommit, "lab.ab.trip")), "WH7070");
  EXPECT_EQ(CodeOf(MayAct(who, Action::kDropNamespace, "lab")), "WH7070");
  // The way down to a scope can be seen, what lies beside it cannot.
  EXPECT_OK(MayAct(who, Action::kRead, "lab"));
  EXPECT_FALSE(MayAct(who, Action::kRead, "lab.b").ok());
}

TEST(Role, RawBindsAnAdminToo) {
  const Principal admin = Of(Role::kAdmin);
  for (const Action action : {Action::kDropTable, Action::kPurgeTable, Action::kRenameTable,
                              Action::kRegisterOver, Action::kCreateView, Action::kDropView}) {
    EXPECT_EQ(CodeOf(MayAct(admin, action, "raw.trip")), "WH7072") << ActionName(action);
  }
  EXPECT_OK(MayAct(admin, Action::kCreateTable, "raw.trip"));
  EXPECT_OK(MayAct(admin, Action::kCommit, "raw.trip"));
}

TEST(Role, TheProjectsOwnLayersAreOnlyRead) {
  for (const char* name : {"feature.x", "quarantine.x", "system.x", "training_set.x"}) {
    EXPECT_OK(MayAct(Of(Role::kAdmin), Action::kRead, name));
    EXPECT_EQ(CodeOf(MayAct(Of(Role::kAdmin), Action::kCreateTable, name)), "WH7075");
    EXPECT_EQ(CodeOf(MayAct(Of(Role::kAdmin), Action::kCommit, name)), "WH7075");
    EXPECT_EQ(CodeOf(MayAct(Of(Role::kAdmin), Action::kCreateNamespace, name)), "WH7075");
  }
}

TEST(Role, ALayersNamespaceStays) {
  EXPECT_EQ(CodeOf(MayAct(Of(Role::kAdmin), Action::kDropNamespace, "processed")), "WH7075");
  EXPECT_OK(MayAct(Of(Role::kAdmin), Action::kDropNamespace, "processed.team"));
}

TEST(Role, ATableThatADefinitionMakesIsNamedWithItsFile) {
  TableRules rules;
  rules.layer = Layer::kProcessed;
  rules.made_by = "processed/arrival.sql";
  const Status status = MayAct(Of(Role::kAdmin), Action::kCommit, "processed.arrival", &rules);
  EXPECT_EQ(CodeOf(status), "WH7075");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("processed/arrival.sql"));
  EXPECT_OK(MayAct(Of(Role::kAdmin), Action::kRead, "processed.arrival", &rules));
}

TEST(Role, AStagingAreasTokenReachesItsTablesAlone) {
  Principal who = Of(Role::kPublisher, {});
  who.staging_area = RunId(12);
  who.view_tables = {"processed.trip"};
  EXPECT_OK(MayAct(who, Action::kCommit, "processed.trip"));
  EXPECT_OK(MayAct(who, Action::kRead, "processed"));
  EXPECT_EQ(CodeOf(MayAct(who, Action::kRead, "processed.other")), "WH7070");
  EXPECT_EQ(CodeOf(MayAct(who, Action::kCommit, "processed.other")), "WH7070");
  EXPECT_EQ(CodeOf(MayAct(who, Action::kCreateTable, "processed.trip")), "WH7070");
  who.role = Role::kAdmin;  // whatever role it came with
  EXPECT_EQ(CodeOf(MayAct(who, Action::kDropTable, "processed.trip")), "WH7070");
}
}  // namespace
}  // namespace weirhouse::policy
