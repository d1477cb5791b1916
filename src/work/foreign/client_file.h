// Files that a client wrote before it asked for a commit. We hash them for `verify` and fsync them,
// because clients do neither.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/object_store.h"
#include "rules/policy/policy.h"

namespace weirhouse::work {

// The canonical spelling of a file's path: platform::CanonicalPath.
std::string LocalPathOf(std::string_view path);

// Keeps the records of what it hashed, so that a second attempt of the same commit reads nothing
// again. Threads: one; hashes in several.
class ClientFiles {
 public:
  explicit ClientFiles(platform::ObjectStore& store) : store_(store) {}

  // Records of the files that `judgement` names, in its order, each once.
  //   kInvalidInput  WH7104: a file is missing, or its size is not what its manifest says
  Result<std::vector<catalog::FileRecord>> Record(const iceberg::TableMetadata& after,
                                                  const policy::Judgement& judgement);

  // The record of one file, of whatever kind.
  Result<catalog::FileRecord> RecordOne(const std::string& table, const std::string& path,
                                        catalog::FileKind kind);

 private:
  struct Wanted {
    std::string path;
    catalog::FileKind kind = catalog::FileKind::kData;
    std::int64_t size_bytes = -1;  // as the manifest says; -1: unknown
  };
  Status HashAll(const std::vector<Wanted>& wanted);
  Result<catalog::FileRecord> HashOne(const Wanted& wanted) const;

  platform::ObjectStore& store_;
  std::map<std::string, catalog::FileRecord> known_;  // by path
};
}  // namespace weirhouse::work
