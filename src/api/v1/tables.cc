// Snapshots of a table: its history, the files of one, the difference of two.
#include <string>

#include "api/v1/route.h"

namespace weirhouse::v1 {
namespace {
using http::HttpRequest;

constexpr std::int64_t kListedDefault = 20;  // as the verbs list
constexpr std::int64_t kListedMax = 10'000;
// Of both snapshots together: a difference holds them all, and more would take from what runs.
constexpr std::int64_t kDiffRowsMax = 5'000'000;

// A field of the query; absent: empty.
std::string TextAsked(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

const std::string& TableAsked(const ApiCall& call) { return call.request.parameters.at("name"); }
}  // namespace

Result<answers::TableHistoryAnswer> GetTableHistory(ApiCall& call) {
  WEIRHOUSE_TRY(const std::int64_t limit,
                ParseNumber(call.request, "limit", kListedDefault, 1, kListedMax));
  return answers::ReadTableHistory(call.workspace(), TableAsked(call), limit);
}

Result<answers::TableFilesAnswer> GetTableFiles(ApiCall& call) {
  return answers::ReadTableFiles(call.workspace(), TableAsked(call), TextAsked(call.request, "at"));
}

Result<answers::TableDiffAnswer> GetTableDiff(ApiCall& call) {
  WEIRHOUSE_TRY(const std::int64_t limit,
                ParseNumber(call.request, "limit", kListedDefault, 0, kListedMax));
  const std::string from = TextAsked(call.request, "from");
  if (from.empty()) {
    return Status(Code::kInvalidInput, "the snapshot to compare with is not said: \"from\"")
        .WithError("WH8048")
        .WithHint("for example ?from=@1101, or a snapshot id, branch or tag");
  }
  return answers::ReadTableDiff(call.workspace(), TableAsked(call), from,
                                TextAsked(call.request, "to"), limit, kDiffRowsMax);
}
}  // namespace weirhouse::v1
