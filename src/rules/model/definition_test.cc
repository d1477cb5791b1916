#include "rules/model/definition.h"

#include "testing/testing.h"

namespace weirhouse::model {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kLate[] = R"(
{ model: late, training_set: late_v1, train: { cmd: python train.py, params: { max_depth: 6, seed: 7 } }, metrics: { roc_auc: { min: 0.65 } },
  serve: { python: score.py, request: [carrier, origin, tailnum, sched_dep_at, distance], output: [score] }, mirror: { mlflow: '${env:MLFLOW_TRACKING_URI:-}' } }
)";

std::string ErrorOf(const std::string& text) {
  return ParseModels(text, "models/late.yaml").status().ToString();
}

TEST(ParseModels, ReadsTheExampleOfTheGuide) {
  ASSERT_OK_AND(auto models, ParseModels(kLate, "models/late.yaml"));
  ASSERT_EQ(models.size(), 1u);
  const ModelDefinition& late = models[0];
  EXPECT_EQ(late.name, "late");
  EXPECT_EQ(late.training_set, "late_v1");
  EXPECT_THAT(late.command, ElementsAre("python", "train.py"));
  EXPECT_EQ(late.params.dump(), R"({"max_depth":6,"seed":7})");
  ASSERT_EQ(late.metrics.size(), 1u);
  EXPECT_EQ(late.metrics[0].metric, "roc_auc");
  EXPECT_EQ(late.metrics[0].min, 0.65);
  EXPECT_FALSE(late.metrics[0].max);
  ASSERT_TRUE(late.serve);
  EXPECT_EQ(late.serve->script, "score.py");
  EXPECT_THAT(late.serve->request,
              ElementsAre("carrier", "origin", "tailnum", "sched_dep_at", "distance"));
  EXPECT_THAT(late.serve->output, ElementsAre("score"));
  EXPECT_THAT(late.notes, ElementsAre(HasSubstr("comes later")));
  EXPECT_EQ(late.mirror["mlflow"], "${env:MLFLOW_TRACKING_URI:-}");  // never expanded here
}

TEST(ParseModels, ReadsSeveralDocuments) {
  ASSERT_OK_AND(
      auto models,
      ParseModels("--- { model: a, training_set: t, train: { cmd: [python, 'a b.py'] } }\n"
                  "--- { model: b, training_set: t, train: { cmd: python 'a b.py' } }\n",
                  "m.yaml"));
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].command, models[1].command);
  EXPECT_EQ(models[0].params.dump(), "{}");
  EXPECT_FALSE(models[0].serve);
}

TEST(ParseModels, RefusesUnknownKeysAtEachLevelWithASuggestion) {
  EXPECT_THAT(ErrorOf("{ model: a, training_set: t, trian: { cmd: x } }"),
              AllOf(HasSubstr("WH2002"), HasSubstr("did you mean \"train\"?")));
  EXPECT_THAT(ErrorOf("{ model: a, training_set: t, train: { cmd: x, param: {} } }"),
              HasSubstr("did you mean \"params\"?"));
  EXPECT_THAT(
      ErrorOf("{ model: a, training_set: t, train: { cmd: x }, metrics: { r: { mim: 1 } } }"),
      HasSubstr("did you mean \"min\"?"));
  EXPECT_THAT(
      ErrorOf(
          "{ model: a, training_set: t, train: { cmd: x }, serve: { python: s.py, requests: [a], "
          "output: [b] } }"),
      HasSubstr("did you mean \"request\"?"));
}

TEST(ParseModels, NamesWhatIsMissing) {
  EXPECT_THAT(ErrorOf("{ training_set: t, train: { cmd: x } }"), HasSubstr("WH2003"));
  EXPECT_THAT(ErrorOf("{ model: a, train: { cmd: x } }"), HasSubstr("\"training_set\""));
  EXPECT_THAT(ErrorOf("{ model: a, training_set: t, train: {} }"), HasSubstr("\"cmd\""));
}

TEST(ParseModels, RefusesBoundsThatCannotHoldAndWrongTypes) {
  EXPECT_THAT(ErrorOf("{ model: a, training_set: t, train: { cmd: x }, metrics: { r: {} } }"),
              HasSubstr("no bound"));
  EXPECT_THAT(
      ErrorOf(
          "{ model: a, training_set: t, train: { cmd: x }, metrics: { r: { min: 2, max: 1 } } }"),
      HasSubstr("min is above max"));
  EXPECT_THAT(
      ErrorOf("{ model: a, training_set: t, train: { cmd: x }, metrics: { r: { min: high } } }"),
      HasSubstr("WH2004"));
  EXPECT_THAT(ErrorOf("{ model: A/../b, training_set: t, train: { cmd: x } }"),
              HasSubstr("WH5001"));
  EXPECT_THAT(ErrorOf("{ model: a, training_set: t, train: { cmd: \"x 'y\" } }"),
              HasSubstr("quote is not closed"));
}

TEST(ParseModels, KeepsTheScoringScriptInsideTheProject) {
  for (const char* script :
       {"../score.py", "/etc/score.py", "a/../../score.py", "score.sh", "''"}) {
    EXPECT_THAT(ErrorOf(std::string("{ model: a, training_set: t, train: { cmd: x }, serve: { "
                                    "python: ") +
                        script + ", request: [a], output: [b] } }"),
                HasSubstr("WH5001"))
        << script;
  }
}

TEST(ParseModels, RefusesTheSameModelTwice) {
  EXPECT_THAT(ErrorOf("--- { model: a, training_set: t, train: { cmd: x } }\n"
                      "--- { model: a, training_set: t, train: { cmd: x } }\n"),
              HasSubstr("defined twice"));
}

TEST(SplitCommand, SplitsAsAShellDoesWithoutRunningOne) {
  ASSERT_OK_AND(auto words, SplitCommand(R"(python "a b.py" --x='$HOME' y\ z "")"));
  EXPECT_THAT(words, ElementsAre("python", "a b.py", "--x=$HOME", "y z", ""));
}
}  // namespace
}  // namespace weirhouse::model
