// Files that a client wrote before it asked for a commit: hashed for `verify`, made durable by us,
// because clients do neither. Private to engine/.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalog/record.h"
#include "policy/policy.h"
#include "storage/disk.h"
#include "table/table.h"

namespace weirhouse::engine {

// "/lake/x" of "file:///lake/x" and "file:/lake/x"; other paths as they are.
std::string LocalPathOf(std::string_view path);

// Remembers what it hashed, so that a second attempt of the same commit reads nothing again.
// Threads: one; hashes in several.
class ClientFiles {
 public:
  explicit ClientFiles(storage::Disk& disk) : disk_(disk) {}

  // Records of the files that `judgement` names, in its order, each once.
  //   kInvalidInput  WH7104: a file is not there, or has another size than its manifest says
  Result<std::vector<catalog::FileRecord>> Record(const table::TableMetadata& after,
                                                  const policy::Judgement& judgement);

  // The record of one file, of whatever kind.
  Result<catalog::FileRecord> RecordOne(const std::string& table, const std::string& path,
                                        const std::string& kind);

 private:
  struct Wanted {
    std::string path;
    std::string kind;
    std::int64_t size_bytes = -1;  // as the manifest says; -1: it does not
  };
  Status HashAll(const std::vector<Wanted>& wanted);
  Result<catalog::FileRecord> HashOne(const Wanted& wanted) const;

  storage::Disk& disk_;
  std::map<std::string, catalog::FileRecord> known_;  // by path
};

// What must be fsynced so that a power cut keeps `files`: they, and the folders between them and
// their table's `location`, which the client made. A folder found durable once is not named again.
struct ToSync {
  std::vector<std::string> files;
  std::vector<std::string> folders;
};
ToSync WhatToSync(const std::vector<catalog::FileRecord>& files, std::string_view location);
// After OK of SyncAll on them.
void FoldersAreDurable(const std::vector<std::string>& folders);
// A folder was removed: what is known of folders no longer holds.
void ForgetDurableFolders();
}  // namespace weirhouse::engine
