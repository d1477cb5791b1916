// The layers' rules as AWS Identity and Access Management policies, for lakes on S3, where programs
// can reach the storage without the catalog. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

struct AwsOptions {
  std::string bucket;
  std::string prefix;                        // of the lake in the bucket: "lake", or empty
  std::string name_prefix = "weirhouse-";    // of the policies' names
  std::vector<std::string> open_namespaces;  // first levels that are not layers
  std::string partition = "aws";             // aws-cn, aws-us-gov
};
// What one role may do below one layer's prefix. Attach several to a principal as needed.
struct AwsPolicy {
  std::string name;  // "weirhouse-raw-writer"
  std::string layer;
  Role role = Role::kReader;
  nlohmann::json document;
};
// The policies by layer, then role. They only allow; what they leave out is denied, as in IAM.
//   kInvalidInput  WH7090: a bucket, prefix or name that S3 or IAM does not accept
Result<std::vector<AwsPolicy>> ExportAws(const AwsOptions& options);
// The policy of the bucket itself: no one may remove or overwrite raw objects.
Result<nlohmann::json> ExportAwsBucket(const AwsOptions& options);
}  // namespace weirhouse::policy
