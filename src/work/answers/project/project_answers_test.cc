#include <nlohmann/json.hpp>

#include "ground/base/text.h"
#include "testing/projects/shop_fixture.h"
#include "work/answers/project/contract_answer.h"
#include "work/answers/project/doctor_answer.h"
#include "work/answers/project/name_answer.h"
#include "work/answers/project/plan_answer.h"
#include "work/answers/project/summary_answer.h"
#include "work/workspace/project_applied.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ProjectAnswersTest : work::ShopTest {
  // The contract as the file has it, with the first `from` replaced.
  void ChangeContract(const std::string& from, const std::string& to) {
    std::string text = work::ShopFile("contracts/order.odcs.yaml");
    text.replace(text.find(from), from.size(), to);
    Write("contracts/order.odcs.yaml", text);
    Reopen();
  }
};

TEST_F(ProjectAnswersTest, ContractsAreComparedWithWhatIsRegistered) {
  ASSERT_OK_AND(const ContractsAnswer fresh, ListContracts(*workspace));
  ASSERT_EQ(fresh.contracts.size(), 1u);
  EXPECT_TRUE(ToJson(fresh)["contracts"][0]["registered"].is_null());
  ASSERT_OK_AND(const ContractDiffsAnswer unregistered, CompareContracts(*workspace, ""));
  EXPECT_EQ(ToJson(unregistered)["contracts"][0]["verdict"], "new");
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ASSERT_OK_AND(const ContractDiffsAnswer same, CompareContracts(*workspace, "order"));
  EXPECT_FALSE(same.contracts[0].changes());
  ChangeContract("required: true", "required: false");
  ASSERT_OK_AND(const ContractDiffsAnswer changed, CompareContracts(*workspace, ""));
  ASSERT_TRUE(changed.contracts[0].changes());
  EXPECT_EQ(ToJson(changed)["contracts"][0]["registered"], "1.0.0");
  EXPECT_EQ(ToJson(changed)["contracts"][0]["changes"].size(), 1u);
  ASSERT_OK_AND(const ContractHistoryAnswer history, ReadContractHistory(*workspace, "order"));
  ASSERT_EQ(history.versions.size(), 1u);
  EXPECT_THAT(ToJson(history)["versions"][0]["commit"].get<std::string>(), HasSubstr("@"));
  for (const Status& status : {CompareContracts(*workspace, "ordr").status(),
                               ReadContractHistory(*workspace, "ordr").status(),
                               ReadContract(workspace->project(), "ordr").status()}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_EQ(status.hint(), "did you mean \"order\"?");
  }
}

TEST_F(ProjectAnswersTest, AContractIsRegisteredAloneWhereNothingElseChanged) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ChangeContract("version: 1.0.0", "version: 2.0.0");
  const contract::Contract& contract = *workspace->project().contracts.at("order");
  EXPECT_EQ(CheckContractAlone(*workspace, contract, false).status().error_code(), "WH8039");
  ASSERT_OK_AND(const std::string digest, CheckContractAlone(*workspace, contract, true));
  ASSERT_OK_AND(const PlanAnswer plan, RehearsePlan(*workspace, work::NoProgress()));
  EXPECT_EQ(digest, plan.plan.digest);
  Write("gates/order.yaml", std::string(work::ShopFile("gates/order.yaml")) +
                                "  - range: { column: amount, min: 0 }\n");
  Reopen();
  EXPECT_EQ(CheckContractAlone(*workspace, *workspace->project().contracts.at("order"), true)
                .status()
                .error_code(),
            "WH8038");
}

TEST_F(ProjectAnswersTest, ThePlanOfTheFilesIsThatOfWhatWasApplied) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  ASSERT_OK_AND(const PlanAnswer none, PlanOfFiles(*workspace));
  EXPECT_EQ(ToJson(none)["items"], json::array());
  Write("gates/order.yaml", std::string(work::ShopFile("gates/order.yaml")) +
                                "  - range: { column: amount, min: 0 }\n");
  ASSERT_OK_AND(const PlanAnswer changed, PlanOfFiles(*workspace));  // opened by the former files
  ASSERT_EQ(changed.plan.items.size(), 1u);
  const json item = ToJson(changed)["items"][0];
  EXPECT_EQ(item["action"], "change");
  EXPECT_EQ(item["kind"], "gate");
  Write("gates/order.yaml", "gate: [");
  EXPECT_EQ(PlanOfFiles(*workspace).status().code(), Code::kInvalidInput);
  Write("gates/order.yaml", work::ShopFile("gates/order.yaml"));
  Write("weirhouse.yaml", std::string(work::ShopFile("weirhouse.yaml")) +
                              "profiles: { local: { warehouse: elsewhere } }\n");
  EXPECT_EQ(PlanOfFiles(*workspace).status().error_code(), "WH8032");
}

TEST_F(ProjectAnswersTest, TheDoctorTellsOfFilesAndOfTheCatalog) {
  DoctorAnswer well;
  CheckServed(*workspace, well);
  EXPECT_FALSE(well.failed);
  EXPECT_EQ(well.checks[0].found, "shop, profile local");
  Write("gates/order.yaml", "gate: [");
  DoctorAnswer ill;
  CheckServed(*workspace, ill);
  EXPECT_EQ(ill.failed, Code::kInvalidInput);
  EXPECT_EQ(ill.checks[0].state, "fail");
  EXPECT_THAT(ill.checks[0].found, HasSubstr("gates/order.yaml"));
  EXPECT_EQ(ill.checks.size(), well.checks.size());  // the catalog is looked at all the same
  DoctorAnswer closed;
  const Status broken = Status(Code::kCorruption, "the chain is broken").WithHint("look");
  CheckProject(workspace->shared_project(), broken, closed);
  EXPECT_EQ(closed.failed, Code::kCorruption);
  EXPECT_EQ(ToJson(closed)["checks"][1], (json{{"check", "state"},
                                               {"state", "fail"},
                                               {"found", "the chain is broken"},
                                               {"remedy", "look"}}));
}

TEST_F(ProjectAnswersTest, NamesAreThoseOfDefinitionsAndOfTheCatalog) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  EXPECT_EQ(DefinedNames(workspace->project(), "gate"), std::vector<std::string>{"order"});
  EXPECT_EQ(DefinedNames(workspace->project(), "view"), std::vector<std::string>{"shop_sales@1"});
  EXPECT_EQ(DefinedNames(workspace->project(), "run"), std::nullopt);
  ASSERT_OK_AND(const auto tables, RecordedNames(*workspace, "table"));
  EXPECT_THAT(tables.value(), Contains("records.order"));
  ASSERT_OK_AND(const auto runs, RecordedNames(*workspace, "run"));
  EXPECT_FALSE(runs->empty());
  ASSERT_OK_AND(const auto none, RecordedNames(*workspace, "colour"));
  EXPECT_FALSE(none);
}

TEST_F(ProjectAnswersTest, ASummaryHasItsHaltAndTheTablesThatItHoldsBack) {
  ASSERT_OK(work::Apply(*workspace, "", work::NoProgress()));
  Land("2024-01-01.jsonl",
       work::Order("o1", 5000, "2024-01-01T01:00:00Z", "2024-01-01T01:00:00Z"));  // max: 1000
  ASSERT_OK_AND(const work::RunSummary summary, work::RunPending(*workspace, work::NoProgress()));
  ASSERT_TRUE(summary.halted);
  const json document = SummaryJson(summary, /*interrupted=*/true);
  EXPECT_EQ(document["interrupted"], true);
  EXPECT_EQ(document["halted"]["run"], ToString(*summary.halted));
  EXPECT_EQ(document["records"], 1);
  EXPECT_THAT(HaltedTables(*workspace, *summary.halted), ElementsAre("processed.order"));
}
}  // namespace
}  // namespace weirhouse::answers
