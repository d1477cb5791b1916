// Who gets which event, and how far each of these deliveries is.
#include <fmt/format.h>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;

constexpr std::string_view kDeliveryColumns = "event, target, state, tries, next_try, error";

Status NotBooked(const Delivery& delivery) {
  return Status(Code::kNotFound, fmt::format("delivery does not exist: event {} for target {}",
                                             delivery.event, delivery.target))
      .WithError("WH7086");
}

// Closes an event without pending deliveries: `dead` if a delivery was given up.
Status CloseEvent(Database& db, std::int64_t event) {
  std::int64_t pending = 0;
  std::int64_t given_up = 0;
  std::int64_t tries = 0;
  WEIRHOUSE_TRY_STATUS(db.Each("SELECT state, tries FROM delivery WHERE event = ?", {event},
                               [&](const DatabaseRow& row) {
                                 const std::string state = row.Text(0);
                                 pending += state == "pending" ? 1 : 0;
                                 given_up += state == "given_up" ? 1 : 0;
                                 tries = std::max(tries, row.Int(1));
                                 return Status::Ok();
                               }));
  const std::string state = pending > 0 ? "pending" : given_up > 0 ? "dead" : "sent";
  return db.Run("UPDATE outbox SET state = ?, attempts = ? WHERE id = ?", {state, tries, event});
}
}  // namespace

Result<std::vector<OutboxEvent>> SqlCatalog::PendingEvents(std::int64_t limit) {
  return Collect<OutboxEvent>(
      fmt::format("SELECT {} FROM outbox WHERE id >= (SELECT next FROM counter WHERE name = "
                  "'outbox') AND state = 'pending' ORDER BY id LIMIT ?",
                  kEventColumns),
      {limit}, ParseEventRow);
}

Status SqlCatalog::RouteEvents(std::int64_t last, const std::vector<Delivery>& owed) {
  return Write([&](Database& db) -> Status {
    std::int64_t first = last + 1;
    WEIRHOUSE_TRY_STATUS(
        db.Each("SELECT next FROM counter WHERE name = 'outbox'", {}, [&](const DatabaseRow& row) {
          first = row.Int(0);
          return Status::Ok();
        }));
    for (const Delivery& delivery : owed) {
      WEIRHOUSE_TRY_STATUS(
          db.Run("INSERT INTO delivery (event, target, state, tries, next_try, error) VALUES (?, "
                 "?, 'pending', ?, ?, ?) ON CONFLICT (event, target) DO NOTHING",
                 {delivery.event, delivery.target, std::int64_t{delivery.tries},
                  Micros(delivery.next_try), delivery.error}));
    }
    if (first > last) return Status::Ok();
    WEIRHOUSE_TRY_STATUS(
        db.Run("UPDATE outbox SET state = 'sent' WHERE id >= ? AND id <= ? AND state = 'pending' "
               "AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event = outbox.id)",
               {first, last}));
    return db.Run("UPDATE counter SET next = ? WHERE name = 'outbox'", {last + 1});
  });
}

Result<std::optional<OutboxEvent>> SqlCatalog::FindEvent(std::int64_t id) {
  return FindOne<OutboxEvent>(fmt::format("SELECT {} FROM outbox WHERE id = ?", kEventColumns),
                              {id}, ParseEventRow);
}

Result<std::optional<Delivery>> SqlCatalog::DueDelivery(const std::string& target, ProcessTime now,
                                                        std::chrono::microseconds longest_wait) {
  return FindOne<Delivery>(
      fmt::format("SELECT {} FROM delivery WHERE target = ? AND state = 'pending' AND (next_try <= "
                  "? OR next_try > ?) ORDER BY event LIMIT 1",
                  kDeliveryColumns),
      {target, Micros(now), Micros(now + longest_wait)}, ParseDeliveryRow);
}

Result<std::optional<ProcessTime>> SqlCatalog::NextTry(const std::string& target) {
  std::optional<ProcessTime> next;
  WEIRHOUSE_TRY_STATUS(Read([&](Database& db) {
    return db.Each("SELECT min(next_try) FROM delivery WHERE target = ? AND state = 'pending'",
                   {target}, [&](const DatabaseRow& row) {
                     if (!row.IsNull(0)) next = ProcessTimeOfMicros(row.Int(0));
                     return Status::Ok();
                   });
  }));
  return next;
}

Status SqlCatalog::NoteDelivery(const Delivery& delivery) {
  return Write([&](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(db.Run(
        "UPDATE delivery SET state = ?, tries = ?, next_try = ?, error = ? WHERE event = ? AND "
        "target = ?",
        {delivery.state, std::int64_t{delivery.tries}, Micros(delivery.next_try), delivery.error,
         delivery.event, delivery.target}));
    if (db.Changes() != 1) return NotBooked(delivery);
    return CloseEvent(db, delivery.event);
  });
}

Result<std::vector<std::string>> SqlCatalog::WaitingTargets() {
  return Collect<std::string>(
      "SELECT DISTINCT target FROM delivery WHERE state = 'pending' ORDER BY target", {},
      [](const DatabaseRow& row) -> Result<std::string> { return row.Text(0); });
}

Result<std::vector<Catalog::TargetCount>> SqlCatalog::OpenDeliveries() {
  std::vector<TargetCount> counts;
  for (const std::string_view state : {"pending", "given_up"}) {
    WEIRHOUSE_TRY(
        const auto some,
        Collect<TargetCount>(fmt::format("SELECT target, state, count(*) FROM delivery WHERE state "
                                         "= '{}' GROUP BY target, state ORDER BY target",
                                         state),
                             {}, [](const DatabaseRow& row) -> Result<TargetCount> {
                               return TargetCount{row.Text(0), row.Text(1), row.Int(2)};
                             }));
    counts.insert(counts.end(), some.begin(), some.end());
  }
  return counts;
}

Result<std::vector<Delivery>> SqlCatalog::Deliveries(std::string_view state, bool newest_first,
                                                     std::int64_t limit) {
  // The state is a literal, so that a partial index can serve the query.
  const std::string where = state.empty() ? "" : fmt::format("WHERE state = '{}' ", state);
  return Collect<Delivery>(
      fmt::format("SELECT {} FROM delivery {}ORDER BY event {}, target LIMIT ?", kDeliveryColumns,
                  where, newest_first ? "DESC" : "ASC"),
      {limit}, ParseDeliveryRow);
}
}  // namespace weirhouse::catalog
