#include "work/answers/check_answer.h"

#include <nlohmann/json.hpp>

namespace weirhouse::answers {
using nlohmann::json;

Result<VerifyAnswer> ReadVerify(
    work::Workspace& workspace, bool deep,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  VerifyAnswer answer;
  answer.deep = deep;
  WEIRHOUSE_TRY(answer.report,
                lineage::Verify(workspace.catalog(), workspace.store(), deep, progress));
  answer.other_lives = workspace.other_lives();
  return answer;
}

json ToJson(const VerifyAnswer& answer) {
  const lineage::VerifyReport& report = answer.report;
  return {{"objects", report.objects},
          {"files", report.files},
          {"bytes", report.bytes},
          {"commits", report.commits},
          {"snapshots", report.snapshots},
          {"deep", answer.deep},
          {"orphans", report.orphans},
          {"orphan_bytes", report.orphan_bytes},
          {"first_orphans", report.first_orphans},
          {"other_lives", answer.other_lives},
          {"problems", report.problems}};
}

json ToJson(const work::Reproduction& reproduction) {
  json digests = json::array();
  for (const auto& [what, digest] : reproduction.digests)
    digests.push_back({{"what", what}, {"digest", digest}});
  json differences = json::array();
  for (const work::Difference& difference : reproduction.differences) {
    differences.push_back({{"what", difference.what},
                           {"recorded", difference.recorded},
                           {"found", difference.found}});
  }
  return {{"id", reproduction.id},
          {"same", reproduction.same},
          {"digests", std::move(digests)},
          {"metrics", reproduction.metrics},
          {"unproven", reproduction.unproven},
          {"differences", std::move(differences)}};
}

json ToJson(const work::SkewReport& report) {
  return {{"pairs", report.pairs},         {"values", report.values},
          {"differing", report.differing}, {"status_differing", report.status_differing},
          {"first", report.first},         {"not_asked", report.not_asked}};
}
}  // namespace weirhouse::answers
