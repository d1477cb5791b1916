#include "ground/platform/net/message.h"

#include <nlohmann/json.hpp>

namespace weirhouse::http {

const std::string* FindField(const RequestHead& head, std::string_view name) {
  for (const auto& [field, value] : head.fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

int ToHttpStatus(Code code) {
  switch (code) {
    case Code::kOk:
      return 200;
    case Code::kInvalidInput:
      return 400;
    case Code::kGateFailed:
    case Code::kContractRefused:
      return 422;
    case Code::kConflict:
      return 409;
    case Code::kNotFound:
      return 404;
    case Code::kPermissionDenied:
      return 403;
    case Code::kUnavailable:
      return 503;
    case Code::kCorruption:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

HttpResponse JsonResponse(int status, std::string json) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(json);
  return response;
}

HttpResponse ErrorResponse(const Fault& fault) {
  HttpResponse response = ErrorResponse(fault.status, fault.code, fault.message, fault.hint);
  response.headers = fault.headers;
  return response;
}

HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message,
                           std::string_view hint) {
  nlohmann::ordered_json error;
  error["code"] = code;
  error["message"] = message;
  error["hint"] = hint;
  const nlohmann::ordered_json body = {{"error", std::move(error)}};
  return JsonResponse(
      status, body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

HttpResponse ErrorResponse(const Status& status) {
  WEIRHOUSE_CHECK(!status.ok());
  HttpResponse response = ErrorResponse(ToHttpStatus(status.code()), status.error_code(),
                                        status.message(), status.hint());
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

bool TokenMatches(std::string_view token, const Digest& kept) {
  const Digest given = Sha256Of(token);
  unsigned difference = 0;
  for (std::size_t i = 0; i < kept.bytes.size(); ++i)
    difference |= static_cast<unsigned>(given.bytes[i] ^ kept.bytes[i]);
  return difference == 0;
}
}  // namespace weirhouse::http
