// Readings of devices, and tables one over another: what the tests of chains and rebuilds share.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ground/platform/db/sqlite.h"
#include "testing/testing.h"
#include "work/lineage/rebuild_check.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {

inline constexpr char kChainProject[] = R"(
name: chain
clock: replay
sources:
  ev: { landing: landing/ev/, format: jsonl, contract: ev, batch: { by: name, pattern: '{date}' } }
seeds: { s: seeds/s.csv }
)";
inline constexpr char kChainContract[] = R"(
apiVersion: v3.1.0
kind: DataContract
id: ev
version: 1.0.0
status: active
schema:
  - name: ev
    logicalType: object
    properties:
      - { name: id, logicalType: integer, required: true }
      - { name: k, logicalType: string }
      - { name: o, logicalType: integer }
      - { name: v, logicalType: integer }
      - { name: b, logicalType: boolean }
      - { name: at, logicalType: timestamp }
)";

struct ChainTest : ::testing::Test {
  weirhouse::testing::ScratchFolder scratch;
  std::unique_ptr<Workspace> workspace;
  int day = 0;

  void Write(const std::string& path, const std::string& bytes) {
    weirhouse::testing::WriteFile(scratch / path, bytes);
  }
  void SetUp() override {
    Write("weirhouse.yaml", kChainProject);
    Write("contracts/ev.odcs.yaml", kChainContract);
    Write("seeds/s.csv", "k,w\na,1\nb,2\n");
  }
  // "key id; order o" and the SELECT.
  void Table(const std::string& name, const std::string& words, const std::string& select) {
    Write("processed/" + name + ".sql",
          fmt::format("-- wh: table processed.{}; {}\n{}\n", name, words, select));
  }
  // Counts and sums `v` of each `k` over the last day.
  void View(const std::string& name, const std::string& source) {
    Write("features/" + name + ".yaml",
          fmt::format("feature_view: {}\nversion: 1\nentity: {{ k: string }}\nsource: {}\n"
                      "event_time: at\nknown_time: at\nwindows: [24h]\n"
                      "features: {{ n: {{ agg: count }}, total: {{ agg: sum, of: v }} }}\n"
                      "online: {{ fill: stream }}\n",
                      name, source));
  }
  void Start() {
    auto project = LoadProject(scratch.path().string(), "");
    ASSERT_OK(project);
    ASSERT_OK(InitializeState(**project));
    ASSERT_OK_AND(workspace, Workspace::Open(*project, Access::kWrite));
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
  }
  void Reopen() {
    workspace.reset();
    auto project = LoadProject(scratch.path().string(), "");
    ASSERT_OK(project);
    ASSERT_OK_AND(workspace, Workspace::Open(*project, Access::kWrite));
  }
  static std::string Event(int id, const std::string& k, int o, int v, bool b = true) {
    return fmt::format(R"({{"id":{},"k":"{}","o":{},"v":{},"b":{},"at":"2024-01-01T{:02}:00:00Z"}})"
                       "\n",
                       id, k, o, v, b, o % 24);
  }
  RunSummary Batch(const std::string& lines) {
    Write(fmt::format("landing/ev/2024-01-{:02}.jsonl", ++day), lines);
    auto summary = RunPending(*workspace, NoProgress());
    EXPECT_OK(summary);
    return summary.ok() ? *std::move(summary) : RunSummary();
  }
  // The declared columns of each row, sorted: "1 a 2 6 true".
  std::vector<std::string> Rows(const std::string& table) {
    const auto rows = workspace->ReadTable(table);
    EXPECT_OK(rows);
    std::vector<std::string> lines;
    if (!rows.ok()) return lines;
    for (std::int64_t row = 0; row < (*rows)->num_rows(); ++row) {
      std::string line;
      for (const auto& column : (*rows)->columns())
        line += (line.empty() ? "" : " ") + column->GetScalar(row).ValueOrDie()->ToString();
      lines.push_back(std::move(line));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  // As if the object at `path` had arrived with other bytes, of the same length.
  void WriteRaw(const std::filesystem::path& path, const std::string& bytes) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    weirhouse::testing::WriteFile(path, bytes);
    ASSERT_OK_AND(const auto catalog,
                  platform::Sqlite::Open(scratch / ".weirhouse/catalog.db", /*read_only=*/false));
    ASSERT_OK(catalog->Run("UPDATE object SET digest = ? WHERE digest = ?",
                           {Sha256Of(bytes).ToHex(), path.filename().string()}));
  }
  RebuildReport Compare(const std::string& table = {}) {
    RebuildCheck check;
    check.table = table;
    auto report = CheckRebuild(*workspace, check, NoProgress());
    EXPECT_OK(report);
    return report.ok() ? *std::move(report) : RebuildReport();
  }
  // Every difference in a line, for the message of a failing test.
  static std::string Show(const RebuildReport& report) {
    std::string text;
    for (const TableDifference& table : report.tables) {
      for (const RowDifference& row : table.first) {
        text += fmt::format("{}:\n stored {}\n rebuilt {}\n", table.table,
                            row.stored == nullptr ? "-" : row.stored->ToString(),
                            row.rebuilt == nullptr ? "-" : row.rebuilt->ToString());
      }
    }
    for (const StateDifference& state : report.states)
      text += fmt::format("{} {}: {} {} {}\n", state.source, state.table, state.state,
                          state.counted, state.rebuilt);
    for (const LoserDifference& loser : report.losers)
      text += fmt::format("loser {} of {}: {}, rebuilt {}\n", loser.record.value(), loser.table,
                          loser.stored, loser.rebuilt);
    for (const QuarantineDifference& row : report.quarantine)
      text += fmt::format("quarantine {} #{} {}: {}, rebuilt {}\n", row.object,
                          row.ordinal.value_or(-1), row.reason, row.stored, row.rebuilt);
    for (const OnlineDifference& view : report.online)
      for (const std::string& line : view.first) text += line + "\n";
    for (const std::string& note : report.notes) text += note + "\n";
    return text;
  }
  void ExpectRebuilt() {
    const RebuildReport report = Compare();
    EXPECT_TRUE(report.same()) << Show(report);
    EXPECT_TRUE(report.notes.empty()) << Show(report);
  }
};
}  // namespace weirhouse::work
