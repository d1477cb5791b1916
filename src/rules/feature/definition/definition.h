// Feature views and training sets as people define them in YAML.
//
// A view is immutable: its digest is over everything that can change a value, and a change of
// meaning takes a new `version`, which is served beside the old one.
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

struct FeatureView {
  std::string name;
  int version = 1;
  std::vector<TypedName> entity;  // empty for request views
  std::string source;             // "processed.arrival_history"; empty for request views
  std::vector<TypedName> request;
  std::optional<std::string> event_time;  // absent: facts without time
  KnownTime known_time;
  bool as_of_latest = false;           // known time is ignored
  std::optional<std::int64_t> ttl_us;  // of what is not windowed; absent = unlimited
  std::vector<Window> windows;
  bool closed_end = false;  // windows are (t - w, t] instead of [t - w, t)
  std::vector<Feature> features;
  OnlineFill online_fill = OnlineFill::kNone;
  std::string description;
  SourceSpan span;
  Digest digest;  // of everything above that can change a value

  bool is_request() const { return !request.empty(); }
  // True if the source keeps every version of its rows (it is a table's history). Otherwise a
  // replaced or deleted source row takes its feature row with it: see rules/feature/rows/rows.h.
  bool source_keeps_history() const { return IsHistory(source); }
  std::string id() const;          // "carrier_delay@1"
  std::string table_name() const;  // "feature.carrier_delay_v1"
};

// One answer column of a view.
struct OutputColumn {
  std::string name;         // "mean_24h"
  std::string qualified;    // "carrier_delay.mean_24h"
  std::size_t feature = 0;  // index into FeatureView::features
  std::optional<std::int64_t> window_us;
};
// In the order of the definition, windows within a feature in their order.
std::vector<OutputColumn> OutputColumnsOf(const FeatureView& view);

// Parses all documents of one file under features/. `path` is for messages only. All broken
// documents are reported, one diagnostic each. Errors: WH2001–WH2004, WH4001–WH4004.
Result<std::vector<FeatureView>> ParseFeatureViews(std::string_view yaml, const std::string& path);
// Views of several files together: refuses two of equal id, and two of one name whose version is
// equal (WH4004).
Status CheckDistinct(const std::vector<FeatureView>& views);
// `name` with or without "@version" (the greatest version then). Error WH4009 with a suggestion.
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

// What a training set takes from which view: columns in the definition's order.
struct SelectedView {
  const FeatureView* view = nullptr;  // into the views given
  std::vector<std::size_t> columns;   // indexes into OutputColumnsOf(*view)
};
// Resolves selectors against `views`, which must outlive the answer. Error WH4009.
Result<std::vector<SelectedView>> SelectFeatures(const TrainingSetDefinition& definition,
                                                 const std::vector<FeatureView>& views);
}  // namespace weirhouse::feature
