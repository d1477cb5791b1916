#include "work/landing/object_reader.h"

#include <filesystem>

#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::landing {
namespace {
using ::testing::HasSubstr;
using testing::ScratchFolder;
using testing::WriteFile;

struct ObjectReaderTest : ::testing::Test {
  ScratchFolder scratch;
  std::string bytes = std::string(3 << 20, 'a');
  catalog::ObjectRecord object;

  void SetUp() override {
    bytes.append("the end");
    object.source = "order";
    object.name = "2024-01-01.jsonl";
    object.path = scratch / "object";
    object.digest = Sha256Of(bytes);
    object.size_bytes = static_cast<std::int64_t>(bytes.size());
    WriteFile(object.path, bytes);
  }
  // Reads the first `wanted` bytes, and no more.
  Status FinishAfter(std::size_t wanted) const {
    ObjectReader reader(platform::LocalStore(), object);
    std::string into(wanted, '\0');
    for (std::size_t at = 0; at < wanted;) {
      const auto got = reader.Read(into.data() + at, wanted - at);
      if (!got.ok()) {
        EXPECT_EQ(reader.Finish().ToString(), got.status().ToString());
        return got.status();
      }
      at += *got;
      if (*got == 0) break;
    }
    return reader.Finish();
  }
  void ExpectToldAs(const std::string& code, const std::string& how) const {
    for (const Status& status : {FinishAfter(0), FinishAfter(10), FinishAfter(bytes.size()),
                                 ReadObject(platform::LocalStore(), object).status()}) {
      EXPECT_EQ(status.error_code(), code) << status.ToString();
      EXPECT_THAT(status.message(), HasSubstr("order/2024-01-01.jsonl"));
      EXPECT_THAT(status.message(), HasSubstr(how));
      EXPECT_THAT(status.message(), HasSubstr(object.path));
      EXPECT_THAT(status.hint(), HasSubstr("land the same file again"));
      EXPECT_TRUE(WantsItsFile(status));
    }
  }
};

TEST_F(ObjectReaderTest, WhatArrivedIsReadHoweverMuchOfItIsAskedFor) {
  EXPECT_OK(FinishAfter(0));
  EXPECT_OK(FinishAfter(10));
  EXPECT_OK(FinishAfter(bytes.size()));
  ASSERT_OK_AND(const std::string whole, ReadObject(platform::LocalStore(), object));
  EXPECT_EQ(whole, bytes);
}

TEST_F(ObjectReaderTest, OtherBytesThanArrivedAreTold) {
  std::string other = bytes;
  other.back() = 'D';
  WriteFile(object.path, other);
  ExpectToldAs("WH1305", "other bytes");
}

TEST_F(ObjectReaderTest, AnotherLengthIsTold) {
  WriteFile(object.path, bytes + "x");
  ExpectToldAs("WH1305", "longer");
  WriteFile(object.path, bytes.substr(0, bytes.size() - 1));
  ExpectToldAs("WH1305", "shorter");
  WriteFile(object.path, "");
  ExpectToldAs("WH1305", "shorter");
}

TEST_F(ObjectReaderTest, WhatIsMissingIsTold) {
  std::filesystem::remove(object.path);
  ExpectToldAs("WH7012", "missing");
}
}  // namespace
}  // namespace weirhouse::landing
