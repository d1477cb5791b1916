// The training set of the flights example from its tables as Parquet files; the peer is DuckDB on
// the same files (training_set_bench.py).
//
//   training_set_bench --step features --project DIR --data DIR   source tables → feature tables
//   training_set_bench --step join --project DIR --data DIR       spine + features → training set
#include <arrow/api.h>
#include <fmt/format.h>

#include <filesystem>

#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/process/heap.h"
#include "ground/platform/sql/sql.h"
#include "measure.h"
#include "rules/feature/rows/rows.h"
#include "rules/feature/training/training_set.h"
#include "work/project/project.h"

namespace weirhouse::bench {
namespace {
std::shared_ptr<arrow::Table> ReadFile(const std::string& path) {
  return Must(platform::ReadParquet(platform::LocalStore(), path, {}));
}
void WriteFile(const std::string& path, const arrow::Table& rows,
               const platform::ParquetOptions& options = {}) {
  Must(platform::LocalStore().Delete(path));
  Must(platform::WriteParquet(platform::LocalStore(), path, rows, options));
}
std::string FeaturePath(const std::string& data, const feature::FeatureView& view) {
  return fmt::format("{}/{}.parquet", data, view.table_name());
}
std::vector<std::string> KeyOf(const work::ProjectDefinition& project, const std::string& source) {
  for (const auto& transform : project.transforms) {
    if (source == transform.definition.name() || source == transform.definition.history_table()) {
      return transform.definition.key_columns();
    }
  }
  Fail(Status(Code::kNotFound, "no transform makes " + source));
}

void MakeFeatures(const work::ProjectDefinition& project, const std::string& data) {
  const auto engine = Must(platform::SqlEngine::Open({}));
  const auto session = Must(engine->Connect());
  const Stopwatch watch;
  std::int64_t count = 0;
  for (const feature::ViewPlan& plan : project.view_plans) {
    if (plan.view.is_request()) continue;
    const auto source = ReadFile(fmt::format("{}/{}.parquet", data, plan.view.source));
    const auto rows =
        Must(feature::BuildFeatureRows(plan, source, KeyOf(project, plan.view.source), *session));
    platform::ParquetOptions options;
    options.delta_columns = feature::FeatureDeltaColumns();
    WriteFile(FeaturePath(data, plan.view), *rows, options);
    count += rows->num_rows();
  }
  Report({{"name", "features"},
          {"rows", count},
          {"wall_ms", watch.WallMs()},
          {"cpu_ms", watch.CpuMs()},
          {"peak_mb", PeakMemoryMb()}});
}

void Join(const work::ProjectDefinition& project, const std::string& data) {
  const feature::TrainingSetDefinition* definition = project.FindTrainingSet("late_v1");
  WEIRHOUSE_CHECK(definition != nullptr);
  const auto engine = Must(platform::SqlEngine::Open({}));
  const auto session = Must(engine->Connect());
  const Stopwatch all;
  double reading = 0;
  const feature::FeatureProvider provider =
      [&](const feature::FeatureView& view) -> Result<std::shared_ptr<arrow::Table>> {
    const Stopwatch watch;
    auto rows = ReadFile(FeaturePath(data, view));
    reading += watch.WallMs();
    return rows;
  };
  const auto spine = ReadFile(data + "/spine.parquet");
  const feature::TrainingSetResult built = Must(
      feature::BuildTrainingSet(*definition, project.views, spine, provider, session.get(), {}));
  const Stopwatch writing;
  WriteFile(data + "/ours.parquet", *built.rows);
  Report({{"name", "join"},
          {"rows", built.rows->num_rows()},
          {"features", built.feature_columns.size()},
          {"wall_ms", all.WallMs()},
          {"cpu_ms", all.CpuMs()},
          {"reading_ms", reading},
          {"writing_ms", writing.WallMs()},
          {"peak_mb", PeakMemoryMb()}});
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  weirhouse::platform::ShareOneHeap();  // as the product's entry does
  using namespace weirhouse;
  const bench::Arguments arguments(argc, argv, {"--step", "--project", "--data"});
  const auto project = bench::Must(work::LoadProject(arguments.Text("--project"), ""));
  if (arguments.Text("--step") == "features") {
    bench::MakeFeatures(*project, arguments.Text("--data"));
  } else {
    bench::Join(*project, arguments.Text("--data"));
  }
  return 0;
}
