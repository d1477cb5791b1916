// Pointers and namespaces of one commit.
#include <fmt/format.h>

#include "ground/base/name.h"
#include "ground/catalog/store/row.h"
#include "ground/catalog/store/span.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

struct Standing {
  std::string uuid;
  std::string metadata_location;
  std::string kind;
};

Result<std::optional<Standing>> FindPointer(Database& db, const std::string& name) {
  std::optional<Standing> found;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT uuid, metadata_location, kind FROM table_pointer WHERE name = ?", {name},
              [&](const DatabaseRow& row) {
                found = Standing{row.Text(0), row.Text(1), row.Text(2)};
                return Status::Ok();
              }));
  return found;
}

Status PointerConflict(const std::string& name, const std::string& why) {
  return Status(Code::kConflict,
                fmt::format("table \"{}\" was changed by another writer: {}", name, why))
      .WithError(kPointerMoved)
      .WithHint("load the table again and redo the run");
}

std::string ExpectedAndFound(const std::optional<std::string>& expected,
                             const std::optional<Standing>& found) {
  return fmt::format(
      "expected {}, found {}",
      expected ? fmt::format("\"{}\"", *expected) : std::string("no table"),
      found ? fmt::format("\"{}\"", found->metadata_location) : std::string("no table"));
}

// Checks that the pointer of `name` is at `expected`.
Status ExpectPointer(Database& db, const std::string& name, const std::string& expected) {
  WEIRHOUSE_TRY(const std::optional<Standing> found, FindPointer(db, name));
  if (found && found->metadata_location == expected) return Status::Ok();
  return PointerConflict(name, ExpectedAndFound(expected, found));
}

// "a.b.t" as "a.b" and "t".
Result<std::pair<std::string, std::string>> SplitName(const std::string& name) {
  const TableNameView parts(name);
  if (parts.name_space().empty() || parts.own().empty()) {
    return Status(Code::kInternal,
                  fmt::format("table name is not \"namespace.table\": \"{}\"", name))
        .WithError("WH7085");
  }
  return std::pair<std::string, std::string>(parts.name_space(), parts.own());
}

// ---- Namespaces
struct NamespaceStanding {
  bool by_name = false;      // created explicitly, or of a layer
  bool by_tables = false;    // holds tables or views itself
  bool by_children = false;  // others lie below it
  bool exists() const { return by_name || by_tables; }
};

Result<bool> Any(Database& db, std::string_view sql,
                 const std::vector<platform::DatabaseValue>& values) {
  bool any = false;
  WEIRHOUSE_TRY_STATUS(db.Each(sql, values, [&](const DatabaseRow&) {
    any = true;
    return Status::Ok();
  }));
  return any;
}

Result<NamespaceStanding> StandingOf(Database& db, const std::string& name) {
  NamespaceStanding standing;
  WEIRHOUSE_TRY(standing.by_name, Any(db, "SELECT 1 FROM namespace WHERE name = ?", {name}));
  WEIRHOUSE_TRY(standing.by_tables,
                Any(db, "SELECT 1 FROM table_pointer WHERE namespace = ? LIMIT 1", {name}));
  // Text that begins with "name." sorts between it and "name/", because the slash follows the dot.
  WEIRHOUSE_TRY(const bool created_below,
                Any(db, "SELECT 1 FROM namespace WHERE name > ? AND name < ? LIMIT 1",
                    {name + ".", name + "/"}));
  WEIRHOUSE_TRY(const bool filled_below,
                Any(db, "SELECT 1 FROM table_pointer WHERE namespace > ? AND namespace < ? LIMIT 1",
                    {name + ".", name + "/"}));
  standing.by_children = created_below || filled_below;
  return standing;
}

Status NoSuchNamespace(const std::string& name) {
  return Status(Code::kNotFound, fmt::format("namespace does not exist: \"{}\"", name))
      .WithError(kNoNamespace)
      .WithHint("create the namespace first");
}

Status CheckNamespaceName(const std::string& name) {
  if (NamespaceView(name).is_whole()) return Status::Ok();
  return Status(Code::kInternal, fmt::format("the namespace has an empty level: \"{}\"", name))
      .WithError("WH7085");
}

Status WriteProperties(Database& db, const NamespaceRecord& wanted) {
  WEIRHOUSE_TRY_STATUS(db.Run("DELETE FROM namespace_property WHERE namespace = ?", {wanted.name}));
  for (const auto& [key, value] : wanted.properties) {
    WEIRHOUSE_TRY_STATUS(
        db.Run("INSERT INTO namespace_property (namespace, key, value) VALUES (?, ?, ?)",
               {wanted.name, key, value}));
  }
  return Status::Ok();
}

Status CreateNamespace(CommitContext& commit, const NamespaceRecord& wanted) {
  WEIRHOUSE_TRY(const NamespaceStanding standing, StandingOf(commit.db, wanted.name));
  if (standing.exists()) {
    return Status(Code::kConflict, fmt::format("the namespace exists already: \"{}\"", wanted.name))
        .WithError(kNamespaceExists);
  }
  if (NamespaceView(wanted.name).has_parent()) {
    const std::string parent(NamespaceView(wanted.name).parent());
    WEIRHOUSE_TRY(const NamespaceStanding above, StandingOf(commit.db, parent));
    if (!above.exists()) return NoSuchNamespace(parent);
  }
  WEIRHOUSE_TRY_STATUS(commit.db.Run("INSERT INTO namespace (name, seq) VALUES (?, ?)",
                                     {wanted.name, commit.seq.value()}));
  return WriteProperties(commit.db, wanted);
}

// Checks that a namespace's properties are those that a change was based on.
Status ExpectProperties(Database& db, const std::string& name,
                        const std::map<std::string, std::string>& expected) {
  std::map<std::string, std::string> found;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT key, value FROM namespace_property WHERE namespace = ?",
                               {name}, [&](const DatabaseRow& row) {
                                 found.emplace(row.Text(0), row.Text(1));
                                 return Status::Ok();
                               }));
  if (found == expected) return Status::Ok();
  return Status(Code::kConflict,
                fmt::format("properties of namespace \"{}\" were changed by another writer", name))
      .WithError("WH7002")
      .WithHint("load the namespace again and redo the change");
}

Status SetNamespace(CommitContext& commit, const NamespaceChange& change) {
  const NamespaceRecord& wanted = change.wanted;
  WEIRHOUSE_TRY(const NamespaceStanding standing, StandingOf(commit.db, wanted.name));
  if (!standing.exists()) return NoSuchNamespace(wanted.name);
  if (change.expected_properties) {
    WEIRHOUSE_TRY_STATUS(ExpectProperties(commit.db, wanted.name, *change.expected_properties));
  }
  WEIRHOUSE_TRY_STATUS(
      commit.db.Run("INSERT INTO namespace (name, seq) VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
                    "SET seq = excluded.seq",
                    {wanted.name, commit.seq.value()}));
  return WriteProperties(commit.db, wanted);
}

Status DropNamespace(CommitContext& commit, const NamespaceRecord& wanted) {
  WEIRHOUSE_TRY(const NamespaceStanding standing, StandingOf(commit.db, wanted.name));
  if (!standing.exists()) return NoSuchNamespace(wanted.name);
  if (standing.by_tables || standing.by_children) {
    return Status(Code::kConflict,
                  fmt::format("the namespace is not empty: \"{}\" holds {}", wanted.name,
                              standing.by_tables ? "tables or views" : "other namespaces"))
        .WithError(kNamespaceNotEmpty)
        .WithHint("drop what it holds first");
  }
  WEIRHOUSE_TRY_STATUS(commit.db.Run("DELETE FROM namespace WHERE name = ?", {wanted.name}));
  return commit.db.Run("DELETE FROM namespace_property WHERE namespace = ?", {wanted.name});
}

// ---- Pointers
Status DropPointer(CommitContext& commit, const TableDrop& drop) {
  WEIRHOUSE_TRY_STATUS(ExpectPointer(commit.db, drop.name, drop.expected_metadata_location));
  WEIRHOUSE_TRY(TableSpans spans, LoadSpans(commit.db, drop.name));
  WEIRHOUSE_TRY_STATUS(
      StoreSpans(commit.db, drop.name, SpansAfterDrop(std::move(spans), commit.seq.value())));
  WEIRHOUSE_TRY_STATUS(LeavePlaces(commit, drop));
  return commit.db.Run("DELETE FROM table_pointer WHERE name = ?", {drop.name});
}

Status RenamePointer(CommitContext& commit, const TableRename& rename) {
  WEIRHOUSE_TRY_STATUS(ExpectPointer(commit.db, rename.name, rename.expected_metadata_location));
  WEIRHOUSE_TRY(const auto parts, SplitName(rename.new_name));
  WEIRHOUSE_TRY(const std::optional<Standing> taken, FindPointer(commit.db, rename.new_name));
  if (taken) {
    return Status(Code::kConflict,
                  fmt::format("could not rename \"{}\": \"{}\" is the name of another {}",
                              rename.name, rename.new_name, taken->kind))
        .WithError("WH7095")
        .WithHint("choose another name, or drop the other one first");
  }
  WEIRHOUSE_TRY(const NamespaceStanding standing, StandingOf(commit.db, parts.first));
  if (!standing.exists()) return NoSuchNamespace(parts.first);
  const std::int64_t seq = commit.seq.value();
  WEIRHOUSE_TRY(const TableSpans spans, LoadSpans(commit.db, rename.name));
  WEIRHOUSE_TRY_STATUS(
      StoreSpans(commit.db, rename.new_name, SpansAfterRename(spans, rename.new_name, seq)));
  WEIRHOUSE_TRY_STATUS(StoreSpans(commit.db, rename.name, SpansAfterDrop(spans, seq)));
  WEIRHOUSE_TRY_STATUS(RenamePlaces(commit, rename));
  return commit.db.Run(
      "UPDATE table_pointer SET name = ?, namespace = ?, short_name = ?, seq = ? WHERE name = ?",
      {rename.new_name, parts.first, parts.second, seq, rename.name});
}

Status CreatePointer(CommitContext& commit, const TableChange& change) {
  WEIRHOUSE_TRY(const auto parts, SplitName(change.name));
  WEIRHOUSE_TRY(const TableSpans spans, LoadSpans(commit.db, change.name));
  if (TableSpans now = SpansAfterCreate(spans, change.name); now != spans) {
    WEIRHOUSE_TRY_STATUS(StoreSpans(commit.db, change.name, now));
  }
  return commit.db.Run(
      "INSERT INTO table_pointer (name, namespace, short_name, uuid, metadata_location, seq, kind) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {change.name, parts.first, parts.second, change.uuid, change.metadata_location,
       commit.seq.value(), PointerKindName(change.kind)});
}

Status SwapPointer(CommitContext& commit, const TableChange& change) {
  WEIRHOUSE_TRY(const std::optional<Standing> found, FindPointer(commit.db, change.name));
  if (!found && !change.expected_metadata_location) return CreatePointer(commit, change);
  if (!found || found->metadata_location != change.expected_metadata_location) {
    return PointerConflict(change.name, ExpectedAndFound(change.expected_metadata_location, found));
  }
  if (found->uuid != change.uuid) {
    return PointerConflict(change.name,
                           fmt::format("expected uuid {}, found {}", change.uuid, found->uuid));
  }
  if (found->kind != PointerKindName(change.kind)) {
    return PointerConflict(change.name, fmt::format("expected a {}, found a {}",
                                                    PointerKindName(change.kind), found->kind));
  }
  return commit.db.Run(
      "UPDATE table_pointer SET previous_metadata_location = metadata_location, "
      "metadata_location = ?, seq = ? WHERE name = ?",
      {change.metadata_location, commit.seq.value(), change.name});
}
}  // namespace

Status WritePointers(CommitContext& commit) {
  const CommitRequest& request = commit.request;
  for (const NamespaceChange& change : request.namespaces) {
    WEIRHOUSE_TRY_STATUS(CheckNamespaceName(change.wanted.name));
    if (change.what == NamespaceChange::What::kCreate) {
      WEIRHOUSE_TRY_STATUS(CreateNamespace(commit, change.wanted));
    } else if (change.what == NamespaceChange::What::kSet) {
      WEIRHOUSE_TRY_STATUS(SetNamespace(commit, change));
    }
  }
  for (const TableDrop& drop : request.drops) WEIRHOUSE_TRY_STATUS(DropPointer(commit, drop));
  for (const TableRename& rename : request.renames) {
    WEIRHOUSE_TRY_STATUS(RenamePointer(commit, rename));
  }
  for (const TableChange& change : request.tables) {
    WEIRHOUSE_TRY_STATUS(SwapPointer(commit, change));
    WEIRHOUSE_TRY_STATUS(ClaimPlaces(commit, change));
  }
  for (const NamespaceChange& change : request.namespaces) {
    if (change.what == NamespaceChange::What::kDrop) {
      WEIRHOUSE_TRY_STATUS(DropNamespace(commit, change.wanted));
    }
  }
  return Status::Ok();
}
}  // namespace weirhouse::catalog
