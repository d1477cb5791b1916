// GET /v1/doctor: whether the machine and the project are well.
#include "api/v1/route.h"
#include "work/answers/json_line.h"
#include "work/answers/project/doctor_answer.h"

namespace weirhouse::v1 {
namespace {
constexpr std::int64_t kPortDefault = 8642;

// What a doctor asks of a project that is open; the lease goes back before the machine is checked,
// which takes seconds.
Result<answers::MachineAsked> AskedOf(const Options& options, const http::HttpRequest& request) {
  WEIRHOUSE_TRY(const std::int64_t port, ParseNumber(request, "port", kPortDefault, 1, 65'535));
  WEIRHOUSE_TRY(const std::unique_ptr<ProjectLease> lease, options.take());
  const work::Workspace& workspace = lease->workspace();
  return answers::MachineAsked{workspace.project().root, workspace.state_folder(),
                               static_cast<std::uint16_t>(port), /*daemon_listens=*/true};
}

Status CheckOpenProject(const Options& options, answers::DoctorAnswer& answer) {
  WEIRHOUSE_TRY(const std::unique_ptr<ProjectLease> lease, options.take());
  answers::CheckServed(lease->workspace(), answer);
  return Status();
}
}  // namespace

http::HttpResponse GetDoctor(const Options& options, const http::HttpRequest& request) {
  const auto asked = AskedOf(options, request);
  if (!asked.ok()) return ErrorReply(options, asked.status());
  answers::DoctorAnswer answer;
  answers::CheckMachine(*asked, answer);
  const Status closed = CheckOpenProject(options, answer);
  if (!closed.ok()) return ErrorReply(options, closed);
  answers::NoteVersions(answer);
  nlohmann::json document = answers::ToJson(answer);
  document["schema_version"] = 1;
  return http::JsonResponse(answer.failed ? http::ToHttpStatus(*answer.failed) : 200,
                            answers::JsonLine(document) + "\n");
}
}  // namespace weirhouse::v1
