// Condition keys: Amazon S3 user guide, "Enforce conditional writes on Amazon S3 buckets".
#include "rules/policy/aws.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse::policy {
namespace {
using nlohmann::json;

constexpr char kVersion[] = "2012-10-17";  // of the policy language
constexpr Role kAwsRoles[] = {Role::kReader, Role::kWriter, Role::kMaintainer, Role::kPublisher,
                              Role::kAdmin};
constexpr std::string_view kLayers[] = {"raw",        "processed", "feature",
                                        "quarantine", "system",    "training_set"};

bool IsMadeOf(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}
constexpr std::string_view kCapitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

Status Refused(std::string message, std::string hint) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH7090")
      .WithHint(std::move(hint));
}

Status Check(const AwsOptions& options) {
  if (options.bucket.size() < 3 || options.bucket.size() > 63 || !IsMadeOf(options.bucket, ".-")) {
    return Refused(fmt::format("no S3 bucket has the name \"{}\"", EscapeControl(options.bucket)),
                   "--bucket NAME: 3 to 63 small letters, digits, dots and hyphens");
  }
  // A wildcard or a variable in a prefix would grant more than was meant.
  if (!IsMadeOf(options.prefix, std::string(kCapitals) + "/._-=")) {
    return Refused(fmt::format("a prefix cannot be \"{}\"", EscapeControl(options.prefix)),
                   "--prefix: letters, digits, \"/\", \".\", \"_\", \"-\" and \"=\"");
  }
  if (!IsMadeOf(options.name_prefix, std::string(kCapitals) + "+=,.@_-") ||
      options.name_prefix.size() > 64) {
    return Refused(
        fmt::format("a policy's name cannot begin with \"{}\"", EscapeControl(options.name_prefix)),
        "--role-prefix: up to 64 letters, digits and + = , . @ _ -");
  }
  return Status::Ok();
}

class Writer {
 public:
  explicit Writer(const AwsOptions& options)
      : bucket_(fmt::format("arn:{}:s3:::{}", options.partition, options.bucket)),
        prefix_(options.prefix) {
    while (prefix_.starts_with('/')) prefix_.erase(0, 1);
    while (prefix_.ends_with('/')) prefix_.pop_back();
    if (!prefix_.empty()) prefix_ += '/';
  }

  json Document(std::string_view folder, Layer layer, Role role) const {
    json statements = Reads(folder);
    const bool foreign =
        layer == Layer::kRaw || layer == Layer::kProcessed || layer == Layer::kOpen;
    if (layer == Layer::kRaw && role != Role::kReader) {
      for (json& statement : PutsIfAbsent(folder)) statements.push_back(std::move(statement));
    } else if (layer != Layer::kRaw && Writes(role, foreign)) {
      statements.push_back({{"Sid", "WriteObjects"},
                            {"Effect", "Allow"},
                            {"Action", {"s3:PutObject", "s3:AbortMultipartUpload"}},
                            {"Resource", Objects(folder)}});
      if (role == Role::kMaintainer || role == Role::kAdmin) {
        // Removes expired and orphaned files; only the bucket's owner can delete versions for good.
        statements.push_back({{"Sid", "RemoveObjects"},
                              {"Effect", "Allow"},
                              {"Action", {"s3:DeleteObject"}},
                              {"Resource", Objects(folder)}});
      }
    }
    return {{"Version", kVersion}, {"Statement", std::move(statements)}};
  }

  json Bucket() const {
    const json raw = Objects("raw");
    json statements = json::array();
    statements.push_back({{"Sid", "RawIsNeverRemoved"},
                          {"Effect", "Deny"},
                          {"Principal", "*"},
                          {"Action", {"s3:DeleteObject", "s3:DeleteObjectVersion"}},
                          {"Resource", raw}});
    statements.push_back({{"Sid", "RawIsNeverWrittenOver"},
                          {"Effect", "Deny"},
                          {"Principal", "*"},
                          {"Action", {"s3:PutObject"}},
                          {"Resource", raw},
                          {"Condition",
                           {{"Null", {{"s3:if-none-match", "true"}}},
                            {"Bool", {{"s3:ObjectCreationOperation", "true"}}}}}});
    return {{"Version", kVersion}, {"Statement", std::move(statements)}};
  }

 private:
  // The project itself writes its layers, and works as an admin.
  static bool Writes(Role role, bool foreign) {
    if (role == Role::kAdmin) return true;
    return foreign && role != Role::kReader;
  }

  json Objects(std::string_view folder) const {
    return json::array({fmt::format("{}/{}{}/*", bucket_, prefix_, folder)});
  }

  json Reads(std::string_view folder) const {
    json statements = json::array();
    statements.push_back(
        {{"Sid", "ListPrefix"},
         {"Effect", "Allow"},
         {"Action", {"s3:ListBucket"}},
         {"Resource", {bucket_}},
         {"Condition",
          {{"StringLike", {{"s3:prefix", {fmt::format("{}{}/*", prefix_, folder)}}}}}}});
    statements.push_back({{"Sid", "ReadObjects"},
                          {"Effect", "Allow"},
                          {"Action", {"s3:GetObject"}},
                          {"Resource", Objects(folder)}});
    return statements;
  }

  // Objects are created, never replaced: each request that creates one carries `If-None-Match: *`.
  // Parts of an upload create none and carry no such header.
  std::vector<json> PutsIfAbsent(std::string_view folder) const {
    return {{{"Sid", "PutIfAbsent"},
             {"Effect", "Allow"},
             {"Action", {"s3:PutObject"}},
             {"Resource", Objects(folder)},
             {"Condition", {{"Null", {{"s3:if-none-match", "false"}}}}}},
            {{"Sid", "PutParts"},
             {"Effect", "Allow"},
             {"Action", {"s3:PutObject"}},
             {"Resource", Objects(folder)},
             {"Condition", {{"Bool", {{"s3:ObjectCreationOperation", "false"}}}}}}};
  }

  std::string bucket_;
  std::string prefix_;
};
}  // namespace

Result<std::vector<AwsPolicy>> ExportAws(const AwsOptions& options) {
  WEIRHOUSE_TRY_STATUS(Check(options));
  const Writer writer(options);
  std::vector<std::string> folders(std::begin(kLayers), std::end(kLayers));
  for (const std::string& name : options.open_namespaces) {
    if (name.empty() || !IsMadeOf(name, std::string(kCapitals) + "_-")) {
      return Refused(fmt::format("namespace \"{}\" has no plain folder", EscapeControl(name)),
                     "write its policy by hand, after the pattern of the others");
    }
    if (LayerOf(name) == Layer::kOpen) folders.push_back(name);
  }
  std::vector<AwsPolicy> policies;
  for (const std::string& folder : folders) {
    for (const Role role : kAwsRoles) {
      policies.push_back({fmt::format("{}{}-{}", options.name_prefix, folder, RoleName(role)),
                          folder, role, writer.Document(folder, LayerOf(folder), role)});
    }
  }
  return policies;
}

Result<json> ExportAwsBucket(const AwsOptions& options) {
  WEIRHOUSE_TRY_STATUS(Check(options));
  return Writer(options).Bucket();
}
}  // namespace weirhouse::policy
