// `references`: each tuple is in another table, as this run sees it.
#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "rules/gate/definition/binding.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/row_hash.h"
#include "rules/gate/evaluation/tuples.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
// The parent's columns with the types of the child's, so that equal values have equal bytes.
Result<RowsPtr> WithTypesOf(const arrow::Schema& child, const std::vector<std::string>& columns,
                            const arrow::Table& parent,
                            const std::vector<std::string>& parent_columns) {
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector arrays;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto of_child = child.GetFieldByName(columns[i]);
    if (of_child == nullptr) {
      return Status(Code::kInvalidInput, fmt::format("unknown column \"{}\"", columns[i]))
          .WithError("WH3004");
    }
    WEIRHOUSE_TRY(auto of_parent, ColumnOf(parent, parent_columns[i]));
    if (!of_parent->type()->Equals(*of_child->type())) {
      auto cast = arrow::compute::Cast(arrow::Datum(of_parent), of_child->type());
      if (!cast.ok()) {
        return Status(Code::kInvalidInput,
                      fmt::format("\"{}\" and \"{}\" cannot be compared: {}", columns[i],
                                  parent_columns[i], cast.status().message()))
            .WithError("WH3005");
      }
      of_parent = cast->chunked_array();
    }
    fields.push_back(arrow::field(columns[i], of_child->type()));
    arrays.push_back(std::move(of_parent));
  }
  return arrow::Table::Make(arrow::schema(fields), arrays, parent.num_rows());
}
class ReferencesRule final : public RowsRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<ReferencesRule>();
    WEIRHOUSE_TRY(rule->columns_, Columns(at, check));
    WEIRHOUSE_TRY(const YamlNode* table, at.Require("table"));
    WEIRHOUSE_TRY(rule->table_, table->AsString(at.What("table")));
    rule->table_span_ = table->span();
    rule->parent_columns_ = rule->columns_;
    if (const YamlNode* parent = at.Find("parent")) {
      WEIRHOUSE_TRY(rule->parent_columns_, parent->AsStringList(at.What("parent")));
      if (rule->parent_columns_.size() != rule->columns_.size()) {
        return parent->Error(
            "WH3003", fmt::format("{} must name as many columns as references", at.What("parent")));
      }
      for (const std::string& name : rule->parent_columns_) {
        if (std::count(rule->parent_columns_.begin(), rule->parent_columns_.end(), name) > 1) {
          return parent->Error("WH3002",
                               fmt::format("{} names \"{}\" twice", at.What("parent"), name));
        }
      }
    }
    check.tables.push_back(rule->table_);
    return RulePtr(std::move(rule));
  }

  Status Bind(Check&, Binding& binding) const override {
    const auto parent = binding.SchemaOf(table_);
    if (parent == nullptr || !binding.IsSpelled(table_))
      return binding.UnknownTable(table_, table_span_);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& name = parent_columns_[i];
      const auto field = parent->GetFieldByName(name);
      if (field == nullptr) return UnknownColumn(name, table_, *parent, table_span_);
      WEIRHOUSE_TRY(const Family of_parent, FamilyOf(*field->type()));
      WEIRHOUSE_TRY(const Family of_child,
                    FamilyOf(*binding.own().GetFieldByName(columns_[i])->type()));
      if (of_parent == of_child) continue;
      return Status(Code::kInvalidInput,
                    fmt::format("\"{}\" is of type {} and {}.{} of type {}", columns_[i],
                                FamilyName(of_child), table_, name, FamilyName(of_parent)))
          .WithError("WH3005")
          .WithSpan(table_span_);
    }
    return Status();
  }

  std::string_view WhyNeedsRows() const override { return "keys are joined with another table"; }

  Result<Finding> Judge(Evaluation& evaluation, const Check& check) const override {
    WEIRHOUSE_TRY(const RowSourcePtr rows, evaluation.Source(check, columns_));
    WEIRHOUSE_TRY(const RowsPtr parent, evaluation.OtherTable(table_, parent_columns_));
    WEIRHOUSE_TRY(const RowsPtr typed,
                  WithTypesOf(*rows->schema(), columns_, *parent, parent_columns_));
    std::vector<std::int64_t> bad;
    std::int64_t nulls = 0;
    if (AreWordsExact(*rows->schema(), columns_)) {
      WEIRHOUSE_TRY_STATUS(LookUpWords(*rows, *typed, bad, nulls));
    } else {
      WEIRHOUSE_TRY_STATUS(LookUpTuples(*rows, *typed, bad, nulls));
    }
    Finding finding =
        RowsFinding(check, rows->num_rows(), nulls, std::move(bad),
                    /*needs_value=*/true, fmt::format("values are not in {}", table_));
    if (check.scope == Scope::kTable) {
      WEIRHOUSE_TRY(finding.judged, evaluation.Rows(check, columns_));
    }
    return finding;
  }

 private:
  // Marks the rows whose value `parent` lacks, by one word for each value.
  Status LookUpWords(const RowSource& rows, const arrow::Table& parent,
                     std::vector<std::int64_t>& bad, std::int64_t& nulls) const {
    WEIRHOUSE_TRY(const RowWords there, WordsOfRows(parent, columns_));
    WordSet known(there.words.size());
    for (std::size_t i = 0; i < there.words.size(); ++i) {
      if (there.has_null.empty() || !there.has_null[i]) known.Insert(there.words[i]);
    }
    return rows.Read(columns_, Texts::kPlain,
                     [&](const RowsPtr& piece, std::int64_t first_row) -> Status {
                       WEIRHOUSE_TRY(const RowWords found, WordsOfRows(*piece, columns_));
                       for (std::size_t i = 0; i < found.words.size(); ++i) {
                         if (!found.has_null.empty() && found.has_null[i]) {
                           ++nulls;
                         } else if (!known.Has(found.words[i])) {
                           bad.push_back(first_row + static_cast<std::int64_t>(i));
                         }
                       }
                       return Status();
                     });
  }

  // The same by the tuples' bytes.
  Status LookUpTuples(const RowSource& rows, const arrow::Table& parent,
                      std::vector<std::int64_t>& bad, std::int64_t& nulls) const {
    WEIRHOUSE_TRY(const auto parent_keys, iceberg::EncodeKeys(parent, columns_));
    const std::unordered_set<std::string_view> known(parent_keys.begin(), parent_keys.end());
    return rows.Read(columns_, Texts::kPlain,
                     [&](const RowsPtr& piece, std::int64_t first_row) -> Status {
                       WEIRHOUSE_TRY(const Tuples tuples, TuplesOf(*piece, columns_));
                       nulls += tuples.nulls;
                       for (std::size_t row = 0; row < tuples.keys.size(); ++row) {
                         if (!tuples.has_null[row] && !known.contains(tuples.keys[row]))
                           bad.push_back(first_row + static_cast<std::int64_t>(row));
                       }
                       return Status();
                     });
  }

  std::vector<std::string> columns_;
  std::string table_;
  std::vector<std::string> parent_columns_;  // in the order of `columns_`
  SourceSpan table_span_;
};
}  // namespace

CheckKind ReferencesKind() {
  return {.names = {"references"},
          .keys = {"column", "columns", "table", "parent", "max_missing", "scope", "too_few"},
          .judges_values = true,
          .parse = ReferencesRule::Parse};
}
}  // namespace weirhouse::gate
