#include "ground/platform/db/postgres_address.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "ground/platform/db/postgres.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kSchemaBytesMax = 63;  // PostgreSQL silently truncates longer names
constexpr std::string_view kSchemaOption = "schema=";

// A lost server is noticed within half a minute, not after TCP's two hours.
constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
    {"connect_timeout", "5"},      {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},  {"keepalives_count", "3"},
    {"tcp_user_timeout", "20000"}, {"fallback_application_name", "weirhouse"},
};

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

// libpq's own message may repeat the URL, and with it a password, so it is not shown.
Status Malformed(std::string_view why) {
  return Status(Code::kInvalidInput,
                fmt::format("address of the catalog's database is malformed: {}", why))
      .WithError("WH7044")
      .WithHint("write postgresql://user:password@host:5432/database?schema=name");
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    constexpr std::string_view kHex = "0123456789abcdefABCDEF";
    if (digits.size() != 2 || digits.find_first_not_of(kHex) != std::string_view::npos) {
      return std::nullopt;
    }
    decoded += static_cast<char>(std::stoi(std::string(digits), nullptr, 16));
    i += 2;
  }
  return decoded;
}

// Takes `schema=` out of the options of `address.url`.
Status TakeSchema(PostgresAddress& address) {
  const std::size_t mark = address.url.find('?');
  if (mark == std::string::npos) return Status::Ok();
  const std::string options = address.url.substr(mark + 1);
  address.url.resize(mark);
  char separator = '?';
  for (std::size_t at = 0; at <= options.size();) {
    const std::size_t end = std::min(options.find('&', at), options.size());
    const std::string_view option = std::string_view(options).substr(at, end - at);
    if (option.starts_with(kSchemaOption)) {
      const auto schema = PercentDecoded(option.substr(kSchemaOption.size()));
      if (!schema) return Malformed("its schema is not percent-encoded");
      address.schema = *schema;
    } else if (!option.empty()) {
      address.url += separator;
      address.url += option;
      separator = '&';
    }
    at = end + 1;
  }
  return Status::Ok();
}

std::string ShownAddress(const ConnectionOptions& options, const std::string& schema) {
  const auto value = [&](std::string_view name, std::string_view fallback) {
    const auto found = std::find_if(options.pairs.begin(), options.pairs.end(),
                                    [&](const auto& pair) { return pair.first == name; });
    return std::string(found == options.pairs.end() ? fallback : found->second);
  };
  const std::string port = value("port", "");
  return fmt::format("postgresql://{}{}{}/{}?schema={}", value("host", value("hostaddr", "")),
                     port.empty() ? "" : ":", port, value("dbname", ""), schema);
}
}  // namespace

std::vector<const char*> ConnectionOptions::names() const {
  std::vector<const char*> list;
  for (const auto& [name, value] : pairs) list.push_back(name.c_str());
  list.push_back(nullptr);
  return list;
}
std::vector<const char*> ConnectionOptions::values() const {
  std::vector<const char*> list;
  for (const auto& [name, value] : pairs) list.push_back(value.c_str());
  list.push_back(nullptr);
  return list;
}

Result<ConnectionOptions> ParseConnectionOptions(const std::string& url) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
      PQconninfoParse(url.c_str(), &complaint));
  PQfreemem(complaint);
  if (parsed == nullptr) return Malformed("libpq cannot read the URL, or it has an unknown option");
  ConnectionOptions options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options.pairs.emplace_back(option->keyword, option->val);
  }
  for (const auto& [name, value] : kDefaults) {
    const bool given = std::any_of(options.pairs.begin(), options.pairs.end(),
                                   [&](const auto& pair) { return pair.first == name; });
    if (!given) options.pairs.emplace_back(name, value);
  }
  return options;
}

Result<PostgresAddress> ParsePostgresUrl(std::string_view url, std::string_view default_schema) {
  if (!url.starts_with("postgresql://") && !url.starts_with("postgres://")) {
    return Malformed("it does not begin with postgresql://");
  }
  if (url.find('\0') != std::string_view::npos) return Malformed("it contains a NUL character");
  PostgresAddress address{std::string(url), std::string(default_schema), ""};
  WEIRHOUSE_TRY_STATUS(TakeSchema(address));
  if (address.schema.empty() || address.schema.size() > kSchemaBytesMax ||
      address.schema.find('\0') != std::string::npos || address.schema.starts_with("pg_")) {
    return Malformed(
        fmt::format("its schema must be a name of 1 to {} bytes, not and must not begin with pg_, "
                    "which PostgreSQL reserves: \"{}\"",
                    kSchemaBytesMax, address.schema));
  }
  WEIRHOUSE_TRY(const ConnectionOptions options, ParseConnectionOptions(address.url));
  address.shown = ShownAddress(options, address.schema);
  return address;
}
}  // namespace weirhouse::platform
