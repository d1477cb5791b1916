// Updates of statistics files: metadata_builder.h. What a table's metadata says of them stands there as
// JSON text, each file as its engine described it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/update/metadata_builder.h"

namespace weirhouse::iceberg {
namespace {

constexpr char kOfTable[] = "statistics";
constexpr char kOfPartitions[] = "partition-statistics";
}  // namespace

MetadataBuilder::StatisticsBySnapshot& MetadataBuilder::StatisticsUnder(const std::string& key) {
  const auto [it, is_new] = statistics_.try_emplace(key);
  const auto text = next_.other_keys.find(key);
  if (!is_new || text == next_.other_keys.end()) return it->second;
  const nlohmann::json list =
      nlohmann::json::parse(text->second, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return it->second;
  for (const nlohmann::json& file : list) {
    const auto id = file.is_object() ? file.find("snapshot-id") : file.end();
    if (id == file.end() || !id->is_number_integer()) continue;
    it->second.emplace(id->get<std::int64_t>(), file.dump());
  }
  return it->second;
}

void MetadataBuilder::PutStatistics(const std::string& key, const StatisticsFile& file,
                                    RequestPlace& place) {
  const std::int64_t id = file.snapshot.value();
  if (!snapshot_ids_.contains(file.snapshot)) {
    place.Refuse(fmt::format("{}.snapshot-id", key),
                 fmt::format("is {}, but the table has no such snapshot", id));
    return;
  }
  StatisticsBySnapshot& files = StatisticsUnder(key);
  files.erase(id);
  files.emplace(id, file.json);
  changed_ = true;
}

void MetadataBuilder::DropStatistics(const std::string& key, std::int64_t snapshot_id) {
  if (!next_.other_keys.contains(key) && !statistics_.contains(key)) return;
  changed_ = StatisticsUnder(key).erase(snapshot_id) > 0 || changed_;
}

void MetadataBuilder::Apply(const SetStatistics& update, RequestPlace& place) {
  PutStatistics(kOfTable, update.file, place);
}

void MetadataBuilder::Apply(const SetPartitionStatistics& update, RequestPlace& place) {
  PutStatistics(kOfPartitions, update.file, place);
}

void MetadataBuilder::Apply(const RemoveStatistics& update, RequestPlace&) {
  DropStatistics(kOfTable, update.snapshot.value());
}

void MetadataBuilder::Apply(const RemovePartitionStatistics& update, RequestPlace&) {
  DropStatistics(kOfPartitions, update.snapshot.value());
}

void MetadataBuilder::WriteStatistics() {
  for (const char* key : {kOfTable, kOfPartitions}) {
    if (!next_.other_keys.contains(key) && !statistics_.contains(key)) continue;
    StatisticsBySnapshot& files = StatisticsUnder(key);
    std::string list;
    for (const auto& [id, text] : files) {
      // The snapshot was expired by this commit, not by the client.
      if (next_.FindSnapshot(SnapshotId(id)) == nullptr && snapshot_ids_.contains(SnapshotId(id))) {
        continue;
      }
      list += (list.empty() ? "[" : ",") + text;
    }
    if (list.empty()) {
      next_.other_keys.erase(key);
    } else {
      next_.other_keys[key] = list + "]";
    }
  }
}
}  // namespace weirhouse::iceberg
