// What roles may do with which layer, which rules each table has, and the same for S3.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/policy/aws.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct RightsRow {
  policy::Layer layer;
  policy::Role role;
  std::string rights;  // "read, append, compact": with tables of other engines
};
struct TableRulesRow {
  std::string table;
  policy::Layer layer;
  std::optional<std::string> made_by;  // absent: other engines write it
  std::optional<std::string> gate;
  std::optional<std::string> contract;  // "arrival v1.0.0"
};
struct PolicyAnswer {
  std::vector<RightsRow> rights;      // each layer with each role
  std::vector<TableRulesRow> tables;  // by name
};
Result<PolicyAnswer> ReadPolicy(work::Workspace& workspace);
// "other engines" where no definition makes it
std::string WriterOf(const TableRulesRow& row);
// {"rights": [{layer, role, rights}], "tables": [{table, layer, written_by, gate, contract}]}
nlohmann::json ToJson(const PolicyAnswer& answer);

// ---- For those who keep the lake on S3
struct AwsPoliciesAnswer {
  std::vector<policy::AwsPolicy> policies;
  nlohmann::json bucket_policy;
};
// Those of `role` and `layer` alone, where they are not empty; none if no policy is for these.
// `options.open_namespaces` are filled in. Errors as policy::ExportAws.
Result<AwsPoliciesAnswer> ReadAwsPolicies(work::Workspace& workspace, policy::AwsOptions options,
                                          const std::string& role, const std::string& layer);
// {"policies": [{name, layer, role, document}], "bucket_policy"}
nlohmann::json ToJson(const AwsPoliciesAnswer& answer);
}  // namespace weirhouse::answers
