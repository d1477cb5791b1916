// The small state of a project, by key: what was applied, where the lake lies, who may ask, what
// waits for a decision. Every key of the product and the shape of its value stand in this header,
// the reading and the writing side beside each other, and nowhere else (tools/tidy).
//
//   request.settings.push_back(setting::Lake().To("/data/lake"));        // in the commit
//   WEIRHOUSE_TRY(const auto lake, setting::Lake().In(catalog));         // std::optional<std::string>
#pragma once

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
// A value to be kept from a commit on; null removes it.
using SettingChange = std::pair<SettingKey, nlohmann::json>;

// The part of the catalog that keeps settings. Threads: any. Cost: one look-up; Settings: one scan
// of all keys. Settings are written by Commit alone (CommitRequest::settings).
class SettingStore {
 public:
  virtual ~SettingStore() = default;
  virtual Result<std::optional<nlohmann::json>> Setting(const SettingKey& key) = 0;
  // All whose key begins with `prefix`, by key.
  virtual Result<std::vector<std::pair<std::string, nlohmann::json>>> Settings(
      std::string_view prefix) = 0;
};

// Why a table stays as it was while others go on.
struct StandingNote {
  std::string code;
  std::string message;
  friend bool operator==(const StandingNote&, const StandingNote&) = default;
};

// The shapes that values have. ReadSetting answers false for a value of another shape.
nlohmann::json JsonOfSetting(const Digest& value);  // its hexadecimal digits
nlohmann::json JsonOfSetting(const StandingNote& value);
template <typename T>
nlohmann::json JsonOfSetting(const T& value) {
  return value;
}
bool ReadSetting(const nlohmann::json& stored, nlohmann::json* value);
bool ReadSetting(const nlohmann::json& stored, std::string* value);
bool ReadSetting(const nlohmann::json& stored, bool* value);
bool ReadSetting(const nlohmann::json& stored, Digest* value);
bool ReadSetting(const nlohmann::json& stored, std::vector<std::string>* value);
bool ReadSetting(const nlohmann::json& stored, StandingNote* value);

// One setting, whose value is a T.
template <typename T>
class SettingOf {
 public:
  explicit SettingOf(std::string key) : key_(std::move(key)) {}
  const SettingKey& key() const { return key_; }
  // Absent: it was never set, was removed, or has another shape, as only an edit from outside makes
  // it, which VerifyChain tells.
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

// Settings of one kind, each of something that has a name.
template <typename T>
class SettingsOf {
 public:
  explicit SettingsOf(std::string prefix) : prefix_(std::move(prefix)) {}
  SettingOf<T> Of(std::string_view name) const { return SettingOf<T>(prefix_ + std::string(name)); }
  // By name; values of another shape are left out.
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

// For what goes through every setting, whatever its key, as a project that moves does: all of them by
// key, and the one at `key` set to `value`.
Result<std::vector<std::pair<std::string, nlohmann::json>>> AllSettings(SettingStore& store);
SettingChange ChangedSetting(std::string key, nlohmann::json value);

namespace setting {
// What tells projects apart, and what the hash chain begins with. Set when the catalog is made,
// never written by a commit.
inline SettingOf<std::string> ProjectId() { return SettingOf<std::string>("project_id"); }
// The folder of the tables, absolute; there once `wh init` is done.
inline SettingOf<std::string> Lake() { return SettingOf<std::string>("lake"); }
// The folders in which it lay before the project was moved, oldest first.
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
// The key of the node of its code.
inline SettingOf<std::string> AppliedCode() { return SettingOf<std::string>("applied_code"); }
// Source → {format, nulls}.
inline SettingOf<nlohmann::json> Readings() { return SettingOf<nlohmann::json>("readings"); }
// Contract → the version before which none reads any more.
inline SettingOf<nlohmann::json> ReadBy() { return SettingOf<nlohmann::json>("read_by"); }
// A contract as it is registered (contract::Contract::ToJson) …
inline SettingOf<nlohmann::json> Contract(std::string_view id) {
  return SettingsOf<nlohmann::json>("contract/").Of(id);
}
// … and each version that ever was, by version.
inline SettingsOf<nlohmann::json> ContractVersions(const std::string& id) {
  return SettingsOf<nlohmann::json>("contract/" + id + "/");
}
// A rebuild was published and the feature tables have not followed yet.
inline SettingOf<bool> RebuildPending() { return SettingOf<bool>("rebuild_pending"); }

// ---- Batches and tables
// A batch whose gate did not pass (work/pipeline/batch/halt.h).
inline SettingOf<nlohmann::json> Halted(RunId run) {
  return SettingsOf<nlohmann::json>("halted/").Of(ToString(run));
}
// Of a source: what its last batch left to be said of declared fields that no record has.
inline SettingOf<std::vector<std::string>> Absent(std::string_view source) {
  return SettingsOf<std::vector<std::string>>("absent/").Of(source);
}
inline SettingOf<StandingNote> Standing(std::string_view table) {
  return SettingsOf<StandingNote>("standing/").Of(table);
}
// Whether the table leaves out rows that have no key.
inline SettingOf<bool> KeptOut(std::string_view table) {
  return SettingsOf<bool>("kept_out/").Of(table);
}
// Of a gate: the checks that were overdue when its owner was last told, name → since when.
inline SettingOf<nlohmann::json> Watch(std::string_view gate) {
  return SettingsOf<nlohmann::json>("watch/").Of(gate);
}
// How a raw object was found before it was made whole, by path (landing::ObjectStateName).
inline SettingOf<std::string> Restoring(std::string_view path) {
  return SettingsOf<std::string>("restoring/").Of(path);
}

// ---- Serving: by model, the version that answers ("late#1"), and its deployment ("late#1@d2").
inline SettingsOf<std::string> Deployed() { return SettingsOf<std::string>("deployed/"); }
inline SettingsOf<std::string> Deployment() { return SettingsOf<std::string>("deployment/"); }

// ---- Staging areas, by run ("r12"; work/foreign/staging_area.h).
inline SettingsOf<nlohmann::json> StagingAreas() { return SettingsOf<nlohmann::json>("run_view/"); }
}  // namespace setting
}  // namespace weirhouse::catalog
