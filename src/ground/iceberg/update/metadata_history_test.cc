// Random histories of tables, through the updates of other engines and our own writes. What they
// end in is what tests/interop/test_metadata_histories.py has other readers read back.
//
//   WEIRHOUSE_HISTORIES=FOLDER        keep the tables there, one folder a seed, and list their last
//                                     metadata files in FOLDER/list
//   WEIRHOUSE_HISTORY_COUNT=N         so many histories (default 40)
#include <fmt/format.h>

#include <cstdlib>

#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/platform/io/local_store.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

constexpr int kHistoriesByDefault = 40;
constexpr int kStepsMax = 24;

// One table and its life. All it does is allowed: a refusal is a bug of the history or of ours.
class History {
 public:
  History(std::uint64_t seed, std::string folder)
      : random_(seed), folder_(std::move(folder)), now_ms_(1'700'000'000'000) {}

  // The location of its latest metadata.
  std::string Live();

 private:
  using Step = void (History::*)();

  bool Chance(std::uint64_t one_in) { return random_.Below(one_in) == 0; }
  std::int64_t Pick(std::int64_t from, std::int64_t to) {
    return from +
           static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(to - from + 1)));
  }
  template <typename T>
  const T& OneOf(const std::vector<T>& list) {
    return list[random_.Below(list.size())];
  }
  ProcessTime now() const { return ProcessTimeOfMicros(now_ms_ * 1000); }
  std::string Word();

  Json RandomPrimitive();
  Json RandomType(int depth, int& next_id);
  Json RandomField(int& next_id);
  Json RandomTransform(const std::string& type);
  Json RandomSpec();
  Json RandomOrder();
  std::vector<const Field*> Primitives() const;

  void Create();
  void Commit(const std::vector<Json>& updates);
  void Keep(StagedTable staged);

  void AddColumn();
  void ChangeColumn();
  void DropColumn();
  void ChangeSpec();
  void ChangeOrder();
  void AddForeignSnapshots();
  void WriteRows();
  void SetRefs();
  void RemoveRef();
  void RemoveSnapshots();
  void RollBack();
  void SetProperties();
  void SetStatistics();
  void Upgrade();
  void Prune();

  SeededRandom random_;
  std::string folder_;
  std::int64_t now_ms_;
  TablePtr table_;
  bool own_ = false;  // made by us: rows are written too
};

std::string History::Word() {
  static const std::vector<std::string> words = {
      "lat", "Länge", "two words", "quote\"d", "back\\slash", "tab\there",
      "a.b", "雪",    "emoji 🚲",  "1st",      "null",        "x"};
  return fmt::format("{} {}", OneOf(words), Pick(0, 9999));
}

Json History::RandomPrimitive() {
  static const std::vector<std::string> types = {"boolean",     "int",    "long",   "float",
                                                 "double",      "date",   "time",   "timestamp",
                                                 "timestamptz", "string", "binary", "uuid"};
  if (Chance(8)) {
    const auto precision = Pick(1, 38);
    return fmt::format("decimal({}, {})", precision, Pick(0, precision));
  }
  if (Chance(10)) return fmt::format("fixed[{}]", Pick(1, 64));
  if (table_ != nullptr && table_->format_version >= 3 && Chance(4)) {
    return Chance(2) ? "timestamp_ns" : "timestamptz_ns";
  }
  return OneOf(types);
}

Json History::RandomType(int depth, int& next_id) {
  if (depth == 0 || !Chance(4)) return RandomPrimitive();
  const int kind = static_cast<int>(Pick(0, 2));
  if (kind == 0) {
    const int id = next_id++;
    return {{"type", "list"},
            {"element-id", id},
            {"element-required", Chance(2)},
            {"element", RandomType(depth - 1, next_id)}};
  }
  if (kind == 1) {
    const int key = next_id++;
    const int value = next_id++;
    return {{"type", "map"},
            {"key-id", key},
            {"key", RandomPrimitive()},
            {"value-id", value},
            {"value-required", Chance(2)},
            {"value", RandomType(depth - 1, next_id)}};
  }
  Json fields = Json::array();
  for (std::int64_t i = Pick(1, 3); i > 0; --i) {
    const int id = next_id++;
    fields.push_back({{"id", id},
                      {"name", fmt::format("inner{}", id)},
                      {"required", Chance(3)},
                      {"type", RandomType(depth - 1, next_id)}});
    if (Chance(3)) fields.back()["doc"] = Word();
  }
  return {{"type", "struct"}, {"fields", fields}};
}

Json History::RandomField(int& next_id) {
  const int id = next_id++;
  Json field = {{"id", id}, {"name", fmt::format("{} #{}", Word(), id)}, {"required", false}};
  field["type"] = RandomType(3, next_id);
  if (Chance(3)) field["doc"] = Word();
  if (table_ != nullptr && table_->format_version >= 3 && field["type"] == "int") {
    field["initial-default"] = Pick(-9, 9);
    field["write-default"] = Pick(-9, 9);
  }
  if (table_ != nullptr && table_->format_version >= 3 && field["type"] == "string") {
    field["initial-default"] = Word();
  }
  return field;
}

Json History::RandomTransform(const std::string& type) {
  std::vector<std::string> fitting = {"identity", "void"};
  const bool is_decimal = type.starts_with("decimal");
  if (type == "date" || type.starts_with("timestamp")) {
    fitting.insert(fitting.end(), {"year", "month", "day"});
  }
  if (type.starts_with("timestamp")) fitting.push_back("hour");
  if (is_decimal || type == "int" || type == "long" || type == "string" || type == "binary") {
    fitting.push_back(fmt::format("truncate[{}]", Pick(1, 50)));
  }
  if (type != "boolean" && type != "float" && type != "double") {
    fitting.push_back(fmt::format("bucket[{}]", Pick(1, 500)));
  }
  return OneOf(fitting);
}

std::vector<const Field*> History::Primitives() const {
  std::vector<const Field*> found;
  for (const Field& field : table_->schema().fields) {
    if (!field.type.is_nested()) found.push_back(&field);
  }
  return found;
}

Json History::RandomSpec() {
  Json fields = Json::array();
  const auto columns = Primitives();
  std::set<int> used;
  for (std::int64_t i = Pick(0, 3); i > 0 && !columns.empty(); --i) {
    const Field& column = *OneOf(columns);
    if (!used.insert(column.id).second) continue;
    const Json transform = RandomTransform(NameOf(column.type));
    std::string name = fmt::format("p {} {}", column.id, transform.get<std::string>());
    if (transform == "identity" && Chance(2)) name = column.name;
    fields.push_back({{"source-id", column.id}, {"name", name}, {"transform", transform}});
  }
  return {{"spec-id", 0}, {"fields", fields}};
}

Json History::RandomOrder() {
  Json fields = Json::array();
  const auto columns = Primitives();
  for (std::int64_t i = Pick(0, 2); i > 0 && !columns.empty(); --i) {
    const Field& column = *OneOf(columns);
    fields.push_back({{"source-id", column.id},
                      {"transform", RandomTransform(NameOf(column.type))},
                      {"direction", Chance(2) ? "asc" : "desc"},
                      {"null-order", Chance(2) ? "nulls-first" : "nulls-last"}});
  }
  return {{"order-id", fields.empty() ? 0 : 1}, {"fields", fields}};
}

void History::Keep(StagedTable staged) {
  table_ = std::move(staged.table);
  now_ms_ += Pick(0, 100'000);
}

void History::Commit(const std::vector<Json>& updates) {
  auto updated = ApplyRequest(table_.get(), table_->name, Json(updates), now());
  ASSERT_TRUE(updated.ok()) << updated.status().ToString() << "\n" << Json(updates).dump();
  if (!updated->changed) return;
  auto staged = StageMetadata(platform::LocalStore(), table_, random_, std::move(*updated), now());
  ASSERT_TRUE(staged.ok()) << staged.status().ToString();
  Keep(std::move(staged).value());
}

void History::Create() {
  own_ = Chance(3);
  Json fields = Json::array();
  int next_id = 11;
  if (own_) {
    fields = Schema::FromArrow(*FlightSchema())->ToJson()["fields"];
  } else {
    for (std::int64_t i = Pick(0, 6); i > 0; --i) fields.push_back(RandomField(next_id));
  }
  Json request = {{"name", "history"},
                  {"schema", {{"type", "struct"}, {"schema-id", 0}, {"fields", fields}}}};
  if (!fields.empty() && fields[0]["type"] == "long") {
    request["schema"]["fields"][0]["required"] = true;
    request["schema"]["identifier-field-ids"] = Json::array({fields[0]["id"]});
  }
  const auto version = own_ ? 2 : Pick(1, 3);
  request["properties"] = {{"format-version", std::to_string(version)}, {Word(), Word()}};
  auto made = MetadataOfRequest(request, "lake.history", folder_, random_, now());
  ASSERT_TRUE(made.ok()) << made.status().ToString() << "\n" << request.dump();
  UpdatedMetadata first;
  first.metadata = std::move(made).value();
  auto staged = StageMetadata(platform::LocalStore(), nullptr, random_, std::move(first), now());
  ASSERT_TRUE(staged.ok()) << staged.status().ToString();
  Keep(std::move(staged).value());
}

void History::AddColumn() {
  Json schema = table_->schema().ToJson();
  int next_id = table_->last_column_id + 1;
  for (std::int64_t i = Pick(1, 3); i > 0; --i) schema["fields"].push_back(RandomField(next_id));
  Commit({{{"action", "add-schema"}, {"schema", schema}, {"last-column-id", next_id - 1}},
          {{"action", "set-current-schema"}, {"schema-id", -1}}});
}

void History::ChangeColumn() {
  Json schema = table_->schema().ToJson();
  if (schema["fields"].empty()) return;
  const std::size_t at = random_.Below(schema["fields"].size());
  if (own_ && at < 4) return;  // the rows we write have these
  Json& field = schema["fields"][at];
  // A column from which a partition has its name keeps it.
  for (const PartitionSpec& spec : table_->specs) {
    for (const PartitionField& part : spec.fields) {
      if (part.source_id == field["id"]) return;
    }
  }
  field["name"] = fmt::format("{} renamed #{}", Word(), field["id"].get<int>());
  if (field["type"] == "int" && !field.contains("initial-default")) field["type"] = "long";
  if (field["type"] == "float") field["type"] = "double";
  field["doc"] = Word();
  Commit({{{"action", "add-schema"}, {"schema", schema}},
          {{"action", "set-current-schema"}, {"schema-id", -1}}});
}

void History::DropColumn() {
  Json schema = table_->schema().ToJson();
  if (own_ || schema["fields"].empty()) return;
  const std::size_t at = random_.Below(schema["fields"].size());
  const int id = schema["fields"][at]["id"].get<int>();
  for (const PartitionField& field : table_->spec().fields) {
    if (field.source_id == id) return;
  }
  for (const SortField& field : table_->sort_order().fields) {
    if (field.source_id == id) return;
  }
  schema["fields"].erase(at);
  if (schema.contains("identifier-field-ids") && schema["identifier-field-ids"][0] == id) {
    schema.erase("identifier-field-ids");
  }
  Commit({{{"action", "add-schema"}, {"schema", schema}},
          {{"action", "set-current-schema"}, {"schema-id", -1}}});
}

void History::ChangeSpec() {
  if (table_->format_version == 1) return;  // its fields could only be replaced by void
  Commit({{{"action", "add-spec"}, {"spec", RandomSpec()}},
          {{"action", "set-default-spec"}, {"spec-id", -1}}});
}

void History::ChangeOrder() {
  Commit({{{"action", "add-sort-order"}, {"sort-order", RandomOrder()}},
          {{"action", "set-default-sort-order"}, {"sort-order-id", -1}}});
}

void History::AddForeignSnapshots() {
  if (own_) return;  // their manifest lists do not exist, and our next write would read them
  std::vector<Json> updates;
  const Snapshot* head = table_->current_snapshot();
  std::optional<std::int64_t> parent;
  if (head != nullptr) parent = head->id.value();
  std::int64_t next_row = 0;
  if (const auto it = table_->other_keys.find("next-row-id"); it != table_->other_keys.end()) {
    next_row = std::stoll(it->second);
  }
  const std::string branch = Chance(4) ? Word() : "main";
  if (table_->refs.contains(branch) && table_->refs.at(branch).type == "tag") return;
  for (std::int64_t i = 1, last = Pick(1, 3); i <= last; ++i) {
    const std::int64_t id = random_.PositiveId();
    Json snapshot = {{"snapshot-id", id},
                     {"timestamp-ms", now_ms_ + i},
                     {"manifest-list", fmt::format("{}/metadata/snap-{}.avro", folder_, id)},
                     {"schema-id", table_->current_schema_id},
                     {"summary", {{"operation", "append"}, {Word(), Word()}}}};
    if (parent) snapshot["parent-snapshot-id"] = *parent;
    if (table_->format_version > 1) {
      snapshot["sequence-number"] = table_->last_sequence_number + i;
    }
    if (table_->format_version > 2) {
      snapshot["first-row-id"] = next_row;
      snapshot["added-rows"] = i;
      next_row += i;
    }
    updates.push_back({{"action", "add-snapshot"}, {"snapshot", snapshot}});
    updates.push_back({{"action", "set-snapshot-ref"},
                       {"ref-name", branch},
                       {"type", "branch"},
                       {"snapshot-id", id}});
    parent = id;
  }
  Commit(updates);
}

void History::WriteRows() {
  if (!own_) return;
  StageOptions options;
  options.run_name = fmt::format("r{}", Pick(1, 99));
  options.idempotency_key = Word();
  options.now = now();
  StagedWrite write(platform::LocalStore(), table_, random_, options);
  const auto rows = testing::TableOf(
      FlightSchema(), fmt::format(R"([{{"id":{},"origin":"EWR","at":"2013-01-01T00:00:00Z"}}])",
                                  Pick(0, 1'000'000)));
  const auto appended = write.Append(*rows);
  ASSERT_TRUE(appended.ok()) << appended.status().ToString();
  if (Chance(3)) ASSERT_OK(write.RemoveAllFiles());
  auto staged = write.Finish();
  ASSERT_TRUE(staged.ok()) << staged.status().ToString();
  Keep(std::move(staged).value());
}

void History::SetRefs() {
  if (table_->snapshots.empty()) return;
  const bool tag = Chance(2);
  Json ref = {{"action", "set-snapshot-ref"},
              {"ref-name", Word()},
              {"type", tag ? "tag" : "branch"},
              {"snapshot-id", OneOf(table_->snapshots).id.value()}};
  if (Chance(2)) ref["max-ref-age-ms"] = Pick(1, 1'000'000'000'000);
  if (!tag && Chance(2)) ref["max-snapshot-age-ms"] = Pick(1, 1'000'000'000'000);
  if (!tag && Chance(2)) ref["min-snapshots-to-keep"] = Pick(1, 1000);
  Commit({ref});
}

void History::RemoveRef() {
  if (table_->refs.empty()) return;
  auto it = table_->refs.begin();
  std::advance(it, random_.Below(table_->refs.size()));
  if (it->first == "main" && own_) return;
  Commit({{{"action", "remove-snapshot-ref"}, {"ref-name", it->first}}});
}

void History::RemoveSnapshots() {
  Json ids = Json::array();
  for (const Snapshot& snapshot : table_->snapshots) {
    const Snapshot* current = table_->current_snapshot();
    if (current != nullptr && snapshot.id == current->id && !Chance(5)) continue;
    if (Chance(3)) ids.push_back(snapshot.id.value());
  }
  Commit({{{"action", "remove-snapshots"}, {"snapshot-ids", ids}}});
}

void History::RollBack() {
  if (table_->snapshots.empty()) return;
  Commit({{{"action", "set-snapshot-ref"},
           {"ref-name", "main"},
           {"type", "branch"},
           {"snapshot-id", OneOf(table_->snapshots).id.value()}}});
}

void History::SetProperties() {
  Commit({{{"action", "set-properties"}, {"updates", {{Word(), Word()}, {"k", Word()}}}},
          {{"action", "remove-properties"}, {"removals", {Word(), "write.absent"}}}});
}

void History::SetStatistics() {
  if (table_->snapshots.empty()) return;
  const Snapshot& snapshot = OneOf(table_->snapshots);
  const Json blob = {{"type", "apache-datasketches-theta-v1"},
                     {"snapshot-id", snapshot.id.value()},
                     {"sequence-number", snapshot.sequence_number},
                     {"fields", {1, 2}},
                     {"properties", {{"ndv", "25"}}}};
  Commit({{{"action", "set-statistics"},
           {"statistics",
            {{"snapshot-id", snapshot.id.value()},
             {"statistics-path", folder_ + "/metadata/s.puffin"},
             {"file-size-in-bytes", Pick(1, 1'000'000'000'000)},
             {"file-footer-size-in-bytes", Pick(1, 100)},
             {"blob-metadata", {blob}}}}},
          {{"action", "set-partition-statistics"},
           {"partition-statistics",
            {{"snapshot-id", snapshot.id.value()},
             {"statistics-path", folder_ + "/metadata/p.parquet"},
             {"file-size-in-bytes", Pick(1, 1'000'000)}}}}});
}

void History::Upgrade() {
  if (own_ || table_->format_version == 3 || !Chance(3)) return;
  Commit({{{"action", "upgrade-format-version"}, {"format-version", table_->format_version + 1}}});
}

// Removes schemas and specs that nothing needs.
void History::Prune() {
  std::set<int> needed = {table_->current_schema_id};
  for (const Snapshot& snapshot : table_->snapshots) needed.insert(snapshot.schema_id);
  Json ids = Json::array();
  for (const Schema& schema : table_->schemas) {
    if (!needed.contains(schema.schema_id)) ids.push_back(schema.schema_id);
  }
  Json specs = Json::array();
  for (const PartitionSpec& spec : table_->specs) {
    if (!own_ && spec.spec_id != table_->default_spec_id && Chance(2)) {
      specs.push_back(spec.spec_id);
    }
  }
  Commit({{{"action", "remove-schemas"}, {"schema-ids", ids}},
          {{"action", "remove-partition-specs"}, {"spec-ids", specs}}});
}

std::string History::Live() {
  static const std::vector<Step> steps = {&History::AddColumn,     &History::ChangeColumn,
                                          &History::DropColumn,    &History::ChangeSpec,
                                          &History::ChangeOrder,   &History::AddForeignSnapshots,
                                          &History::WriteRows,     &History::AddForeignSnapshots,
                                          &History::WriteRows,     &History::SetRefs,
                                          &History::RemoveRef,     &History::RemoveSnapshots,
                                          &History::RollBack,      &History::SetProperties,
                                          &History::SetStatistics, &History::AddForeignSnapshots,
                                          &History::Upgrade,       &History::Prune};
  Create();
  for (std::int64_t i = Pick(1, kStepsMax); i > 0 && !::testing::Test::HasFatalFailure(); --i) {
    (this->*OneOf(steps))();
  }
  return table_->metadata_location;
}

TEST(MetadataHistory, EveryHistoryIsReadBackAsItWasWritten) {
  testing::ScratchFolder scratch;
  const char* kept = std::getenv("WEIRHOUSE_HISTORIES");
  const std::string folder = kept != nullptr ? std::string(kept) : scratch / "histories";
  const char* wanted = std::getenv("WEIRHOUSE_HISTORY_COUNT");
  const int count = wanted != nullptr ? std::atoi(wanted) : kHistoriesByDefault;
  std::string list;
  for (int seed = 0; seed < count; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    History history(static_cast<std::uint64_t>(seed), fmt::format("{}/{:04}", folder, seed));
    const std::string path = history.Live();
    ASSERT_FALSE(HasFatalFailure());
    list += path + "\n";
    const std::string text = testing::ReadFile(path);
    ASSERT_OK_AND(const TablePtr read, LoadTable(platform::LocalStore(), "lake.history", path));
    ASSERT_EQ(SerializeTableMetadata(*read), text);
  }
  if (kept != nullptr) testing::WriteFile(folder + "/list", list);
}
}  // namespace
}  // namespace weirhouse::iceberg
