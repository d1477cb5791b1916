// What tests share that have another engine on the other side: the scripts of testdata/.
#pragma once

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {

class PythonTest : public TableTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kPython)) {
      GTEST_SKIP() << "no Python environment: run `make setup`";
    }
  }

  // The standard output of a script of testdata/; a failing script fails the test.
  std::string Run(const std::string& script, const std::string& arguments) {
    const std::string out = scratch_ / "script.out";
    const std::string err = scratch_ / "script.err";
    const std::string command =
        fmt::format("{} {}/src/ground/iceberg/testdata/{}.py {} > {} 2> {}", kPython,
                    testing::SourceFolder(), script, arguments, out, err);
    const int rc = std::system(command.c_str());
    EXPECT_TRUE(WIFEXITED(rc) && WEXITSTATUS(rc) == 0) << command << "\n" << testing::ReadFile(err);
    return testing::ReadFile(out);
  }

 private:
  inline static const std::string kPython = testing::SourceFolder() + "/.deps/venv/bin/python";
};
}  // namespace weirhouse::iceberg
