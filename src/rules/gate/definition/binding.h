// Checking a gate against the tables of the project: what a check may ask while it is bound.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/gate/definition/sql_reference.h"

namespace arrow {
class Schema;
}  // namespace arrow
namespace weirhouse::platform {
class SqlSession;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

// What is known of the project.
struct GateSchemas {
  std::shared_ptr<arrow::Schema> table;  // of the gated table or records
  // The schema of another table by its name in SQL, or nullptr.
  std::function<std::shared_ptr<arrow::Schema>(const std::string& name)> other;
  std::vector<std::string> known_tables;  // for suggestions
};

// WH3004 at `span`, with a suggestion.
Status UnknownColumn(const std::string& name, const std::string& table, const arrow::Schema& schema,
                     const SourceSpan& span);

// Where SQL stands in the file: `text` is what is written there, `offset` bytes into the query.
struct SqlPlace {
  const SourceSpan& span;
  std::string_view text;
  int offset = 0;
};
// `status`, of the SQL at `place`, as people see it: WH3006 unless it has a code of gates.
Status RefuseSql(const SqlPlace& place, const Status& status);

// The tables that the checks of one gate may name. Registers empty ones in the session, and takes
// them out again when it goes. Threads: one. All arguments must outlive it.
class Binding {
 public:
  Binding(const std::string& table, const GateSchemas& schemas, platform::SqlSession& session)
      : table_(table), schemas_(schemas), session_(session) {}
  ~Binding();
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

  platform::SqlSession& session() { return session_; }
  const arrow::Schema& own() const { return *schemas_.table; }
  // The schema of a table that a check names: "this", "processed.plane"; nullptr: there is none.
  std::shared_ptr<arrow::Schema> SchemaOf(const std::string& table) const;
  // Outside of SQL a name is spelled as it was given.
  bool IsSpelled(const std::string& table) const;
  Status UnknownTable(const std::string& name, const SourceSpan& span) const;
  // Registers empty tables of the right shape under the names that are read, which become those
  // that the project writes: SQL is blind to case.
  Status RegisterTables(SqlReads& reads, const SqlPlace& place);

 private:
  std::string CanonicalName(const std::string& name) const;

  const std::string& table_;
  const GateSchemas& schemas_;
  platform::SqlSession& session_;
  std::set<std::string> registered_;
};
}  // namespace weirhouse::gate
