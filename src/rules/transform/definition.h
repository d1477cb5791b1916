// A processed table as its SQL file defines it: a header of `-- wh:` comments and one SELECT.
//
//   -- wh: table processed.arrival; key flight_id; order reported_at; event arrived_at
//   -- wh: partition month(arrived_at); mode incremental; history keep     -- a remark
//   SELECT …
//
// A table that other engines write, through the REST catalog, has only a header; its columns are
// those of a contract:
//
//   -- wh: table processed.trips; key trip_id; event at; known known_at; partition day(at)
//   -- wh: mode external; contract trips
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/name.h"
#include "ground/base/status.h"

namespace weirhouse::transform {

inline constexpr std::size_t kDefinitionBytesMax = 1 << 20;

enum class Mode : std::uint8_t {
  kIncremental,
  kFull,
  kExternal,  // other engines write it
};
enum class History : std::uint8_t { kNone, kKeep };

// A name in the header and its place.
struct HeaderName {
  std::string name;
  SourceSpan span;
};

// A value: parsing needs nothing but the text.
struct TransformDefinition {
  std::string path;
  std::string text;                   // the whole file; positions in errors refer to it
  HeaderName table;                   // "processed.arrival"
  std::vector<HeaderName> key;        // one or more
  bool order_by_arrival = false;      // `order arrival`: the later record wins
  std::vector<HeaderName> order;      // empty = the content digest alone decides
  std::optional<HeaderName> event;    // event time column
  std::optional<HeaderName> known;    // known time column
  std::vector<HeaderName> partition;  // "month(arrived_at)", "origin"
  Mode mode = Mode::kIncremental;
  History history = History::kNone;
  std::optional<HeaderName> contract;  // mode external: the contract of its columns
  std::string owner;
  // Over what decides the rows: the header in one canonical form (without the owner) and the SQL's
  // tokens. Blanks, comments and the order of header words do not change it.
  Digest digest;

  bool is_external() const { return mode == Mode::kExternal; }
  const std::string& name() const { return table.name; }
  std::string history_table() const { return HistoryOf(table.name); }
  std::vector<std::string> key_columns() const;
  std::vector<std::string> order_columns() const;
  std::vector<std::string> partition_expressions() const;
};

// Parses one SQL file; `path` is used in messages only. Reports every error of the header (WH2101)
// with its place.
Result<TransformDefinition> ParseTransform(std::string_view text, const std::string& path);

// Tables that the SQL names as schema.table, in lower case, sorted, each once. Found among the
// tokens, so `processed.x` in a column reference counts too; good enough for ordering and for
// `plan`.
std::vector<std::string> NamedTables(const TransformDefinition& definition);

// Indexes of `definitions` in an order in which each comes after those whose table (or history
// table) it reads; ties by table name, so that the order is always the same. A cycle is WH2110 and
// names its members; a table defined twice is WH2101.
Result<std::vector<std::size_t>> OrderTransforms(std::span<const TransformDefinition> definitions);
}  // namespace weirhouse::transform
