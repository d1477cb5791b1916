#include "rules/transform/check/check.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/check/canonical_expression.h"
#include "rules/transform/check/failing_constant.h"
#include "rules/transform/check/output_rules.h"
#include "rules/transform/check/passed_columns.h"
#include "rules/transform/check/resolve.h"
#include "rules/transform/check/rules.h"
#include "rules/transform/check/run_time.h"
#include "rules/transform/finding.h"
#include "rules/transform/function_list.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {

using Json = nlohmann::json;

// Registers empty tables and removes them at the end.
class ScratchTables {
 public:
  explicit ScratchTables(platform::SqlSession& session) : session_(session) {}
  ScratchTables(const ScratchTables&) = delete;
  ScratchTables& operator=(const ScratchTables&) = delete;
  ~ScratchTables() {
    for (const std::string& name : names_) {
      session_.Unregister(name).Ignore("an empty table left behind does no harm");
    }
  }
  Status Add(const std::string& name, const std::shared_ptr<arrow::Schema>& schema) {
    auto rows = arrow::Table::MakeEmpty(schema);
    if (!rows.ok()) return Status(Code::kInternal, rows.status().message());
    WEIRHOUSE_TRY_STATUS(session_.Register(name, *rows));
    names_.push_back(name);
    return Status::Ok();
  }

 private:
  platform::SqlSession& session_;
  std::vector<std::string> names_;
};

// The first line of an engine's message: the others quote rewritten SQL.
std::string FirstLine(std::string_view message) {
  return std::string(Trim(message.substr(0, message.find('\n'))));
}

// A query on its way through the checks.
struct Query {
  const SqlText& source;
  Json tree;
  Resolution resolution;
  std::vector<Diagnostic> findings;

  Json& node() { return tree["statements"][0]["node"]; }
  void Add(std::vector<Diagnostic> more) {
    findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
};

Status ParseTree(platform::SqlSession& session, Query& query) {
  if (auto findings = StatementFindings(query.source); !findings.empty()) {
    return StatusOfFindings(std::move(findings), query.source.path());
  }
  Result<std::string> json = session.ParseToJson(query.source.text());
  if (!json.ok()) {
    const Status status = json.status();
    if (status.code() != Code::kInvalidInput) return status;
    if (status.Is(platform::kNotASelect)) {
      const std::size_t first = query.source.tokens().front().offset;
      return StatusOfFindings(
          {Finding("WH2107", query.source.SpanOfToken(first), "only one SELECT is allowed", {},
                   "a transform, a gate and a spine are queries; the engine writes the tables")},
          query.source.path());
    }
    const std::size_t end = query.source.text().size();
    std::size_t at = end;
    if (status.span() && status.span()->column > 0) {
      at = std::min(static_cast<std::size_t>(status.span()->column - 1), end);
    }
    const auto& tokens = query.source.tokens();
    if (at == end) at = tokens.back().end();  // after the last word, before its comments
    return StatusOfFindings(
        {Finding("WH2102", query.source.SpanOfToken(at), FirstLine(status.message()))},
        query.source.path());
  }
  query.tree = Json::parse(*json, nullptr, false);
  const bool usable = query.tree.is_object() && query.tree.contains("statements") &&
                      query.tree["statements"].is_array() && query.tree["statements"].size() == 1;
  if (!usable) return Status(Code::kInternal, "the SQL engine gave no syntax tree");
  return Status::Ok();
}

Status NameUnlistedFunctions(platform::SqlSession& session,
                             const std::vector<UnlistedFunction>& unlisted, bool deterministic,
                             Query& query) {
  if (unlisted.empty()) return Status::Ok();
  WEIRHOUSE_TRY(const auto rows,
                session.Query("SELECT DISTINCT lower(function_name) FROM duckdb_functions()"));
  std::set<std::string> existing;
  for (const auto& chunk : rows->column(0)->chunks()) {
    const auto& names = static_cast<const arrow::StringArray&>(*chunk);
    for (std::int64_t i = 0; i < names.length(); ++i) existing.insert(names.GetString(i));
  }
  for (const UnlistedFunction& function : unlisted) {
    if (!existing.contains(function.name)) {
      query.findings.push_back(Finding("WH2105", function.span,
                                       fmt::format("unknown function \"{}\"", function.name), {},
                                       DidYouMean(function.name, AllowedFunctions())));
    } else if (deterministic) {
      query.findings.push_back(Finding(
          "WH2106", function.span,
          fmt::format("\"{}\" is not on the list of deterministic functions", function.name),
          "its result may depend on more than its arguments"));
    }
  }
  return Status::Ok();
}

bool HoldsInterval(const arrow::DataType& type) {
  if (arrow::is_interval(type.id())) return true;
  return std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HoldsInterval(*field->type()); });
}

// The query whose result a probe asks about.
Json QueryOfProbe(const TypeProbe& probe) {
  Json node = probe.query;
  if (node.is_null()) {
    node = {{"type", "SELECT_NODE"},
            {"modifiers", Json::array()},
            {"select_list", probe.expressions},
            {"from_table", probe.from},
            {"where_clause", nullptr},
            {"group_expressions", Json::array()},
            {"group_sets", Json::array()},
            {"aggregate_handling", "STANDARD_HANDLING"},
            {"having", nullptr},
            {"sample", nullptr},
            {"qualify", nullptr}};
  }
  node["cte_map"] = {{"map", probe.ctes}};
  BindRunTimeInTree(node);
  return node;
}

// Asks the engine for types: a sum is exact only over integers and decimals, and intervals may be
// equal (30 days, 1 month) but differ as values.
Status CheckTypes(platform::SqlSession& session, Query& query) {
  for (TypeProbe& probe : query.resolution.probes) {
    Json tree = query.tree;
    tree["statements"][0]["node"] = QueryOfProbe(probe);
    const auto holds = [&](const auto& unfit) -> std::optional<bool> {
      const auto sql = session.JsonToSql(tree.dump());
      if (!sql.ok()) return std::nullopt;
      const auto schema = session.Describe(*sql);
      if (!schema.ok()) return std::nullopt;
      const auto& fields = (*schema)->fields();  // COLUMNS(…) stands for several
      return std::any_of(fields.begin(), fields.end(),
                         [&](const auto& field) { return unfit(*field->type()); });
    };
    if (!probe.is_sum) {
      if (!holds(HoldsInterval).value_or(false)) continue;
      query.findings.push_back(Finding(
          "WH2106", probe.span,
          fmt::format("{} of an interval is not deterministic", probe.function),
          "30 days and 1 month are equal, and which one it gives depends on the rows' order",
          "take its seconds: epoch(…), or its text: CAST(… AS VARCHAR)"));
      continue;
    }
    std::string note = "the type of its argument is not certain here";
    if (const auto floats = holds([](const auto& type) { return arrow::is_floating(type.id()); })) {
      if (!*floats) continue;
      note = "adds floats in the order of rows";
    }
    query.findings.push_back(Finding(
        "WH2106", probe.span, fmt::format("\"{}\" is not deterministic", probe.function),
        std::move(note), "cast the argument to DECIMAL(p, s), or compute it in a feature view"));
  }
  return Status::Ok();
}

Status RegisterInputs(ScratchTables& scratch, const Query& query, const SchemaCatalog& schemas) {
  for (const TableReference& reference : query.resolution.references) {
    WEIRHOUSE_TRY_STATUS(scratch.Add(reference.name, schemas.Find(reference.name)->schema));
  }
  return Status::Ok();
}

// The SQL of the (changed) tree, and its result. Errors that the engine still reports are about
// types (WH2113); their place is found in the original text.
struct Executable {
  std::string sql;
  std::shared_ptr<arrow::Schema> output;
  std::vector<std::string> types;  // of the output, as the engine names them; of a transform
};
Result<Executable> Finalize(platform::SqlSession& session, Query& query) {
  Executable executable;
  BindRunTimeInTree(query.node());
  WEIRHOUSE_TRY(executable.sql, session.JsonToSql(query.tree.dump()));
  Result<std::shared_ptr<arrow::Schema>> schema = session.Describe(executable.sql);
  if (schema.ok()) {
    executable.output = *std::move(schema);
    return executable;
  }
  Status status = schema.status();
  if (status.code() != Code::kInvalidInput) return status;
  std::size_t at = query.source.tokens().front().offset;
  if (const auto written = session.Describe(query.source.text());
      !written.ok() && !query.resolution.uses_run_time) {
    status = written.status();
    if (status.span() && status.span()->column > 0) {
      at = static_cast<std::size_t>(status.span()->column - 1);
    }
  }
  std::string hint = "cast one side, for example CAST(column AS BIGINT)";
  if (!status.hint().empty()) hint += "; the SQL engine adds: " + status.hint();
  return StatusOfFindings({Finding("WH2113", query.source.SpanOfToken(at),
                                   FirstLine(status.message()), {}, std::move(hint))},
                          query.source.path());
}

std::vector<ColumnEdge> LineageOf(const Resolution& resolution, const arrow::Schema& output) {
  std::set<ColumnEdge> edges;
  const bool exact =
      resolution.output_known && static_cast<int>(resolution.output.size()) == output.num_fields();
  for (int i = 0; i < output.num_fields(); ++i) {
    const std::string& name = output.field(i)->name();
    for (std::size_t j = 0; j < resolution.output.size(); ++j) {
      // With a star, any column may come from any column.
      if (exact && j != static_cast<std::size_t>(i)) continue;
      for (const Origin& origin : resolution.output[j].direct) {
        edges.insert({name, origin.table, origin.column, ColumnEdge::Kind::kDirect});
      }
      for (const Origin& origin : resolution.output[j].indirect) {
        edges.insert({name, origin.table, origin.column, ColumnEdge::Kind::kIndirect});
      }
    }
  }
  return {edges.begin(), edges.end()};
}

// Appends `alias`.`column` to the select list.
void SelectHidden(Json& node, const std::string& alias, std::string_view column) {
  node["select_list"].push_back({{"class", "COLUMN_REF"},
                                 {"type", "COLUMN_REF"},
                                 {"alias", column},
                                 {"query_location", 0},
                                 {"column_names", {alias, column}}});
}

void NeedColumn(std::vector<TableReference>& references, const std::string& table,
                const arrow::Schema& schema, std::string_view column) {
  for (TableReference& reference : references) {
    if (reference.name != table || schema.GetFieldIndex(std::string(column)) < 0) continue;
    if (std::find(reference.columns.begin(), reference.columns.end(), column) ==
        reference.columns.end()) {
      reference.columns.emplace_back(column);
    }
  }
}

// Adds `_record` and `_ingested_at` of the driver, or nulls if there is no single driver.
void InjectHidden(Query& query, const SchemaCatalog& schemas, CheckedTransform& checked) {
  if (!checked.row_wise) return;
  const Driver driver = DriverOf(query.node());
  const SchemaCatalog::Entry* entry = schemas.Find(*checked.driver);
  for (std::string_view column : {iceberg::kRecordColumn, iceberg::kIngestedAtColumn}) {
    SelectHidden(query.node(), driver.alias, column);
    NeedColumn(checked.references, entry->name, *entry->schema, column);
  }
}

// The engine's own names of the types: Arrow's do not distinguish TIME WITH TIME ZONE from TIME.
Status NameTypes(platform::SqlSession& session, Executable& executable) {
  WEIRHOUSE_TRY(const auto rows,
                session.Query("SELECT column_type FROM (DESCRIBE " + executable.sql + ")"));
  for (const auto& chunk : rows->column(0)->chunks()) {
    const auto& names = static_cast<const arrow::StringArray&>(*chunk);
    for (std::int64_t i = 0; i < names.length(); ++i)
      executable.types.push_back(names.GetString(i));
  }
  return Status::Ok();
}

std::string WithNullHidden(const std::string& sql) {
  return fmt::format(
      "SELECT *, CAST(NULL AS BIGINT) AS {}, CAST(NULL AS TIMESTAMPTZ) AS {} FROM ({}) AS q",
      iceberg::kRecordColumn, iceberg::kIngestedAtColumn, sql);
}

// The one table that drives the query: the only one that is not a seed.
std::optional<std::string> DriverAmong(const std::vector<TableReference>& references) {
  std::optional<std::string> driver;
  for (const TableReference& reference : references) {
    if (reference.kind == TableKind::kSeed) continue;
    if (driver) return std::nullopt;
    driver = reference.name;
  }
  return driver;
}

// Rows of external tables come from no raw record.
bool HasRecords(const SchemaCatalog& schemas, const std::string& table) {
  const SchemaCatalog::Entry* entry = schemas.Find(table);
  return entry->schema->GetFieldIndex(std::string(iceberg::kRecordColumn)) >= 0;
}

// Names, rules and sums: reported together before the engine is asked for types. An expression that
// fails on any row is the SQL's fault, not a record's.
Status CheckConstants(platform::SqlSession& session, Query& query) {
  WEIRHOUSE_TRY(const auto failing, FindFailingConstant(session, query.tree));
  if (!failing) return Status::Ok();
  const std::size_t at = failing->offset < 0 ? 0 : static_cast<std::size_t>(failing->offset);
  query.findings.push_back(
      Finding("WH2115", query.source.SpanOfToken(at),
              fmt::format("{} fails on every row: {}", failing->sql, FirstLine(failing->found))));
  return Status::Ok();
}

Status CheckQuery(platform::SqlSession& session, const SchemaCatalog& schemas,
                  const ResolveRules& rules, ScratchTables& scratch, Query& query) {
  WEIRHOUSE_TRY_STATUS(ParseTree(session, query));
  query.resolution = ResolveQuery(query.node(), query.source, schemas, rules);
  query.Add(query.resolution.findings);
  RuleFindings judged = CheckRules(query.node(), query.source, rules.deterministic);
  query.Add(std::move(judged.findings));
  WEIRHOUSE_TRY_STATUS(NameUnlistedFunctions(session, judged.unlisted, rules.deterministic, query));
  WEIRHOUSE_TRY_STATUS(RegisterInputs(scratch, query, schemas));
  if (query.findings.empty() && rules.deterministic) {
    WEIRHOUSE_TRY_STATUS(CheckTypes(session, query));
  }
  if (query.findings.empty() && rules.deterministic) {
    WEIRHOUSE_TRY_STATUS(CheckConstants(session, query));
  }
  return Status::Ok();
}

}  // namespace

void SchemaCatalog::Add(const std::string& name, std::shared_ptr<arrow::Schema> schema,
                        std::string declared_in, std::vector<std::string> key) {
  entries_[LowerCase(name)] = {name, std::move(schema), std::move(declared_in), std::move(key)};
}

const SchemaCatalog::Entry* SchemaCatalog::Find(std::string_view name) const {
  const auto found = entries_.find(LowerCase(name));
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<std::string> SchemaCatalog::names() const {
  std::vector<std::string> names;
  for (const auto& [lower, entry] : entries_) names.push_back(entry.name);
  return names;
}

TableKind KindOfTable(std::string_view name) {
  if (name.starts_with("records.")) return TableKind::kRecords;
  if (name.starts_with("processed.")) return TableKind::kProcessed;
  if (name.starts_with("ref.")) return TableKind::kSeed;
  return TableKind::kOther;
}

namespace {

Status TreeError(const nlohmann::json::exception& error) {
  return Status(Code::kInternal,
                fmt::format("the SQL engine gave a syntax tree of another form: {}", error.what()));
}

Result<CheckedTransform> CheckTransformTree(platform::SqlSession& session,
                                            const TransformDefinition& definition,
                                            const SchemaCatalog& schemas) {
  const SqlText source(definition.path, definition.text);
  Query query{source, {}, {}, {}};
  ScratchTables scratch(session);
  WEIRHOUSE_TRY_STATUS(CheckQuery(session, schemas, ResolveRules{}, scratch, query));
  CheckedTransform checked;
  checked.definition = definition;
  checked.depends_on_arrival = definition.order_by_arrival;
  checked.references = query.resolution.references;
  checked.uses_run_time = query.resolution.uses_run_time;
  checked.driver = DriverAmong(checked.references);
  std::vector<Diagnostic> not_row_wise = RowWiseFindings(query.node(), source);
  checked.row_wise =
      not_row_wise.empty() && checked.driver.has_value() && HasRecords(schemas, *checked.driver);
  if (definition.mode == Mode::kIncremental) query.Add(std::move(not_row_wise));
  if (!query.findings.empty()) return StatusOfFindings(query.findings, definition.path);

  if (!checked.row_wise) {  // several rows may become one row
    WEIRHOUSE_TRY(auto findings, CanonicalExpressions(session, query.tree, source));
    if (!findings.empty()) return StatusOfFindings(std::move(findings), definition.path);
  }
  if (checked.row_wise) {
    checked.passed = PassedColumns(query.node(), query.resolution, DriverOf(query.node()));
  }
  InjectHidden(query, schemas, checked);
  WEIRHOUSE_TRY(Executable executable, Finalize(session, query));
  WEIRHOUSE_TRY_STATUS(NameTypes(session, executable));
  if (auto findings =
          CheckOutput(definition, source, *executable.output, executable.types, checked);
      !findings.empty()) {
    return StatusOfFindings(std::move(findings), definition.path);
  }
  checked.sql = checked.row_wise ? executable.sql : WithNullHidden(executable.sql);
  arrow::FieldVector declared(checked.output->fields().begin(), checked.output->fields().end() - 2);
  checked.lineage = LineageOf(query.resolution, arrow::Schema(std::move(declared)));
  return checked;
}

Result<CheckedSelect> CheckSelectTree(platform::SqlSession& session, const SelectSource& select,
                                      const SchemaCatalog& schemas, const SelectRules& rules) {
  const SqlText source(select.path, select.text, select.line, select.column);
  Query query{source, {}, {}, {}};
  ScratchTables scratch(session);
  const ResolveRules resolve{rules.deterministic, rules.resolve_columns, true};
  WEIRHOUSE_TRY_STATUS(CheckQuery(session, schemas, resolve, scratch, query));
  if (!query.findings.empty()) return StatusOfFindings(query.findings, select.path);
  WEIRHOUSE_TRY(Executable executable, Finalize(session, query));
  CheckedSelect checked;
  checked.references = std::move(query.resolution.references);
  checked.lineage = LineageOf(query.resolution, *executable.output);
  checked.output = std::move(executable.output);
  checked.sql = std::move(executable.sql);
  return checked;
}

}  // namespace

Result<CheckedTransform> CheckTransform(platform::SqlSession& session,
                                        const TransformDefinition& definition,
                                        const SchemaCatalog& schemas) {
  try {
    return CheckTransformTree(session, definition, schemas);
  } catch (const nlohmann::json::exception& error) {
    return TreeError(error);
  }
}

Result<CheckedTransform> CheckExternal(const TransformDefinition& definition,
                                       const arrow::Schema& columns, const std::string& contract) {
  const SqlText source(definition.path, definition.text);
  CheckedTransform checked;
  checked.definition = definition;
  auto findings = CheckContractColumns(definition, source, columns, contract, checked);
  if (!findings.empty()) return StatusOfFindings(std::move(findings), definition.path);
  return checked;
}

Result<CheckedSelect> CheckSelect(platform::SqlSession& session, const SelectSource& source,
                                  const SchemaCatalog& schemas, const SelectRules& rules) {
  try {
    return CheckSelectTree(session, source, schemas, rules);
  } catch (const nlohmann::json::exception& error) {
    return TreeError(error);
  }
}
}  // namespace weirhouse::transform
