// The layers' rules as AWS Identity and Access Management policies, for those who keep the lake on
// S3: direct access to the storage passes by any catalog. Pure.
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
  std::vector<std::string> open_namespaces;  // first levels that are no layer
  std::string partition = "aws";             // aws-cn, aws-us-gov
};
// What one role may do below one layer's prefix. Attach several to one principal as needed.
struct AwsPolicy {
  std::string name;  // "weirhouse-raw-writer"
  std::string layer;
  Role role = Role::kReader;
  nlohmann::json document;
};
// By layer, then role. Nothing is denied by them but by leaving it out, as IAM does.
//   kInvalidInput  WH7090: a bucket, prefix or name that S3 or IAM does not take
Result<std::vector<AwsPolicy>> ExportAws(const AwsOptions& options);
// For the bucket itself: whoever asks, raw objects are neither removed nor written over.
Result<nlohmann::json> ExportAwsBucket(const AwsOptions& options);
}  // namespace weirhouse::policy
