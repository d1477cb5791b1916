#include "rules/policy/schema_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/text.h"

namespace weirhouse::policy {
namespace {
using nlohmann::json;

struct Decimal {
  int precision = 0;
  int scale = 0;
};
// "decimal(9,2)", with blanks or without.
std::optional<Decimal> DecimalOf(std::string_view type) {
  if (!type.starts_with("decimal(") || !type.ends_with(")")) return std::nullopt;
  const auto parts = Split(type.substr(8, type.size() - 9), ',');
  if (parts.size() != 2) return std::nullopt;
  Decimal decimal;
  for (auto [text, into] :
       {std::pair{Trim(parts[0]), &decimal.precision}, std::pair{Trim(parts[1]), &decimal.scale}}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *into);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  }
  return decimal;
}

bool MayPromote(const std::string& from, const std::string& to, int format_version) {
  if (from == to) return true;
  if (from == "int" && to == "long") return true;
  if (from == "float" && to == "double") return true;
  if (format_version >= 3 && from == "date" && (to == "timestamp" || to == "timestamp_ns")) {
    return true;
  }
  if (format_version >= 3 && from == "unknown") return true;
  const auto a = DecimalOf(from);
  const auto b = DecimalOf(to);
  return a && b && b->precision >= a->precision && a->scale == b->scale;
}

bool Fits(const contract::ContractField& field, const std::string& type) {
  using contract::LogicalType;
  const bool whole = type == "int" || type == "long";
  if (field.decimal) {
    // A double would have lost digits before anybody could judge them.
    const auto decimal = DecimalOf(type);
    return whole || (decimal && decimal->scale == field.decimal->scale);
  }
  const LogicalType wanted = field.type;
  switch (wanted) {
    case LogicalType::kString:
      return type == "string" || type == "uuid";
    case LogicalType::kDate:
      return type == "date";
    case LogicalType::kTimestamp:
      return type.starts_with("timestamp");
    case LogicalType::kNumber:
      return whole || type == "float" || type == "double" || DecimalOf(type).has_value();
    case LogicalType::kInteger:
      return whole;
    case LogicalType::kBoolean:
      return type == "boolean";
  }
  return false;
}

std::string TypeText(const json& type) {
  if (type.is_string()) return type.get<std::string>();
  return type.is_object() ? type.value("type", "?") : "?";
}

// Every field of a schema, nested ones included, by id.
void CollectIds(const json& type, std::map<int, json>& fields) {
  if (!type.is_object()) return;
  if (const auto list = type.find("fields"); list != type.end() && list->is_array()) {
    for (const json& field : *list) {
      fields.emplace(field.value("id", 0), field);
      CollectIds(field.value("type", json()), fields);
    }
  }
  for (const auto& [id, part] : {std::pair{"element-id", "element"}, std::pair{"key-id", "key"},
                                 std::pair{"value-id", "value"}}) {
    if (!type.contains(id)) continue;
    fields.emplace(type.value(id, 0), json{{"name", part}, {"type", type.value(part, json())}});
    CollectIds(type.value(part, json()), fields);
  }
}

class SchemaComparison {
 public:
  SchemaComparison(const iceberg::TableMetadata& before, const iceberg::TableMetadata& after,
                   const TableRules& rules)
      : before_(before), after_(after), rules_(rules) {
    for (const iceberg::Schema& schema : before.schemas) CollectIds(schema.ToJson(), known_);
  }

  Status Run() {
    const json was = before_.schema().ToJson();
    const json is = after_.schema().ToJson();
    WEIRHOUSE_TRY_STATUS(CompareStruct(was, is, ""));
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

  // A contract whose major version was raised has announced breaks: those that it asks for pass.
  const contract::Contract* Announced() const {
    const contract::Contract* contract = rules_.contract;
    return contract != nullptr && contract->version().major >= 2 ? contract : nullptr;
  }
  bool ContractDropped(const std::string& name) const {
    return Announced() != nullptr && Announced()->Find(name) == nullptr;
  }

  Status CompareStruct(const json& was, const json& is, const std::string& path) {
    std::map<int, const json*> fields_after;
    for (const json& field : is.at("fields")) fields_after[field.value("id", 0)] = &field;
    std::set<int> ids_before;
    for (const json& field : was.at("fields")) {
      const int id = field.value("id", 0);
      ids_before.insert(id);
      const auto it = fields_after.find(id);
      const std::string name = path + field.value("name", "");
      if (it == fields_after.end()) {
        if (path.empty() && ContractDropped(name)) continue;
        return Break(fmt::format("column \"{}\" is dropped", name));
      }
      WEIRHOUSE_TRY_STATUS(CompareField(field, *it->second, path));
    }
    for (const json& field : is.at("fields")) {
      if (!ids_before.contains(field.value("id", 0))) {
        WEIRHOUSE_TRY_STATUS(CheckNew(field, path));
      }
    }
    return Status::Ok();
  }

  Status CompareField(const json& was, const json& is, const std::string& path) {
    const std::string name = path + was.value("name", "");
    const std::string new_name = path + is.value("name", "");
    const bool top = path.empty();
    if (name != new_name) {
      const bool asked = top && ContractDropped(name) && Announced()->Find(new_name) != nullptr;
      if (!asked) return Break(fmt::format("column \"{}\" is renamed to \"{}\"", name, new_name));
    }
    const contract::ContractField* declared =
        top && Announced() != nullptr ? Announced()->Find(new_name) : nullptr;
    const bool needed = was.value("required", false);
    const bool needs = is.value("required", false);
    if (needed != needs && !(declared != nullptr && declared->required == needs)) {
      return Break(needs ? fmt::format("column \"{}\" becomes required", name)
                         : fmt::format("column \"{}\" becomes optional", name));
    }
    const json& type_before = was.at("type");
    const json& type_after = is.at("type");
    if (declared != nullptr && type_after.is_string() && type_before != type_after &&
        Fits(*declared, TypeText(type_after))) {
      return Status::Ok();
    }
    return CompareType(type_before, type_after, name);
  }

  Status CompareType(const json& was, const json& is, const std::string& name) {
    if (was == is) return Status::Ok();
    const auto changes = [&] {
      return Break(fmt::format("column \"{}\" changes its type from {} to {}", name, TypeText(was),
                               TypeText(is)));
    };
    if (was.is_string() && is.is_string()) {
      if (MayPromote(was.get<std::string>(), is.get<std::string>(), after_.format_version)) {
        return Status::Ok();
      }
      return changes();
    }
    if (!was.is_object() || !is.is_object() || TypeText(was) != TypeText(is)) return changes();
    if (TypeText(was) == "struct") return CompareStruct(was, is, name + ".");
    for (const auto& [id, part] : {std::pair{"element-id", "element"}, std::pair{"key-id", "key"},
                                   std::pair{"value-id", "value"}}) {
      if (!was.contains(part)) continue;
      const std::string need = fmt::format("{}-required", part);
      if (!is.contains(part) || was.value(id, 0) != is.value(id, 0) ||
          was.value(need, false) != is.value(need, false)) {
        return changes();
      }
      WEIRHOUSE_TRY_STATUS(
          CompareType(was.at(part), is.at(part), fmt::format("{}.{}", name, part)));
    }
    return Status::Ok();
  }

  Status CheckNew(const json& field, const std::string& path) const {
    const std::string name = path + field.value("name", "");
    const int id = field.value("id", 0);
    if (const auto it = known_.find(id); it != known_.end()) {
      // A column may come back as it was; another one under its id would read its old values.
      const bool same = it->second.value("name", "") == field.value("name", "") &&
                        it->second.value("type", json()) == field.value("type", json());
      if (!same) {
        return Break(fmt::format("new column \"{}\" has id {}, which was column \"{}\"", name, id,
                                 it->second.value("name", "")));
      }
    } else if (id <= before_.last_column_id) {
      return Break(fmt::format("new column \"{}\" has id {}; ids up to {} were given already", name,
                               id, before_.last_column_id));
    }
    if (field.value("required", false) && !field.contains("initial-default")) {
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
  std::map<int, json> known_;
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
    if (Fits(field, column->type.name)) continue;
    return refuse(fmt::format("column \"{}\" is of type {}, not {}", field.name, column->type.name,
                              field.TypeText()));
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
  try {
    if (before != nullptr) {
      WEIRHOUSE_TRY_STATUS(SchemaComparison(*before, after, rules).Run());
    }
  } catch (const json::exception& error) {  // a nested type that is not what it says
    return Status(Code::kInvalidInput, fmt::format("the schema of table \"{}\" is malformed: {}",
                                                   after.name, error.what()))
        .WithError("WH7078");
  }
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
