#include "testing/simulator/life.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

#include "ground/base/thread.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/local_store.h"
#include "testing/simulator/invariants.h"
#include "testing/simulator/simulated_disk.h"
#include "testing/simulator/simulated_sqlite.h"
#include "testing/simulator/table_check.h"
#include "work/lineage/rebuild_check.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/pipeline.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/state/parsing_mark.h"

namespace weirhouse::simulator {
namespace {
namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr std::int64_t kBirthUs = 1'893'456'060'000'000;  // a minute after the project was made
constexpr int kStepsMin = 4;
constexpr int kStepsSpread = 5;
constexpr std::uint64_t kLivesPerChain = 8;
constexpr int kDrainLooksMax = 40;

// Whether a step without a fault may return this error.
bool MayRefuse(const Status& status) {
  return status.error_code() == "WH3023";  // a halted run waits for a decision
}

class Life {
 public:
  Life(Stage& stage, std::uint64_t seed, Plant plant)
      : stage_(stage),
        seed_(seed),
        plant_(plant),
        random_(seed * 4 + 1),
        product_random_(seed * 4 + 2),
        chance_(seed * 4 + 3),
        variant_(DrawVariant(random_)),
        clock_(ProcessTimeOfMicros(kBirthUs)),
        faults_(chance_),
        store_(faults_, clock_, stage.grave(), plant),
        sender_(variant_, random_),
        invariants_(stage.root(), variant_) {
    report_.seed = seed;
  }

  LifeReport Run();

 private:
  struct Action {
    std::string name;
    std::function<Status()> act;
  };
  work::Environment Around() {
    return {.store = store_, .clock = clock_, .random = product_random_, .sql = stage_.sql()};
  }
  bool failed() const { return report_.violation.has_value(); }
  void Violate(std::string text) {
    if (!report_.violation) report_.violation = Local(std::move(text));
  }
  // Removes the folder's name, which differs between processes.
  std::string Local(std::string text) const {
    for (auto at = text.find(stage_.root()); at != std::string::npos; at = text.find(stage_.root()))
      text.replace(at, stage_.root().size(), ".");
    return text;
  }
  void Say(std::string line) { report_.steps.push_back(Local(std::move(line))); }

  void Land();
  void LandAPoison();
  void PutInLanding(const LandedFile& file);
  Action DrawAction();
  Action DrawUpkeep();
  void Step();
  void Act(const Action& action, bool with_faults);
  void SettleFault(const Action& action, const Status& status);
  void CopyCaches();
  void Die();
  void Open(bool with_faults);
  Status RunOnce();
  Status DecideOnce(bool discard);
  void NoteHalt(RunId run);
  void LearnDecisions();
  void RememberCommits();
  void CheckCommitsStand();
  void CheckNow(bool drained);
  void Drain();
  Result<bool> RetryOnce();
  void Compare();
  void CompareWithRebuild();
  void CompareWithFullRun();
  void CompareWithTwin();

  Stage& stage_;
  const std::uint64_t seed_;
  const Plant plant_;
  SeededRandom random_;          // of the steps
  SeededRandom product_random_;  // what the product draws
  SeededRandom chance_;          // of the faults
  const Variant variant_;
  ManualClock clock_;
  Faults faults_;
  SimulatedDisk store_;
  Sender sender_;
  Invariants invariants_;
  std::shared_ptr<const work::ProjectDefinition> definition_;
  std::unique_ptr<work::Workspace> workspace_;
  std::vector<LandedFile> landed_;
  bool never_discards_ = false;
  // The halted runs seen so far, and the objects that they hold back.
  std::map<std::int64_t, std::set<ObjectKey>> halted_;
  std::set<ObjectKey> excluded_;
  std::set<ObjectKey> let_through_;
  // The last acknowledged commit, and its link of the hash chain.
  std::optional<std::pair<CommitSeq, Digest>> acknowledged_;
  LifeReport report_;
};

// ---- What happens outside

void Life::PutInLanding(const LandedFile& file) {
  const fs::path folder = fs::path(stage_.root()) / "landing" / file.source;
  // As a sender does: under a hidden name first, then renamed.
  const fs::path hidden = folder / ("." + file.name + ".part");
  std::ofstream(hidden, std::ios::binary) << file.bytes;
  timespec time{};
  time.tv_sec = Micros(clock_.Now()) / 1'000'000;
  const timespec times[2] = {time, time};
  WEIRHOUSE_CHECK(utimensat(AT_FDCWD, hidden.c_str(), times, 0) == 0);
  fs::rename(hidden, folder / file.name);
}

void Life::Land() {
  const std::uint64_t count = 1 + random_.Below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    LandedFile file = sender_.Next(landed_);
    Say(fmt::format("lands {}/{}: {} records", file.source, file.name, file.records.size()));
    PutInLanding(file);
    report_.records += std::ssize(file.records);
    landed_.push_back(std::move(file));
  }
}

// ---- What the product does

Status Life::RunOnce() {
  WEIRHOUSE_TRY(const work::RunSummary summary, work::RunPending(*workspace_, work::NoProgress()));
  if (summary.halted) NoteHalt(*summary.halted);
  return Status::Ok();
}

void Life::NoteHalt(RunId run) {
  if (halted_.contains(run.value())) return;
  const auto batch = work::LoadHalted(*workspace_, run);
  if (!batch.ok()) return;
  std::set<ObjectKey> objects = invariants_.ObjectsOf(batch->raw_seq.value());
  if (batch->retried) {
    const auto object = workspace_->catalog().FindObject(*batch->retried);
    if (!object.ok() || !*object) return;
    objects = {{(*object)->source, (*object)->name, (*object)->digest}};
  }
  // A batch without rows, because all were refused or known, has nothing to judge.
  bool cause = batch->message.find("no value to judge") != std::string::npos;
  for (const LandedFile& file : landed_) {
    for (const Record& record : file.records)
      cause = cause || (objects.contains(file.key()) && record.valid && record.amount > kAmountMax);
  }
  if (!cause)
    Violate("I7 gate: a batch halted that the gate had no cause to stop: " + batch->message);
  ++report_.halts;
  Say(fmt::format("  run {} halts", run.value()));
  halted_.emplace(run.value(), std::move(objects));
}

Status Life::DecideOnce(bool discard) {
  WEIRHOUSE_TRY(const std::optional<catalog::Run> run, work::HaltedRun(*workspace_));
  if (!run) return Status::Ok();
  NoteHalt(run->id);
  if (!halted_.contains(run->id.value()))
    return Status(Code::kUnavailable, "what is halted could not be read");
  ++report_.decisions;
  if (discard) return work::DiscardGate(*workspace_, run->id, "drawn", "simulator");
  return work::OverrideGate(*workspace_, run->id, "drawn", "simulator").status();
}

// Looks up the decisions about halted runs in the catalog, because an answer may have been lost.
void Life::LearnDecisions() {
  for (auto halted = halted_.begin(); halted != halted_.end();) {
    const auto run = workspace_->catalog().GetRun(RunId(halted->first));
    if (!run.ok())
      return Violate("I6 lineage total: a halted run is gone: " + run.status().ToString());
    if (run->state == catalog::RunState::kHalted) {
      ++halted;
      continue;
    }
    std::set<ObjectKey>& decided =
        run->state == catalog::RunState::kDiscarded ? excluded_ : let_through_;
    decided.insert(halted->second.begin(), halted->second.end());
    if (run->state == catalog::RunState::kDiscarded && never_discards_)
      Violate("I7 gate: a run was discarded that nobody discarded");
    halted = halted_.erase(halted);
  }
}

Life::Action Life::DrawUpkeep() {
  const std::string table =
      variant_.history && random_.Below(2) == 0 ? "processed.order_history" : "processed.order";
  switch (random_.Below(5)) {
    case 0:
      return {"compact " + table, [this, table]() -> Status {
                WEIRHOUSE_TRY(const auto there, workspace_->FindTable(table));
                if (!there) return Status::Ok();
                iceberg::CompactionOptions options;
                options.deleted_share_min = 0.01;
                options.small_file_bytes = work::kSmallFileBytes;
                return work::CompactTable(*workspace_, table, options).status();
              }};
    case 1:
      return {"expire " + table, [this, table]() -> Status {
                WEIRHOUSE_TRY(const auto there, workspace_->FindTable(table));
                if (!there) return Status::Ok();
                work::ExpiryOptions options;
                options.keep = 1;
                return work::ExpireTable(*workspace_, table, options).status();
              }};
    case 2:
      return {"remove released files",
              [this] { return work::RemoveReleasedFiles(*workspace_, seconds(3600)).status(); }};
    case 3:
      return {"sweep", [this] {
                return work::SweepOrphans(*workspace_, seconds(3600), /*dry_run=*/false).status();
              }};
    default:
      return {"a turn of upkeep", [this] {
                work::UpkeepTurns turns(clock_);
                return turns.Take(*workspace_).status();
              }};
  }
}

Life::Action Life::DrawAction() {
  const std::uint64_t drawn = random_.Below(100);
  if (drawn < 55) return {"run", [this] { return RunOnce(); }};
  if (drawn < 70) {
    const bool discard = !never_discards_ && random_.Below(2) == 0;
    return {discard ? "discard what is halted" : "override what is halted",
            [this, discard] { return DecideOnce(discard); }};
  }
  if (drawn < 85) return DrawUpkeep();
  if (drawn < 88) return {"retry what was set aside", [this] { return RetryOnce().status(); }};
  if (drawn < 94)
    return {"run --full",
            [this] { return work::RunFull(*workspace_, work::NoProgress()).status(); }};
  return {"close and open", {}};
}

// Lands a file whose parsing ends the process until the product stops trying. Only the mark is
// simulated, as the process writes it before it begins to parse.
void Life::LandAPoison() {
  Land();
  const LandedFile& file = landed_.back();
  if (std::count_if(landed_.begin(), landed_.end(),
                    [&](const LandedFile& one) { return one.key() == file.key(); }) > 1)
    return;
  Say(fmt::format("  parsing {}/{} ends the process {} times", file.source, file.name,
                  work::kParseAttemptsMax));
  ++report_.poisons;
  for (int attempt = 1; attempt <= work::kParseAttemptsMax && !failed(); ++attempt) {
    workspace_.reset();
    const auto mark = work::ParsingMark::Open(stage_.root() + "/.weirhouse/parsing");
    WEIRHOUSE_CHECK(mark.ok() && (*mark)->Set({file.source, file.name, file.digest}, attempt).ok());
    Open(false);
  }
}

void Life::Step() {
  const std::uint64_t lands = random_.Below(100);
  // Nothing of a discarded batch is taken back.
  if (lands < 3 && never_discards_) {
    LandAPoison();
  } else if (lands < 45 || landed_.empty()) {
    Land();
  }
  if (failed()) return;
  clock_.Advance(std::chrono::minutes(1 + random_.Below(random_.Below(3) == 0 ? 4000 : 90)));
  Act(DrawAction(), random_.Below(100) < 55);
}

// Draws the moment of the fault: early as often as late, at any call of a run.
int DrawCall(Random& random) {
  constexpr std::array<std::uint64_t, 4> kReaches{12, 40, 100, 250};
  return 1 + static_cast<int>(random.Below(kReaches[random.Below(kReaches.size())]));
}
FaultKind DrawFault(Random& random) {
  constexpr std::array<FaultKind, 6> kKinds{FaultKind::kFailOnce,  FaultKind::kFailsOn,
                                            FaultKind::kKill,      FaultKind::kKill,
                                            FaultKind::kPowerLoss, FaultKind::kPowerLoss};
  return kKinds[random.Below(kKinds.size())];
}

void Life::Act(const Action& action, bool with_faults) {
  const FaultKind kind = with_faults ? DrawFault(random_) : FaultKind::kNone;
  const int nth = with_faults ? DrawCall(random_) : 0;
  Say(with_faults ? fmt::format("{}; {} at call {}", action.name, FaultName(kind), nth)
                  : action.name);
  if (with_faults) faults_.Arm(kind, nth);
  Status status;
  if (action.act) {
    status = action.act();
  } else {
    workspace_.reset();
    Open(with_faults);
    if (failed()) return;
    if (workspace_ == nullptr) status = Status(Code::kUnavailable, "it could not be opened");
  }
  if (faults_.fired()) return SettleFault(action, status);
  faults_.Disarm();
  if (!status.ok() && !MayRefuse(status))
    return Violate(fmt::format("I12 liveness: without a fault, {} ended with {}", action.name,
                               status.ToString()));
  LearnDecisions();
  RememberCommits();
}

void Life::SettleFault(const Action& /*action*/, const Status& status) {
  ++report_.faults;
  Say(fmt::format("  met: {}", status.ok()
                                   ? "it answers OK"
                                   : status.error_code() + " " + std::string(status.message())));
  if (faults_.dead()) return Die();
  const bool goes_on =
      workspace_ != nullptr && faults_.kind() == FaultKind::kFailOnce && random_.Below(2) == 0;
  if (!goes_on) {
    workspace_.reset();
    faults_.Disarm();
    Open(false);
    if (failed()) return;
  }
  faults_.Disarm();
  LearnDecisions();
  CheckNow(false);
  RememberCommits();
}

// ---- Deaths

// Copies the caches' files as they are now: RocksDB flushes its memory when it is closed, and a
// dead process does not close it.
void Life::CopyCaches() {
  const fs::path state = fs::path(stage_.root()) / ".weirhouse";
  std::error_code ignored;
  fs::remove_all(stage_.side(), ignored);
  fs::create_directories(stage_.side(), ignored);
  fs::copy(state / "kv", fs::path(stage_.side()) / "kv", fs::copy_options::recursive, ignored);
  fs::copy(state / "parsing", fs::path(stage_.side()) / "parsing", ignored);
}

void Life::Die() {
  const bool power = faults_.kind() == FaultKind::kPowerLoss;
  ++(power ? report_.power_losses : report_.kills);
  workspace_.reset();
  faults_.Disarm();
  if (power) {
    store_.LosePower(chance_);
    LosePowerOfSqlite(chance_);
    invariants_.DistrustFiles();
  }
  const fs::path state = fs::path(stage_.root()) / ".weirhouse";
  const fs::path side = stage_.side();
  std::error_code ignored;
  fs::remove(state / "catalog.db-shm", ignored);
  fs::remove_all(state / "kv", ignored);
  // A power loss may destroy a whole cache.
  if (!power || random_.Below(3) != 0) fs::rename(side / "kv", state / "kv", ignored);
  fs::rename(side / "parsing", state / "parsing", ignored);
  Open(false);
  if (failed()) return;
  CheckCommitsStand();
  LearnDecisions();
  CheckNow(false);
  RememberCommits();
}

void Life::Open(bool with_faults) {
  // Starts as a new process would, with empty caches.
  WEIRHOUSE_CHECK(platform::LocalStore().MakeFolder(stage_.root()).ok());  // forgets all folders
  auto opened = work::Workspace::Open(definition_, work::Access::kWrite, {}, Around());
  if (opened.ok()) {
    workspace_ = std::move(*opened);
  } else if (!with_faults || !faults_.fired()) {
    Violate("I12 liveness: the project cannot be opened: " + opened.status().ToString());
  }
}

void Life::RememberCommits() {
  if (failed()) return;
  const auto last = workspace_->catalog().LastSeq();
  if (!last.ok() || last->value() == 0) return;
  const auto entry = workspace_->catalog().Commits(CommitSeq(last->value() - 1), 1);
  if (entry.ok() && !entry->empty()) acknowledged_ = {*last, entry->front().chain};
}

// Checks that every acknowledged commit is still there.
void Life::CheckCommitsStand() {
  if (!acknowledged_) return;
  const auto entry = workspace_->catalog().Commits(CommitSeq(acknowledged_->first.value() - 1), 1);
  if (entry.ok() && !entry->empty() && entry->front().seq == acknowledged_->first &&
      entry->front().chain == acknowledged_->second)
    return;
  Violate(fmt::format("I11 no silent success: commit {} was acknowledged and is not there",
                      acknowledged_->first.value()));
}

void Life::CheckNow(bool drained) {
  if (failed()) return;
  if (auto problem = invariants_.Check(landed_, excluded_, drained)) Violate(*problem);
  if (failed()) return;
  if (auto problem = CheckLetThrough(*workspace_, variant_, landed_, let_through_))
    Violate(*problem);
}

// ---- The end: runs without faults until no work is left

// Retries one object; false if there was none.
Result<bool> Life::RetryOnce() {
  catalog::ObjectFilter filter;
  filter.refused_at_attempts = work::kParseAttemptsMax;
  WEIRHOUSE_TRY(const auto objects, workspace_->catalog().Objects(filter));
  for (const catalog::ObjectRecord& object : objects) {
    if (!work::IsSetAside(object)) continue;
    Say(fmt::format("  takes back {}/{}", object.source, object.name));
    WEIRHOUSE_TRY(const work::RunSummary summary,
                  work::RetryObject(*workspace_, object.source, object.name, work::NoProgress()));
    if (summary.halted) NoteHalt(*summary.halted);
    return true;
  }
  return false;
}

void Life::Drain() {
  for (int look = 0; look < kDrainLooksMax && !failed(); ++look) {
    Act({"run", [this] { return RunOnce(); }}, false);
    if (failed()) return;
    if (!halted_.empty()) {
      const bool discard = !never_discards_ && random_.Below(2) == 0;
      Act({discard ? "discard" : "override", [this, discard] { return DecideOnce(discard); }},
          false);
    } else {
      bool any = false;
      Act({"retry what was set aside",
           [this, &any]() -> Status {
             WEIRHOUSE_TRY(any, RetryOnce());
             return Status::Ok();
           }},
          false);
      if (!any) return;
    }
  }
  if (!failed()) Violate("I12 liveness: there is always something left to do");
}

void Life::CompareWithRebuild() {
  work::RebuildCheck check;
  check.questions = 50;
  check.seed = seed_;
  const auto compared = work::CheckRebuild(*workspace_, check, work::NoProgress());
  if (!compared.ok()) return Violate("I9 determinism: no rebuild: " + compared.status().ToString());
  if (compared->same()) return;
  std::string what;
  for (const auto& table : compared->tables)
    if (table.differing > 0) what += fmt::format(" {} of {}", table.differing, table.table);
  for (const auto& state : compared->states)
    what +=
        fmt::format(" {} {} {} for {}", state.source, state.state, state.counted, state.rebuilt);
  for (const auto& view : compared->online)
    if (view.differing > 0) what += fmt::format(" {} answers of {}", view.differing, view.view);
  for (const auto& loser : compared->losers)
    what += fmt::format(" [record {} of {} is \"{}\", not \"{}\"]", loser.record.value(),
                        loser.table, loser.stored, loser.rebuilt);
  Violate(fmt::format("I9 determinism: a rebuild differs:{}, {} losers, {} in quarantine", what,
                      compared->losers_differing, compared->quarantine_differing));
}

void Life::CompareWithFullRun() {
  const std::string before = DigestsOf(*workspace_, variant_);
  Act({"run --full", [this] { return work::RunFull(*workspace_, work::NoProgress()).status(); }},
      false);
  if (failed()) return;
  const std::string after = DigestsOf(*workspace_, variant_);
  if (after != before)
    return Violate("I9 determinism: run --full changed the content:\n" + before + "to\n" + after);
  CheckNow(true);
}

// Compares with a life that gets the same objects at once and without faults.
void Life::CompareWithTwin() {
  const std::string hurt = DigestsOf(*workspace_, variant_);
  workspace_.reset();
  if (!stage_.Set(variant_, plant_ == Plant::kVerdictIgnored).ok()) return;
  for (const LandedFile& file : landed_) PutInLanding(file);
  Say("the twin, without faults");
  halted_.clear();
  acknowledged_.reset();
  Open(false);
  if (!failed()) Drain();
  if (failed()) return;
  const std::string well = DigestsOf(*workspace_, variant_);
  if (hurt != well)
    Violate("I9 determinism: a life without faults has other content:\n" + hurt + "and\n" + well);
}

void Life::Compare() {
  Drain();
  CheckNow(true);
  if (failed()) return;
  if (auto problem = CheckContents(*workspace_, variant_, landed_, excluded_))
    return Violate(*problem);
  const bool verifies = seed_ % kLivesPerChain == 0;  // it reads every row again
  const Status chain = verifies ? workspace_->catalog().VerifyChain() : Status::Ok();
  if (!chain.ok()) return Violate("I6 lineage total: the hash chain: " + chain.ToString());
  const std::string digests = DigestsOf(*workspace_, variant_);
  const auto last = workspace_->catalog().LastSeq();
  report_.commits = last.ok() ? last->value() : 0;
  std::string all;
  for (const std::string& step : report_.steps) all += step + "\n";
  report_.digest =
      Sha256Of(fmt::format("{}{}{}", all, digests, faults_.calls())).ToHex().substr(0, 16);
  switch (seed_ % 3) {
    case 0:
      return CompareWithRebuild();
    case 1:
      return CompareWithFullRun();
    default:
      if (never_discards_) return CompareWithTwin();
      return CompareWithRebuild();
  }
}

LifeReport Life::Run() {
  const InOneThread alone;
  auto definition = stage_.Set(variant_, plant_ == Plant::kVerdictIgnored);
  if (!definition.ok()) {
    Violate("the project cannot be made: " + definition.status().ToString());
    return std::move(report_);
  }
  definition_ = *std::move(definition);
  never_discards_ = random_.Below(2) == 0;
  Say(fmt::format("a project{}{}{}{}{}", variant_.history ? " history" : "",
                  variant_.gate ? " gate" : "", variant_.visits ? " visits" : "",
                  variant_.totals ? " totals" : "", variant_.delete_after ? " delete" : ""));
  BeginSqliteLife(faults_, plant_);
  faults_.OnDeath([this] { CopyCaches(); });
  PlantInCatalog(plant_, stage_.root() + "/.weirhouse/catalog.db");
  Open(false);
  const int steps = kStepsMin + static_cast<int>(random_.Below(kStepsSpread));
  for (int step = 0; step < steps && !failed(); ++step) Step();
  if (!failed()) Compare();
  faults_.Disarm();
  workspace_.reset();
  EndSqliteLife();
  report_.calls = faults_.calls();
  return std::move(report_);
}
}  // namespace

LifeReport Live(Stage& stage, std::uint64_t seed, Plant plant) {
  return Life(stage, seed, plant).Run();
}
}  // namespace weirhouse::simulator
