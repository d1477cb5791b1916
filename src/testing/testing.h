// Shared by tests. Never linked into the product.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "ground/base/status.h"

namespace arrow {
class Table;
class Schema;
}  // namespace arrow

namespace weirhouse::testing {

// Whether this build runs under a sanitizer: its times and address space say nothing about the
// product.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kUnderSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kUnderSanitizer = true;
#else
inline constexpr bool kUnderSanitizer = false;
#endif
#else
inline constexpr bool kUnderSanitizer = false;
#endif

// A temporary folder, removed on destruction.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// The checkout that this test was built in, without a slash at its end.
std::string SourceFolder();

void WriteFile(const std::string& path, const std::string& bytes);
std::string ReadFile(const std::string& path);

// An Arrow table from JSON rows: TableOf(schema, R"([{"a":1},{"a":null}])"). Times as microseconds
// or RFC 3339.
std::shared_ptr<arrow::Table> TableOf(const std::shared_ptr<arrow::Schema>& schema,
                                      const std::string& json_rows);
// The rows of a table as JSON text, one row a line; for readable comparisons.
std::string RowsAsJson(const arrow::Table& table);

inline Status StatusOf(const Status& status) { return status; }
template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}
}  // namespace weirhouse::testing

#define ASSERT_OK(expression)                                                         \
  do {                                                                                \
    const ::weirhouse::Status ok_status = ::weirhouse::testing::StatusOf(expression); \
    ASSERT_TRUE(ok_status.ok()) << ok_status.ToString();                              \
  } while (false)
#define EXPECT_OK(expression)                                                         \
  do {                                                                                \
    const ::weirhouse::Status ok_status = ::weirhouse::testing::StatusOf(expression); \
    EXPECT_TRUE(ok_status.ok()) << ok_status.ToString();                              \
  } while (false)
// ASSERT_OK_AND(auto value, Function());
#define ASSERT_OK_AND(declaration, expression) \
  ASSERT_OK_AND_INNER(declaration, expression, WEIRHOUSE_CONCAT(test_result_, __COUNTER__))
#define ASSERT_OK_AND_INNER(declaration, expression, name) \
  auto name = (expression);                                \
  ASSERT_TRUE(name.ok()) << name.status().ToString();      \
  declaration = std::move(name).value()
