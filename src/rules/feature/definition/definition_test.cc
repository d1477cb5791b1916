#include "rules/feature/definition/definition.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/feature/definition/example_views_test.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
std::vector<FeatureView> Example() {
  auto views = ParseFeatureViews(kExampleViews, "features/delay.yaml");
  WEIRHOUSE_CHECK(views.ok());
  return *views;
}

Status Refused(const std::string& yaml) {
  const auto views = ParseFeatureViews(yaml, "features/x.yaml");
  EXPECT_FALSE(views.ok());
  return views.status();
}

// A sound view with `part` put into it.
std::string With(const std::string& part, const std::string& features = "{ n: { agg: count } }") {
  return "{ feature_view: v, entity: { e: string }, source: processed.x_history, event_time: at, "
         "windows: [1h], " +
         part + " features: " + features + " }";
}

TEST(ParseFeatureViews, ReadsTheSixViewsOfTheExample) {
  const std::vector<FeatureView> views = Example();
  ASSERT_EQ(views.size(), 6U);
  std::vector<std::size_t> columns;
  for (const FeatureView& view : views) columns.push_back(OutputColumnsOf(view).size());
  EXPECT_EQ(columns, (std::vector<std::size_t>{9, 9, 8, 5, 3, 3}));
  EXPECT_EQ(views[0].id(), "carrier_delay@1");
  EXPECT_EQ(views[0].table_name(), "feature.carrier_delay_v1");
  EXPECT_TRUE(views[0].source_keeps_history());
  EXPECT_FALSE(views[3].source_keeps_history());
}

TEST(ParseFeatureViews, NamesColumnsByFeatureAndWindow) {
  std::vector<std::string> names;
  for (const OutputColumn& column : OutputColumnsOf(Example()[2]))
    names.push_back(column.qualified);
  EXPECT_EQ(names, (std::vector<std::string>{"tail_delay.n_1h", "tail_delay.n_24h",
                                             "tail_delay.n_7d", "tail_delay.mean_1h",
                                             "tail_delay.mean_24h", "tail_delay.mean_7d",
                                             "tail_delay.last_7d", "tail_delay.secs_since"}));
}

TEST(ParseFeatureViews, ReadsKnownTimesAndTtls) {
  const std::vector<FeatureView> views = Example();
  EXPECT_EQ(views[0].known_time.kind, KnownTime::Kind::kColumn);
  EXPECT_EQ(views[0].known_time.column, "reported_at");
  EXPECT_EQ(views[2].ttl_us, std::int64_t{30} * 86'400'000'000) << "online.ttl is the view's";
  EXPECT_EQ(views[3].known_time.kind, KnownTime::Kind::kDelay);
  EXPECT_EQ(views[3].known_time.delay_us, 1'200'000'000);
  EXPECT_EQ(views[3].ttl_us, 10'800'000'000);
  EXPECT_TRUE(views[4].as_of_latest);
  EXPECT_FALSE(views[4].event_time.has_value());
  EXPECT_EQ(views[4].known_time.kind, KnownTime::Kind::kIngestion);
  EXPECT_TRUE(views[5].is_request());
}

TEST(ParseFeatureViews, GivesADigestThatChangesWithTheMeaningOnly) {
  const auto digest = [](const std::string& yaml) {
    return ParseFeatureViews(yaml, "x")->front().digest;
  };
  const Digest plain = digest(With(""));
  EXPECT_EQ(plain, digest(With("description: other words,")));
  EXPECT_EQ(plain, digest(With("boundary: closed_start,")));
  EXPECT_NE(plain, digest(With("boundary: closed_end,")));
  EXPECT_NE(plain, digest(With("ttl: 1h,")));
  EXPECT_NE(plain, digest(With("known_time: { delay: 1s },")));
  EXPECT_NE(plain, digest(With("", "{ n: { agg: count, of: x } }")));
}

TEST(ParseFeatureViews, SuggestsTheKeyThatWasMeant) {
  const Status status = Refused(With("known_tme: at,"));
  EXPECT_EQ(status.error_code(), "WH2002");
  EXPECT_NE(status.hint().find("known_time"), std::string::npos);
  EXPECT_EQ(status.span()->line, 1);
}

TEST(ParseFeatureViews, SuggestsTheAggregateThatWasMeant) {
  const Status status = Refused(With("", "{ n: { agg: cuont } }"));
  EXPECT_EQ(status.error_code(), "WH4001");
  EXPECT_NE(status.hint().find("count"), std::string::npos);
}

TEST(ParseFeatureViews, RefusesWhatHasNoMeaning) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {With("", "{ n: { agg: mean } }"), "WH4003"},
      {With("", "{ n: { agg: seconds_since_last, of: x, windows: none } }"), "WH4002"},
      {With("", "{ n: { agg: mean, of: x, windows: none } }"), "WH4002"},
      {With("", "{ n: { agg: mean, of: x, windows: [1h, 60m] } }"), "WH4002"},
      {With("", "{ n: { agg: mean, of: x, windows: [soon] } }"), "WH4002"},
      {With("", "{ n: { agg: latest, of: x, windows: [1h] } }"), "WH4002"},
      {With("", "{ a: { agg: count, windows: [1h] }, a_1h: latest }"), "WH4004"},
      {With("", "{ Bad: { agg: count } }"), "WH4002"},
      {With("", "[]"), "WH2004"},
      {With("boundary: open,"), "WH4002"},
      {With("as_of: now,"), "WH4002"},
      {With("ttl: long,"), "WH4002"},
      {With("version: 0,"), "WH4002"},
      {With("ttl: 1h, online: { ttl: 2h },"), "WH4002"},
      {With("online: { fill: eager },"), "WH4002"},
      {"{ feature_view: v, entity: { e: string }, source: s, features: { n: { agg: count, windows: "
       "[1h] } } }",
       "WH4003"},
      {"{ feature_view: v, entity: { e: blob }, source: s, features: { x: latest } }", "WH4002"},
      {"{ feature_view: v, source: s, features: { x: latest } }", "WH2003"},
      {"{ feature_view: v, request: { x: integer }, source: s, features: { y: request.x } }",
       "WH4002"},
      {"{ feature_view: v, entity: { e: string }, source: s, ttl: 1h, features: { x: latest } }",
       "WH4003"}};
  for (const auto& [yaml, code] : cases) EXPECT_EQ(Refused(yaml).error_code(), code) << yaml;
}

TEST(ParseFeatureViews, KnowsATypeByItsWordAlone) {
  for (const char* type : {"str ing", "string(10)", "integer(8)", "int[4]", "decimal(10,2)",
                           "decimal", "timestamp(6)", "+integer", "Integer", "''"}) {
    const std::string yaml = fmt::format(
        "{{ feature_view: v, entity: {{ e: \"{}\" }}, source: s, features: {{ x: latest }} }}",
        type);
    EXPECT_EQ(Refused(yaml).error_code(), "WH4002") << type;
  }
}

TEST(ParseFeatureViews, ReportsEveryBrokenDocument) {
  const Status status = Refused(With("ttl: long,") + "\n--- " + With("") + "\n--- " +
                                With("", "{ n: { agg: cuont } }"));
  EXPECT_EQ(status.diagnostics().size(), 2U);
}

TEST(ParseFeatureViews, RefusesTwoOfOneId) {
  EXPECT_EQ(Refused(With("") + "\n--- " + With("")).error_code(), "WH4004");
}

TEST(FindView, TakesTheGreatestVersionOfAPlainName) {
  auto views = ParseFeatureViews(With("version: 1,") + "\n--- " + With("version: 2,"), "x");
  ASSERT_OK(views);
  EXPECT_EQ((*FindView(*views, "v"))->version, 2);
  EXPECT_EQ((*FindView(*views, "v@1"))->version, 1);
  const auto missing = FindView(*views, "w@1");
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  EXPECT_NE(missing.status().hint().find("v@1"), std::string::npos);
}

// ---- Training sets
TEST(ParseTrainingSets, ReadsTheExampleAndSelectsAllItsColumns) {
  ASSERT_OK_AND(const auto sets, ParseTrainingSets(kExampleTrainingSet, "training_sets/late.yaml"));
  ASSERT_EQ(sets.size(), 1U);
  EXPECT_EQ(sets[0].time, "sched_dep_at");
  EXPECT_EQ(sets[0].label, "late");
  ASSERT_EQ(sets[0].splits.size(), 3U);
  EXPECT_EQ(sets[0].splits[1].parts_per_million, 150'000);
  const std::vector<FeatureView> views = Example();
  ASSERT_OK_AND(const auto selected, SelectFeatures(sets[0], views));
  std::size_t columns = 0;
  for (const SelectedView& view : selected) columns += view.columns.size();
  EXPECT_EQ(columns, 37U);
}

std::string TrainingWith(const std::string& part, const std::string& features) {
  return "{ training_set: s, spine: select 1, time: t, " + part + " features: " + features + " }";
}

TEST(ParseTrainingSets, RefusesWhatHasNoMeaning) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {TrainingWith("split: { train: 70%, test: 20% },", "['v@1:*']"), "WH4011"},
      {TrainingWith("split: { train: 0.7, test: 0.3 },", "['v@1:*']"), "WH4011"},
      {TrainingWith("split: { by: hash, train: 100% },", "['v@1:*']"), "WH4011"},
      {TrainingWith("as_of: latest, known: k,", "['v@1:*']"), "WH4011"},
      {TrainingWith("as_of: yesterday,", "['v@1:*']"), "WH4011"},
      {TrainingWith("", "['v:*']"), "WH4011"},
      {TrainingWith("", "['v@0:*']"), "WH4011"},
      {TrainingWith("", "[]"), "WH2004"},
      {TrainingWith("splits: 1,", "['v@1:*']"), "WH2002"}};
  for (const auto& [yaml, code] : cases) {
    const auto sets = ParseTrainingSets(yaml, "x");
    ASSERT_FALSE(sets.ok()) << yaml;
    EXPECT_EQ(sets.status().error_code(), code) << yaml;
  }
}

TEST(SelectFeatures, SuggestsWhatWasMeant) {
  const std::vector<FeatureView> views = Example();
  const auto select = [&](const std::string& selector) {
    auto sets = ParseTrainingSets(TrainingWith("", "['" + selector + "']"), "x");
    WEIRHOUSE_CHECK(sets.ok());
    return SelectFeatures(sets->front(), views).status();
  };
  EXPECT_TRUE(select("carrier_delay@1:mean_24h").ok());
  EXPECT_NE(select("carier_delay@1:*").hint().find("carrier_delay@1"), std::string::npos);
  EXPECT_NE(select("carrier_delay@1:mean_24").hint().find("mean_24h"), std::string::npos);
  EXPECT_EQ(select("carrier_delay@2:*").error_code(), "WH4009");
}
}  // namespace
}  // namespace weirhouse::feature
