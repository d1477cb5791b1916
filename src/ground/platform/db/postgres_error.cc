#include "ground/platform/db/postgres_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ground/platform/db/database.h"

namespace weirhouse::platform {
namespace {
// How one SQLSTATE, or a class of them, is mapped. The first matching row applies.
struct Rule {
  std::string_view state;  // five characters, or the two of a class
  Code code;
  std::string_view error;
  std::string_view hint;
};
constexpr std::string_view kAgain = "the same command may be run again";
constexpr std::string_view kGrant =
    "grant the user the right to create a schema in the database, or to use the existing one";
constexpr std::string_view kDamaged =
    "stop all writers and keep a copy; if the message names an index, `REINDEX SCHEMA name` in "
    "psql "
    "rebuilds it; otherwise restore a backup of the database; then `wh verify --deep`";
constexpr std::array kRules{
    Rule{"25006", Code::kPermissionDenied, kReadOnlyDatabase.code(),
         "the database was opened for reading, or the server is a standby"},
    Rule{"25P02", Code::kInternal, "WH7025", ""},
    Rule{"40001", Code::kConflict, "WH7042", "load again and redo the run"},
    Rule{"40P01", Code::kConflict, "WH7042", "load again and redo the run"},
    Rule{"42501", Code::kPermissionDenied, "WH7043", kGrant},
    Rule{"53100", Code::kUnavailable, kStorageFull.code(),
         "free some space on the server's disk and run the command again"},
    Rule{"53300", Code::kUnavailable, "WH7040", "the server has no free connection; try again"},
    Rule{"54000", Code::kInvalidInput, "WH7046", "shorten the name"},
    Rule{"55P03", Code::kUnavailable, "WH7018",
         "another process holds the write lock; try again when it is done"},
    Rule{"57014", Code::kUnavailable, "WH7015", kAgain},
    Rule{"3D000", Code::kNotFound, "WH7024", "create the database, or correct its name"},
    Rule{"23", Code::kConflict, "WH7022", ""},
    Rule{"28", Code::kPermissionDenied, "WH7043", "check the user and the password"},
    Rule{"53", Code::kUnavailable, "WH7015", kAgain},
    Rule{"58P01", Code::kCorruption, "WH7021", kDamaged},
    Rule{"58", Code::kUnavailable, "WH7015", "the server's log says which file or disk failed"},
    Rule{"XX001", Code::kCorruption, "WH7021", kDamaged},
    Rule{"XX002", Code::kCorruption, "WH7009",
         "stop all writers, keep a copy, and rebuild the indexes: `REINDEX SCHEMA name` in psql; "
         "then `wh verify --deep`"},
    Rule{"", Code::kInternal, "WH7025", ""},
};

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\t') continue;
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += "; ";
    }
  }
  while (line.ends_with("; ")) line.resize(line.size() - 2);
  return line;
}
}  // namespace

bool EndsConnection(const PostgresError& error) {
  return error.state.empty() || error.state.starts_with("08") || error.state.starts_with("57P") ||
         error.severity == "FATAL" || error.severity == "PANIC";
}

Status PostgresErrorToStatus(const PostgresError& error, std::string_view what,
                             std::string_view where) {
  const std::string message =
      fmt::format("could not {}: {}: {}", what, OneLine(error.message), where);
  if (EndsConnection(error)) {
    return Status(Code::kUnavailable, message)
        .WithError("WH7041")
        .WithHint("nothing was written; run the same command again");
  }
  const auto* rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& candidate) {
    return error.state.starts_with(candidate.state);
  });
  Status status(rule->code, message);
  if (!rule->hint.empty()) status = std::move(status).WithHint(std::string(rule->hint));
  return std::move(status).WithError(std::string(rule->error));
}

Status ConnectErrorToStatus(std::string_view message, std::string_view where) {
  constexpr std::array kRefusals{"password authentication failed", "no password supplied",
                                 "no pg_hba.conf entry", "authentication failed for user"};
  const std::string text =
      fmt::format("could not connect to the catalog's database: {}: {}", OneLine(message), where);
  for (const std::string_view refusal : kRefusals) {
    if (message.find(refusal) == std::string_view::npos) continue;
    return Status(Code::kPermissionDenied, text)
        .WithError("WH7043")
        .WithHint("check the user and the password in the project's profile");
  }
  if (message.find("does not exist") != std::string_view::npos) {
    return Status(Code::kNotFound, text)
        .WithError("WH7024")
        .WithHint("create the database and its user, or correct their names in the profile");
  }
  return Status(Code::kUnavailable, text)
      .WithError("WH7040")
      .WithHint("check that the server is running and that the project's profile has its address");
}

Status OutcomeUnknown(std::string_view why, std::string_view what, std::string_view where) {
  return Status(Code::kUnavailable, fmt::format("the outcome of a write is unknown: {}: {}: {}",
                                                what, OneLine(why), where))
      .WithError(kOutcomeUnknown)
      .WithHint("open the project again: the outcome is then looked up by its key");
}
}  // namespace weirhouse::platform
