#include "rules/contract/contract.h"

#include <arrow/api.h>

#include "rules/contract/example_contracts.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A contract of one field, its property written as a YAML flow map.
std::string WithProperty(const std::string& property, const std::string& more = "") {
  return "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\n" + more +
         "schema:\n  - name: t\n    properties:\n      - " + property + "\n";
}
Status Refusal(const std::string& yaml) {
  return ParseContract(yaml, "contracts/t.odcs.yaml").status();
}
std::vector<std::string> CodesOf(const Status& status) {
  std::vector<std::string> codes;
  for (const Diagnostic& each : status.diagnostics()) codes.push_back(each.error_code);
  return codes;
}

TEST(ParseContract, ReadsTheArrivalContractOfTheGuide) {
  ASSERT_OK_AND(const Contract contract,
                ParseContract(kArrivalContract, "contracts/arrival.odcs.yaml"));
  EXPECT_EQ(contract.Title(), "arrival 1.0.0");
  EXPECT_EQ(contract.owner(), "flight-data");
  EXPECT_EQ(contract.unknown_policy(), UnknownPolicy::kKeep);
  EXPECT_EQ(contract.violation_policy(), ViolationPolicy::kQuarantine);
  EXPECT_EQ(contract.compatibility_mode(), CompatibilityMode::kBackward);
  ASSERT_EQ(contract.fields().size(), 9U);
  const ContractField* delay = contract.Find("arr_delay");
  ASSERT_NE(delay, nullptr);
  EXPECT_EQ(delay->type, LogicalType::kInteger);
  EXPECT_TRUE(delay->required);
  EXPECT_EQ(delay->minimum, (Bound{"-120", false}));
  EXPECT_EQ(delay->maximum, (Bound{"2880", false}));
  EXPECT_EQ(delay->description, "minutes");
  EXPECT_EQ(delay->span.path, "contracts/arrival.odcs.yaml");
  EXPECT_EQ(delay->span.line, 5);
  EXPECT_THAT(contract.duplicate_keys(), ElementsAre(ElementsAre("flight_id", "reported_at")));
  ASSERT_EQ(contract.migrations().size(), 1U);
  EXPECT_EQ(contract.migrations()[0], (Migration{0, "arr_delay", "arr_delay_seconds / 60"}));
}

TEST(ParseContract, ReadsTheOtherContractsOfTheGuide) {
  ASSERT_OK_AND(const Contract departure, ParseContract(kDepartureContract, "d"));
  EXPECT_EQ(departure.version(), (Version{1, 1, 0}));
  EXPECT_EQ(departure.Find("status")->default_json, "\"departed\"");
  EXPECT_THAT(departure.Find("status")->valid_values, ElementsAre("departed", "cancelled"));
  EXPECT_EQ(departure.Find("distance")->minimum, (Bound{"0", true}));
  ASSERT_OK_AND(const Contract weather, ParseContract(kWeatherContract, "w"));
  EXPECT_EQ(weather.unknown_policy(), UnknownPolicy::kDrop);
  EXPECT_EQ(weather.fields().size(), 11U);
  ASSERT_OK_AND(const Contract plane, ParseContract(kPlaneContract, "p"));
  EXPECT_THAT(plane.primary_key(), ElementsAre("tailnum"));
  EXPECT_TRUE(plane.Find("tailnum")->unique);
}

TEST(ParseContract, PrintsWhatItReadsBackToAnEqualDigest) {
  for (const std::string_view text :
       {kArrivalContract, kDepartureContract, kWeatherContract, kPlaneContract}) {
    ASSERT_OK_AND(const Contract contract, ParseContract(text, "a"));
    ASSERT_OK_AND(const Contract again, ParseContract(contract.ToJson(), "b"));
    EXPECT_EQ(contract.ToJson(), again.ToJson());
    EXPECT_EQ(contract.digest(), again.digest());
  }
}

TEST(ParseContract, MapsTypesToArrow) {
  ASSERT_OK_AND(const Contract contract, ParseContract(kArrivalContract, "a"));
  const auto schema = RecordsSchema(contract);
  EXPECT_EQ(schema->field(0)->ToString(), "flight_id: string not null");
  EXPECT_EQ(schema->GetFieldByName("arrived_at")->type()->ToString(), "timestamp[us, tz=UTC]");
  EXPECT_EQ(schema->GetFieldByName("arr_delay")->type()->ToString(), "int64");
  EXPECT_TRUE(schema->GetFieldByName("air_time")->nullable());
  EXPECT_EQ(schema->field(schema->num_fields() - 1)->name(), "_unknown");
  ASSERT_OK_AND(const Contract weather, ParseContract(kWeatherContract, "w"));
  EXPECT_EQ(RecordsSchema(weather)->GetFieldByName("_unknown"), nullptr);
}

TEST(ParseContract, RefusesUnknownKeysAtEveryLevelWithASuggestion) {
  const auto hint_of = [](const std::string& yaml) {
    const Status status = Refusal(yaml);
    return status.error_code() + " " + status.hint();
  };
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string}", "stauts: x\n")),
            "WH1102 did you mean \"status\"?");
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string, requird: true}")),
            "WH1102 did you mean \"required\"?");
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string, logicalTypeOptions: "
                                 "{maxLenght: 3}}")),
            "WH1102 did you mean \"maxLength\"?");
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string, quality: [{metric: "
                                 "invalidValues, mustBe: 0, arguments: {validValue: [x]}}]}")),
            "WH1102 did you mean \"validValues\"?");
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string, quality: [{metrik: x}]}")),
            "WH1102 did you mean \"metric\"?");
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string}", "team: {nam: x}\n")),
            "WH1102 did you mean \"name\"?");
  EXPECT_EQ(hint_of(WithProperty("{name: a, logicalType: string}",
                                 "customProperties: [{property: whUnknownField, value: x}]\n")),
            "WH1112 did you mean \"whUnknownFields\"?");
}

TEST(ParseContract, CollectsEveryErrorOfTheFileWithItsPlace) {
  const Status status = Refusal(
      "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: '1'\nstatus: active\nextra: 1\n"
      "schema:\n  - name: t\n    properties:\n      - {name: a, logicalType: strin}\n"
      "      - {name: a, logicalType: string, required: 'yes'}\n");
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_THAT(CodesOf(status), ElementsAre("WH1102", "WH1107", "WH1104", "WH1109", "WH1104"));
  EXPECT_EQ(status.diagnostics()[0].span->line, 6);
  EXPECT_EQ(status.diagnostics()[2].span->line, 10);
  EXPECT_EQ(status.diagnostics()[2].hint, "did you mean \"string\"?");
}

TEST(ParseContract, RefusesMoreThanOneOperatorPerQualityEntry) {
  const Status status = Refusal(
      WithProperty("{name: a, logicalType: string, quality: [{metric: nullValues, mustBe: 0, "
                   "mustBeLessThan: 5}]}"));
  EXPECT_EQ(status.error_code(), "WH1108");
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: string, quality: [{metric: nullValues}]}"))
                .error_code(),
            "WH1108");
}

TEST(ParseContract, NeverSkipsAQualityRuleInSilence) {
  const auto code_of = [](const std::string& entry) {
    return Refusal(WithProperty("{name: a, logicalType: string, quality: [" + entry + "]}"))
        .error_code();
  };
  EXPECT_EQ(code_of("{metric: rowCount, mustBeGreaterThan: 5}"), "WH1105");
  EXPECT_EQ(code_of("{metric: nullValues, mustBeLessThan: 5, unit: percent}"), "WH1105");
  EXPECT_EQ(code_of("{type: sql, query: select 1, mustBe: 0}"), "WH1105");
  EXPECT_EQ(code_of("{type: custom, engine: soda, implementation: x}"), "WH1105");
  EXPECT_EQ(code_of("{metric: nulValues, mustBe: 0}"), "WH1104");
  EXPECT_EQ(code_of("{rule: nullValues, mustBe: 0}"), "WH1103");
  EXPECT_EQ(code_of("{type: text, description: looks like a tail number}"), "");
}

TEST(ParseContract, RefusesKeysOfOdcs32PolitelyAndSaysHowToWriteThem) {
  const Status by_enum = Refusal(WithProperty("{name: a, logicalType: string, enum: [x, y]}"));
  EXPECT_EQ(by_enum.error_code(), "WH1105");
  EXPECT_THAT(by_enum.hint(), HasSubstr("validValues"));
  EXPECT_THAT(Refusal(WithProperty("{name: a, logicalType: string, default: x}")).hint(),
              HasSubstr("whDefault"));
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: map}")).error_code(), "WH1105");
  std::string newer = WithProperty("{name: a, logicalType: string}");
  newer.replace(newer.find("v3.1.0"), 6, "v3.2.0");
  EXPECT_EQ(Refusal(newer).error_code(), "WH1105");
}

TEST(ParseContract, RefusesWhatItCannotHonour) {
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: array, items: {logicalType: string}}"))
                .error_code(),
            "WH1105");
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: timestamp, logicalTypeOptions: "
                                 "{defaultTimezone: Europe/Berlin}}"))
                .error_code(),
            "WH1105");
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: date, logicalTypeOptions: {format: "
                                 "dd.MM.yyyy}}"))
                .error_code(),
            "WH1105");
  EXPECT_EQ(Refusal(WithProperty("{name: _a, logicalType: string}")).error_code(), "WH1104");
  EXPECT_EQ(Refusal("type: object\nproperties: {a: {type: string}}\n").error_code(), "WH1110");
  EXPECT_EQ(Refusal("- a\n").error_code(), "WH1104");
  EXPECT_EQ(Refusal("").error_code(), "WH1101");
}

TEST(ParseContract, EndsOnCommasAndBracketsThatNothingOpened) {
  for (const std::string text :
       {",a]", "'y',\n{]", "]", "}", "a: 1\n]\n", "{a: 1}}", "--- ]\n--- }\n"}) {
    EXPECT_EQ(Refusal(text).code(), Code::kInvalidInput) << text;
  }
}

TEST(ParseContract, MarksThePartOfAPatternThatRe2Refuses) {
  const Status status = Refusal(
      WithProperty("{name: a, logicalType: string, logicalTypeOptions: {pattern: '^a(?=b)c$'}}"));
  ASSERT_EQ(status.diagnostics().size(), 1U);
  const Diagnostic& finding = status.diagnostics()[0];
  EXPECT_EQ(finding.error_code, "WH1106");
  ASSERT_TRUE(finding.span.has_value());
  EXPECT_EQ(finding.span->source_line.substr(static_cast<std::size_t>(finding.span->column - 1),
                                             static_cast<std::size_t>(finding.span->width)),
            "(?=b)");
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: string, logicalTypeOptions: {pattern: "
                                 "'(a)\\1'}}"))
                .error_code(),
            "WH1106");
}

TEST(ParseContract, AcceptsEcmaSpellingsThatRe2SpellsOtherwise) {
  EXPECT_OK(ParseContract(WithProperty("{name: a, logicalType: string, logicalTypeOptions: "
                                       "{pattern: '^(?<year>\\d{4})\\u002d\\/x$'}}"),
                          "t"));
}

TEST(ParseContract, RefusesRulesThatContradictThemselves) {
  const auto code_of = [](const std::string& property) {
    return Refusal(WithProperty(property)).error_code();
  };
  EXPECT_EQ(code_of("{name: a, logicalType: integer, logicalTypeOptions: {minimum: 5, maximum: "
                    "4}}"),
            "WH1111");
  EXPECT_EQ(code_of("{name: a, logicalType: number, logicalTypeOptions: {minimum: 5, "
                    "exclusiveMaximum: 5}}"),
            "WH1111");
  EXPECT_EQ(code_of("{name: a, logicalType: integer, logicalTypeOptions: {minimum: 1, "
                    "exclusiveMinimum: 1}}"),
            "WH1111");
  EXPECT_EQ(code_of("{name: a, logicalType: integer, logicalTypeOptions: {minimum: 5}, "
                    "customProperties: [{property: whDefault, value: 4}]}"),
            "WH1111");
  EXPECT_EQ(code_of("{name: a, logicalType: integer, customProperties: [{property: whDefault, "
                    "value: many}]}"),
            "WH1104");
  EXPECT_EQ(code_of("{name: a, logicalType: date, logicalTypeOptions: {minimum: soon}}"), "WH1104");
  EXPECT_EQ(code_of("{name: a, logicalType: integer, logicalTypeOptions: {multipleOf: 0}}"),
            "WH1104");
}

TEST(ParseContract, RefusesTwoFieldsThatSqlCannotTellApart) {
  EXPECT_EQ(Refusal(WithProperty("{name: a, logicalType: string}\n      - {name: A, logicalType: "
                                 "string}"))
                .error_code(),
            "WH1109");
}

// ---- Compatibility ------------------------------------------------------------------------------

Contract Made(const std::string& property, const std::string& version = "1.0.0",
              const std::string& more = "") {
  std::string yaml = WithProperty(property, more);
  yaml.replace(yaml.find("version: 1.0.0"), 14, "version: " + version);
  Result<Contract> contract = ParseContract(yaml, "contracts/t.odcs.yaml");
  EXPECT_TRUE(contract.ok()) << contract.status().ToString() << "\n" << yaml;
  return std::move(contract).value();
}
std::string Custom(const std::string& property, const std::string& value) {
  return "customProperties: [{property: " + property + ", value: " + value + "}]\n";
}

struct ChangeCase {
  std::string before;
  std::string after;
  std::string rule;
  bool backward;
  bool forward;
};

TEST(Compare, FollowsTheTableOfChanges) {
  const auto text = [](const std::string& options) {
    return "{name: a, logicalType: string, logicalTypeOptions: {" + options + "}}";
  };
  const auto whole = [](const std::string& options) {
    return "{name: a, logicalType: integer, logicalTypeOptions: {" + options + "}}";
  };
  const auto values = [](const std::string& list) {
    return "{name: a, logicalType: string, quality: [{metric: invalidValues, mustBe: 0, arguments: "
           "{validValues: [" +
           list + "]}}]}";
  };
  const std::string plain = "{name: a, logicalType: string}";
  const std::string second = "\n      - ";
  const std::vector<ChangeCase> cases = {
      {plain, plain + second + "{name: b, logicalType: string}", "added", true, true},
      {plain, plain + second + "{name: b, logicalType: string, required: true}", "added", false,
       true},
      {plain,
       plain + second +
           "{name: b, logicalType: string, required: true, customProperties: [{property: "
           "whDefault, value: x}]}",
       "added", true, true},
      {plain + second + "{name: b, logicalType: string}", plain, "removed", true, true},
      {plain + second + "{name: b, logicalType: string, required: true}", plain, "removed", true,
       false},
      {plain, "{name: a, logicalType: string, required: true}", "required", false, true},
      {"{name: a, logicalType: string, required: true}", plain, "required", true, false},
      {"{name: a, logicalType: integer}", "{name: a, logicalType: number}", "type", true, false},
      {"{name: a, logicalType: number}", "{name: a, logicalType: integer}", "type", false, false},
      {"{name: a, logicalType: date}", "{name: a, logicalType: timestamp}", "type", false, false},
      {plain, "{name: a, logicalType: integer}", "type", false, false},
      {whole("maximum: 10"), whole("maximum: 20"), "maximum", true, false},
      {whole("maximum: 20"), whole("maximum: 10"), "maximum", false, true},
      {whole("maximum: 20"), whole("exclusiveMaximum: 20"), "maximum", false, true},
      {whole("minimum: 1"), whole("exclusiveMinimum: 0.5"), "minimum", true, false},
      {whole("minimum: 1"), "{name: a, logicalType: integer}", "minimum", true, false},
      {"{name: a, logicalType: integer}", whole("minimum: 1"), "minimum", false, true},
      {whole("minimum: 9223372036854775806"), whole("minimum: 9223372036854775807"), "minimum",
       false, true},
      {text("maxLength: 2"), text("maxLength: 3"), "maxLength", true, false},
      {text("minLength: 2"), text("minLength: 3"), "minLength", false, true},
      {text("pattern: a"), plain, "pattern", true, false},
      {plain, text("pattern: a"), "pattern", false, true},
      {text("pattern: a"), text("pattern: b"), "pattern", false, false},
      {values("x"), values("x, y"), "validValues", true, false},
      {values("x, y"), values("x"), "validValues", false, true},
      {values("x, y"), values("x, z"), "validValues", false, false},
      {plain, "{name: a, logicalType: string, primaryKey: true}", "primaryKey", false, false},
      {plain, "{name: a, logicalType: string, unique: true}", "unique", false, true},
      {plain, "{name: a, logicalType: string, description: words}", "description", true, true},
  };
  for (const ChangeCase& each : cases) {
    const CompatibilityReport report = Compare(Made(each.before), Made(each.after, "1.1.0"));
    ASSERT_EQ(report.changes.size(), 1U) << each.before << " -> " << each.after;
    const ContractChange& change = report.changes[0];
    EXPECT_EQ(change.rule, each.rule) << each.before << " -> " << each.after;
    EXPECT_EQ(change.backward, each.backward) << each.before << " -> " << each.after;
    EXPECT_EQ(change.forward, each.forward) << each.before << " -> " << each.after;
    EXPECT_EQ(report.verdict, each.backward ? Compatibility::kAdditive : Compatibility::kBreaking);
  }
}

TEST(Compare, ReordersAndReformatsAreTheSameOrHarmless) {
  const Contract first = Made("{name: a, logicalType: string}");
  const Contract same = Made("{logicalType: string,   name: a}  # a comment");
  EXPECT_EQ(Compare(first, same).verdict, Compatibility::kSame);
  EXPECT_EQ(first.digest(), same.digest());
}

TEST(Compare, JudgesByTheModeOfTheRegisteredContract) {
  const std::string before = "{name: a, logicalType: string, required: true}";
  const std::string after = "{name: a, logicalType: string}";
  const auto verdict = [&](const std::string& mode) {
    return Compare(Made(before, "1.0.0", Custom("whCompatibility", mode)),
                   Made(after, "1.1.0", Custom("whCompatibility", mode)))
        .verdict;
  };
  EXPECT_EQ(verdict("backward"), Compatibility::kAdditive);
  EXPECT_EQ(verdict("forward"), Compatibility::kBreaking);
  EXPECT_EQ(verdict("full"), Compatibility::kBreaking);
  EXPECT_EQ(verdict("none"), Compatibility::kAdditive);
}

TEST(Compare, ClosingAContractBreaksAndOpeningItDoesNot) {
  const std::string plain = "{name: a, logicalType: string}";
  const Contract open = Made(plain);
  const Contract closed = Made(plain, "1.1.0", Custom("whUnknownFields", "quarantine"));
  EXPECT_EQ(Compare(open, closed).verdict, Compatibility::kBreaking);
  EXPECT_EQ(Compare(closed, open).verdict, Compatibility::kAdditive);
}

TEST(CheckPublishable, RefusesABreakingChangeWithoutAMajorVersionAndNamesEveryReason) {
  const Contract before =
      Made("{name: a, logicalType: string}\n      - {name: b, logicalType: integer}");
  const std::string after =
      "{name: a, logicalType: integer}\n      - {name: b, logicalType: integer, required: true}";
  const Status status = CheckPublishable(before, Made(after, "1.1.0"));
  EXPECT_EQ(status.code(), Code::kContractRefused);
  EXPECT_EQ(ExitCode(status.code()), 4);
  EXPECT_EQ(status.error_code(), "WH1120");
  ASSERT_EQ(status.diagnostics().size(), 2U);
  EXPECT_EQ(status.diagnostics()[0].message, "a: type: string → integer (breaking)");
  EXPECT_EQ(status.diagnostics()[1].message, "b: required: false → true (breaking)");
  EXPECT_EQ(status.diagnostics()[1].span->line, 10);
  EXPECT_OK(CheckPublishable(before, Made(after, "2.0.0")));
}

TEST(CheckPublishable, TakesNothingWhereTheRegisteredContractTakesNoNewVersion) {
  const std::string field = "{name: a, logicalType: string}";
  const Contract closed = Made(field, "1.0.0", Custom("whCompatibility", "disabled"));
  const Contract proposed = Made(field + "\n      - {name: b, logicalType: string}", "1.1.0");
  const Status status = CheckPublishable(closed, proposed);
  EXPECT_EQ(status.code(), Code::kContractRefused);
  EXPECT_EQ(status.error_code(), "WH1123");
  EXPECT_EQ(status.message(),
            "contract takes no new version: \"t\" 1.0.0 is registered with whCompatibility "
            "disabled, proposed 1.1.0");
  EXPECT_THAT(status.hint(), HasSubstr("a contract of another id"));
  EXPECT_OK(CheckPublishable(closed, closed));
}

TEST(CheckPublishable, AsksForANewVersionWhenAnythingChanged) {
  const Contract before = Made("{name: a, logicalType: string}");
  const std::string after =
      "{name: a, logicalType: string}\n      - {name: b, logicalType: string}";
  const Status status = CheckPublishable(before, Made(after, "1.0.0"));
  EXPECT_EQ(status.error_code(), "WH1121");
  EXPECT_EQ(status.hint(), "raise the version to 1.1.0");
  EXPECT_OK(CheckPublishable(before, Made(after, "1.1.0")));
  EXPECT_OK(CheckPublishable(before, before));
  EXPECT_EQ(CheckPublishable(Made(after, "1.1.0"), before).error_code(), "WH1122");
}
}  // namespace
}  // namespace weirhouse::contract
