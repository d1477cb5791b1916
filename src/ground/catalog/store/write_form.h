// Parses a writing statement of the catalog: which rows it changes, and how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// All statements are ours, so only their forms are supported: one INSERT, UPDATE or DELETE,
// keywords in capitals, `ON CONFLICT (…) DO UPDATE` only after one row of VALUES.
struct WriteForm {
  enum class Kind : std::uint8_t { kOther, kInsert, kUpsert, kUpdate, kDelete };
  // One column of the key by which an upsert finds the row to replace.
  struct Match {
    std::string column;
    std::size_t parameter = 0;  // of the statement, if `literal` is empty
    std::string literal;        // as SQL writes it
  };

  Kind kind = Kind::kOther;  // kOther: it writes no rows
  std::string table;
  std::string statement;            // without RETURNING
  std::vector<std::string> answer;  // the columns of RETURNING, returned first
  std::string where;                // of an UPDATE, without the word; empty: every row
  std::size_t where_parameter = 0;  // the first of its parameters
  std::vector<Match> matches;       // of an upsert
};

// kInternal (WH7085) for a writing statement of another form.
Result<WriteForm> ParseWriteForm(std::string_view sql);
}  // namespace weirhouse::catalog
