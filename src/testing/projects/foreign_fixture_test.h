// What the tests of other engines' commits share: a project, callers, and a client that writes real
// files and says so in the words of the REST specification.
#pragma once

#include <arrow/api.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ground/iceberg/table.h"
#include "testing/projects/shop_fixture.h"
#include "work/foreign/client_file.h"
#include "work/foreign/foreign_commit.h"

namespace weirhouse::work {

struct ForeignTest : ShopTest {
  using Json = nlohmann::json;

  static Caller As(policy::Role role, std::vector<std::string> scopes = {"*"}) {
    Caller caller;
    caller.who.id = "t1";
    caller.who.name = "spark-etl";
    caller.who.role = role;
    caller.who.scopes = std::move(scopes);
    caller.engine = "spark 4.1.4";
    caller.remote = "127.0.0.1";
    return caller;
  }
  static Caller Writer() { return As(policy::Role::kWriter); }
  static Caller Admin() { return As(policy::Role::kAdmin); }

  void MakeNamespace(const std::string& name) {
    catalog::NamespaceChange change;
    change.wanted.name = name;
    ASSERT_OK(ChangeNamespace(*workspace, Admin(), change));
  }

  static Json CreateBody(const std::string& name) {
    return {{"name", name},
            {"schema",
             {{"type", "struct"},
              {"schema-id", 0},
              {"fields",
               Json::array(
                   {{{"id", 1}, {"name", "id"}, {"type", "long"}, {"required", true}},
                    {{"id", 2}, {"name", "city"}, {"type", "string"}, {"required", false}}})}}}};
  }
  Result<iceberg::TablePtr> Create(const std::string& name_space, const std::string& name) {
    return CreateForeign(*workspace, {Writer(), name_space, CreateBody(name)});
  }

  static std::shared_ptr<arrow::Table> RowsOf(std::int64_t first, std::int64_t count) {
    Json rows = Json::array();
    for (std::int64_t id = first; id < first + count; ++id) {
      rows.push_back({{"id", id}, {"city", "Oslo"}});
    }
    return weirhouse::testing::TableOf(arrow::schema({arrow::field("id", arrow::int64(), false),
                                                      arrow::field("city", arrow::utf8())}),
                                       rows.dump());
  }

  // Files of one snapshot, written as a client does, and the requirements and updates that ask for
  // it.
  struct Written {
    ForeignChange change;
    SnapshotId snapshot;
    std::vector<std::string> files;  // data, manifests, list
  };
  Written WriteSnapshot(const iceberg::TablePtr& base,
                        const std::function<Status(iceberg::StagedWrite&)>& write) {
    iceberg::StageOptions options;
    options.run_name = "client";
    options.idempotency_key = "none";
    options.now = workspace->clock().Now();
    iceberg::StagedWrite staged(platform::LocalDisk(), base, SystemRandom(), options);
    EXPECT_OK(write(staged));
    auto finished = staged.Finish();
    EXPECT_OK(finished);
    Written written;
    written.change.table = base->name;
    const iceberg::Snapshot& added = *finished->table->current_snapshot();
    written.snapshot = added.id;
    for (const catalog::FileRecord& file : finished->files) {
      if (file.kind != "metadata") written.files.push_back(file.path);
    }
    const Json metadata = Json::parse(iceberg::SerializeTableMetadata(*finished->table));
    Json snapshot;
    for (const Json& one : metadata["snapshots"]) {
      if (one["snapshot-id"] == added.id.value()) snapshot = one;
    }
    const iceberg::Snapshot* before = base->current_snapshot();
    written.change.requirements =
        Json::array({{{"type", "assert-table-uuid"}, {"uuid", base->uuid}},
                     {{"type", "assert-ref-snapshot-id"},
                      {"ref", "main"},
                      {"snapshot-id", before == nullptr ? Json() : Json(before->id.value())}}});
    written.change.updates = Json::array({{{"action", "add-snapshot"}, {"snapshot", snapshot}},
                                          {{"action", "set-snapshot-ref"},
                                           {"ref-name", "main"},
                                           {"type", "branch"},
                                           {"snapshot-id", added.id.value()}}});
    return written;
  }
  Written WriteAppend(const iceberg::TablePtr& base, std::int64_t first, std::int64_t count) {
    return WriteSnapshot(base, [&](iceberg::StagedWrite& write) {
      return write.Append(*RowsOf(first, count)).status();
    });
  }

  Result<ForeignAnswer> Commit(const std::vector<Written>& written, const Caller& caller) {
    ForeignCommit commit{caller, {}};
    for (const Written& one : written) commit.changes.push_back(one.change);
    return CommitForeign(*workspace, commit);
  }
  Result<ForeignAnswer> Commit(const Written& written) {
    return Commit(std::vector<Written>{written}, Writer());
  }
  iceberg::TablePtr Load(const std::string& name) {
    auto table = LoadForeign(*workspace, Writer(), name);
    EXPECT_OK(table);
    return table.ok() ? *table : nullptr;
  }
  CommitSeq LastSeq() { return workspace->catalog().LastSeq().value(); }
  std::vector<std::string> MetadataFiles(const std::string& location) {
    std::vector<std::string> names;
    const auto entries = workspace->disk().List(location + "/metadata");
    EXPECT_OK(entries);
    for (const platform::FileInfo& entry : *entries) {
      if (entry.path.ends_with(".metadata.json")) names.push_back(entry.path);
    }
    return names;
  }
};

// The same over one project that the tests of a suite share, for those that touch namespaces of
// their own alone: opening a project costs more than most of them.
struct SharedForeignTest : ForeignTest {
  struct Project {
    std::unique_ptr<weirhouse::testing::ScratchFolder> folder;
    std::unique_ptr<Workspace> workspace;
  };
  static Project& Shared() {
    static Project project;
    return project;
  }
  static void TearDownTestSuite() {
    Shared().workspace.reset();
    Shared().folder.reset();
  }
  void SetUp() override {
    Project& shared = Shared();
    if (shared.workspace == nullptr) {
      shared.folder = std::make_unique<weirhouse::testing::ScratchFolder>();
      weirhouse::testing::WriteFile(*shared.folder / "weirhouse.yaml", "name: shared\n");
      ASSERT_OK_AND(auto project, LoadProject(shared.folder->path().string(), ""));
      ASSERT_OK(InitializeState(*project));
      ASSERT_OK_AND(shared.workspace, Workspace::Open(project, Access::kWrite));
    }
    workspace = std::move(shared.workspace);
  }
  // Leaves nothing of the test behind: one commit, and the folders.
  void TearDown() override {
    if (workspace == nullptr) return;
    catalog::Catalog& catalog = workspace->catalog();
    catalog::CommitRequest request;
    catalog::RunPlan plan;
    plan.kind = "test";
    plan.step_identity = Sha256Of(workspace->random().Uuid4());
    plan.idempotency_key = plan.step_identity.ToHex();
    request.idempotency_key = plan.idempotency_key;
    request.plan = plan;
    request.layer = "maintenance";
    const auto tables = catalog.Tables();
    ASSERT_OK(tables);
    for (const auto& table : *tables)
      request.drops.push_back({table.name, table.metadata_location});
    const auto namespaces = catalog.Namespaces();
    ASSERT_OK(namespaces);
    for (auto one = namespaces->rbegin(); one != namespaces->rend(); ++one) {
      if (policy::LayerOf(one->name) != policy::Layer::kOpen) continue;
      request.namespaces.push_back({catalog::NamespaceChange::What::kDrop, {one->name, {}}});
      std::filesystem::remove_all(workspace->lake() + "/" + one->name);
    }
    ASSERT_OK(catalog.Commit(request));
    // The disk forgets which folders there are when one is removed through it.
    ASSERT_OK(workspace->disk().MakeFolder(workspace->lake() + "/gone"));
    ASSERT_OK(workspace->disk().Remove(workspace->lake() + "/gone"));
    Shared().workspace = std::move(workspace);
  }
};
}  // namespace weirhouse::work
