// GET /v1/events: commits as they happen, as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
#include <fmt/format.h>

#include <chrono>

#include "api/v1/route.h"
#include "ground/base/time.h"
#include "work/answers/json_line.h"

namespace weirhouse::v1 {
namespace {
using http::HttpRequest;
using http::HttpResponse;

constexpr std::int64_t kEventsOfPiece = 100;
constexpr std::chrono::milliseconds kLookEvery{500};
// An empty comment line at intervals keeps proxies from closing the connection and detects a client
// that vanished.
constexpr std::chrono::nanoseconds kBeatEvery = std::chrono::seconds(15);
constexpr std::int64_t kReconnectMs = 1'000;

// An endless stream of the commits after `after`. Holds no lease between two looks.
class CommitStream : public http::BodyStream {
 public:
  CommitStream(std::shared_ptr<const Options> options, CommitSeq after)
      : options_(std::move(options)), after_(after) {}

  Result<Piece> Next() override {
    Piece piece;
    if (!begun_) {
      // An id without data is not an event, but the client resumes from it even before the first
      // event.
      piece.bytes = fmt::format("retry: {}\nid: {}\n\n", kReconnectMs, after_.value());
      begun_ = true;
    }
    WEIRHOUSE_TRY(const auto committed, Look());
    for (const answers::CommittedRun& run : committed) {
      piece.bytes += fmt::format("id: {}\nevent: run\ndata: {}\n\n", run.entry.seq.value(),
                                 answers::JsonLine(answers::ToJson(run)));
      after_ = run.entry.seq;
    }
    const std::chrono::nanoseconds now = SystemClock().Monotonic();
    if (piece.bytes.empty() && now - said_ >= kBeatEvery) piece.bytes = ":\n\n";
    if (!piece.bytes.empty()) said_ = now;
    if (static_cast<std::int64_t>(committed.size()) < kEventsOfPiece) piece.again_in = kLookEvery;
    return piece;
  }

 private:
  // A project that is closed for now will be opened again, and waiting loses nothing.
  Result<std::vector<answers::CommittedRun>> Look() {
    const auto lease = options_->take();
    if (lease.status().code() == Code::kUnavailable) return std::vector<answers::CommittedRun>();
    WEIRHOUSE_TRY_STATUS(lease.status());
    auto committed =
        answers::CommittedSince((*lease)->workspace().catalog(), after_, kEventsOfPiece);
    if (!committed.ok() && options_->on_error) options_->on_error(committed.status());
    return committed;
  }

  const std::shared_ptr<const Options> options_;
  CommitSeq after_;
  bool begun_ = false;
  std::chrono::nanoseconds said_{0};
};

// The last commit that the client has seen: from Last-Event-ID after a broken connection, or from
// the query.
Result<CommitSeq> ParseAfter(const HttpRequest& request, CommitSeq last) {
  HttpRequest asked = request;
  const auto header = request.headers.find("last-event-id");
  if (header != request.headers.end()) asked.query["after"] = header->second;
  WEIRHOUSE_TRY(const std::int64_t after,
                ParseNumber(asked, "after", last.value(), 0, last.value()));
  return CommitSeq(after);
}

Result<CommitSeq> Begin(const Options& options, const HttpRequest& request) {
  WEIRHOUSE_TRY(const std::unique_ptr<ProjectLease> lease, options.take());
  WEIRHOUSE_TRY(const CommitSeq last, lease->workspace().catalog().LastSeq());
  return ParseAfter(request, last);
}
}  // namespace

HttpResponse GetEvents(const std::shared_ptr<const Options>& options, const HttpRequest& request) {
  const Result<CommitSeq> after = Begin(*options, request);
  if (!after.ok()) return ErrorReply(*options, after.status());
  HttpResponse response;
  response.content_type = "text/event-stream";
  response.stream = std::make_shared<CommitStream>(options, *after);
  return response;
}
}  // namespace weirhouse::v1
