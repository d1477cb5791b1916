// The order in which transforms run.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "ground/base/text.h"
#include "rules/transform/definition.h"
#include "rules/transform/finding.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {

using Readers =
    std::vector<std::vector<std::size_t>>;  // for each definition the definitions it reads

// The error for a cycle among the remaining definitions; its names begin and end with the same
// table.
Status CycleError(std::span<const TransformDefinition> definitions, const Readers& reads,
                  const std::vector<bool>& placed) {
  std::size_t at = 0;
  while (placed[at]) ++at;
  std::vector<std::size_t> path;
  while (std::find(path.begin(), path.end(), at) == path.end()) {
    path.push_back(at);
    // A definition that is not placed always reads another that is not placed.
    at = *std::find_if(reads[at].begin(), reads[at].end(),
                       [&](std::size_t other) { return !placed[other]; });
  }
  path.erase(path.begin(), std::find(path.begin(), path.end(), at));
  // Begins with the first table by name, so that the message does not depend on the file order.
  const auto first = std::min_element(path.begin(), path.end(), [&](std::size_t a, std::size_t b) {
    return definitions[a].name() < definitions[b].name();
  });
  std::rotate(path.begin(), first, path.end());
  std::vector<std::string> names;
  for (std::size_t member : path) names.push_back(definitions[member].name());
  names.push_back(names.front());
  const TransformDefinition& told = definitions[path.front()];
  return StatusOfFindings(
      {Finding("WH2110", told.table.span,
               fmt::format("tables read one another in a circle: {}", Join(names, " reads ")), {},
               "let one of them read records instead")},
      told.path);
}

}  // namespace

Result<std::vector<std::size_t>> OrderTransforms(std::span<const TransformDefinition> definitions) {
  std::map<std::string, std::size_t> makers;  // by lower-case table name
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    const auto [other, fresh] = makers.emplace(LowerCase(definitions[i].name()), i);
    if (!fresh) {
      return StatusOfFindings(
          {Finding("WH2101", definitions[i].table.span,
                   fmt::format("table \"{}\" is defined twice", definitions[i].name()),
                   fmt::format("also by {}", definitions[other->second].path))},
          definitions[i].path);
    }
  }
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    if (definitions[i].history == History::kKeep) {
      makers.emplace(LowerCase(definitions[i].history_table()), i);
    }
  }
  Readers reads(definitions.size());
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    for (const std::string& table : NamedTables(definitions[i])) {
      if (const auto maker = makers.find(table); maker != makers.end()) {
        reads[i].push_back(maker->second);
      }
    }
  }
  std::vector<std::size_t> by_name;
  for (const auto& [name, index] : makers) {
    if (LowerCase(definitions[index].name()) == name) by_name.push_back(index);
  }
  std::vector<std::size_t> order;
  std::vector<bool> placed(definitions.size(), false);
  while (order.size() < definitions.size()) {
    const auto ready = std::find_if(by_name.begin(), by_name.end(), [&](std::size_t index) {
      return !placed[index] && std::all_of(reads[index].begin(), reads[index].end(),
                                           [&](std::size_t other) { return placed[other]; });
    });
    if (ready == by_name.end()) return CycleError(definitions, reads, placed);
    placed[*ready] = true;
    order.push_back(*ready);
  }
  return order;
}
}  // namespace weirhouse::transform
