// Checking a gate against the schemas of the project, without running anything.
#include <arrow/api.h>
#include <fmt/format.h>

#include <set>

#include "ground/base/finding/findings.h"
#include "ground/base/text.h"
#include "rules/gate/definition/binding.h"
#include "rules/gate/definition/rule.h"
#include "rules/gate/parse/parse_gates.h"

namespace weirhouse::gate {
namespace {
class GateChecker {
 public:
  GateChecker(GateDefinition& gate, const GateSchemas& schemas, platform::SqlSession& session)
      : gate_(gate), schemas_(schemas), session_(session) {}

  Status Run() {
    Binding binding(gate_.table, schemas_, session_);
    for (Check& check : gate_.checks) {
      if (!CheckColumns(check)) continue;
      const Status types = check.rule->CheckTypes(check, *schemas_.table);
      if (!types.ok()) findings_.AddAt(check.span, types);
      findings_.Add(check.rule->Bind(check, binding));
    }
    Fill();
    return findings_.Finish();
  }

 private:
  bool CheckColumns(const Check& check) {
    bool all_known = true;
    for (const ColumnUse& use : check.columns) {
      if (schemas_.table->GetFieldIndex(use.name) >= 0) continue;
      findings_.Add(UnknownColumn(use.name, gate_.table, *schemas_.table, use.span));
      all_known = false;
    }
    return all_known;
  }

  // What the engine must load, now that the SQL is known.
  void Fill() {
    std::set<std::string> columns(gate_.columns.begin(), gate_.columns.end());
    std::set<std::string> tables(gate_.tables.begin(), gate_.tables.end());
    for (const Check& check : gate_.checks) {
      if (!check.reads) continue;
      for (const SqlReads::TableRead& table : check.reads->tables) {
        const bool own =
            table.name == "this" || table.name == "this_table" || table.name == gate_.table;
        if (!own) {
          tables.insert(table.name);
        } else if (table.all_columns) {
          gate_.needs_all_columns = true;
        } else {
          columns.insert(table.columns.begin(), table.columns.end());
        }
      }
    }
    gate_.columns.assign(columns.begin(), columns.end());
    gate_.tables.assign(tables.begin(), tables.end());
  }

  GateDefinition& gate_;
  const GateSchemas& schemas_;
  platform::SqlSession& session_;
  Findings findings_;
};
}  // namespace

Status CheckGate(GateDefinition& definition, const GateSchemas& schemas,
                 platform::SqlSession& session) {
  if (schemas.table == nullptr) {
    return Status(Code::kInvalidInput, fmt::format("gate \"{}\" judges \"{}\", which is not there",
                                                   definition.name, definition.table))
        .WithError("WH3007")
        .WithSpan(definition.span)
        .WithHint(DidYouMean(definition.table, schemas.known_tables));
  }
  return GateChecker(definition, schemas, session).Run();
}
}  // namespace weirhouse::gate
