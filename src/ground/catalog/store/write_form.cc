#include "ground/catalog/store/write_form.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse::catalog {
namespace {
Status UnknownForm(std::string_view sql, std::string_view why) {
  return Status(Code::kInternal,
                fmt::format("cannot keep the tally of a statement: {}: \"{}\"", why, sql))
      .WithError("WH7085");
}

// Calls `visit(position)` for each character outside of quotes, with the depth of parentheses
// before it, until it answers true.
template <typename Visit>
std::size_t FindOutside(std::string_view sql, const Visit& visit) {
  int depth = 0;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    if (sql[at] == '\'') {
      at = std::min(sql.find('\'', at + 1), sql.size());  // a doubled quote opens the next text
      continue;
    }
    if (visit(at, depth)) return at;
    if (sql[at] == '(') ++depth;
    if (sql[at] == ')') --depth;
  }
  return std::string_view::npos;
}

// The position of `word` between blanks, outside quotes and parentheses.
std::size_t FindWord(std::string_view sql, std::string_view word) {
  const std::string spaced = fmt::format(" {} ", word);
  return FindOutside(sql, [&](std::size_t at, int depth) {
    return depth == 0 && sql.substr(at, spaced.size()) == spaced;
  });
}

std::size_t CountParameters(std::string_view sql) {
  std::size_t count = 0;
  FindOutside(sql, [&](std::size_t at, int) {
    if (sql[at] == '?') ++count;
    return false;
  });
  return count;
}

// "a, f(b, c)" as its parts.
std::vector<std::string> Listed(std::string_view text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    parts.emplace_back(Trim(text.substr(begin, end - begin)));
    begin = end + 1;
  };
  FindOutside(text, [&](std::size_t at, int depth) {
    if (depth == 0 && text[at] == ',') add(at);
    return false;
  });
  add(text.size());
  return parts;
}

// The text between the next pair of parentheses at or after `from`; `end` is one past it.
std::string_view Bracketed(std::string_view sql, std::size_t from, std::size_t* end) {
  const std::size_t open = sql.find('(', from);
  if (open == std::string_view::npos) return {};
  const std::string_view rest = sql.substr(open + 1);
  const std::size_t close =
      FindOutside(rest, [&](std::size_t at, int depth) { return depth == 0 && rest[at] == ')'; });
  if (close == std::string_view::npos) return {};
  *end = open + 1 + close + 1;
  return rest.substr(0, close);
}

std::string NextWord(std::string_view sql, std::size_t from) {
  return std::string(sql.substr(from, sql.find_first_of(" (", from) - from));
}

Status ReadMatches(std::string_view sql, std::size_t conflict, WriteForm& form) {
  std::size_t end = 0;
  const std::vector<std::string> columns = Listed(Bracketed(sql, 0, &end));
  const std::size_t values = FindWord(sql, "VALUES");
  if (values == std::string_view::npos || values < end) {
    return UnknownForm(sql, "ON CONFLICT DO UPDATE without VALUES");
  }
  std::size_t row_end = end;
  const std::vector<std::string> row = Listed(Bracketed(sql, values, &row_end));
  if (row.size() != columns.size() || row_end > conflict ||
      !Trim(sql.substr(row_end, conflict - row_end)).empty()) {
    return UnknownForm(sql, "ON CONFLICT DO UPDATE without one row of VALUES");
  }
  for (const std::string& column : Listed(Bracketed(sql, conflict, &end))) {
    const auto found = std::find(columns.begin(), columns.end(), column);
    if (found == columns.end()) return UnknownForm(sql, "a column of ON CONFLICT has no value");
    const auto place = static_cast<std::size_t>(found - columns.begin());
    WriteForm::Match match{column, 0, {}};
    for (std::size_t i = 0; i < place; ++i) match.parameter += CountParameters(row[i]);
    if (row[place] != "?") match.literal = row[place];
    form.matches.push_back(std::move(match));
  }
  return Status::Ok();
}

Status ReadInsert(std::string_view sql, WriteForm& form) {
  form.kind = WriteForm::Kind::kInsert;
  const std::size_t conflict = FindWord(sql, "ON CONFLICT");
  if (conflict == std::string_view::npos) return Status::Ok();
  if (sql.find(" DO UPDATE ", conflict) == std::string_view::npos) return Status::Ok();
  form.kind = WriteForm::Kind::kUpsert;
  return ReadMatches(sql, conflict, form);
}

void ReadUpdate(std::string_view sql, WriteForm& form) {
  constexpr std::string_view kWhere = " WHERE ";
  form.kind = WriteForm::Kind::kUpdate;
  const std::size_t where = FindWord(sql, "WHERE");
  if (where == std::string_view::npos) return;
  form.where = sql.substr(where + kWhere.size());
  form.where_parameter = CountParameters(sql.substr(0, where));
}
}  // namespace

Result<WriteForm> ParseWriteForm(std::string_view sql) {
  constexpr std::string_view kInsert = "INSERT INTO ";
  constexpr std::string_view kUpdate = "UPDATE ";
  constexpr std::string_view kDelete = "DELETE FROM ";
  constexpr std::string_view kReturning = " RETURNING ";
  WriteForm form;
  std::string_view body = sql;
  if (const std::size_t at = FindWord(sql, "RETURNING"); at != std::string_view::npos) {
    form.answer = Listed(sql.substr(at + kReturning.size()));
    body = sql.substr(0, at);
  }
  form.statement = body;
  if (body.starts_with(kInsert)) {
    form.table = NextWord(body, kInsert.size());
    WEIRHOUSE_TRY_STATUS(ReadInsert(body, form));
  } else if (body.starts_with(kUpdate)) {
    form.table = NextWord(body, kUpdate.size());
    ReadUpdate(body, form);
  } else if (body.starts_with(kDelete)) {
    form.table = NextWord(body, kDelete.size());
    form.kind = WriteForm::Kind::kDelete;
  } else if (body.starts_with("WITH ") || body.starts_with("REPLACE ") ||
             body.starts_with("INSERT ") || body.starts_with("MERGE ")) {
    return UnknownForm(sql, "its form is not supported");
  }
  return form;
}
}  // namespace weirhouse::catalog
