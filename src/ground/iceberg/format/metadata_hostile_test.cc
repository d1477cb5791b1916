// Wrong values in every member of requests that change tables: the bodies of the fuzz corpus, each
// value in turn replaced by what a hostile or broken client may send.
#include <filesystem>

#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/update/metadata_update.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

std::vector<Json> HostileValues() {
  return {nullptr,
          true,
          -1,
          0,
          1.5,
          1e300,
          9223372036854775807,
          18446744073709551615ull,
          std::numeric_limits<std::int64_t>::min(),
          2147483648,
          "",
          "../../etc/passwd",
          std::string(100'000, 'x'),
          "'; DROP TABLE snapshot; --",
          Json::array(),
          Json::object(),
          Json::array({nullptr}),
          Json::object({{"type", "struct"}}),
          "decimal(99,-1)",
          "bucket[2147483648]",
          "\u0000\u202e"};
}

void CollectPaths(const Json& json, const Json::json_pointer& path,
                  std::vector<Json::json_pointer>& paths) {
  paths.push_back(path);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) CollectPaths(value, path / key, paths);
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) CollectPaths(json[i], path / i, paths);
  }
}

class MetadataHostileTest : public TableTest {
 protected:
  MetadataHostileTest() {
    const Json updates = Json::parse(R"([
      {"action": "add-snapshot", "snapshot": {"snapshot-id": 1, "sequence-number": 1,
        "timestamp-ms": 1, "manifest-list": "/m", "summary": {"operation": "append"}}},
      {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 1}])");
    base_ = ApplyRequest(NewFlights().get(), "processed.flight", updates, now()).value().metadata;
  }

  template <typename T>
  static void ExpectRefusal(const Result<T>& result) {
    if (result.ok()) return;
    const Code code = result.status().code();
    EXPECT_TRUE(code == Code::kInvalidInput || code == Code::kConflict)
        << result.status().ToString();
    EXPECT_LT(result.status().message().size(), 2000u);
  }
  static void ExpectReadable(const TableMetadata& metadata) {
    const std::string text = SerializeTableMetadata(metadata);
    const auto again = ParseTableMetadata(text, metadata.name, "");
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(SerializeTableMetadata(*again), text);
  }

  // Tries one body, as the first byte of its file says.
  void Try(char kind, const Json& body) {
    if (kind % 3 == 2) {
      const auto made = MetadataOfRequest(body, "a.b", "/t", random_, now());
      ExpectRefusal(made);
      if (made.ok()) ExpectReadable(*made);
      return;
    }
    const TableMetadata* base = kind % 3 == 1 ? &base_ : nullptr;
    const auto member = [&body](const char* key) {
      return body.is_object() && body.contains(key) ? body[key] : body;
    };
    const Status met = CheckRequest(base, member("requirements"));
    EXPECT_NE(met.code(), Code::kInternal) << met.ToString();
    const auto updated = ApplyRequest(base, "a.b", member("updates"), now());
    ExpectRefusal(updated);
    if (updated.ok()) ExpectReadable(updated->metadata);
  }

  TableMetadata base_;
};

TEST_F(MetadataHostileTest, NoValueInAnyMemberIsMoreThanRefused) {
  const std::filesystem::path corpus = testing::SourceFolder() + "/fuzz/corpus/commit_fuzz";
  const std::vector<Json> values = HostileValues();
  int tried = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    const std::string text = testing::ReadFile(entry.path());
    const Json body = Json::parse(text.substr(1));
    std::vector<Json::json_pointer> paths;
    CollectPaths(body, Json::json_pointer(), paths);
    for (const auto& path : paths) {
      SCOPED_TRACE(entry.path().filename().string() + path.to_string());
      for (const Json& value : values) {
        Json changed = body;
        changed[path] = value;
        Try(text[0], changed);
        ++tried;
      }
      if (path.empty()) continue;
      Json without = body;
      Json& holder = without[path.parent_pointer()];
      if (holder.is_object()) {
        holder.erase(path.back());
      } else {
        holder.erase(static_cast<std::size_t>(std::stoi(path.back())));
      }
      Try(text[0], without);
    }
  }
  EXPECT_GT(tried, 5000);
}
}  // namespace
}  // namespace weirhouse::iceberg
