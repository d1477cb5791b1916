#include "ground/catalog/settings.h"

#include <algorithm>

namespace weirhouse::catalog {

Result<std::vector<std::pair<std::string, nlohmann::json>>> AllSettings(SettingStore& store) {
  return store.Settings({});
}

SettingChange ChangedSetting(std::string key, nlohmann::json value) {
  return {SettingKey(std::move(key)), std::move(value)};
}
using nlohmann::json;

json JsonOfSetting(const Digest& value) { return value.ToHex(); }

json JsonOfSetting(const StandingNote& value) {
  return {{"code", value.code}, {"message", value.message}};
}

bool ReadSetting(const json& stored, json* value) {
  *value = stored;
  return true;
}

bool ReadSetting(const json& stored, std::string* value) {
  if (!stored.is_string()) return false;
  *value = stored.get<std::string>();
  return true;
}

bool ReadSetting(const json& stored, bool* value) {
  if (!stored.is_boolean()) return false;
  *value = stored.get<bool>();
  return true;
}

bool ReadSetting(const json& stored, std::int64_t* value) {
  if (!stored.is_number_integer()) return false;
  *value = stored.get<std::int64_t>();
  return true;
}

bool ReadSetting(const json& stored, Digest* value) {
  return stored.is_string() && ParseDigest(stored.get<std::string>(), value);
}

bool ReadSetting(const json& stored, std::vector<std::string>* value) {
  if (!stored.is_array()) return false;
  if (!std::ranges::all_of(stored, [](const json& one) { return one.is_string(); })) return false;
  *value = stored.get<std::vector<std::string>>();
  return true;
}

bool ReadSetting(const json& stored, StandingNote* value) {
  const auto text = [&](const char* name, std::string* into) {
    const auto found = stored.find(name);
    return found != stored.end() && ReadSetting(*found, into);
  };
  return stored.is_object() && text("code", &value->code) && text("message", &value->message);
}
}  // namespace weirhouse::catalog
