#include "app/daemon/audit_log.h"

#include <filesystem>

#include "ground/base/text.h"
#include "testing/testing.h"

namespace weirhouse::daemon {
namespace {
using weirhouse::testing::ScratchFolder;

TEST(AuditLog, AppendsOneLineEachAcrossReopening) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "audit.jsonl").string();
  {
    AuditLog(path).Append(R"({"a":1})");
  }
  AuditLog log(path);
  log.Append(R"({"a":2})");
  EXPECT_EQ(weirhouse::testing::ReadFile(path), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(log.dropped(), 0);
}

TEST(AuditLog, RotatesAtItsSizeAndKeepsSoManyFiles) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "audit.jsonl").string();
  AuditLog log(path);
  const std::string line(kAuditBytesMax / 4, 'x');
  for (int i = 0; i < 4 * (kAuditFilesKept + 2); ++i) log.Append(line);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
    ++files;
    EXPECT_LE(std::filesystem::file_size(entry.path()), static_cast<std::size_t>(kAuditBytesMax));
  }
  EXPECT_EQ(files, static_cast<std::size_t>(kAuditFilesKept));
}

TEST(AuditLog, CountsWhatItCannotWrite) {
  AuditLog log("/nonexistent/folder/audit.jsonl");
  log.Append("{}");
  EXPECT_EQ(log.dropped(), 1);
}
}  // namespace
}  // namespace weirhouse::daemon
