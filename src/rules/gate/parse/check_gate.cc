// Checking a gate against the schemas of the project, without running anything.
#include <arrow/api.h>
#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <set>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/definition/value_set.h"
#include "rules/gate/parse/check_parser.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
std::vector<std::string> NamesOf(const arrow::Schema& schema) { return schema.field_names(); }

Status UnknownColumn(const std::string& name, const std::string& table, const arrow::Schema& schema,
                     const SourceSpan& span) {
  SourceSpan place = span;
  place.width = static_cast<int>(std::max<std::size_t>(name.size(), 1));
  return Status(Code::kInvalidInput, fmt::format("unknown column \"{}\" in {}", name, table))
      .WithError("WH3004")
      .WithSpan(std::move(place))
      .WithHint(DidYouMean(name, NamesOf(schema)));
}

// Checks one rule against the column types; the rule's columns are known to be there.
class RuleChecker {
 public:
  RuleChecker(const Check& check, const arrow::Schema& schema) : check_(check), schema_(schema) {}

  Status operator()(const RowCountRule&) const { return Status(); }
  Status operator()(const RowCountChangeRule&) const { return Status(); }
  Status operator()(const ArrivesRule&) const { return Status(); }
  Status operator()(const FreshnessRule& rule) const {
    return NeedFamily(rule.column, {Family::kTimestamp, Family::kDate}, "times");
  }
  Status operator()(const RequiredRule& rule) const { return Known(rule.columns); }
  Status operator()(const UniqueRule& rule) const { return Known(rule.columns); }
  Status operator()(const DistinctRule& rule) const { return Known(rule.columns); }
  Status operator()(const RangeRule& rule) const {
    return RangeTest::Bind(rule, *TypeOf(rule.column)).status();
  }
  Status operator()(const SetRule& rule) const {
    return SetTest::Bind(rule, *TypeOf(rule.column)).status();
  }
  Status operator()(const PatternRule& rule) const {
    return NeedFamily(rule.column, {Family::kText}, "text");
  }
  Status operator()(const LengthRule& rule) const {
    return NeedFamily(rule.column, {Family::kText}, "text");
  }
  Status operator()(const TypeRule& rule) const {
    return NeedFamily(rule.column, {Family::kText}, "text");
  }
  Status operator()(const StatisticRule& rule) const { return NeedNumber(rule.column); }
  Status operator()(const QuantileRule& rule) const { return NeedNumber(rule.column); }
  Status operator()(const DistributionRule& rule) const {
    const bool needs_order = rule.test == DriftTest::kKs || rule.test == DriftTest::kWasserstein ||
                             !rule.edges.empty() || rule.equal_widths;
    if (!needs_order) return Known({rule.column});
    return NeedFamily(
        rule.column,
        {Family::kInteger, Family::kReal, Family::kDecimal, Family::kDate, Family::kTimestamp},
        "numbers or times");
  }
  Status operator()(const PairRule&) const { return Status(); }
  Status operator()(const ReferencesRule&) const { return Status(); }
  Status operator()(const SqlRule&) const { return Status(); }

 private:
  std::shared_ptr<arrow::DataType> TypeOf(const std::string& column) const {
    return schema_.GetFieldByName(column)->type();
  }
  Status Known(const std::vector<std::string>& columns) const {
    for (const std::string& column : columns) {
      WEIRHOUSE_TRY_STATUS(FamilyOf(*TypeOf(column)).status());
    }
    return Status();
  }
  Status NeedNumber(const std::string& column) const {
    return NeedFamily(column, {Family::kInteger, Family::kReal, Family::kDecimal}, "numbers");
  }
  Status NeedFamily(const std::string& column, std::initializer_list<Family> wanted,
                    std::string_view words) const {
    WEIRHOUSE_TRY(const Family family, FamilyOf(*TypeOf(column)));
    if (std::find(wanted.begin(), wanted.end(), family) != wanted.end()) return Status();
    return Status(Code::kInvalidInput, fmt::format("{} is for {}, and \"{}\" is of type {}",
                                                   check_.kind, words, column, FamilyName(family)))
        .WithError("WH3005");
  }
  const Check& check_;
  const arrow::Schema& schema_;
};

// Keys that change nothing for the type of the column.
Status RefuseIdleKeys(const Check& check, const arrow::Schema& schema) {
  const nlohmann::json& keys = check.parameters;
  auto any_of = [&](Family wanted) {
    return std::any_of(check.columns.begin(), check.columns.end(), [&](const ColumnUse& use) {
      const auto family = FamilyOf(*schema.GetFieldByName(use.name)->type());
      return family.ok() && *family == wanted;
    });
  };
  auto idle = [&](std::string_view key, std::string_view why) {
    return Status(Code::kInvalidInput,
                  fmt::format("{}.{} has no effect here: {}", check.kind, key, why))
        .WithError("WH3003");
  };
  if (!keys.is_object()) return Status();
  if (keys.contains("allow_nan") && check.kind != "type" && !any_of(Family::kReal)) {
    return idle("allow_nan", "a column of this type never holds NaN");
  }
  if (keys.contains("missing") && !any_of(Family::kText)) {
    return idle("missing", "none of the columns holds text");
  }
  const bool categories =
      check.kind == "distribution" && (any_of(Family::kText) || any_of(Family::kBoolean));
  if (categories && keys.contains("bins")) {
    return idle("bins", "each of the most frequent values of such a column is a bin");
  }
  return Status();
}

// Where in a file a place in its SQL is, as far as that can be told: plain one-line texts only.
SourceSpan PlaceInSql(const SourceSpan& sql, const Status& status, std::string_view text,
                      int offset) {
  SourceSpan span = sql;
  const bool one_line = sql.source_line.find(text) != std::string::npos;
  if (one_line && status.span() && status.span()->column > offset) {
    const auto begin = static_cast<int>(sql.source_line.find(text)) + 1;
    span.column = begin + status.span()->column - 1 - offset;
    span.width = std::max(status.span()->width, 1);
  }
  return span;
}

class GateChecker {
 public:
  GateChecker(GateDefinition& gate, const GateSchemas& schemas, platform::SqlSession& session)
      : gate_(gate), schemas_(schemas), session_(session) {}

  Status Run() {
    for (Check& check : gate_.checks) {
      if (!CheckColumns(check)) continue;
      Status status = std::visit(RuleChecker(check, *schemas_.table), check.rule);
      if (status.ok()) status = RefuseIdleKeys(check, *schemas_.table);
      if (!status.ok() && !status.span()) status = std::move(status).WithSpan(check.span);
      findings_.Add(status);
      if (auto* references = std::get_if<ReferencesRule>(&check.rule)) {
        findings_.Add(CheckReferences(*references));
      } else if (auto* pair = std::get_if<PairRule>(&check.rule)) {
        findings_.Add(CheckPair(check, *pair));
      } else if (auto* sql = std::get_if<SqlRule>(&check.rule)) {
        findings_.Add(CheckSql(check, *sql));
      }
    }
    for (const std::string& name : registered_) {
      session_.Unregister(name).Ignore("the names were only for checking");
    }
    Fill();
    return findings_.Finish();
  }

 private:
  bool CheckColumns(const Check& check) {
    bool all_known = true;
    for (const ColumnUse& use : check.columns) {
      if (schemas_.table->GetFieldIndex(use.name) >= 0) continue;
      findings_.Add(UnknownColumn(use.name, gate_.table, *schemas_.table, use.span));
      all_known = false;
    }
    return all_known;
  }

  std::shared_ptr<arrow::Schema> SchemaOf(const std::string& table) const {
    if (table == "this" || table == "this_table" || table == gate_.table) return schemas_.table;
    // Records of other sources are not there when a batch is judged.
    if (table.starts_with("records.")) return nullptr;
    return schemas_.other ? schemas_.other(table) : nullptr;
  }

  Status UnknownTable(const std::string& name, const SourceSpan& span) const {
    const auto alike = std::find_if(
        schemas_.known_tables.begin(), schemas_.known_tables.end(),
        [&](const std::string& known) { return strcasecmp(known.c_str(), name.c_str()) == 0; });
    const bool other_case = alike != schemas_.known_tables.end();
    return Status(Code::kInvalidInput, fmt::format("unknown table \"{}\"", name))
        .WithError("WH3007")
        .WithSpan(span)
        .WithHint(DidYouMean(other_case ? *alike : name, schemas_.known_tables));
  }

  // Outside of SQL a name is spelled as it was given.
  bool IsSpelled(const std::string& table) const {
    const std::vector<std::string>& known = schemas_.known_tables;
    return known.empty() || SchemaOf(table) == schemas_.table ||
           std::find(known.begin(), known.end(), table) != known.end();
  }

  Status CheckReferences(const ReferencesRule& rule) {
    const auto parent = SchemaOf(rule.table);
    if (parent == nullptr || !IsSpelled(rule.table))
      return UnknownTable(rule.table, rule.table_span);
    for (std::size_t i = 0; i < rule.columns.size(); ++i) {
      const std::string& name = rule.parent_columns[i];
      const auto field = parent->GetFieldByName(name);
      if (field == nullptr) return UnknownColumn(name, rule.table, *parent, rule.table_span);
      WEIRHOUSE_TRY(const Family of_parent, FamilyOf(*field->type()));
      WEIRHOUSE_TRY(const Family of_child,
                    FamilyOf(*schemas_.table->GetFieldByName(rule.columns[i])->type()));
      if (of_parent == of_child) continue;
      return Status(Code::kInvalidInput,
                    fmt::format("\"{}\" is of type {} and {}.{} of type {}", rule.columns[i],
                                FamilyName(of_child), rule.table, name, FamilyName(of_parent)))
          .WithError("WH3005")
          .WithSpan(rule.table_span);
    }
    return Status();
  }

  // Where SQL stands in the file: `text` is what is written there, `offset` bytes into the query.
  struct SqlPlace {
    const SourceSpan& span;
    std::string_view text;
    int offset = 0;
  };

  static Status Refuse(const SqlPlace& place, const Status& status) {
    const std::string code =
        status.error_code().starts_with("WH3") ? status.error_code() : std::string("WH3006");
    return Status(Code::kInvalidInput, status.message())
        .WithError(code)
        .WithSpan(PlaceInSql(place.span, status, place.text, place.offset))
        .WithHint(status.hint());
  }

  // The table's name as the project writes it: SQL is blind to case, the engine's tables are not.
  std::string CanonicalName(const std::string& name) const {
    const auto same = [&](const std::string& known) { return SameButForCase(known, name); };
    if (same(gate_.table)) return gate_.table;
    const auto& known = schemas_.known_tables;
    const auto found = std::find_if(known.begin(), known.end(), same);
    return found == known.end() ? name : *found;
  }

  // Registers empty tables of the right shape under the names that are read.
  Status RegisterTables(SqlReads& reads, const SqlPlace& place) {
    for (SqlReads::TableRead& table : reads.tables) {
      table.name = CanonicalName(table.name);
      const auto schema = SchemaOf(table.name);
      if (schema == nullptr) return UnknownTable(table.name, place.span);
      reads.Resolve(table, NamesOf(*schema));
      auto empty = arrow::Table::MakeEmpty(schema);
      if (!empty.ok()) return Status(Code::kInternal, empty.status().message());
      WEIRHOUSE_TRY_STATUS(session_.Register(table.name, *empty));
      registered_.insert(table.name);
    }
    return Status();
  }

  Status CheckSql(Check& check, const SqlRule& rule) {
    const SqlPlace place{rule.span, rule.query, 0};
    auto reads = ReadSqlReferences(rule.query, session_);
    if (!reads.ok()) return Refuse(place, reads.status());
    WEIRHOUSE_TRY_STATUS(RegisterTables(*reads, place));
    const auto described = session_.Describe(rule.query);
    if (!described.ok()) return Refuse(place, described.status());
    check.reads = std::move(*reads);
    return Status();
  }

  Status CheckPair(Check& check, const PairRule& rule) {
    const SqlPlace place{rule.span, rule.expression, static_cast<int>(kBeforePair.size())};
    const std::string rows = check.scope == Scope::kBatch ? "this" : "this_table";
    auto pair = ReadPairReferences(rule.expression, rows, session_);
    if (!pair.ok()) return Refuse(place, pair.status());
    WEIRHOUSE_TRY_STATUS(RegisterTables(pair->reads, place));
    const auto described = session_.Describe(PairQuery(rule.expression, rows));
    if (!described.ok()) return Refuse(place, described.status());
    const arrow::Schema& answer = **described;
    if (answer.num_fields() != 1 || answer.field(0)->type()->id() != arrow::Type::BOOL) {
      return Refuse(place,
                    Status(Code::kInvalidInput, "a pair expression must give true or false"));
    }
    check.reads = std::move(pair->reads);
    return Status();
  }

  // What the engine must load, now that the SQL is known.
  void Fill() {
    std::set<std::string> columns(gate_.columns.begin(), gate_.columns.end());
    std::set<std::string> tables(gate_.tables.begin(), gate_.tables.end());
    for (const Check& check : gate_.checks) {
      if (!check.reads) continue;
      for (const SqlReads::TableRead& table : check.reads->tables) {
        const bool own =
            table.name == "this" || table.name == "this_table" || table.name == gate_.table;
        if (!own) {
          tables.insert(table.name);
        } else if (table.all_columns) {
          gate_.needs_all_columns = true;
        } else {
          columns.insert(table.columns.begin(), table.columns.end());
        }
      }
    }
    gate_.columns.assign(columns.begin(), columns.end());
    gate_.tables.assign(tables.begin(), tables.end());
  }

  GateDefinition& gate_;
  const GateSchemas& schemas_;
  platform::SqlSession& session_;
  std::set<std::string> registered_;
  Findings findings_;
};
}  // namespace

Status CheckGate(GateDefinition& definition, const GateSchemas& schemas,
                 platform::SqlSession& session) {
  if (schemas.table == nullptr) {
    return Status(Code::kInvalidInput, fmt::format("gate \"{}\" judges \"{}\", which is not there",
                                                   definition.name, definition.table))
        .WithError("WH3007")
        .WithSpan(definition.span)
        .WithHint(DidYouMean(definition.table, schemas.known_tables));
  }
  return GateChecker(definition, schemas, session).Run();
}
}  // namespace weirhouse::gate
