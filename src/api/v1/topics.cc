// Records that are sent to topics, and what waits there.
#include <fmt/format.h>

#include <vector>

#include "api/v1/route.h"
#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/platform/io/inflate.h"
#include "work/answers/json_line.h"
#include "work/ingest/topic_arrivals.h"

namespace weirhouse::v1 {
namespace {
using http::HttpRequest;
using http::HttpResponse;
using nlohmann::json;

constexpr std::int64_t kTailDefault = 100;
constexpr std::int64_t kTailMax = 10'000;
constexpr std::size_t kInflatedBytesMax = std::size_t{64} << 20;

// The body as it was before it was compressed.
Result<std::string> InflatedBody(const HttpRequest& request) {
  const auto encoding = request.headers.find("content-encoding");
  if (encoding == request.headers.end() || LowerCase(encoding->second) != "gzip")
    return request.body;
  std::optional<std::string> body =
      platform::Inflate(request.body, platform::DeflateForm::kGzip, kInflatedBytesMax);
  if (body) return *std::move(body);
  return Status(Code::kInvalidInput,
                fmt::format("the body is no whole gzip, or inflates to more than {} bytes",
                            WithThousands(kInflatedBytesMax)))
      .WithError("WH1322")
      .WithHint("nothing of it was appended; send fewer records at a time");
}

// The records of a body: one of JSON, or its lines. The line end behind the last one is not of it.
std::vector<stream::Record> RecordsOf(const HttpRequest& request, std::string_view body,
                                      std::string_view key) {
  std::vector<stream::Record> records;
  const auto type = request.headers.find("content-type");
  if (type != request.headers.end() && LowerCase(type->second).starts_with("application/json")) {
    if (body.ends_with('\n')) body.remove_suffix(1);
    records.push_back({key, {}, body});
    return records;
  }
  while (!body.empty()) {
    const std::size_t end = body.find('\n');
    records.push_back({key, {}, body.substr(0, end)});
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
  }
  return records;
}

HttpResponse Refused(const Options& options, const Status& status) {
  if (status.Is(stream::kLogFull)) {
    return http::ErrorResponse(http::Fault{
        429, status.error_code(), status.message(), status.hint(), {{"Retry-After", "1"}}});
  }
  return ErrorReply(options, status);
}
}  // namespace

HttpResponse PostRecords(const Options& options, const HttpRequest& request) {
  const std::string& topic = request.parameters.at("name");
  const auto asked = request.query.find("key");
  const std::string key = asked == request.query.end() ? "" : asked->second;
  const auto body = InflatedBody(request);
  if (!body.ok()) return http::ErrorResponse(body.status());
  const std::vector<stream::Record> records = RecordsOf(request, *body, key);
  std::int64_t first = 0;
  {
    auto lease = options.take();
    if (!lease.ok()) return http::ErrorResponse(lease.status());
    const auto appended = work::AppendToTopic((*lease)->workspace(), topic, records);
    if (!appended.ok()) return Refused(options, appended.status());
    first = *appended;
  }
  if (options.on_append && !records.empty()) options.on_append();
  const json answer = {{"topic", topic},
                       {"first_offset", first},
                       {"records", records.size()},
                       {"schema_version", 1}};
  return http::JsonResponse(200, answers::JsonLine(answer));
}

Result<answers::TopicsAnswer> GetTopics(ApiCall& call) {
  return answers::ListTopics(call.workspace());
}

Result<answers::TopicRecordsAnswer> GetTopicRecords(ApiCall& call) {
  WEIRHOUSE_TRY(const std::int64_t limit,
                ParseNumber(call.request, "limit", kTailDefault, 1, kTailMax));
  std::optional<std::int64_t> from;
  if (call.request.query.contains("from")) {
    WEIRHOUSE_TRY(
        from, ParseNumber(call.request, "from", 0, 0, std::numeric_limits<std::int64_t>::max()));
  }
  return answers::ReadTopic(call.workspace(), call.request.parameters.at("name"), from, limit);
}
}  // namespace weirhouse::v1
