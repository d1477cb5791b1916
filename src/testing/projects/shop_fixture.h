// A small project that the tests of work/ share: orders of shops, landing day by day.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "ground/iceberg/table.h"
#include "testing/projects/project_files.h"
#include "testing/testing.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/plan/plan.h"

namespace weirhouse::work {

// Texts of the project's files, and of those that training and serving need beside them; see
// ShopTest::AddModels.
inline std::string ShopFile(const std::string& path) {
  return weirhouse::testing::ProjectFile("shop", path);
}
inline std::string ShopModelFile(const std::string& path) {
  return weirhouse::testing::ProjectFile("shop_models", path);
}

inline std::string Order(const std::string& id, int amount, const std::string& at,
                         const std::string& reported, const std::string& shop = "a") {
  return fmt::format(R"({{"id":"{}","shop":"{}","amount":{},"at":"{}","reported_at":"{}"}})"
                     "\n",
                     id, shop, amount, at, reported);
}

struct ShopTest : ::testing::Test {
  weirhouse::testing::ScratchFolder scratch;
  std::unique_ptr<Workspace> workspace;

  void SetUp() override {
    weirhouse::testing::CopyProject("shop", scratch.path());
    auto project = LoadProject(scratch.path().string(), "");
    ASSERT_OK(project);
    ASSERT_OK(InitializeState(**project));
    Reopen();
  }
  void Write(const std::string& path, const std::string& bytes) {
    weirhouse::testing::WriteFile(scratch / path, bytes);
  }
  void Reopen() {
    workspace.reset();
    ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
    ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite));
  }
  void Land(const std::string& name, const std::string& bytes) {
    Write("landing/order/" + name, bytes);
  }
  // A second view, a view of the request, a training set and a model, to be applied.
  void AddModels() {
    weirhouse::testing::CopyProject("shop_models", scratch.path());
    Reopen();
  }
  // `days` days from 2024-01-01 on, in two batches, 20 orders a day: two shops, some at the same
  // moment, some reported again later with another amount.
  void LandDays(int days) {
    std::map<std::string, std::string> files;
    for (int day = 1; day <= days; ++day) {
      std::string& bytes = files[day * 2 <= days ? "2024-01-01.jsonl" : "2024-01-02.jsonl"];
      for (int i = 0; i < 20; ++i) {
        const std::string at = fmt::format("2024-01-{:02}T{:02}:00:00Z", day, 6 + i / 4);
        bytes += Order(fmt::format("{}-{}", day, i), (day * 37 + i * 13) % 101, at, at,
                       i % 2 == 0 ? "a" : "b");
      }
      if (day == 1) continue;
      bytes +=
          Order(fmt::format("{}-3", day - 1), day, fmt::format("2024-01-{:02}T06:00:00Z", day - 1),
                fmt::format("2024-01-{:02}T05:00:00Z", day), "b");
    }
    for (const auto& [name, bytes] : files) Land(name, bytes);
  }

  std::map<std::string, std::int64_t> States() {
    std::map<std::string, std::int64_t> sums;
    const auto states = workspace->catalog().RecordStates();
    EXPECT_OK(states);
    if (!states.ok()) return sums;
    for (const auto& state : *states) sums[std::string(catalog::Name(state.state))] += state.count;
    std::erase_if(sums, [](const auto& entry) { return entry.second == 0; });
    return sums;
  }
  std::int64_t Rows(const std::string& table) {
    const auto rows = workspace->ReadTable(table);
    EXPECT_OK(rows);
    return rows.ok() ? (*rows)->num_rows() : -1;
  }
  Digest Content(const std::string& table) {
    const auto rows = workspace->ReadTable(table);
    EXPECT_OK(rows);
    return iceberg::ContentDigest(**rows).value();
  }
};
}  // namespace weirhouse::work
