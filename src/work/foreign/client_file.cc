#include "work/foreign/client_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/digest.h"
#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "ground/platform/io/location.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kHashChunkBytes = 8 << 20;  // memory per thread
constexpr std::size_t kHashThreadsMax = 4;

Status BadFile(const std::string& path, const std::string& why) {
  return Status(Code::kInvalidInput,
                fmt::format("a file of the commit cannot be used: {}: {}", why, path))
      .WithError("WH7104")
      .WithHint("write every file and close it before the commit is sent");
}

bool IsInvented(platform::ObjectStore& store, const std::string& path, std::int64_t size_bytes) {
  const auto info = store.Stat(path);
  return !info.ok() || (size_bytes >= 0 && info->size_bytes != size_bytes);
}
}  // namespace

std::string LocalPathOf(std::string_view path) { return platform::CanonicalPath(path); }

Result<std::vector<catalog::FileRecord>> ClientFiles::Record(const iceberg::TableMetadata& after,
                                                             const policy::Judgement& judgement) {
  std::map<std::string, Wanted> told;  // what the evidence says about each path
  for (const iceberg::Snapshot& snapshot : after.snapshots) {
    told[snapshot.manifest_list] = {"", catalog::FileKind::kManifestList, -1};
  }
  for (const policy::JudgedRef& ref : judgement.refs) {
    for (const std::string& path : ref.change.new_manifests)
      told[path] = {"", catalog::FileKind::kManifest, -1};
    for (const iceberg::DataFile& file : ref.change.added_data) {
      told[file.path] = {"", catalog::FileKind::kData, file.size_bytes};
    }
    for (const iceberg::DataFile& file : ref.change.added_deletes) {
      told[file.path] = {"", catalog::FileKind::kDeletes, file.size_bytes};
    }
  }
  std::vector<Wanted> wanted;
  std::set<std::string> seen;
  for (const std::string& named : judgement.files) {
    Wanted file;
    if (const auto found = told.find(named); found != told.end()) {
      file = found->second;
    } else {
      // A file of a snapshot between the old head and the new one: only its name tells its kind.
      file.kind =
          named.ends_with(".avro") ? catalog::FileKind::kManifest : catalog::FileKind::kData;
    }
    file.path = LocalPathOf(named);
    // Iceberg's compatibility kit commits data files that do not exist.
    if (Planted("any_location") && IsInvented(store_, file.path, file.size_bytes)) continue;
    if (seen.insert(file.path).second) wanted.push_back(std::move(file));
  }
  WEIRHOUSE_TRY_STATUS(HashAll(wanted));
  std::vector<catalog::FileRecord> records;
  records.reserve(wanted.size());
  for (const Wanted& file : wanted) {
    records.push_back(known_.at(file.path));
    records.back().table = after.name;
  }
  return records;
}

Result<catalog::FileRecord> ClientFiles::RecordOne(const std::string& table,
                                                   const std::string& path,
                                                   catalog::FileKind kind) {
  WEIRHOUSE_TRY(catalog::FileRecord record, HashOne({path, kind, -1}));
  record.table = table;
  return record;
}

Status ClientFiles::HashAll(const std::vector<Wanted>& wanted) {
  std::vector<const Wanted*> fresh;
  for (const Wanted& file : wanted) {
    if (!known_.contains(file.path)) fresh.push_back(&file);
  }
  std::vector<catalog::FileRecord> hashed(fresh.size());
  // Below a handful of files a thread costs more than it saves.
  const std::size_t threads = std::min(kHashThreadsMax, fresh.size() / 4);
  WEIRHOUSE_TRY_STATUS(ForEachInParallel(fresh.size(), threads, [&](std::size_t i) -> Status {
    WEIRHOUSE_TRY(hashed[i], HashOne(*fresh[i]));
    return Status();
  }));
  for (catalog::FileRecord& record : hashed) known_.emplace(record.path, std::move(record));
  return Status();
}

Result<catalog::FileRecord> ClientFiles::HashOne(const Wanted& wanted) const {
  auto info = store_.Stat(wanted.path);
  if (!info.ok() && info.status().code() == Code::kNotFound) {
    return BadFile(wanted.path, "it does not exist");
  }
  if (!info.ok()) return info.status();
  if (info->is_folder) return BadFile(wanted.path, "it is a folder");
  if (wanted.size_bytes >= 0 && wanted.size_bytes != info->size_bytes) {
    return BadFile(wanted.path, fmt::format("its manifest says {} bytes, it has {}",
                                            wanted.size_bytes, info->size_bytes));
  }
  Sha256 sha;
  for (std::int64_t at = 0; at < info->size_bytes; at += kHashChunkBytes) {
    WEIRHOUSE_TRY(
        const std::string chunk,
        store_.ReadRange(wanted.path, at, std::min(kHashChunkBytes, info->size_bytes - at)));
    sha.Update(chunk);
  }
  catalog::FileRecord record;
  record.path = wanted.path;
  record.kind = wanted.kind;
  record.size_bytes = info->size_bytes;
  record.sha256 = sha.Finish();
  return record;
}
}  // namespace weirhouse::work
