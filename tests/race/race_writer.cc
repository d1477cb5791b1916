// One writer of the race: commits small changes to several tables over the REST catalog, as fast as
// it can, and keeps a log of what it tried and what it was told.
//
//   race_writer --port P --token T --writer N --ops N --seed S --log FILE --tables ns.a,ns.b,ns.c
//               [--via PORT]     commits go through this port, a proxy that loses answers
//
// Each operation writes 5 rows {writer, op, part} to one table, or to two or three in one
// transaction. Some replace the rows of an earlier operation of this writer in all its tables. An
// answer that got lost is asked for again under the same idempotency key until there is one; a
// conflict is redone from the new state.
#include <arrow/api.h>
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "ground/base/text.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "http_client.h"

namespace weirhouse::race {
namespace {
using nlohmann::json;

constexpr int kRowsPerOp = 5;
constexpr int kAttemptsMax = 200;

[[noreturn]] void Fail(const Status& status) {
  std::cerr << "race_writer: " << status.ToString() << "\n";
  std::exit(1);
}
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) Fail(result.status());
  return std::move(result).value();
}

struct Settings {
  std::uint16_t port = 0;
  std::uint16_t via = 0;
  std::string token;
  int writer = 0;
  int ops = 0;
  std::uint64_t seed = 0;
  std::string log;
  std::vector<std::string> tables;
};

std::shared_ptr<arrow::Table> RowsOf(int writer, int op) {
  arrow::Int32Builder writers;
  arrow::Int64Builder ops;
  arrow::Int32Builder parts;
  for (int part = 0; part < kRowsPerOp; ++part) {
    const bool ok = writers.Append(writer).ok() && ops.Append(op).ok() && parts.Append(part).ok();
    WEIRHOUSE_CHECK(ok);
  }
  return arrow::Table::Make(
      arrow::schema({arrow::field("writer", arrow::int32()), arrow::field("op", arrow::int64()),
                     arrow::field("part", arrow::int32())}),
      {*writers.Finish(), *ops.Finish(), *parts.Finish()});
}

// Where the rows of an acknowledged operation lie.
struct Operation {
  int op = 0;
  std::map<std::string, std::vector<iceberg::RowPosition>> rows;  // by table
};

struct Staged {
  std::string table;
  json change;
  std::vector<iceberg::RowPosition> rows;
};

class Writer {
 public:
  explicit Writer(Settings settings)
      : settings_(std::move(settings)),
        random_(settings_.seed),
        reads_(settings_.port, settings_.token),
        commits_(settings_.via != 0 ? settings_.via : settings_.port, settings_.token),
        log_(settings_.log, std::ios::app) {}

  void Run() {
    for (int op = 0; op < settings_.ops; ++op) RunOne(op);
    std::cout << json({{"conflicts", conflicts_}, {"lost_answers", lost_}}).dump() << "\n";
  }

 private:
  void Say(const json& line) {
    log_ << line.dump() << "\n";
    log_.flush();
  }

  void RunOne(int op) {
    const std::vector<std::string> tables = PickTables();
    const Operation* replaced = PickReplaced();
    std::vector<std::string> names = tables;
    if (replaced != nullptr) {
      names.clear();
      for (const auto& [name, rows] : replaced->rows) names.push_back(name);
    }
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      std::vector<Staged> staged;
      bool replaces = replaced != nullptr;
      for (const std::string& name : names) staged.push_back(Stage(name, op, replaced, &replaces));
      if (replaced != nullptr && !replaces) {
        replaced = nullptr;  // compaction moved its rows: append only
        continue;
      }
      json line = {{"op", op}, {"try", names}};
      if (replaced != nullptr) line["replaces"] = replaced->op;
      Say(line);
      const Answer answer = Commit(staged);
      Say({{"op", op}, {"status", answer.status}});
      if (answer.status < 300) return Remember(op, staged, replaced);
      if (answer.status != 409) Fail(Status(Code::kInternal, answer.body.substr(0, 1000)));
      ++conflicts_;
      std::this_thread::sleep_for(std::chrono::milliseconds(random_.Below(20)));
    }
    Fail(Status(Code::kConflict, fmt::format("op {} lost {} times", op, kAttemptsMax)));
  }

  std::vector<std::string> PickTables() {
    std::vector<std::string> tables = settings_.tables;
    const std::size_t count = random_.Below(10) < 6 ? 1 : 2 + random_.Below(tables.size() - 1);
    while (tables.size() > count) {
      tables.erase(tables.begin() + static_cast<std::ptrdiff_t>(random_.Below(tables.size())));
    }
    return tables;
  }

  const Operation* PickReplaced() {
    if (done_.empty() || random_.Below(10) >= 2) return nullptr;
    return &done_[random_.Below(done_.size())];
  }

  void Remember(int op, std::vector<Staged>& staged, const Operation* replaced) {
    Operation operation{op, {}};
    for (Staged& change : staged) operation.rows[change.table] = std::move(change.rows);
    if (replaced != nullptr) {
      std::erase_if(done_, [id = replaced->op](const Operation& old) { return old.op == id; });
    }
    done_.push_back(std::move(operation));
    if (done_.size() > 20) done_.erase(done_.begin());
  }

  std::string PathOf(const std::string& name) const {
    const std::size_t dot = name.rfind('.');
    return fmt::format("/iceberg/v1/namespaces/{}/tables/{}", name.substr(0, dot),
                       name.substr(dot + 1));
  }

  iceberg::TablePtr Load(const std::string& name) {
    const Answer answer = Must(reads_.Ask("GET", PathOf(name)));
    if (answer.status != 200) Fail(Status(Code::kInternal, answer.body.substr(0, 1000)));
    const json loaded = json::parse(answer.body);
    return std::make_shared<const iceberg::TableMetadata>(Must(iceberg::ParseTableMetadata(
        loaded.at("metadata").dump(), name, loaded.at("metadata-location"))));
  }

  // Whether all of `rows` lie in files that are live in `base`.
  bool AreLive(const iceberg::TablePtr& base, const std::vector<iceberg::RowPosition>& rows) {
    std::set<std::string> live;
    const iceberg::Scan scan = Must(iceberg::Scan::Plan(platform::LocalStore(), base, {}));
    for (const iceberg::Scan::Task& task : scan.tasks()) live.insert(task.file.path);
    return std::all_of(rows.begin(), rows.end(),
                       [&](const iceberg::RowPosition& row) { return live.contains(row.file); });
  }

  Staged Stage(const std::string& name, int op, const Operation* replaced, bool* replaces) {
    const iceberg::TablePtr base = Load(name);
    iceberg::StageOptions options;
    options.run_name = fmt::format("w{}", settings_.writer);
    options.idempotency_key = random_.Uuid4();
    options.now = SystemClock().Now();
    iceberg::StagedWrite write(platform::LocalStore(), base, random_, options);
    const iceberg::AppendedRows appended = Must(write.Append(*RowsOf(settings_.writer, op)));
    if (replaced != nullptr) {
      const std::vector<iceberg::RowPosition>& rows = replaced->rows.at(name);
      if (AreLive(base, rows)) {
        if (Status status = write.DeleteRows(rows); !status.ok()) Fail(status);
      } else {
        *replaces = false;
      }
    }
    iceberg::StagedTable staged = Must(write.Finish());
    // The catalog writes metadata; a client's own is nobody's.
    if (Status status = platform::LocalStore().Delete(staged.change.metadata_location);
        !status.ok())
      Fail(status);
    const json metadata = json::parse(iceberg::SerializeTableMetadata(*staged.table));
    Staged change;
    change.table = name;
    for (std::size_t i = 0; i < appended.file_of_row.size(); ++i) {
      const auto file = static_cast<std::size_t>(appended.file_of_row[i]);
      change.rows.push_back({appended.files[file].path, appended.position_of_row[i]});
    }
    const iceberg::Snapshot* head = base->current_snapshot();
    const std::int64_t id = staged.table->current_snapshot()->id.value();
    json snapshot;
    for (const json& item : metadata.at("snapshots")) {
      if (item.at("snapshot-id") == id) snapshot = item;
    }
    const std::size_t dot = name.rfind('.');
    change.change = {
        {"identifier", {{"namespace", {name.substr(0, dot)}}, {"name", name.substr(dot + 1)}}},
        {"requirements",
         {{{"type", "assert-table-uuid"}, {"uuid", base->uuid}},
          {{"type", "assert-ref-snapshot-id"},
           {"ref", "main"},
           {"snapshot-id", head == nullptr ? json() : json(head->id.value())}}}},
        {"updates",
         {{{"action", "add-snapshot"}, {"snapshot", snapshot}},
          {{"action", "set-snapshot-ref"},
           {"ref-name", "main"},
           {"type", "branch"},
           {"snapshot-id", id}}}}};
    return change;
  }

  // Asks until there is an answer: a lost one is settled by the key.
  Answer Commit(const std::vector<Staged>& staged) {
    std::string path = "/iceberg/v1/transactions/commit";
    json body = {{"table-changes", json::array()}};
    if (staged.size() == 1) {
      path = PathOf(staged[0].table);
      body = staged[0].change;
    } else {
      for (const Staged& change : staged) body["table-changes"].push_back(change.change);
    }
    const std::string key = random_.Uuid7(SystemClock().Now());
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      Result<Answer> answer = commits_.Ask("POST", path, body.dump(), key);
      if (answer.ok() && answer->status != 429 && answer->status < 500)
        return std::move(answer).value();
      ++lost_;
      std::this_thread::sleep_for(std::chrono::milliseconds(5 + random_.Below(20)));
    }
    Fail(Status(Code::kUnavailable, "no answer to a commit"));
  }

  const Settings settings_;
  SeededRandom random_;
  HttpClient reads_;
  HttpClient commits_;
  std::ofstream log_;
  std::vector<Operation> done_;
  int conflicts_ = 0;
  int lost_ = 0;
};

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--port") settings.port = static_cast<std::uint16_t>(std::stoi(value));
    if (name == "--via") settings.via = static_cast<std::uint16_t>(std::stoi(value));
    if (name == "--token") settings.token = value;
    if (name == "--writer") settings.writer = std::stoi(value);
    if (name == "--ops") settings.ops = std::stoi(value);
    if (name == "--seed") settings.seed = std::stoull(value);
    if (name == "--log") settings.log = value;
    if (name == "--tables") {
      for (const std::string_view table : Split(value, ',')) settings.tables.emplace_back(table);
    }
  }
  return settings;
}
}  // namespace
}  // namespace weirhouse::race

int main(int argc, char** argv) {
  weirhouse::race::Writer(weirhouse::race::Parse(argc, argv)).Run();
  return 0;
}
