// GET /v1/quarantine: all of it, sent file by file.
#include <limits>

#include "api/v1/route.h"
#include "work/answers/json_line.h"
#include "work/answers/quarantine_answer.h"

namespace weirhouse::v1 {
namespace {
using http::HttpRequest;
using http::HttpResponse;

std::string SourceAsked(const HttpRequest& request) {
  const auto source = request.query.find("source");
  return source == request.query.end() ? std::string() : source->second;
}

// The document of `wh quarantine list --json`, sent one file of the tables at a time. Holds no
// lease: the reader keeps using the files as of the moment it was opened.
class QuarantineStream : public http::BodyStream {
 public:
  QuarantineStream(std::shared_ptr<const Options> options, answers::QuarantineReader reader)
      : options_(std::move(options)), reader_(std::move(reader)) {}

  Result<Piece> Next() override {
    auto piece = Make();
    if (!piece.ok() && options_->on_error) options_->on_error(piece.status());
    return piece;
  }

 private:
  Result<Piece> Make() {
    Piece piece;
    if (!begun_) piece.bytes = "{\"quarantine\":[";
    begun_ = true;
    WEIRHOUSE_TRY(const auto page, reader_.Next(std::numeric_limits<std::int64_t>::max()));
    piece.is_last = !page.has_value();
    if (piece.is_last) {
      piece.bytes += "],\"schema_version\":1}\n";
      return piece;
    }
    for (const answers::QuarantinedRecord& record : page->records) {
      piece.bytes += (any_ ? "," : "") + answers::JsonLine(answers::ToJson(record));
      any_ = true;
    }
    return piece;
  }

  std::shared_ptr<const Options> options_;
  answers::QuarantineReader reader_;
  bool begun_ = false;
  bool any_ = false;
};

Result<answers::QuarantineReader> Open(const Options& options, const HttpRequest& request) {
  WEIRHOUSE_TRY(const std::unique_ptr<ProjectLease> lease, options.take());
  return answers::QuarantineReader::Open(lease->workspace(), SourceAsked(request));
}
}  // namespace

HttpResponse GetQuarantine(std::shared_ptr<const Options> options, const HttpRequest& request) {
  auto reader = Open(*options, request);
  if (!reader.ok()) return ErrorReply(*options, reader.status());
  HttpResponse response;
  response.stream =
      std::make_shared<QuarantineStream>(std::move(options), std::move(reader).value());
  return response;
}

Result<answers::QuarantineReasonsAnswer> GetQuarantineReasons(ApiCall& call) {
  return answers::ListQuarantineReasons(call.workspace(), SourceAsked(call.request));
}
}  // namespace weirhouse::v1
