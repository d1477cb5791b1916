#include <fmt/format.h>

#include <map>
#include <set>

#include "lineage/lineage.h"

namespace weirhouse::lineage {
namespace {
constexpr std::size_t kProblemsMax = 1000;

class Checker {
 public:
  Checker(catalog::Catalog& catalog, storage::Disk& disk, bool deep)
      : catalog_(catalog), disk_(disk), deep_(deep) {}

  Status Run(const std::function<void(std::int64_t, std::int64_t)>& progress) {
    WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects, catalog_.Objects({}));
    WEIRHOUSE_TRY(const std::vector<catalog::FileRecord> files, catalog_.Files(std::nullopt));
    const auto total = static_cast<std::int64_t>(objects.size() + files.size());
    std::int64_t done = 0;
    for (const catalog::ObjectRecord& object : objects) {
      CheckFile(fmt::format("raw object {}", ToString(object.id)), object.path, object.size_bytes,
                object.digest);
      ++report_.objects;
      if (++done % 256 == 0) progress(done, total);
    }
    for (const catalog::FileRecord& file : files) {
      CheckFile(
          fmt::format("{} file of {}", file.kind, file.table.empty() ? "the project" : file.table),
          file.path, file.size_bytes, file.sha256);
      ++report_.files;
      if (++done % 256 == 0) progress(done, total);
    }
    WEIRHOUSE_TRY_STATUS(CheckCommits());
    WEIRHOUSE_TRY_STATUS(CheckTables());
    if (const Status chain = catalog_.VerifyChain(); !chain.ok())
      Problem("commit chain: " + chain.message());
    progress(total, total);
    return Status();
  }
  VerifyReport TakeReport() { return std::move(report_); }

 private:
  void Problem(std::string text) {
    if (report_.problems.size() < kProblemsMax) report_.problems.push_back(std::move(text));
  }

  void CheckFile(const std::string& what, const std::string& path, std::int64_t size,
                 const Digest& digest) {
    if (!deep_) {
      const auto info = disk_.Stat(path);
      if (!info.ok()) {
        Problem(fmt::format("{} is missing: {}", what, path));
      } else if (info->size_bytes != size) {
        Problem(
            fmt::format("{} has {} bytes, recorded {}: {}", what, info->size_bytes, size, path));
      }
      return;
    }
    const auto bytes = disk_.Read(path);
    if (!bytes.ok()) {
      Problem(fmt::format("{} cannot be read: {}: {}", what, bytes.status().message(), path));
      return;
    }
    report_.bytes += static_cast<std::int64_t>(bytes->size());
    if (const Digest found = Sha256Of(*bytes); found != digest) {
      Problem(fmt::format("{} has other bytes: sha256 {}, recorded {}: {}", what, found.ToHex(),
                          digest.ToHex(), path));
    }
  }

  // Each commit has one run, and each run's inputs exist.
  Status CheckCommits() {
    CommitSeq after;
    std::set<std::int64_t> runs;
    while (true) {
      WEIRHOUSE_TRY(const auto entries, catalog_.Commits(after, 512));
      if (entries.empty()) return Status();
      for (const auto& entry : entries) {
        ++report_.commits;
        if (!runs.insert(entry.run.value()).second) {
          Problem(fmt::format("commit {} has a run that another commit has: {}", entry.seq.value(),
                              ToString(entry.run)));
        }
        const auto run = catalog_.GetRun(entry.run);
        if (!run.ok())
          Problem(fmt::format("commit {} has no run: {}", entry.seq.value(), ToString(entry.run)));
        WEIRHOUSE_TRY(const auto node,
                      catalog_.FindNode({"commit", std::to_string(entry.seq.value())}));
        if (!node) Problem(fmt::format("commit {} is not in lineage", entry.seq.value()));
      }
      after = entries.back().seq;
    }
  }

  // Each table's pointer names a recorded metadata file.
  Status CheckTables() {
    WEIRHOUSE_TRY(const std::vector<catalog::TablePointer> tables, catalog_.Tables());
    for (const catalog::TablePointer& table : tables) {
      if (!disk_.Stat(table.metadata_location).ok()) {
        Problem(fmt::format("the table {} points to metadata that is missing: {}", table.name,
                            table.metadata_location));
      }
    }
    return Status();
  }

  catalog::Catalog& catalog_;
  storage::Disk& disk_;
  bool deep_;
  VerifyReport report_;
};
}  // namespace

Result<VerifyReport> Verify(catalog::Catalog& catalog, storage::Disk& disk, bool deep,
                            const std::function<void(std::int64_t, std::int64_t)>& progress) {
  Checker checker(catalog, disk, deep);
  WEIRHOUSE_TRY_STATUS(checker.Run(progress));
  return checker.TakeReport();
}
}  // namespace weirhouse::lineage
