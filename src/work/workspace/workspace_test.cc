#include "work/workspace/workspace.h"

#include <filesystem>

#include "testing/projects/shop_fixture.h"

namespace weirhouse::work {
namespace {

using WorkspaceTest = ShopTest;

TEST_F(WorkspaceTest, WhatItParsedOfTablesIsItsOwn) {
  LandDays(2);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ASSERT_OK_AND(const auto project, LoadProject(scratch.path().string(), ""));
  ASSERT_OK_AND(const auto reader, Workspace::Open(project, Access::kRead));
  ASSERT_OK_AND(const auto pointer, workspace->catalog().FindTable("processed.order"));
  ASSERT_OK(workspace->LoadTable("processed.order").status());
  std::filesystem::remove(pointer->metadata_location);
  EXPECT_OK(workspace->LoadTable("processed.order").status());
  EXPECT_OK(workspace->With(project)->LoadTable("processed.order").status());  // the same state
  const Status missing = reader->LoadTable("processed.order").status();
  EXPECT_EQ(missing.code(), Code::kCorruption);
  EXPECT_TRUE(missing.Is(iceberg::kMetadataMissing)) << missing.ToString();
}
}  // namespace
}  // namespace weirhouse::work
