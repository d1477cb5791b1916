#include "rules/policy/schema_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ground/base/text.h"

namespace weirhouse::policy {
namespace {

using iceberg::Type;
using iceberg::TypeKind;

bool MayPromote(const Type& from, const Type& to, int format_version) {
  if (from == to) return true;
  if (from.kind() == TypeKind::kInt && to.kind() == TypeKind::kLong) return true;
  if (from.kind() == TypeKind::kFloat && to.kind() == TypeKind::kDouble) return true;
  if (format_version >= 3 && from.kind() == TypeKind::kDate &&
      to.IsOneOf({TypeKind::kTimestamp, TypeKind::kTimestampNs})) {
    return true;
  }
  if (format_version >= 3 && from.kind() == TypeKind::kUnknown) return true;
  return from.kind() == TypeKind::kDecimal && to.kind() == TypeKind::kDecimal &&
         to.precision() >= from.precision() && to.scale() == from.scale();
}

bool Fits(const contract::ContractField& field, const Type& type) {
  using contract::LogicalType;
  const bool whole = type.IsOneOf({TypeKind::kInt, TypeKind::kLong});
  const bool decimal = type.kind() == TypeKind::kDecimal;
  if (field.decimal) {
    // A double would have lost digits before they could be judged.
    return whole || (decimal && type.scale() == field.decimal->scale);
  }
  const LogicalType wanted = field.type;
  switch (wanted) {
    case LogicalType::kString:
      return type.IsOneOf({TypeKind::kString, TypeKind::kUuid});
    case LogicalType::kDate:
      return type.kind() == TypeKind::kDate;
    case LogicalType::kTimestamp:
      return type.IsOneOf({TypeKind::kTimestamp, TypeKind::kTimestampTz, TypeKind::kTimestampNs,
                           TypeKind::kTimestampTzNs});
    case LogicalType::kNumber:
      return whole || decimal || type.IsOneOf({TypeKind::kFloat, TypeKind::kDouble});
    case LogicalType::kInteger:
      return whole;
    case LogicalType::kBoolean:
      return type.kind() == TypeKind::kBoolean;
  }
  return false;
}

// For people; for a nested type only the word.
std::string TypeText(const Type& type) {
  switch (type.kind()) {
    case TypeKind::kStruct:
      return "struct";
    case TypeKind::kList:
      return "list";
    case TypeKind::kMap:
      return "map";
    default:
      return NameOf(type);
  }
}

using Fields = std::vector<iceberg::Field>;

// Every field of a schema, nested ones included, by id.
void CollectIds(const Fields& fields, std::map<int, iceberg::Field>& known) {
  for (const iceberg::Field& field : fields) {
    known.emplace(field.id, field);
    CollectIds(field.type.fields(), known);
  }
}

class SchemaComparison {
 public:
  SchemaComparison(const iceberg::TableMetadata& before, const iceberg::TableMetadata& after,
                   const TableRules& rules)
      : before_(before), after_(after), rules_(rules) {
    for (const iceberg::Schema& schema : before.schemas) CollectIds(schema.fields, known_);
  }

  Status Run() {
    WEIRHOUSE_TRY_STATUS(CompareStruct(before_.schema().fields, after_.schema().fields, ""));
    auto keys_before = before_.schema().identifier_field_ids;
    auto keys_after = after_.schema().identifier_field_ids;
    std::sort(keys_before.begin(), keys_before.end());
    std::sort(keys_after.begin(), keys_after.end());
    if (keys_before == keys_after) return Status::Ok();
    return Break("the identifier fields change");
  }

 private:
  Status Break(std::string what) const {
    std::string hint;
    if (rules_.contract != nullptr) {
      hint = fmt::format(
          "keep the column and add a new optional one; or change contract {0} and "
          "publish it first: wh contract publish {0} --major",
          rules_.contract->id());
    } else {
      hint =
          "keep the column and add a new optional one, or create another table: those who read "
          "this one rely on its columns";
    }
    return Status(Code::kPermissionDenied,
                  fmt::format("the schema change would break readers of table \"{}\": {}",
                              after_.name, what))
        .WithError("WH7073")
        .WithHint(std::move(hint));
  }

  // A contract with a raised major version has announced breaks: those that it requires pass.
  const contract::Contract* Announced() const {
    const contract::Contract* contract = rules_.contract;
    return contract != nullptr && contract->version().major >= 2 ? contract : nullptr;
  }
  bool ContractDropped(const std::string& name) const {
    return Announced() != nullptr && Announced()->Find(name) == nullptr;
  }

  Status CompareStruct(const Fields& was, const Fields& is, const std::string& path) {
    std::map<int, const iceberg::Field*> fields_after;
    for (const iceberg::Field& field : is) fields_after[field.id] = &field;
    std::set<int> ids_before;
    for (const iceberg::Field& field : was) {
      ids_before.insert(field.id);
      const auto it = fields_after.find(field.id);
      const std::string name = path + field.name;
      if (it == fields_after.end()) {
        if (path.empty() && ContractDropped(name)) continue;
        return Break(fmt::format("column \"{}\" is dropped", name));
      }
      WEIRHOUSE_TRY_STATUS(CompareField(field, *it->second, path));
    }
    for (const iceberg::Field& field : is) {
      if (!ids_before.contains(field.id)) WEIRHOUSE_TRY_STATUS(CheckNew(field, path));
    }
    return Status::Ok();
  }

  Status CompareField(const iceberg::Field& was, const iceberg::Field& is,
                      const std::string& path) {
    const std::string name = path + was.name;
    const std::string new_name = path + is.name;
    const bool top = path.empty();
    if (name != new_name) {
      const bool asked = top && ContractDropped(name) && Announced()->Find(new_name) != nullptr;
      if (!asked) return Break(fmt::format("column \"{}\" is renamed to \"{}\"", name, new_name));
    }
    const contract::ContractField* declared =
        top && Announced() != nullptr ? Announced()->Find(new_name) : nullptr;
    if (was.required != is.required &&
        !(declared != nullptr && declared->required == is.required)) {
      return Break(is.required ? fmt::format("column \"{}\" becomes required", name)
                               : fmt::format("column \"{}\" becomes optional", name));
    }
    if (declared != nullptr && !is.type.is_nested() && was.type != is.type &&
        Fits(*declared, is.type)) {
      return Status::Ok();
    }
    return CompareType(was.type, is.type, name);
  }

  Status CompareType(const Type& was, const Type& is, const std::string& name) {
    if (was == is) return Status::Ok();
    const auto changes = [&] {
      return Break(fmt::format("column \"{}\" changes its type from {} to {}", name, TypeText(was),
                               TypeText(is)));
    };
    if (!was.is_nested() && !is.is_nested()) {
      return MayPromote(was, is, after_.format_version) ? Status::Ok() : changes();
    }
    if (was.kind() != is.kind()) return changes();
    if (was.kind() == TypeKind::kStruct)
      return CompareStruct(was.fields(), is.fields(), name + ".");
    for (std::size_t i = 0; i < was.fields().size(); ++i) {
      const iceberg::Field& part_before = was.fields()[i];
      const iceberg::Field& part_after = is.fields()[i];
      if (part_before.id != part_after.id || part_before.required != part_after.required) {
        return changes();
      }
      WEIRHOUSE_TRY_STATUS(CompareType(part_before.type, part_after.type,
                                       fmt::format("{}.{}", name, part_before.name)));
    }
    return Status::Ok();
  }

  Status CheckNew(const iceberg::Field& field, const std::string& path) const {
    const std::string name = path + field.name;
    if (const auto it = known_.find(field.id); it != known_.end()) {
      // A column may come back unchanged; another one under its id would read its old values.
      const bool same = it->second.name == field.name && it->second.type == field.type;
      if (!same) {
        return Break(fmt::format("new column \"{}\" has id {}, which was column \"{}\"", name,
                                 field.id, it->second.name));
      }
    } else if (field.id <= before_.last_column_id) {
      return Break(fmt::format("new column \"{}\" has id {}; ids up to {} were given already", name,
                               field.id, before_.last_column_id));
    }
    if (field.required && field.initial_default.empty()) {
      return Break(
          fmt::format("new column \"{}\" is required: rows written before have no value "
                      "for it",
                      name));
    }
    return Status::Ok();
  }

  const iceberg::TableMetadata& before_;
  const iceberg::TableMetadata& after_;
  const TableRules& rules_;
  std::map<int, iceberg::Field> known_;
};

Status CheckContract(const iceberg::TableMetadata& after, const contract::Contract& contract) {
  const auto refuse = [&](std::string what) {
    return Status(Code::kPermissionDenied,
                  fmt::format("table \"{}\" would not agree with its contract {}: {}", after.name,
                              contract.Title(), what))
        .WithError("WH7073")
        .WithHint(fmt::format("give the table the contract's columns, or change the contract and "
                              "publish it first: wh contract publish {} --major",
                              contract.id()));
  };
  for (const contract::ContractField& field : contract.fields()) {
    const iceberg::Field* column = after.schema().Find(field.name);
    if (column == nullptr) return refuse(fmt::format("column \"{}\" is missing", field.name));
    if (Fits(field, column->type)) continue;
    return refuse(fmt::format("column \"{}\" is of type {}, not {}", field.name,
                              NameOf(column->type), field.TypeText()));
  }
  return Status::Ok();
}
}  // namespace

Status CheckSchema(const iceberg::TableMetadata* before, const iceberg::TableMetadata& after,
                   const TableRules& rules) {
  if (rules.layer != Layer::kRaw && rules.layer != Layer::kProcessed) return Status::Ok();
  if (before != nullptr && before->current_schema_id == after.current_schema_id &&
      before->schema().fields == after.schema().fields) {
    return Status::Ok();
  }
  if (before != nullptr) WEIRHOUSE_TRY_STATUS(SchemaComparison(*before, after, rules).Run());
  return rules.contract != nullptr ? CheckContract(after, *rules.contract) : Status::Ok();
}

Status CheckRequiredValues(const iceberg::TableMetadata& after, const contract::Contract& contract,
                           const iceberg::DataFile& file) {
  for (const contract::ContractField& field : contract.fields()) {
    if (!field.required) continue;
    const iceberg::Field* column = after.schema().Find(field.name);
    if (column == nullptr) continue;
    const auto it = file.columns.find(column->id);
    if (it == file.columns.end() || it->second.null_count <= 0) continue;
    return Status(Code::kPermissionDenied,
                  fmt::format("contract {} requires a value for \"{}\", but {} rows have none: "
                              "table \"{}\", file {}",
                              contract.Title(), field.name, it->second.null_count, after.name,
                              file.path))
        .WithError("WH7073")
        .WithHint("fill the column in, or leave those rows out");
  }
  return Status::Ok();
}
}  // namespace weirhouse::policy
