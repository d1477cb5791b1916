#include "testing/simulator/world.h"

#include <fmt/format.h>

#include "ground/base/time.h"

namespace weirhouse::simulator {
namespace {
constexpr std::int64_t kFirstDayUs = 1'704'067'200'000'000;  // 2024-01-01
constexpr std::int64_t kDayUs = 24 * 60 * kMinuteUs;
constexpr int kDays = 3;

constexpr std::string_view kContract = R"(
apiVersion: v3.1.0
kind: DataContract
id: {0}
version: 1.0.0
status: active
team: {{ name: sales }}
schema:
  - name: {0}
    logicalType: object
    properties:
      - {{ name: id, logicalType: string, required: true }}
      - {{ name: shop, logicalType: string, required: true }}
      - {{ name: amount, logicalType: integer, required: true, logicalTypeOptions: {{ minimum: 0 }} }}
      - {{ name: at, logicalType: timestamp, required: true }}
      - {{ name: reported_at, logicalType: timestamp, required: true }}
)";
constexpr std::string_view kOrderSql =
    "-- wh: table processed.order; key id; order reported_at; event at; known reported_at\n"
    "-- wh: partition month(at); mode incremental{}\n"
    "SELECT r.id, r.shop, s.city, r.amount, r.at, r.reported_at FROM records.order AS r JOIN "
    "ref.shop AS s USING (shop)\n";
constexpr std::string_view kVisitSql =
    "-- wh: table processed.visit; key id; order reported_at; event at; known reported_at\n"
    "-- wh: mode incremental\n"
    "SELECT v.id, v.shop, v.amount, v.at, v.reported_at FROM records.visit AS v\n";
constexpr std::string_view kTotalSql =
    "-- wh: table processed.total; key shop; mode full\n"
    "SELECT o.shop, count(*) AS n, sum(o.amount) AS total FROM processed.order AS o GROUP BY "
    "o.shop\n";
constexpr std::string_view kGate = R"(
gate: order
table: processed.order
checks:
  - required: [id, amount]
  - unique: { columns: [id], scope: table }
  - range: { column: amount, max: 1000 }
)";
constexpr std::string_view kView = R"(
feature_view: shop_sales
version: 1
entity: {{ shop: string }}
source: processed.order{}
event_time: at
known_time: reported_at
windows: [24h]
features: {{ n: {{ agg: count }}, total: {{ agg: sum, of: amount }} }}
online: {{ fill: stream }}
)";

std::string SourceLine(std::string_view name, bool delete_after) {
  return fmt::format(
      "  {0}: {{ landing: landing/{0}/, format: jsonl, contract: {0}, event_time: at, batch: {{ "
      "by: name, pattern: '{{date}}' }}{1} }}\n",
      name, delete_after ? ", after: delete" : "");
}
void SetLine(Record& record) {
  record.line = fmt::format(R"({{"id":"{}","shop":"{}","amount":{},"at":"{}","reported_at":"{}"}})",
                            record.id, record.shop, record.amount, FormatTime(record.at_us),
                            FormatTime(record.reported_us));
}
}  // namespace

Variant DrawVariant(Random& random) {
  // Only a few of the 32 variants: making one costs as much as a few lives.
  switch (random.Below(8)) {
    case 0:
      return {.history = true, .gate = true};
    case 1:
      return {.history = true};
    case 2:
      return {.gate = true};
    case 3:
      return {.history = true, .gate = true, .visits = true};
    case 4:
      return {.gate = true, .visits = true, .delete_after = true};
    case 5:
      return {.history = true, .delete_after = true};
    case 6:
      return {.gate = true, .totals = true};
    default:
      return {};
  }
}

std::map<std::string, std::string> FilesOf(const Variant& variant, bool gate_ignored) {
  std::map<std::string, std::string> files;
  std::string& project = files["weirhouse.yaml"];
  project = "name: life\nclock: replay\nsources:\n" + SourceLine("order", variant.delete_after);
  if (variant.visits) project += SourceLine("visit", variant.delete_after);
  project += "upkeep: { after_changes: 2 }\n";
  project += "seeds: { shop: seeds/shops.csv }\n";
  files["seeds/shops.csv"] = "shop,city\na,Oslo\nb,Rome\nc,Lima\n";
  files["contracts/order.odcs.yaml"] = fmt::format(kContract, "order");
  files["processed/order.sql"] = fmt::format(kOrderSql, variant.history ? "; history keep" : "");
  files["features/sales.yaml"] = fmt::format(kView, variant.history ? "_history" : "");
  if (variant.visits) {
    files["contracts/visit.odcs.yaml"] = fmt::format(kContract, "visit");
    files["processed/visit.sql"] = kVisitSql;
  }
  if (variant.totals) files["processed/total.sql"] = kTotalSql;
  if (variant.gate && !gate_ignored) files["gates/order.yaml"] = kGate;
  return files;
}

std::vector<std::string> TablesOf(const Variant& variant) {
  std::vector<std::string> tables{"processed.order", "feature.shop_sales_v1"};
  if (variant.history) tables.emplace_back("processed.order_history");
  if (variant.visits) tables.emplace_back("processed.visit");
  if (variant.totals) tables.emplace_back("processed.total");
  return tables;
}

Record Sender::Spoilt(Record record) {
  record.valid = false;
  switch (random_.Below(5)) {
    case 0:
      record.line = record.line.substr(0, record.line.size() / 2);
      break;
    case 1:
      record.amount = -1;
      SetLine(record);
      break;
    case 2:
      record.line = R"({"shop":"a","amount":1,"at":"2024-01-01","reported_at":"2024-01-01"})";
      break;
    case 3:
      record.line.insert(1, R"("amount":"many",)");
      break;
    default:
      record.line = "\xff\xfe not json";
      break;
  }
  return record;
}

Record Sender::MakeOrder(const std::vector<LandedFile>& sent, int day) {
  Record record;
  const bool again = !sent.empty() && random_.Below(6) == 0;
  if (again) {  // an earlier record, unchanged
    const LandedFile& file = sent[random_.Below(sent.size())];
    if (!file.records.empty()) return file.records[random_.Below(file.records.size())];
  }
  record.id = fmt::format("k{}", random_.Below(12));
  record.shop = std::string(1, "abcz"[random_.Below(random_.Below(4) == 0 ? 4 : 3)]);
  record.amount = static_cast<int>(random_.Below(100));
  record.at_us =
      kFirstDayUs + day * kDayUs + static_cast<std::int64_t>(random_.Below(1440)) * kMinuteUs;
  // On time, or days late; rarely at the time of another version of the key.
  record.reported_us =
      record.at_us +
      static_cast<std::int64_t>(random_.Below(random_.Below(4) == 0 ? 4000 : 60)) * kMinuteUs;
  if (random_.Below(40) == 0) record.reported_us = kFirstDayUs + kDayUs;
  if (variant_.gate && random_.Below(25) == 0) {
    record.id = fmt::format("h{}", ++halting_);
    record.shop = "a";
    record.amount = kAmountMax + 1 + static_cast<int>(random_.Below(9));
  }
  SetLine(record);
  return random_.Below(12) == 0 ? Spoilt(std::move(record)) : record;
}

LandedFile Sender::Next(const std::vector<LandedFile>& sent) {
  if (!sent.empty() && random_.Below(8) == 0) {  // an earlier file again
    LandedFile file = sent[random_.Below(sent.size())];
    if (random_.Below(2) == 0) return file;
    file.name.insert(file.name.size() - 6, fmt::format("-{}", ++files_));
    return file;
  }
  LandedFile file;
  file.source = variant_.visits && random_.Below(3) == 0 ? "visit" : "order";
  const int day = static_cast<int>(random_.Below(kDays));
  file.name = fmt::format("2024-01-{:02}-{}.jsonl", day + 1, ++files_);
  std::vector<LandedFile> of_source;
  for (const LandedFile& one : sent)
    if (one.source == file.source) of_source.push_back(one);
  const std::uint64_t count = random_.Below(12) == 0 ? 0 : 1 + random_.Below(7);
  for (std::uint64_t i = 0; i < count; ++i) {
    Record record = MakeOrder(of_source, day);
    if (file.source == "visit" && record.amount > kAmountMax) continue;  // it has no gate
    file.bytes += record.line + "\n";
    file.records.push_back(std::move(record));
  }
  file.digest = Sha256Of(file.bytes);
  return file;
}

Expected Expect(std::string_view source, const std::vector<LandedFile>& landed,
                const std::set<ObjectKey>& excluded) {
  Expected expected;
  std::set<ObjectKey> seen;
  std::map<std::string, std::map<std::int64_t, std::set<Row>>> keys;
  std::map<std::string, std::int64_t> records;
  for (const LandedFile& file : landed) {
    // The same object again changes nothing.
    if (file.source != source || !seen.insert(file.key()).second) continue;
    for (const Record& record : file.records) {
      if (!record.valid) {
        ++expected.states["quarantined"];
      } else if (excluded.contains(file.key())) {
        ++expected.states["excluded"];
      } else if (source == "order" && record.shop == "z") {
        ++expected.states["filtered"];
      } else {
        ++records[record.id];
        keys[record.id][record.reported_us].insert(
            {record.id, record.shop, record.amount, record.at_us, record.reported_us});
      }
    }
  }
  for (const auto& [id, orders] : keys) {
    std::int64_t contents = 0;
    for (const auto& [order, rows] : orders) {
      contents += std::ssize(rows);
      expected.conflicts = expected.conflicts || rows.size() > 1;
      expected.versions[{id, order}] = rows;
    }
    ++expected.states["processed"];
    expected.states["duplicate"] += records[id] - contents;
    expected.states["conflict"] += contents - std::ssize(orders);
    expected.states["superseded"] += std::ssize(orders) - 1;
    expected.current[id] = orders.rbegin()->second;
  }
  std::erase_if(expected.states, [](const auto& entry) { return entry.second == 0; });
  return expected;
}
}  // namespace weirhouse::simulator
