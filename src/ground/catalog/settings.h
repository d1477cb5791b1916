// The small state of a project, by key: what was applied, the place of the lake, tokens, pending
// decisions. This header alone declares every key of the product and the shape of its value, with
// the reading and the writing side together (checked by tools/tidy).
//
//   request.settings.push_back(setting::Lake().To("/data/lake"));        // in the commit
//   WEIRHOUSE_TRY(const auto lake, setting::Lake().In(catalog));         // std::optional<std::string>
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"

namespace weirhouse::catalog {

// Made by the functions of namespace `setting` below; tests alone make others.
class SettingKey {
 public:
  explicit SettingKey(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }
  friend auto operator<=>(const SettingKey&, const SettingKey&) = default;

 private:
  std::string text_;
};
// A key and its new value, set by a commit; null removes the key.
using SettingChange = std::pair<SettingKey, nlohmann::json>;

// The part of the catalog that stores settings. Threads: any. Cost: one look-up; Settings: one scan
// of all keys. Only Commit writes settings (CommitRequest::settings).
class SettingStore {
 public:
  virtual ~SettingStore() = default;
  virtual Result<std::optional<nlohmann::json>> Setting(const SettingKey& key) = 0;
  // All settings whose key begins with `prefix`, by key.
  virtual Result<std::vector<std::pair<std::string, nlohmann::json>>> Settings(
      std::string_view prefix) = 0;
};

// Why a table is not updated while others are.
struct StandingNote {
  std::string code;
  std::string message;
  friend bool operator==(const StandingNote&, const StandingNote&) = default;
};

// The shapes of values. ReadSetting returns false for a value of another shape.
nlohmann::json JsonOfSetting(const Digest& value);  // its hexadecimal digits
nlohmann::json JsonOfSetting(const StandingNote& value);
template <typename T>
nlohmann::json JsonOfSetting(const T& value) {
  return value;
}
bool ReadSetting(const nlohmann::json& stored, nlohmann::json* value);
bool ReadSetting(const nlohmann::json& stored, std::string* value);
bool ReadSetting(const nlohmann::json& stored, bool* value);
bool ReadSetting(const nlohmann::json& stored, std::int64_t* value);
bool ReadSetting(const nlohmann::json& stored, Digest* value);
bool ReadSetting(const nlohmann::json& stored, std::vector<std::string>* value);
bool ReadSetting(const nlohmann::json& stored, StandingNote* value);

// One setting, whose value is a T.
template <typename T>
class SettingOf {
 public:
  explicit SettingOf(std::string key) : key_(std::move(key)) {}
  const SettingKey& key() const { return key_; }
  // Absent if it was never set, was removed, or has another shape. Only an edit outside the catalog
  // causes the last, and VerifyChain reports it.
  Result<std::optional<T>> In(SettingStore& store) const {
    WEIRHOUSE_TRY(const std::optional<nlohmann::json> stored, store.Setting(key_));
    T value{};
    if (!stored || !ReadSetting(*stored, &value)) return std::optional<T>();
    return std::optional<T>(std::move(value));
  }
  SettingChange To(const T& value) const { return {key_, JsonOfSetting(value)}; }
  SettingChange Removed() const { return {key_, nullptr}; }

 private:
  SettingKey key_;
};

// Settings of one kind, one per name.
template <typename T>
class SettingsOf {
 public:
  explicit SettingsOf(std::string prefix) : prefix_(std::move(prefix)) {}
  SettingOf<T> Of(std::string_view name) const { return SettingOf<T>(prefix_ + std::string(name)); }
  // All of them by name; values of another shape are left out.
  Result<std::vector<std::pair<std::string, T>>> In(SettingStore& store) const {
    WEIRHOUSE_TRY(auto stored, store.Settings(prefix_));
    std::vector<std::pair<std::string, T>> all;
    all.reserve(stored.size());
    for (auto& [key, json] : stored) {
      T value{};
      if (ReadSetting(json, &value)) all.emplace_back(key.substr(prefix_.size()), std::move(value));
    }
    return all;
  }

 private:
  std::string prefix_;
};

// For code that rewrites every setting, such as the move of a project: all settings by key, and the
// change that sets `key` to `value`.
Result<std::vector<std::pair<std::string, nlohmann::json>>> AllSettings(SettingStore& store);
SettingChange ChangedSetting(std::string key, nlohmann::json value);

namespace setting {
// The id of the project, with which the hash chain begins. Set when the catalog is created, never
// written by a commit.
inline SettingOf<std::string> ProjectId() { return SettingOf<std::string>("project_id"); }
// The absolute folder of the tables; set once `wh init` is done.
inline SettingOf<std::string> Lake() { return SettingOf<std::string>("lake"); }
// The lake's folders before the project was moved, oldest first.
inline SettingOf<std::vector<std::string>> FormerLakes() {
  return SettingOf<std::vector<std::string>>("former_lakes");
}

// ---- Tokens (rules/policy/token.h)
// SHA-256 of the project's own token, which `wh init` printed.
inline SettingOf<Digest> ProjectToken() { return SettingOf<Digest>("token_sha256"); }
// By id, "t12": {name, role, scopes, sha256, created_at, expires_at, revoked_at, …}.
inline SettingsOf<nlohmann::json> Tokens() { return SettingsOf<nlohmann::json>("token/"); }
// The id, by the SHA-256 of the secret.
inline SettingsOf<std::string> TokensBySha256() {
  return SettingsOf<std::string>("token_by_sha256/");
}

// ---- What was applied last (work/workspace/applied.h)
// Section → name → digest of the definition.
inline SettingOf<nlohmann::json> Applied() { return SettingOf<nlohmann::json>("applied"); }
// The lineage key of the applied code.
inline SettingOf<std::string> AppliedCode() { return SettingOf<std::string>("applied_code"); }
// Source → {format, nulls}.
inline SettingOf<nlohmann::json> Readings() { return SettingOf<nlohmann::json>("readings"); }
// Feature view → how it is served online: none, stream or batch.
inline SettingOf<nlohmann::json> OnlineFills() { return SettingOf<nlohmann::json>("online_fills"); }
// Contract → the oldest version still used for reading.
inline SettingOf<nlohmann::json> ReadBy() { return SettingOf<nlohmann::json>("read_by"); }
// A contract as it is registered (contract::Contract::ToJson) …
inline SettingOf<nlohmann::json> Contract(std::string_view id) {
  return SettingsOf<nlohmann::json>("contract/").Of(id);
}
// … and each version that ever was, by version.
inline SettingsOf<nlohmann::json> ContractVersions(const std::string& id) {
  return SettingsOf<nlohmann::json>("contract/" + id + "/");
}
// A rebuild was published, and the feature tables are not rebuilt yet.
inline SettingOf<bool> RebuildPending() { return SettingOf<bool>("rebuild_pending"); }

// ---- Batches and tables
// A batch whose gate did not pass (work/pipeline/batch/halt.h).
inline SettingOf<nlohmann::json> Halted(RunId run) {
  return SettingsOf<nlohmann::json>("halted/").Of(ToString(run));
}
// By source: the declared fields that no record of its last batch has.
inline SettingOf<std::vector<std::string>> Absent(std::string_view source) {
  return SettingsOf<std::vector<std::string>>("absent/").Of(source);
}
inline SettingOf<StandingNote> Standing(std::string_view table) {
  return SettingsOf<StandingNote>("standing/").Of(table);
}
// Whether the table excludes rows without a key.
inline SettingOf<bool> KeptOut(std::string_view table) {
  return SettingsOf<bool>("kept_out/").Of(table);
}
// By gate: the checks that were overdue when its owner was last notified, name → since when.
inline SettingOf<nlohmann::json> Watch(std::string_view gate) {
  return SettingsOf<nlohmann::json>("watch/").Of(gate);
}
// By path: the state of a raw object before it was restored (landing::ObjectStateName).
inline SettingOf<std::string> Restoring(std::string_view path) {
  return SettingsOf<std::string>("restoring/").Of(path);
}

// ---- Topics: by source, the offset behind the last record of the topic that is in raw.
inline SettingsOf<std::int64_t> TopicOffsets(const std::string& topic) {
  return SettingsOf<std::int64_t>("topic/" + topic + "/");
}
// The same by topic and source: "orders/order".
inline SettingsOf<std::int64_t> AllTopicOffsets() { return SettingsOf<std::int64_t>("topic/"); }

// ---- Serving: by model, the version that answers ("late#1"), and its deployment ("late#1@d2").
inline SettingsOf<std::string> Deployed() { return SettingsOf<std::string>("deployed/"); }
inline SettingsOf<std::string> Deployment() { return SettingsOf<std::string>("deployment/"); }

// ---- Staging areas, by run ("r12"; work/foreign/staging_area.h).
inline SettingsOf<nlohmann::json> StagingAreas() { return SettingsOf<nlohmann::json>("run_view/"); }
}  // namespace setting
}  // namespace weirhouse::catalog
