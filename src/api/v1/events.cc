// GET /v1/events: what is committed, told as it happens, as server-sent events
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
// A line without meaning now and then: so that proxies keep the connection, and one whose other end
// vanished without a word is noticed.
constexpr std::chrono::nanoseconds kBeatEvery = std::chrono::seconds(15);
constexpr std::int64_t kReconnectMs = 1'000;

// Commits after `after`, without an end. Holds no lease between two looks.
class CommitStream : public http::BodyStream {
 public:
  CommitStream(std::shared_ptr<const Options> options, CommitSeq after)
      : options_(std::move(options)), after_(after) {}

  Result<Piece> Next() override {
    Piece piece;
    if (!begun_) {
      // The id alone is no event, but the client asks to go on from it even before the first one.
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
  // A project that is closed for the moment is opened again: nothing is lost by waiting.
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

// What the client saw last, by itself after a connection broke (Last-Event-ID), or asked for.
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
