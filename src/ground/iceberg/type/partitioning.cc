#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

constexpr int kSpecFieldFirst = 1000;

// A parsed expression: "bucket(16, id)" is {"bucket[16]", "id"}; a bare column is an identity.
struct Expression {
  std::string transform;
  std::string column;
};

std::optional<Expression> Read(std::string_view text) {
  const auto open = text.find('(');
  if (open == std::string_view::npos || text.back() != ')') {
    return Expression{"identity", std::string(text)};
  }
  const std::string word(Trim(text.substr(0, open)));
  const std::string_view inside = Trim(text.substr(open + 1, text.size() - open - 2));
  if (word != "bucket" && word != "truncate") return Expression{word, std::string(inside)};
  const auto comma = inside.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  return Expression{fmt::format("{}[{}]", word, Trim(inside.substr(0, comma))),
                    std::string(Trim(inside.substr(comma + 1)))};
}

// The name that other engines give such a field.
std::string NameOf(const Expression& expression) {
  if (expression.transform == "identity") return expression.column;
  if (BucketCount(expression.transform) > 0) return expression.column + "_bucket";
  if (TruncateWidth(expression.transform) > 0) return expression.column + "_trunc";
  return expression.column + "_" + expression.transform;
}

std::string NeededBy(std::string_view transform) {
  if (transform == "hour") return "hour needs a timestamp";
  if (BucketCount(transform) > 0) {
    return "bucket needs an int, long, decimal, date, time, timestamp, string, binary, fixed or "
           "uuid";
  }
  if (TruncateWidth(transform) > 0) return "truncate needs an int, long, decimal, string or binary";
  if (transform == "identity") return "a nested column cannot be partitioned by";
  return fmt::format("{} needs a date or timestamp", transform);
}

Status Refused(std::string_view text, std::string_view why, std::string hint) {
  return Status(Code::kInvalidInput, fmt::format("could not partition by \"{}\": {}", text, why))
      .WithError("WH7056")
      .WithHint(std::move(hint));
}

Result<PartitionField> FieldOf(std::string_view text, const Schema& schema) {
  const std::optional<Expression> expression = Read(text);
  if (!expression || !CanApply(expression->transform)) {
    const std::string word(Trim(text.substr(0, text.find('('))));
    const bool counted = word == "bucket" || word == "truncate";
    return Refused(text,
                   counted ? fmt::format("{} takes a positive number and a column", word)
                           : fmt::format("transform \"{}\" is not known", word),
                   "use year, month, day or hour(column), bucket(16, column), truncate(4, column) "
                   "or a column's name");
  }
  const Field* field = schema.Find(expression->column);
  if (field == nullptr) {
    std::vector<std::string> names;
    for (const Field& known : schema.fields) names.push_back(known.name);
    return Refused(text, fmt::format("the table has no column \"{}\"", expression->column),
                   DidYouMean(expression->column, names));
  }
  if (!CanApply(expression->transform, field->type)) {
    return Refused(
        text, fmt::format("column \"{}\" is of type {}", field->name, iceberg::NameOf(field->type)),
        NeededBy(expression->transform));
  }
  PartitionField made;
  made.source_id = field->id;
  made.name = NameOf(*expression);
  made.transform = expression->transform;
  return made;
}
}  // namespace

Result<PartitionSpec> ParsePartitioning(const std::vector<std::string>& expressions,
                                        const Schema& schema) {
  PartitionSpec spec;
  for (const std::string& expression : expressions) {
    const std::string_view text = Trim(expression);
    WEIRHOUSE_TRY(PartitionField made, FieldOf(text, schema));
    const bool twice =
        std::any_of(spec.fields.begin(), spec.fields.end(),
                    [&](const PartitionField& field) { return field.name == made.name; });
    if (twice) {
      return Refused(text, fmt::format("two fields have the name \"{}\"", made.name),
                     "partition by each column and transform once");
    }
    made.field_id = kSpecFieldFirst + static_cast<int>(spec.fields.size());
    spec.fields.push_back(std::move(made));
  }
  return spec;
}
}  // namespace weirhouse::iceberg
