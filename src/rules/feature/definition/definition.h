// Feature views and training sets as defined in YAML.
//
// A view is immutable: its digest covers everything that can change a value, and a change of
// meaning needs a new `version`, which is served beside the old one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/name.h"
#include "ground/base/status.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

inline constexpr int kViewFeaturesMax = 1000;
inline constexpr int kFeatureWindowsMax = 32;

enum class Aggregate : std::uint8_t {
  kCount,
  kSum,
  kMean,
  kMin,
  kMax,
  kLast,              // the value of the greatest row of the window; NULL if that is NULL
  kLatest,            // the value of the greatest row at or before t, within ttl
  kSecondsSinceLast,  // t minus the event time of the greatest row, as a double
  kRequest,           // an expression over the request, no rows at all
};
std::string_view AggregateName(Aggregate aggregate);

struct Window {
  std::string name;  // as written: "24h"; part of the column's name
  std::int64_t us = 0;
};

struct Feature {
  std::string name;
  Aggregate aggregate = Aggregate::kLatest;
  std::string of;               // SQL over one source row (kRequest: over `request`); may be empty
  std::vector<Window> windows;  // its own or the view's; empty = not windowed
  SourceSpan span;
};

struct TypedName {
  std::string name;
  ValueType type = ValueType::kString;
};

// When a row became known.
struct KnownTime {
  enum class Kind : std::uint8_t { kIngestion, kColumn, kDelay };
  Kind kind = Kind::kIngestion;
  std::string column;         // kColumn
  std::int64_t delay_us = 0;  // kDelay: event time plus this
};

enum class OnlineFill : std::uint8_t { kNone, kStream, kBatch };
std::string_view FillName(OnlineFill fill);  // "none", "stream", "batch"

struct FeatureView {
  std::string name;
  int version = 1;
  std::vector<TypedName> entity;  // empty for request views
  std::string source;             // "processed.arrival_history"; empty for request views
  std::vector<TypedName> request;
  std::optional<std::string> event_time;  // absent: facts without time
  KnownTime known_time;
  bool as_of_latest = false;           // known times are ignored
  std::optional<std::int64_t> ttl_us;  // for values without a window; absent = unlimited
  std::vector<Window> windows;
  bool closed_end = false;  // windows are (t - w, t] instead of [t - w, t)
  std::vector<Feature> features;
  OnlineFill online_fill = OnlineFill::kNone;
  std::string description;
  SourceSpan span;
  Digest digest;  // of everything above that can change a value

  bool is_request() const { return !request.empty(); }
  // True if the source keeps every version of its rows (it is a table's history). Otherwise
  // replacing or deleting a source row removes its feature row: see rules/feature/rows/rows.h.
  bool source_keeps_history() const { return IsHistory(source); }
  std::string id() const;          // "carrier_delay@1"
  std::string table_name() const;  // "feature.carrier_delay_v1"
};

// One output column of a view.
struct OutputColumn {
  std::string name;         // "mean_24h"
  std::string qualified;    // "carrier_delay.mean_24h"
  std::size_t feature = 0;  // index into FeatureView::features
  std::optional<std::int64_t> window_us;
};
// In the order of the definition; the windows of a feature in their order.
std::vector<OutputColumn> OutputColumnsOf(const FeatureView& view);

// Parses all documents of one file under features/. `path` is used in messages only. Reports all
// broken documents, one diagnostic each. Errors: WH2001–WH2004, WH4001–WH4004.
Result<std::vector<FeatureView>> ParseFeatureViews(std::string_view yaml, const std::string& path);
// Checks views of several files together: refuses two with one id, and two of one name with equal
// versions (WH4004).
Status CheckDistinct(const std::vector<FeatureView>& views);
// `name` with "@version", or without (then the greatest version). Error WH4009 with a suggestion.
Result<const FeatureView*> FindView(const std::vector<FeatureView>& views, std::string_view name);

// ---- Training sets
struct Split {
  std::string name;  // train | valid | test
  std::int64_t parts_per_million = 0;
};

struct FeatureSelector {
  std::string view;
  int version = 1;
  std::string column;  // "*" or an output column's name
  SourceSpan span;
};

struct TrainingSetDefinition {
  std::string name;
  std::string spine;  // one SELECT
  SourceSpan spine_span;
  std::string time;                  // t of each row
  std::string label;                 // may be empty
  std::optional<std::string> known;  // the column with k of each row; absent: k = t
  bool as_of_latest = false;         // k = infinity
  std::vector<FeatureSelector> features;
  std::vector<Split> splits;  // by time, in time's order; empty = no split column
  std::string description;
  Digest digest;
};
// Parses one file under training_sets/ (one or more documents). Errors: WH2001–WH2004, WH4011.
Result<std::vector<TrainingSetDefinition>> ParseTrainingSets(std::string_view yaml,
                                                             const std::string& path);

// The columns that a training set takes from one view, in the definition's order.
struct SelectedView {
  const FeatureView* view = nullptr;  // into the views given
  std::vector<std::size_t> columns;   // indexes into OutputColumnsOf(*view)
};
// Resolves selectors against `views`, which must outlive the result. Error WH4009.
Result<std::vector<SelectedView>> SelectFeatures(const TrainingSetDefinition& definition,
                                                 const std::vector<FeatureView>& views);
}  // namespace weirhouse::feature
