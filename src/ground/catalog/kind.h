// The kinds and states of catalog records as enumerations, with the words that stand for them in
// the database, the hash chain and every JSON answer. A word never changes its meaning, because
// stored records contain it. A new kind is a new enumerator and its word, at the same place in both
// lists. Pure; threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace weirhouse::catalog {

// The part of the lake that a commit changes.
enum class Layer : std::uint8_t {
  kRaw,
  kProcessed,
  kFeature,
  kModel,        // training sets and models
  kServe,        // deployments and predictions
  kOpen,         // tables of other engines, outside the layers
  kRebuild,      // a full rebuild
  kMaintenance,  // changes no rows
};

// What a run does. Its word is part of the step identity, so it may never change: a staging area
// keeps the word it was first stored under, "run_view".
enum class RunKind : std::uint8_t {
  kInit,  // makes the project
  kApply,
  kRaw,
  kRestore,  // restores a raw object
  kProcessed,
  kRetry,
  kDownstream,  // takes in a change of an external table
  kFeature,
  kOverride,
  kDiscard,
  kWatch,  // checks whether feeds are overdue
  kTrainingSet,
  kModel,
  kDeployment,
  kPrediction,
  kForeign,  // a change that another engine asked for
  kStagingArea,
  kStagingAreaOpen,
  kStagingAreaJudgement,
  kCompaction,
  kExpiry,
  kRollback,
  kTag,
  kToken,
  kRelocation,  // a moved project's tables name their new place
};

// What a lineage node represents. In the order of the words, so that a set of nodes has the order
// of the stored rows.
enum class NodeKind : std::uint8_t {
  kCode,         // key: the first digits of the digest of the project's files
  kCommit,       // "1101"
  kContract,     // "arrival 1.0.0"
  kDeployment,   // "late#1@d1"
  kModel,        // "late#1"
  kObject,       // "o7"
  kPrediction,   // "p-…"
  kRun,          // "r12"
  kSnapshot,     // "processed.arrival@1101"
  kTrainingSet,  // "late_v1#1"
  kView,         // "carrier_delay@1"
};

// How data flowed along an edge of the lineage.
enum class EdgeKind : std::uint8_t {
  kRead,
  kWrote,
  kTrainedOn,
  kDeployedAs,
  kServedBy,
  kOverrode,
  kDiscarded,
  kQuarantinedTo,
  kUses,
};

enum class FileKind : std::uint8_t {
  kData,
  kDeletes,
  kManifest,
  kManifestList,
  kMetadata,
  kArtifact,  // of a model, or a project's files as they were
};

// The outcome of a raw record. The index of losers stores the number: add new ones at the end.
enum class RecordState : std::uint8_t {
  kProcessed,
  kDuplicate,
  kConflict,
  kSuperseded,
  kFiltered,
  kQuarantined,
  kExcluded,  // a person left its batch out
};

// From best to worst; a gate's state is the worst of its checks.
enum class VerdictState : std::uint8_t {
  kPassed,
  kSkipped,       // too few values and `too_few: skip`, or the profile turns history off
  kWarming,       // its history window has not been full yet
  kWarned,        // failed or not evaluated, with `severity: warn`
  kNotEvaluated,  // no baseline where there should be one
  kFailed,
  kError,  // could not be evaluated; never passes
};

enum class ObjectState : std::uint8_t {
  kStored,
  kDuplicate,    // the same bytes under the same name had arrived; never in the ledger
  kQuarantined,  // unreadable as a whole
};

// The outcome of a file in a landing folder.
enum class LandingState : std::uint8_t {
  kStored,
  kDuplicate,
};

// The words of each kind, in the order of its enumerators.
template <typename Kind>
struct Words {};
template <>
struct Words<Layer> {
  static constexpr std::array<std::string_view, 8> kAll{
      "raw", "processed", "feature", "model", "serve", "open", "rebuild", "maintenance"};
};
template <>
struct Words<RunKind> {
  static constexpr std::array<std::string_view, 25> kAll{"init",
                                                         "apply",
                                                         "raw",
                                                         "restore",
                                                         "processed",
                                                         "retry",
                                                         "downstream",
                                                         "feature",
                                                         "override",
                                                         "discard",
                                                         "watch",
                                                         "training_set",
                                                         "model",
                                                         "deployment",
                                                         "prediction",
                                                         "foreign",
                                                         "run_view",
                                                         "run_view_open",
                                                         "run_view_judgement",
                                                         "compaction",
                                                         "expiry",
                                                         "rollback",
                                                         "tag",
                                                         "token",
                                                         "relocation"};
};
template <>
struct Words<NodeKind> {
  static constexpr std::array<std::string_view, 11> kAll{
      "code",       "commit", "contract", "deployment",   "model", "object",
      "prediction", "run",    "snapshot", "training_set", "view"};
};
template <>
struct Words<EdgeKind> {
  static constexpr std::array<std::string_view, 9> kAll{
      "read",     "wrote",     "trained_on",     "deployed_as", "served_by",
      "overrode", "discarded", "quarantined_to", "uses"};
};
template <>
struct Words<FileKind> {
  static constexpr std::array<std::string_view, 6> kAll{"data",          "deletes",  "manifest",
                                                        "manifest_list", "metadata", "artifact"};
};
template <>
struct Words<RecordState> {
  static constexpr std::array<std::string_view, 7> kAll{
      "processed", "duplicate", "conflict", "superseded", "filtered", "quarantined", "excluded"};
};
template <>
struct Words<VerdictState> {
  static constexpr std::array<std::string_view, 7> kAll{
      "passed", "skipped", "warming", "warned", "not_evaluated", "failed", "error"};
};
template <>
struct Words<ObjectState> {
  static constexpr std::array<std::string_view, 3> kAll{"stored", "duplicate", "quarantined"};
};
template <>
struct Words<LandingState> {
  static constexpr std::array<std::string_view, 2> kAll{"stored", "duplicate"};
};

template <typename Kind>
concept NamedKind = requires { Words<Kind>::kAll; };

// The word of `kind`: "training_set".
template <NamedKind Kind>
constexpr std::string_view Name(Kind kind) {
  return Words<Kind>::kAll.at(static_cast<std::size_t>(kind));
}

// The word that people and programs see of a run's kind: the stored one, but "staging_area" and its
// like where an older word is stored.
constexpr std::string_view ShownName(RunKind kind) {
  switch (kind) {
    case RunKind::kStagingArea:
      return "staging_area";
    case RunKind::kStagingAreaOpen:
      return "staging_area_open";
    case RunKind::kStagingAreaJudgement:
      return "staging_area_judgement";
    default:
      return Name(kind);
  }
}

// The kind with this word; absent if there is none.
template <NamedKind Kind>
constexpr std::optional<Kind> KindNamed(std::string_view word) {
  for (std::size_t i = 0; i < Words<Kind>::kAll.size(); ++i) {
    if (Words<Kind>::kAll[i] == word) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

// Orders kinds as the database orders their words.
struct ByWord {
  template <NamedKind Kind>
  constexpr bool operator()(Kind a, Kind b) const {
    return Name(a) < Name(b);
  }
};

// In JSON a kind is its word.
template <NamedKind Kind>
void to_json(nlohmann::json& json, Kind kind) {  // NOLINT: the library's name
  json = std::string(Name(kind));
}
template <NamedKind Kind>
void to_json(nlohmann::ordered_json& json, Kind kind) {  // NOLINT: the library's name
  json = std::string(Name(kind));
}
}  // namespace weirhouse::catalog
