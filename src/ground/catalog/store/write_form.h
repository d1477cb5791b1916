// What a writing statement of the catalog does to which rows, read from its text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// The statements are ours, so that only what we write has to be understood: one of INSERT, UPDATE
// and DELETE, keywords in capitals, `ON CONFLICT (…) DO UPDATE` after one row of VALUES.
struct WriteForm {
  enum class Kind : std::uint8_t { kOther, kInsert, kUpsert, kUpdate, kDelete };
  // One column that tells which row an upsert replaces.
  struct Match {
    std::string column;
    std::size_t parameter = 0;  // of the statement, if `literal` is empty
    std::string literal;        // as SQL writes it
  };

  Kind kind = Kind::kOther;  // kOther: it writes no rows
  std::string table;
  std::string statement;            // without RETURNING
  std::vector<std::string> answer;  // what RETURNING names, to be returned first
  std::string where;                // of an UPDATE, without the word; empty: every row
  std::size_t where_parameter = 0;  // the first of its parameters
  std::vector<Match> matches;       // of an upsert
};

// kInternal (WH7085) for a writing statement of another form.
Result<WriteForm> FormOf(std::string_view sql);
}  // namespace weirhouse::catalog
