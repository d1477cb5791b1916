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

const std::string& TableAsked(const Ask& ask) { return ask.request.parameters.at("name"); }
}  // namespace

Result<answers::TableHistoryAnswer> GetTableHistory(Ask& ask) {
  WEIRHOUSE_TRY(const std::int64_t limit,
                NumberAsked(ask.request, "limit", kListedDefault, 1, kListedMax));
  return answers::ReadTableHistory(ask.workspace(), TableAsked(ask), limit);
}

Result<answers::TableFilesAnswer> GetTableFiles(Ask& ask) {
  return answers::ReadTableFiles(ask.workspace(), TableAsked(ask), TextAsked(ask.request, "at"));
}

Result<answers::TableDiffAnswer> GetTableDiff(Ask& ask) {
  WEIRHOUSE_TRY(const std::int64_t limit,
                NumberAsked(ask.request, "limit", kListedDefault, 0, kListedMax));
  const std::string from = TextAsked(ask.request, "from");
  if (from.empty()) {
    return Status(Code::kInvalidInput, "the snapshot to compare with is not said: \"from\"")
        .WithError("WH8048")
        .WithHint("for example ?from=@1101, or a snapshot id, branch or tag");
  }
  return answers::ReadTableDiff(ask.workspace(), TableAsked(ask), from,
                                TextAsked(ask.request, "to"), limit, kDiffRowsMax);
}
}  // namespace weirhouse::v1
