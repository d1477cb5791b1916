// What the tests of table/ share: a small table in a scratch folder and short ways to change it.
#pragma once

#include <arrow/api.h>

#include <nlohmann/json.hpp>

#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/iceberg/update/requirement_json.h"
#include "ground/iceberg/update/update_json.h"
#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::iceberg {

using testing::RowsAsJson;
using testing::TableOf;

inline std::shared_ptr<arrow::Schema> FlightSchema() {
  return arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false),
                        arrow::field("origin", arrow::utf8()),
                        arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                        arrow::field("delay", arrow::float64())});
}

// What a REST client's request does, from its JSON on.
inline Result<UpdatedMetadata> ApplyRequest(const TableMetadata* base, const std::string& name,
                                            const nlohmann::json& updates, ProcessTime now) {
  WEIRHOUSE_TRY(const std::vector<Update> read, ParseUpdates(updates));
  return ApplyUpdates(base, name, read, now);
}
inline Status CheckRequest(const TableMetadata* current, const nlohmann::json& requirements) {
  WEIRHOUSE_TRY(const std::vector<Requirement> read, ParseRequirements(requirements));
  return CheckRequirements(current, read);
}
inline Result<TableMetadata> MetadataOfRequest(const nlohmann::json& request,
                                               const std::string& name, const std::string& location,
                                               Random& random, ProcessTime now) {
  WEIRHOUSE_TRY(WantedTable wanted, ParseWantedTable(request, name));
  if (!wanted.location) wanted.location = location;
  return MakeTableMetadata(wanted, name, random, now);
}

class TableTest : public ::testing::Test {
 protected:
  platform::ObjectStore& store() { return platform::LocalStore(); }
  ProcessTime now() const { return now_; }

  TablePtr NewFlights(const std::vector<std::string>& partitioning = {"month(at)"},
                      const std::shared_ptr<arrow::Schema>& arrow_schema = FlightSchema(),
                      const std::vector<std::string>& sort = {}) {
    NewTable table;
    table.name = "processed.flight";
    table.location = scratch_ / "processed/flight";
    table.schema = Schema::FromArrow(*arrow_schema).value();
    table.spec = ParsePartitioning(partitioning, table.schema).value();
    table.sort_columns = sort;
    ManualClock clock(now_);
    return MakeTable(table, random_, clock).value();
  }

  StageOptions Options(const std::string& run = "r1") {
    now_ += std::chrono::seconds(1);
    StageOptions options;
    options.run_name = run;
    options.idempotency_key = "key-" + run;
    options.now = now_;
    return options;
  }

  std::shared_ptr<arrow::Table> Rows(const std::string& json) {
    return TableOf(FlightSchema(), json);
  }

  StagedTable Append(const TablePtr& base, const std::string& json, const std::string& run = "r1") {
    StagedWrite write(store(), base, random_, Options(run));
    EXPECT_OK(write.Append(*Rows(json)));
    return write.Finish().value();
  }

  // Rows of `table` with where they are, in scan order.
  std::shared_ptr<arrow::Table> Read(const TablePtr& table, ScanOptions options = {}) {
    return Scan::Plan(store(), table, options).value().ReadAll().value();
  }

  // The positions of rows whose `id` is in `ids`.
  std::vector<RowPosition> Find(const TablePtr& table, const std::set<std::int64_t>& ids) {
    ScanOptions options;
    options.columns = {"id"};
    options.with_file_position = true;
    const auto rows = Read(table, options);
    std::vector<RowPosition> found;
    for (std::int64_t i = 0; i < rows->num_rows(); ++i) {
      const auto id = rows->column(0)->GetScalar(i).ValueOrDie();
      if (!ids.contains(static_cast<const arrow::Int64Scalar&>(*id).value)) continue;
      const auto position = rows->GetColumnByName("_pos")->GetScalar(i).ValueOrDie();
      found.push_back({rows->GetColumnByName("_file")->GetScalar(i).ValueOrDie()->ToString(),
                       static_cast<const arrow::Int64Scalar&>(*position).value});
    }
    return found;
  }

  // The ids of a table's rows, sorted: "1 2 3".
  std::string Ids(const TablePtr& table, ScanOptions options = {}) {
    options.columns = {"id"};
    const auto rows = Read(table, options);
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < rows->num_rows(); ++i) {
      ids.push_back(
          static_cast<const arrow::Int64Scalar&>(*rows->column(0)->GetScalar(i).ValueOrDie())
              .value);
    }
    std::sort(ids.begin(), ids.end());
    std::string text;
    for (const std::int64_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
    return text;
  }

  testing::ScratchFolder scratch_;
  SeededRandom random_{7};
  ProcessTime now_ = ProcessTimeOfMicros(1'388'534'400'000'000);
};
}  // namespace weirhouse::iceberg
