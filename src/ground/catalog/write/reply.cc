// Replies to clients, kept for a while so that asking again is answered again.
#include <fmt/format.h>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

Result<StoredReply> ReplyOfRow(const DatabaseRow& row) {
  return StoredReply{row.Text(0), row.Text(1), static_cast<int>(row.Int(2)), row.Text(3),
                     ProcessTimeOfMicros(row.Int(4))};
}
}  // namespace

Status WriteReply(Database& db, const StoredReply& reply, ProcessTime now) {
  // Removed here, during a write that happens anyway, so that no clean-up job is needed.
  WEIRHOUSE_TRY_STATUS(db.Run("DELETE FROM reply WHERE kept_until <= ?", {Micros(now)}));
  WEIRHOUSE_TRY_STATUS(
      db.Run("INSERT INTO reply (key, request, status, body, kept_until) VALUES (?, ?, ?, ?, ?) ON "
             "CONFLICT (key) DO NOTHING",
             {reply.key, reply.request, std::int64_t{reply.status}, reply.body,
              Micros(reply.kept_until)}));
  if (db.Changes() == 1) return Status::Ok();
  return Status(Code::kConflict,
                fmt::format("the request was answered meanwhile: key \"{}\"", reply.key))
      .WithError("WH7099")
      .WithHint("send the stored reply");
}

Result<std::optional<StoredReply>> SqlCatalog::FindReply(std::string_view key) {
  return FindOne<StoredReply>(
      "SELECT key, request, status, body, kept_until FROM reply WHERE key = ? AND kept_until > ?",
      {std::string(key), Micros(clock_->Now())}, ReplyOfRow);
}

Status SqlCatalog::KeepReply(const StoredReply& reply) {
  const ProcessTime now = clock_->Now();
  return Write([&](Database& db) { return WriteReply(db, reply, now); });
}
}  // namespace weirhouse::catalog
