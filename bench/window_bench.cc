// Window features of many labels from a feature table in Parquet to columns in memory; the peer is
// DuckDB's RANGE windows over the same events (window_bench.py, which makes the files).
//
//   window_bench --data DIR --out FILE   DIR/feature-*.parquet, DIR/labels.parquet → columns
//
// The files hold a view's rows as its table does, sorted by entity, each file another range of
// entities; nothing was replaced or deleted, so that their keys and digests need not be read. One
// file is in memory at a time. Everything from the first byte read to the last column is measured;
// FILE is written afterwards, to be compared.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <tuple>

#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/process/heap.h"
#include "measure.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::bench {
namespace {
constexpr char kView[] = R"(
feature_view: spend
version: 1
entity: { k: integer }
source: processed.event_history
event_time: event_time
known_time: event_time
windows: [1h, 24h, 7d]
features: { n: { agg: count, of: v }, sum: { agg: sum, of: v }, mean: { agg: mean, of: v }, max: { agg: max, of: v } }
)";

std::shared_ptr<arrow::Table> ReadColumns(const std::string& path, arrow::FieldVector fields) {
  platform::ParquetReadOptions options;
  options.schema = arrow::schema(std::move(fields));
  return Must(platform::ReadParquet(platform::LocalStore(), path, options));
}
std::shared_ptr<arrow::Field> Time(const std::string& name) {
  return arrow::field(name, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"));
}
std::vector<std::int64_t> Integers(const arrow::Table& rows, const std::string& name) {
  return Must(feature::ReadIntegers(*rows.GetColumnByName(name), name)).values;
}

// Labels by entity and time.
struct Labels {
  std::vector<std::int64_t> entities;  // in the order of `places`
  std::vector<feature::Label> labels;
  std::vector<std::size_t> places;  // their rows in the file
};
Labels ReadLabels(const std::string& data) {
  const auto rows =
      ReadColumns(data + "/labels.parquet", {arrow::field("k", arrow::int64()), Time("ts")});
  const std::vector<std::int64_t> entities = Integers(*rows, "k");
  const std::vector<std::int64_t> times = Integers(*rows, "ts");
  Labels labels;
  labels.places.resize(entities.size());
  std::iota(labels.places.begin(), labels.places.end(), std::size_t{0});
  std::sort(labels.places.begin(), labels.places.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(entities[a], times[a], a) < std::tie(entities[b], times[b], b);
  });
  for (const std::size_t place : labels.places) {
    labels.entities.push_back(entities[place]);
    labels.labels.push_back({times[place], times[place]});
  }
  return labels;
}

// One file's rows, and the entity of each.
struct FileRows {
  feature::FeatureRows rows;
  std::vector<std::int64_t> entities;
};
FileRows ReadRows(const feature::ViewPlan& plan, const std::string& path) {
  const std::string& value = plan.expressions[0].column;
  const auto table = ReadColumns(
      path, {arrow::field("k", arrow::int64()), Time("event_time"), Time("known_time"),
             arrow::field("op", arrow::int32()), arrow::field(value, arrow::float64())});
  FileRows file;
  file.entities = Integers(*table, "k");
  file.rows.event_time = Integers(*table, "event_time");
  file.rows.known_time = Integers(*table, "known_time");
  file.rows.hidden_at.assign(file.entities.size(), feature::kNever);
  for (const std::int64_t op : Integers(*table, "op")) file.rows.deleted.push_back(op != 0 ? 1 : 0);
  auto values =
      Must(feature::ReadColumn(*table->GetColumnByName(value), feature::ValueType::kDouble, value));
  file.rows.values = feature::EmptyValues(plan);
  file.rows.values[0].bits = std::move(values.bits);
  file.rows.values[0].valid = std::move(values.valid);
  return file;
}

// The answers of all outputs as they are computed.
struct Answers {
  explicit Answers(const feature::ViewPlan& plan, std::size_t labels)
      : bits(plan.outputs.size(), std::vector<std::uint64_t>(labels)),
        valid(plan.outputs.size(), std::vector<std::uint8_t>(labels)) {}
  std::vector<feature::AnswerColumn> Columns() {
    std::vector<feature::AnswerColumn> columns;
    for (std::size_t output = 0; output < bits.size(); ++output) {
      feature::AnswerColumn column;
      column.output = output;
      column.bits = bits[output].data();
      column.valid = valid[output].data();
      columns.push_back(column);
    }
    return columns;
  }
  std::vector<std::vector<std::uint64_t>> bits;
  std::vector<std::vector<std::uint8_t>> valid;
};

// Labels and rows are both in the order of entities. Labels without rows are answered too.
void AnswerFile(const FileRows& file, const Labels& labels, feature::ColumnEvaluation* evaluation,
                std::size_t* label) {
  std::size_t begin = 0;
  while (begin < file.entities.size()) {
    const std::int64_t entity = file.entities[begin];
    std::size_t end = begin;
    while (end < file.entities.size() && file.entities[end] == entity) ++end;
    const auto answer = [&](std::int64_t who, feature::EntityRowsView rows) {
      const std::size_t first = *label;
      while (*label < labels.entities.size() && labels.entities[*label] == who) ++*label;
      if (*label == first) return;
      Must(evaluation->Answer(rows, std::span(labels.labels).subspan(first, *label - first),
                              std::span(labels.places).subspan(first, *label - first)));
    };
    while (*label < labels.entities.size() && labels.entities[*label] < entity)
      answer(labels.entities[*label], {&file.rows, 0, 0});
    answer(entity, {&file.rows, begin, end});
    begin = end;
  }
}

std::shared_ptr<arrow::Table> Compute(const feature::ViewPlan& plan, const std::string& data,
                                      double* kernel_ms) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().filename().string().starts_with("feature-")) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  const Labels labels = ReadLabels(data);
  Answers answers(plan, labels.labels.size());
  feature::ColumnEvaluation evaluation(plan, answers.Columns());
  std::size_t label = 0;
  for (const std::string& path : paths) {
    const FileRows file = ReadRows(plan, path);
    const Stopwatch watch;
    AnswerFile(file, labels, &evaluation, &label);
    *kernel_ms += watch.CpuMs();
  }
  feature::FeatureRows none;
  none.values = feature::EmptyValues(plan);
  Must(evaluation.Answer({&none, 0, 0}, std::span(labels.labels).subspan(label),
                         std::span(labels.places).subspan(label)));
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (std::size_t output = 0; output < plan.outputs.size(); ++output) {
    columns.push_back(feature::BuildArray(plan.outputs[output].type, answers.bits[output], {},
                                          answers.valid[output]));
    fields.push_back(arrow::field(plan.outputs[output].column.name, columns.back()->type()));
    answers.bits[output] = {};
    answers.valid[output] = {};
  }
  return arrow::Table::Make(arrow::schema(fields), columns);
}
}  // namespace
}  // namespace weirhouse::bench

int main(int argc, char** argv) {
  weirhouse::platform::ShareOneHeap();  // as the product's entry does
  using namespace weirhouse;
  const bench::Arguments arguments(argc, argv, {"--data", "--out"});
  const auto views = bench::Must(feature::ParseFeatureViews(bench::kView, "bench.yaml"));
  const auto plan = bench::Must(feature::PlanView(views[0], {feature::ValueType::kDouble}));
  const bench::Stopwatch watch;
  double kernel_ms = 0;
  const auto rows = bench::Compute(plan, arguments.Text("--data"), &kernel_ms);
  bench::Report({{"name", "windows"},
                 {"rows", rows->num_rows()},
                 {"wall_ms", watch.WallMs()},
                 {"cpu_ms", watch.CpuMs()},
                 {"kernel_ms", kernel_ms},
                 {"peak_mb", bench::PeakMemoryMb()}});
  bench::Must(platform::LocalStore().Delete(arguments.Text("--out")));
  bench::Must(platform::WriteParquet(platform::LocalStore(), arguments.Text("--out"), *rows));
  return 0;
}
