#include "rules/transform/check/output_rules.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/finding.h"

namespace weirhouse::transform {
namespace {

bool IsPlainName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Types that Arrow represents as others: a stored value would be cut or changed.
struct UnfitType {
  std::string_view type;  // how the engine's name of it begins
  std::string_view hint;
};
constexpr UnfitType kUnfitTypes[] = {
    {"TIMESTAMP_NS", "tables keep microseconds: cast it to TIMESTAMP, or its epoch_ns to BIGINT"},
    {"TIMESTAMP_S", "tables keep microseconds: cast it to TIMESTAMP"},
    {"TIMESTAMP_MS", "tables keep microseconds: cast it to TIMESTAMP"},
    {"TIME_NS", "tables keep microseconds: cast it to TIME"},
    {"TIME WITH TIME ZONE", "tables keep no zone of a time of day: cast it to TIME, or to VARCHAR"},
    {"UHUGEINT", "cast it to DECIMAL(38, 0), or to VARCHAR"},
    {"BIGNUM", "cast it to DECIMAL(38, 0), or to VARCHAR"},
    {"INTERVAL", "cast it to VARCHAR, or keep its seconds: epoch(…)"},
    {"BIT", "cast it to VARCHAR"},
    {"GEOMETRY", "cast it to VARCHAR"},
    {"VARIANT", "cast it to VARCHAR"},
};

const UnfitType* UnfitTypeOf(std::string_view engine_type) {
  for (const UnfitType& unfit : kUnfitTypes) {
    if (engine_type.starts_with(unfit.type)) return &unfit;
  }
  return nullptr;
}

// Collects the findings about one output.
class OutputCheck {
 public:
  OutputCheck(const TransformDefinition& definition, const SqlText& source,
              CheckedTransform& checked, std::string absent)
      : definition_(definition), source_(source), checked_(checked), absent_(std::move(absent)) {}

  // `types`: the engine's names; empty if the columns are a contract's.
  void Columns(const arrow::Schema& described, int count, std::span<const std::string> types = {}) {
    std::set<std::string> seen;
    for (int i = 0; i < count; ++i) {
      const auto& field = described.field(i);
      const std::string& name = field->name();
      if (!IsPlainName(name)) {
        Add(Place(name), fmt::format("column {} of the output has no plain name: {}", i + 1, name),
            "name it: … AS name");
      } else if (iceberg::IsHidden(name)) {
        Add(Place(name), fmt::format("output column \"{}\" begins with an underscore", name),
            "such names are reserved for hidden columns");
      } else if (!seen.insert(LowerCase(name)).second) {
        Add(Place(name), fmt::format("output column \"{}\" is given twice", name),
            "rename one: … AS name");
      }
      const auto place = static_cast<std::size_t>(i);
      if (const auto* unfit = place < types.size() ? UnfitTypeOf(types[place]) : nullptr) {
        Add(Place(name),
            fmt::format("output column \"{}\" has a type that tables do not store: {}", name,
                        types[place]),
            std::string(unfit->hint));
        continue;
      }
      const auto type = iceberg::TypeOfArrow(*field->type());
      Result<std::shared_ptr<arrow::DataType>> stored = type.status();
      if (type.ok()) stored = iceberg::ArrowTypeOf(*type);
      if (!stored.ok()) {
        Add(Place(name),
            fmt::format("output column \"{}\" has a type that tables do not store: {}", name,
                        field->type()->ToString()),
            "cast it to a plain type, or to VARCHAR");
        continue;
      }
      const bool keeps_required = definition_.is_external() && !field->nullable();
      fields_.push_back(arrow::field(name, *stored, !keeps_required));
    }
  }

  void Header() {
    for (const HeaderName& name : definition_.key) Require("key", name);
    for (const HeaderName& name : definition_.order) Require("order", name);
    if (definition_.event) RequireTime("event", *definition_.event);
    if (definition_.known) RequireTime("known", *definition_.known);
    for (const HeaderName& name : definition_.partition) RequirePartition(name);
    if (definition_.order_by_arrival && !checked_.row_wise) {
      Add(definition_.table.span, "`order arrival` needs a row-wise query over one table",
          "name a column to order by");
    }
    for (const HeaderName& name : definition_.key) {
      const arrow::Field* field = Find(name.name);
      if (field != nullptr && arrow::is_floating(field->type()->id())) {
        Add(name.span, fmt::format("key column \"{}\" is a float", name.name),
            "cast it to an integer, a decimal or text: floats make poor keys");
      } else if (field != nullptr && definition_.is_external() && field->nullable()) {
        Add(name.span, fmt::format("key column \"{}\" may be null", name.name),
            "write `required: true` in the contract: a row without a key cannot be followed");
      }
    }
  }

  std::vector<Diagnostic> Finish() {
    for (const auto& field : fields_) checked_.declared.push_back(field->name());
    arrow::FieldVector all = fields_;
    if (definition_.is_external()) {
      checked_.output = arrow::schema(std::move(all));
      return std::move(findings_);
    }
    all.push_back(arrow::field(std::string(iceberg::kRecordColumn), arrow::int64()));
    all.push_back(arrow::field(std::string(iceberg::kIngestedAtColumn),
                               arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")));
    checked_.output = arrow::schema(std::move(all));
    return std::move(findings_);
  }

 private:
  void Add(SourceSpan span, std::string message, std::string hint) {
    findings_.push_back(
        Finding("WH2109", std::move(span), std::move(message), {}, std::move(hint)));
  }

  // The last word `name` outside parentheses in the SQL, else its first.
  SourceSpan Place(const std::string& name) const {
    if (source_.tokens().empty()) return definition_.table.span;
    for (auto token = source_.tokens().rbegin(); token != source_.tokens().rend(); ++token) {
      if (token->depth == 0 && LowerCase(token->Name()) == LowerCase(name)) {
        return source_.SpanOfToken(token->offset);
      }
    }
    return source_.SpanOfToken(source_.tokens().front().offset);
  }

  const arrow::Field* Find(std::string_view name) const {
    for (const auto& field : fields_) {
      if (field->name() == name) return field.get();
    }
    return nullptr;
  }

  const arrow::Field* Require(std::string_view word, const HeaderName& name,
                              std::string_view column) {
    if (const arrow::Field* field = Find(column)) return field;
    std::vector<std::string> known;
    for (const auto& field : fields_) known.push_back(field->name());
    findings_.push_back(Finding("WH2109", name.span,
                                fmt::format("{} column \"{}\" is not in the output", word, column),
                                absent_, DidYouMean(column, known)));
    return nullptr;
  }
  const arrow::Field* Require(std::string_view word, const HeaderName& name) {
    return Require(word, name, name.name);
  }

  void RequireTime(std::string_view word, const HeaderName& name) {
    const arrow::Field* field = Require(word, name);
    if (field == nullptr || field->type()->id() == arrow::Type::TIMESTAMP) return;
    Add(name.span,
        fmt::format("{} column \"{}\" is not a timestamp but {}", word, name.name,
                    field->type()->ToString()),
        "cast it to TIMESTAMPTZ");
  }

  void RequirePartition(const HeaderName& name) {
    std::string_view column = name.name;
    const std::size_t open = column.find('(');
    const bool by_time = open != std::string_view::npos;
    if (by_time) column = Trim(column.substr(open + 1, column.size() - open - 2));
    const arrow::Field* field = Require("partition", name, column);
    if (field == nullptr || !by_time) return;
    const auto id = field->type()->id();
    if (id != arrow::Type::TIMESTAMP && id != arrow::Type::DATE32) {
      Add(name.span, fmt::format("partition {} needs a date or a timestamp", name.name), "");
    }
  }

  const TransformDefinition& definition_;
  const SqlText& source_;
  CheckedTransform& checked_;
  std::string absent_;  // why a column that the header names is missing
  arrow::FieldVector fields_;
  std::vector<Diagnostic> findings_;
};

}  // namespace

std::vector<Diagnostic> CheckOutput(const TransformDefinition& definition, const SqlText& source,
                                    const arrow::Schema& described,
                                    std::span<const std::string> types, CheckedTransform& checked) {
  OutputCheck check(definition, source, checked, "the SELECT does not return it");
  check.Columns(described, described.num_fields() - (checked.row_wise ? 2 : 0), types);
  check.Header();
  return check.Finish();
}

std::vector<Diagnostic> CheckContractColumns(const TransformDefinition& definition,
                                             const SqlText& source, const arrow::Schema& columns,
                                             const std::string& contract,
                                             CheckedTransform& checked) {
  OutputCheck check(definition, source, checked, "not in " + contract);
  check.Columns(columns, columns.num_fields());
  check.Header();
  return check.Finish();
}
}  // namespace weirhouse::transform
