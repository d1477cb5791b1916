#include "work/ingest/unread_file.h"

#include <nlohmann/json.hpp>

#include "work/ingest/landing_arrivals.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
}  // namespace

std::string UnreadFiles::Path() const { return workspace_->state_folder() + "/unread"; }

UnreadFiles UnreadFiles::Load(Workspace& workspace) {
  UnreadFiles unread(workspace);
  const auto bytes = workspace.local_store().Read(unread.Path());
  if (!bytes.ok()) return unread;
  const json note = json::parse(*bytes, nullptr, /*allow_exceptions=*/false);
  if (!note.is_object()) return unread;
  for (const auto& [path, file] : note.items()) {
    if (!file.is_array() || file.size() != 2 || !file[0].is_string() || !file[1].is_string())
      continue;
    unread.files_[path] = {file[0].get<std::string>(), file[1].get<std::string>()};
  }
  return unread;
}

const std::string* UnreadFiles::FindFailure(const landing::LandedFile& file) const {
  const auto found = files_.find(file.path);
  if (found == files_.end() || found->second.identity != VersionOfFile(file)) return nullptr;
  return &found->second.why;
}

void UnreadFiles::Note(const std::string& place, const std::string& version,
                       const std::string& why) {
  Unread& held = files_[place];
  if (held.identity == version && held.why == why) return;
  held = {version, why};
  changed_ = true;
}

void UnreadFiles::Forget(const std::string& place) {
  if (files_.erase(place) > 0) changed_ = true;
}

void UnreadFiles::KeepOnly(std::span<const WaitingBatch> batches) {
  if (files_.empty()) return;
  std::map<std::string, Unread> kept;
  for (const WaitingBatch& batch : batches) {
    for (const landing::LandedFile& file : batch.files) {
      if (FindFailure(file) != nullptr) kept[file.path] = files_.at(file.path);
    }
  }
  changed_ = changed_ || kept.size() != files_.size();
  files_ = std::move(kept);
}

void UnreadFiles::Save() {
  if (!changed_) return;
  changed_ = false;
  const std::string path = Path();
  if (files_.empty()) {
    workspace_->local_store().Delete(path).Ignore(
        "it says nothing about files that are gone or changed");
    return;
  }
  json note = json::object();
  for (const auto& [name, file] : files_) note[name] = {file.identity, file.why};
  workspace_->local_store()
      .Replace(path, note.dump(-1, ' ', false, json::error_handler_t::replace))
      .Ignore("the run itself reports what it could not read");
}
}  // namespace weirhouse::work
