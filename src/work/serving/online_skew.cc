// `wh skew`: does the online store answer what the feature tables say, to the bit?
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <set>

#include "ground/platform/columnar/typed_array.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/online/online_store.h"
#include "rules/feature/online/skew.h"
#include "rules/feature/oracle/naive.h"
#include "work/serving/online.h"
#include "work/workspace/cache_damage.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kNaivePairsMax = 400;  // of all views: each reads a whole entity
constexpr std::int64_t kTriesPerPair = 20;    // questions before what is kept are asked again later
constexpr int kAttemptsMax = 5;               // while commits move the store on
constexpr std::uint64_t kTieShare = 4;        // one pair in so many asks where rows tie
constexpr std::uint64_t kNowShare = 8;        // one pair in so many asks at the project's now
constexpr std::size_t kShownMax = 20;
constexpr std::int64_t kDayUs = std::int64_t{24} * 3600 * 1'000'000;

template <typename Array>
concept EntityArray =
    platform::OneOf<Array, arrow::BooleanArray, arrow::Int32Array, arrow::Int64Array,
                    arrow::DoubleArray, arrow::StringArray, arrow::TimestampArray>;
// One cell of an entity column.
feature::Value CellOf(const arrow::Array& array, std::int64_t row) {
  if (array.IsNull(row)) return {};
  feature::Value value;
  platform::VisitTyped(array, [&]<typename Array>(const Array& typed)
                         requires EntityArray<Array>
                       {
                         if constexpr (std::same_as<Array, arrow::TimestampArray>) {
                           value = feature::Timestamp{typed.Value(row)};
                         } else if constexpr (platform::IntegerArray<Array>) {
                           value = std::int64_t{typed.Value(row)};
                         } else if constexpr (platform::TextArray<Array>) {
                           value = typed.GetString(row);
                         } else {
                           value = typed.Value(row);
                         }
                       });
  return value;
}

// Chooses questions about one view from its own rows: entities that exist, times at which their
// answers change.
class Sampler {
 public:
  static Result<Sampler> Make(const feature::ViewPlan& plan, const arrow::Table& rows,
                              EventTime now) {
    Sampler sampler(plan, now);
    auto whole = rows.CombineChunks();
    if (!whole.ok()) return Status(Code::kInternal, whole.status().ToString());
    sampler.rows_ = *whole;
    WEIRHOUSE_TRY_STATUS(sampler.FindTies());
    return sampler;
  }

  // The same entity at the project's now, of which the store always answers. Absent: it was asked
  // about already.
  std::optional<feature::SkewSample> Now(feature::SkewSample sample) {
    std::string entity;
    for (const feature::Value& value : sample.entity) entity += ToText(value) + '\0';
    if (!asked_now_.insert(std::move(entity)).second) return std::nullopt;
    sample.at = now_;
    sample.known = now_;
    return sample;
  }

  feature::SkewSample Next(Random& random) {
    // Each tie is asked about once.
    const bool tied = !ties_.empty() && random.Below(kTieShare) == 0;
    auto row =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(rows_->num_rows())));
    if (tied) {
      std::swap(ties_[random.Below(ties_.size())], ties_.back());
      row = ties_.back();
      ties_.pop_back();
    }
    feature::SkewSample sample;
    sample.view_id = plan_->view.id();
    sample.entity = EntityOf(row);
    const std::int64_t known = TimeAt("known_time", row).value_or(now_);
    const std::int64_t event = TimeAt("event_time", row).value_or(known);
    // Just after a tie its greatest row is the newest.
    sample.at = tied ? std::max(event, known) + 1 : Moment(event, known, random);
    sample.known = sample.at;
    return sample;
  }

 private:
  Sampler(const feature::ViewPlan& plan, EventTime now) : plan_(&plan), now_(Micros(now)) {}

  std::vector<feature::Value> EntityOf(std::int64_t row) const {
    std::vector<feature::Value> entity;
    for (const feature::TypedName& name : plan_->view.entity)
      entity.push_back(CellOf(*rows_->GetColumnByName(name.name)->chunk(0), row));
    return entity;
  }

  std::optional<std::int64_t> TimeAt(const char* column, std::int64_t row) const {
    const arrow::Array& times = *rows_->GetColumnByName(column)->chunk(0);
    if (times.IsNull(row)) return std::nullopt;
    return static_cast<const arrow::TimestampArray&>(times).Value(row);
  }

  // A time at or near which this row begins or ceases to count.
  std::int64_t Moment(std::int64_t event, std::int64_t known, Random& random) const {
    const std::int64_t off = static_cast<std::int64_t>(random.Below(3)) - 1;
    const auto& windows = plan_->windows_us;
    switch (random.Below(5)) {
      case 0:
        return known + off;
      case 1:
        return event + off;
      case 2:
        if (!windows.empty()) return event + windows[random.Below(windows.size())] + off;
        return event + plan_->view.ttl_us.value_or(kDayUs) + off;
      default: {
        const std::int64_t reach = std::max(plan_->look_back_us().value_or(kDayUs), kDayUs);
        return std::max(event, known) +
               static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(reach)));
      }
    }
  }

  // Rows of one entity with the same event and known time: only the table key tells them apart.
  Status FindTies() {
    WEIRHOUSE_TRY(const auto entities, feature::EncodeEntities(plan_->view.entity, *rows_));
    struct Place {
      std::int64_t event;
      std::int64_t known;
      std::string_view entity;
      std::int64_t row;
      auto Time() const { return std::tie(event, known, entity); }
    };
    std::vector<Place> places;
    for (std::int64_t row = 0; row < rows_->num_rows(); ++row) {
      const auto& entity = entities[static_cast<std::size_t>(row)];
      const std::optional<std::int64_t> event = TimeAt("event_time", row);
      const std::optional<std::int64_t> known = TimeAt("known_time", row);
      if (entity && event && known) places.push_back({*event, *known, *entity, row});
    }
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return a.Time() < b.Time(); });
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (places[i - 1].Time() == places[i].Time()) ties_.push_back(places[i].row);
    }
    return Status();
  }

  const feature::ViewPlan* plan_;
  std::int64_t now_;
  std::shared_ptr<arrow::Table> rows_;
  std::vector<std::int64_t> ties_;
  std::set<std::string> asked_now_;  // entities
};

// The view's feature table as of the commit that the online store stands at; null if there is none.
Result<std::shared_ptr<arrow::Table>> RowsAsOf(Workspace& workspace,
                                               const feature::FeatureView& view, CommitSeq seq) {
  const std::string name = view.table_name();
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> snapshot,
                workspace.catalog().SnapshotAsOf(name, seq));
  if (!snapshot) return std::shared_ptr<arrow::Table>();
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
  if (table->FindSnapshot(snapshot->snapshot) == nullptr) {
    return Status(Code::kUnavailable,
                  fmt::format("the online store stands at commit {}, whose feature tables are no "
                              "longer kept: view \"{}\"",
                              seq.value(), view.id()))
        .WithError("WH4025")
        .WithHint("`wh run` brings the online store up to date");
  }
  return workspace.ReadTable(name, {}, snapshot->snapshot);
}

Result<std::vector<feature::SkewSample>> ChooseSamples(const feature::OnlineStore& online,
                                                       const feature::ViewPlan& plan,
                                                       Sampler& sampler, std::int64_t pairs,
                                                       Random& random) {
  std::vector<feature::SkewSample> samples;
  for (std::int64_t tries = pairs * kTriesPerPair;
       tries > 0 && static_cast<std::int64_t>(samples.size()) < pairs; --tries) {
    std::optional<feature::SkewSample> sample = sampler.Next(random);
    if (random.Below(kNowShare) == 0) sample = sampler.Now(*sample).value_or(*sample);
    auto answer = online.Get(plan, sample->entity, sample->at, sample->known);
    if (!answer.ok() && answer.status().Is(feature::kNotKeptOnline)) {
      sample = sampler.Now(*std::move(sample));
      if (!sample) continue;
      answer = online.Get(plan, sample->entity, sample->at, sample->known);
    }
    if (!answer.ok() && answer.status().Is(feature::kNotKeptOnline)) continue;
    WEIRHOUSE_TRY_STATUS(answer.status());
    samples.push_back(*std::move(sample));
  }
  return samples;
}

std::string EntityText(const std::vector<feature::Value>& entity) {
  std::string text;
  for (const feature::Value& value : entity) text += (text.empty() ? "" : "/") + ToText(value);
  return text;
}

void NoteLine(SkewReport& report, const std::string& feature, const feature::SkewSample& sample,
              const std::string& differs) {
  if (report.first.size() >= kShownMax) return;
  report.first.push_back(fmt::format("{} of {} at {}: {}", feature, EntityText(sample.entity),
                                     FormatTime(sample.at), differs));
}
void Note(SkewReport& report, const std::string& feature, const feature::SkewSample& sample,
          const feature::Value& online, std::string_view against, const feature::Value& other) {
  NoteLine(report, feature, sample,
           fmt::format("online {}, {} {}", ToText(online), against, ToText(other)));
}

Status CompareNaively(const feature::OnlineStore& online, const feature::ViewPlan& plan,
                      const std::shared_ptr<arrow::Table>& rows,
                      std::span<const feature::SkewSample> samples, SkewReport& report) {
  WEIRHOUSE_TRY(const feature::NaiveInterpreter naive, feature::NaiveInterpreter::Make(plan, rows));
  for (const feature::SkewSample& sample : samples) {
    WEIRHOUSE_TRY(const auto entity, feature::EncodeEntity(plan.view.entity, sample.entity));
    WEIRHOUSE_TRY(const auto derived, naive.Answer(entity, sample.at, sample.known,
                                                   feature::NaiveInterpreter::Scope::kNear));
    WEIRHOUSE_TRY(const feature::FeatureAnswer answer,
                  online.Get(plan, sample.entity, sample.at, sample.known));
    for (std::size_t i = 0; i < derived.size(); ++i) {
      ++report.naive_values;
      if (SameBits(answer.values[i].value, derived[i].value)) continue;
      ++report.differing;
      Note(report, answer.values[i].name, sample, answer.values[i].value, "naive",
           derived[i].value);
    }
  }
  return Status();
}

// Online and offline answers of one view to questions that `asked` suggests; adds to `report`.
Result<std::vector<feature::SkewSample>> CompareAnswers(Workspace& workspace,
                                                        const feature::ViewPlan& plan,
                                                        const std::shared_ptr<arrow::Table>& asked,
                                                        const std::shared_ptr<arrow::Table>& rows,
                                                        std::int64_t pairs, Random& random,
                                                        SkewReport& report) {
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  WEIRHOUSE_TRY(Sampler sampler, Sampler::Make(plan, *asked, now));
  WEIRHOUSE_TRY(std::vector<feature::SkewSample> samples,
                ChooseSamples(workspace.online(), plan, sampler, pairs, random));
  WEIRHOUSE_TRY(
      const feature::SkewReport measured,
      feature::MeasureSkew({plan}, samples, &workspace.online(),
                           [&rows](const feature::FeatureView& /*view*/)
                               -> Result<std::shared_ptr<arrow::Table>> { return rows; }));
  report.pairs += measured.samples;
  report.values += measured.values;
  report.differing += measured.differing;
  report.status_differing += measured.status_differing;
  for (const feature::SkewDifference& one : measured.first) {
    const feature::SkewSample sample{plan.view.id(), one.entity, one.at, one.at, {}};
    if (one.online_status.empty()) {
      Note(report, one.feature, sample, one.online, "offline", one.offline);
    } else {
      NoteLine(report, one.feature, sample,
               fmt::format("online {}, offline {}", one.online_status, one.offline_status));
    }
  }
  return samples;
}

// Both sides of one view as of one commit.
Status CompareView(Workspace& workspace, const feature::ViewPlan& plan, CommitSeq seq,
                   std::int64_t pairs, std::int64_t naive_pairs, Random& random,
                   SkewReport& report) {
  WEIRHOUSE_TRY(const bool held, workspace.online().Look().Holds(plan));
  if (!held) {
    WEIRHOUSE_TRY(const auto table, workspace.FindTable(plan.view.table_name()));
    if (table && (*table)->current_snapshot() != nullptr)
      report.not_asked.push_back(
          fmt::format("{}: the online store does not hold it; `wh run` fills it", plan.view.id()));
    return Status();
  }
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, RowsAsOf(workspace, plan.view, seq));
  if (rows == nullptr || rows->num_rows() == 0) return Status();
  WEIRHOUSE_TRY(const std::vector<feature::SkewSample> samples,
                CompareAnswers(workspace, plan, rows, rows, pairs, random, report));
  if (samples.empty())
    report.not_asked.push_back(
        fmt::format("{}: the online store answers of none of the times tried", plan.view.id()));
  const std::size_t share = std::min(samples.size(), static_cast<std::size_t>(naive_pairs));
  return CompareNaively(workspace.online(), plan, rows, {samples.data(), share}, report);
}
}  // namespace

Result<SkewReport> MeasureSkewOf(Workspace& workspace, const feature::ViewPlan& plan,
                                 const std::shared_ptr<arrow::Table>& asked,
                                 const std::shared_ptr<arrow::Table>& rows, std::int64_t pairs,
                                 std::uint64_t seed) {
  SkewReport report;
  if (asked->num_rows() == 0) return report;
  SeededRandom random(seed);
  WEIRHOUSE_TRY_STATUS(
      CompareAnswers(workspace, plan, asked, rows, pairs, random, report).status());
  return report;
}

Result<SkewReport> MeasureSkew(Workspace& workspace, std::int64_t pairs, std::uint64_t seed) {
  SkewReport report;
  WEIRHOUSE_TRY_STATUS(WhyNoCache(workspace));
  if (!workspace.has_online()) {
    return Status(Code::kUnavailable, "there is no online store yet")
        .WithError("WH4019")
        .WithHint("`wh run` fills it");
  }
  std::vector<const feature::ViewPlan*> plans;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (!plan.view.is_request() && plan.view.online_fill != feature::OnlineFill::kNone)
      plans.push_back(&plan);
  }
  const auto count = static_cast<std::int64_t>(plans.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const feature::ViewPlan& plan = *plans[static_cast<std::size_t>(i)];
    // A daemon's store moves on between two questions: then this view is asked again.
    for (int attempt = 1;; ++attempt) {
      SkewReport view = report;
      SeededRandom random(seed + static_cast<std::uint64_t>(i));
      const CommitSeq seq = workspace.online().AppliedSeq(plan);
      WEIRHOUSE_TRY_STATUS(CompareView(workspace, plan, seq, pairs,
                                       std::max<std::int64_t>(kNaivePairsMax / count, 1), random,
                                       view));
      if (workspace.online().AppliedSeq(plan) == seq || attempt == kAttemptsMax) {
        report = std::move(view);
        break;
      }
    }
  }
  return report;
}
}  // namespace weirhouse::work
