// Point-in-time joins of generated labels and rows; the peers are Polars, DuckDB and Feast on the
// same rows (join_bench.py).
//
//   join_bench --step tables --data DIR --rows TAG [--batches N]               rows → feature tables
//   join_bench --step join --data DIR --rows TAG --labels TAG --kind KIND      labels → Arrow
//
// The feature tables are those of the product: made of their source by BuildFeatureRows, in batches,
// each a sorted run of an Iceberg table. Of each there are two kinds: "history" has all versions of a
// row, "upsert" has position deletes for those that were replaced, and says that its keys are unique.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <tuple>

#include "ground/base/random.h"
#include "ground/base/time.h"
#include "ground/iceberg/caching_store.h"
#include "ground/iceberg/table.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/process/heap.h"
#include "ground/platform/sql/sql.h"
#include "measure.h"
#include "rules/feature/rows/rows.h"
#include "rules/feature/training/table_pieces.h"
#include "rules/feature/training/training_set.h"

namespace weirhouse::bench {
namespace {
constexpr int kViews = 2;
constexpr int kFeatures = 5;

std::vector<feature::FeatureView> Views() {
  std::string yaml;
  for (int v = 1; v <= kViews; ++v) {
    yaml += fmt::format(
        "---\nfeature_view: fv{0}\nversion: 1\nentity: {{ driver_id: integer }}\nsource: "
        "processed.v{0}\nevent_time: event_timestamp\nknown_time: created\nas_of: latest\nttl: "
        "168h\nfeatures:\n",
        v);
    for (int f = 0; f < kFeatures; ++f)
      yaml += fmt::format("  f{1}: {{ agg: latest, of: v{0}_f{1} }}\n", v, f);
  }
  return Must(feature::ParseFeatureViews(yaml, "features/join.yaml"));
}

feature::ViewPlan PlanOf(const feature::FeatureView& view) {
  using feature::ValueType;
  std::vector<ValueType> types(kFeatures, ValueType::kInt64);
  std::fill(types.begin(), types.begin() + 3, ValueType::kDouble);
  return Must(feature::PlanView(view, types));
}

// Where the metadata of a table lies is kept in a file, for want of a catalog.
std::string FolderOf(const std::string& data, const feature::FeatureView& view,
                     const std::string& rows) {
  return fmt::format("{}/{}_{}", data, view.table_name(), rows);
}
void Point(const std::string& folder, const std::string& kind, const iceberg::TablePtr& table) {
  std::ofstream(folder + "." + kind) << table->metadata_location;
}
iceberg::TablePtr TableOf(const std::string& folder, const std::string& kind) {
  std::string location;
  std::ifstream(folder + "." + kind) >> location;
  return Must(iceberg::LoadTable(platform::LocalStore(), "feature.view", location));
}

iceberg::StageOptions Stage() {
  iceberg::StageOptions stage;
  stage.run_name = "r1";
  stage.idempotency_key = "bench";
  stage.now = SystemClock().Now();
  return stage;
}

const std::int64_t* Integers(const arrow::Table& rows, const char* column) {
  return rows.GetColumnByName(column)->chunk(0)->data()->GetValues<std::int64_t>(1);
}

// What an upsert deletes: rows that another row of their key is newer than.
std::vector<iceberg::RowPosition> Replaced(const iceberg::TablePtr& table) {
  iceberg::ScanOptions options;
  options.columns = {"driver_id", "event_time", "known_time"};
  const auto scan = Must(iceberg::Scan::Plan(platform::LocalStore(), table, options));
  struct Version {
    std::int64_t driver, event, known;
    std::int64_t position;
    const std::string* file;
  };
  std::vector<Version> versions;
  for (const auto& task : scan.tasks()) {
    const auto rows = Must(scan.Read(task))->CombineChunks().ValueOrDie();
    for (std::int64_t i = 0; i < rows->num_rows(); ++i) {
      versions.push_back({Integers(*rows, "driver_id")[i], Integers(*rows, "event_time")[i],
                          Integers(*rows, "known_time")[i], i, &task.file.path});
    }
  }
  std::sort(versions.begin(), versions.end(), [](const Version& a, const Version& b) {
    return std::tie(a.driver, a.event, a.known) < std::tie(b.driver, b.event, b.known);
  });
  std::vector<iceberg::RowPosition> positions;
  for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
    if (versions[i].driver == versions[i + 1].driver && versions[i].event == versions[i + 1].event)
      positions.push_back({*versions[i].file, versions[i].position});
  }
  return positions;
}

void WriteTable(const feature::FeatureView& view, const std::string& data, const std::string& rows,
                std::int64_t batches, platform::SqlSession& session) {
  const feature::ViewPlan plan = PlanOf(view);
  iceberg::CachingStore store(platform::LocalStore());
  SeededRandom random(7);
  const std::string folder = FolderOf(data, view, rows);
  const auto source = Must(platform::ReadParquet(
      store, fmt::format("{}/v{}_{}.parquet", data, view.name.substr(2), rows), {}));
  const std::int64_t count = source->num_rows();
  iceberg::NewTable wanted;
  wanted.name = view.table_name();
  wanted.location = folder;
  wanted.schema = Must(iceberg::Schema::FromArrow(*feature::FeatureTableSchema(plan)));
  wanted.sort_columns = feature::FeatureSortColumns(plan);
  iceberg::TablePtr table = Must(iceberg::MakeTable(wanted, random, SystemClock()));
  platform::ParquetOptions parquet;
  parquet.delta_columns = feature::FeatureDeltaColumns();
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    const std::int64_t begin = count * batch / batches;
    const auto landed = source->Slice(begin, count * (batch + 1) / batches - begin);
    const auto made =
        Must(feature::BuildFeatureRows(plan, landed, {"driver_id", "event_timestamp"}, session));
    iceberg::StagedWrite write(store, table, random, Stage());
    Must(write.Append(*made, parquet));
    table = Must(write.Finish()).table;
  }
  Point(folder, "history", table);
  iceberg::StagedWrite write(store, table, random, Stage());
  Must(write.DeleteRows(Replaced(table)));
  Point(folder, "upsert", Must(write.Finish()).table);
}

void MakeTables(const Arguments& arguments) {
  const std::string data = arguments.Text("--data");
  const auto engine = Must(platform::SqlEngine::Open({}));
  const auto session = Must(engine->Connect());
  const Stopwatch watch;
  for (const feature::FeatureView& view : Views()) {
    WriteTable(view, data, arguments.Text("--rows"), arguments.Number("--batches", 20), *session);
  }
  Report({{"name", "tables"}, {"cpu_ms", watch.CpuMs()}, {"peak_mb", PeakMemoryMb()}});
}

double Sum(const arrow::Table& rows, const std::string& column) {
  double sum = 0;
  for (const auto& chunk : rows.GetColumnByName(column)->chunks()) {
    for (std::int64_t i = 0; i < chunk->length(); ++i) {
      if (chunk->IsNull(i)) continue;
      sum += chunk->type_id() == arrow::Type::DOUBLE
                 ? static_cast<const arrow::DoubleArray&>(*chunk).Value(i)
                 : static_cast<double>(static_cast<const arrow::Int64Array&>(*chunk).Value(i));
    }
  }
  return sum;
}

void Join(const Arguments& arguments) {
  const std::string data = arguments.Text("--data");
  const std::string kind = arguments.Text("--kind");
  iceberg::CachingStore store(platform::LocalStore());
  auto definition = Must(feature::ParseTrainingSets(
      "{ training_set: s, spine: select 1, time: event_timestamp, label: label, features: "
      "['fv1@1:*', 'fv2@1:*'] }",
      "training_sets/s.yaml"))[0];
  const Stopwatch watch;
  const auto spine = Must(platform::ReadParquet(
      store, fmt::format("{}/e_{}.parquet", data, arguments.Text("--labels")), {}));
  feature::TrainingSetOptions options;
  options.keep_input_order = true;
  options.pieces = [&](const feature::FeatureView& view)
      -> Result<std::shared_ptr<const feature::FeaturePieces>> {
    const auto table = TableOf(FolderOf(data, view, arguments.Text("--rows")), kind);
    std::vector<std::string> columns;
    const auto schema = feature::FeatureTableSchema(PlanOf(view));
    for (const auto& field : schema->fields()) columns.push_back(field->name());
    return feature::OpenPieces(store, table, table->current_snapshot()->id, columns,
                               kind == "upsert");
  };
  const auto views = Views();
  const auto built =
      Must(feature::BuildTrainingSet(definition, views, spine, {}, nullptr, options));
  const double cpu_ms = watch.CpuMs();
  const double wall_ms = watch.WallMs();
  const auto present = [&](const std::string& column) {
    return built.rows->num_rows() - built.rows->GetColumnByName(column)->null_count();
  };
  Report({{"name", "join"},
          {"rows", built.rows->num_rows()},
          {"m1", present("fv1.f0")},
          {"m2", present("fv2.f0")},
          {"s1", Sum(*built.rows, "fv1.f0")},
          {"s2", Sum(*built.rows, "fv2.f4")},
          {"wall_ms", wall_ms},
          {"cpu_ms", cpu_ms},
          {"peak_mb", PeakMemoryMb()}});
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  weirhouse::platform::ShareOneHeap();  // as the product's entry does
  using namespace weirhouse;
  const bench::Arguments arguments(
      argc, argv, {"--step", "--data", "--rows", "--labels", "--kind", "--batches"});
  if (arguments.Text("--step") == "tables") {
    bench::MakeTables(arguments);
  } else {
    bench::Join(arguments);
  }
  return 0;
}
