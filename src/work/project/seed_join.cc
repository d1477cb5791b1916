#include "work/project/seed_join.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "ground/base/text.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "rules/transform/run/seed_join.h"
#include "work/project/spelling.h"

namespace weirhouse::work {
namespace {
// The seed's own spelling of `columns`; nothing if it lacks one of them.
std::vector<std::string> ColumnsIn(const arrow::Table& rows,
                                   const std::vector<std::string>& columns) {
  std::vector<std::string> found;
  for (const std::string& column : columns) {
    for (const std::string& name : rows.schema()->field_names()) {
      if (Folded(name) == Folded(column)) found.push_back(name);
    }
  }
  return found.size() == columns.size() ? found : std::vector<std::string>();
}

std::string ValuesOf(const arrow::Table& rows, const std::vector<std::string>& columns,
                     std::int64_t row) {
  std::vector<std::string> values;
  for (const std::string& column : columns) {
    const auto value = rows.GetColumnByName(column)->GetScalar(row);
    values.push_back(column + " = " + (value.ok() ? (*value)->ToString() : "?"));
  }
  return EscapeControl(Join(values, ", "));
}

// "k = a" for the first two rows that share a key without nulls; empty if there are none.
std::string SharedKey(const arrow::Table& rows, const std::vector<std::string>& columns,
                      const iceberg::KeyList& keys) {
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t row = 0; row < keys.size(); ++row) {
    const auto at = static_cast<std::int64_t>(row);
    if (seen.emplace(keys[row], row).second) continue;
    const bool null = std::any_of(columns.begin(), columns.end(), [&](const std::string& column) {
      const auto value = rows.GetColumnByName(column)->GetScalar(at);
      return !value.ok() || !(*value)->is_valid;
    });
    if (!null) return ValuesOf(rows, columns, at);
  }
  return "";
}
}  // namespace

Status CheckSeedKeys(
    const ProjectDefinition& project, platform::SqlSession& session,
    const std::function<bool(const std::string& table, const std::string& seed)>& asks) {
  for (const transform::CheckedTransform& transform : project.transforms) {
    const transform::TransformDefinition& definition = transform.definition;
    if (!transform.row_wise || definition.is_external()) continue;
    WEIRHOUSE_TRY(const auto joins, transform::SureSeedJoins(session, definition));
    for (const transform::SeedJoin& join : joins) {
      const auto seed = std::find_if(
          project.seeds.begin(), project.seeds.end(),
          [&](const Seed& one) { return Folded("ref." + one.name) == Folded(join.seed); });
      if (seed == project.seeds.end() || seed->rows == nullptr) continue;
      if (!asks(definition.name(), seed->name)) continue;
      const std::vector<std::string> columns = ColumnsIn(*seed->rows, join.columns);
      if (columns.empty()) continue;
      WEIRHOUSE_TRY(const auto keys, iceberg::EncodeKeys(*seed->rows, columns));
      const std::string shared = SharedKey(*seed->rows, columns, keys);
      if (shared.empty()) continue;
      return Status(
                 Code::kInvalidInput,
                 fmt::format("a record would become several rows of {}: the seed \"{}\" ({}) has "
                             "several rows for one key: {}",
                             definition.name(), seed->name, seed->path, shared))
          .WithError("WH2111")
          .WithSpan(join.span)
          .WithHint("make the seed's key unique, or join on more columns");
    }
  }
  return Status();
}

Status CheckSeedKeys(const ProjectDefinition& project) {
  platform::SqlOptions options;
  options.threads = 1;
  WEIRHOUSE_TRY(const auto engine, platform::SqlEngine::Open(options));
  WEIRHOUSE_TRY(const auto session, engine->Connect());
  return CheckSeedKeys(project, *session,
                       [](const std::string&, const std::string&) { return true; });
}
}  // namespace weirhouse::work
