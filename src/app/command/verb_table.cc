#include "app/command/verb_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace weirhouse::command {
namespace {
VerbGroup Beginning() {
  return {
      "Begin",
      {{.name = "init",
        .words = "[FOLDER]",
        .words_max = 1,
        .summary = "make a project, or the state of one that was cloned",
        .options = {{"example", "NAME", "write the files of an example project: flights"}},
        .examples = {"wh init --example flights", "wh init shop"},
        .completes = "file"},
       {.name = "demo-data",
        .summary = "land the example's data as files, day by day, with faults if asked for",
        .options = {{"days", "N", "only the first N days"},
                    {"seed", "N",
                     "seed of the planted faults; the same seed plants the same faults"},
                    {"duplicates", "PERCENT", "share of events sent twice"},
                    {"late", "PERCENT", "share of events that arrive days late"},
                    {"malformed", "PERCENT",
                     "share of events with a broken copy, which no contract accepts"},
                    {"corrections", "PERCENT",
                     "share of arrivals reported again later, with another delay"},
                    {"speed", "N", "land day by day, N times as fast as it happened"},
                    {"bad-day", "KIND", "land one more day, which a gate must stop: utc-shift"}},
        .examples = {"wh demo-data",
                     "wh demo-data --seed 7 --duplicates 1% --late 0.5% --malformed 0.1%",
                     "wh demo-data --bad-day utc-shift"}},
       {.name = "validate",
        .summary = "check every file of the project; run nothing",
        .examples = {"wh validate", "wh validate --json"}},
       {.name = "doctor",
        .summary = "check the machine and the project's state, with a remedy for each problem",
        .options = {{"port", "N", "the port to check (default 8642)"},
                    {"relocate", "", "make a moved or copied project work in its new folder"}},
        .examples = {"wh doctor", "wh doctor --relocate"}},
       {.name = "explain",
        .words = "[CODE]",
        .words_max = 1,
        .summary = "explain what an error code means and what to do about it",
        .examples = {"wh explain WH2104", "wh explain"},
        .completes = "code"}}};
}

VerbGroup Running() {
  return {
      "Run",
      {{.name = "plan",
        .summary = "show what the files would change in what was applied; write nothing",
        .options = {{"detailed-exitcode", "", "exit 10 if there are changes"}},
        .examples = {"wh plan", "wh plan --detailed-exitcode"}},
       {.name = "apply",
        .words = "[PLAN]",
        .words_max = 1,
        .summary = "register the definitions, rebuild what changed, run what waits",
        .examples = {"wh apply 4f9c21ab --yes"}},
       {.name = "ingest",
        .summary = "land what waits and run it through to the features; exit 3 if a gate halts",
        .examples = {"wh ingest"}},
       {.name = "run",
        .summary = "run what waits; exit 3 if a gate halts",
        .options = {{"full", "",
                     "rebuild processed and feature tables from raw: the same content digests"}},
        .examples = {"wh run", "wh run --full"}},
       {.name = "status",
        .summary = "show record states and their sum, tables, what waits, what halts",
        .examples = {"wh status", "wh status --json"}},
       {.name = "runs",
        .summary = "list runs, newest first",
        .options = {{"limit", "N", "list at most N (default 40)"}},
        .examples = {"wh runs", "wh runs --limit 5 --json"}},
       {.name = "serve",
        .summary = "watch the landing folders, run what arrives, answer HTTP on this machine",
        .options = {{"port", "N", "default 8642; 0 = any free port"},
                    {"watch", "", "run what lands (the default)"},
                    {"no-watch", "",
                     "do not run what lands; only answer requests and take commands"}},
        .examples = {"wh serve --port 8642"}},
       {.name = "token new",
        .summary = "make a new token; the old one stops working",
        .examples = {"wh token new"}}}};
}

VerbGroup Access() {
  return {
      "Access",
      {{.name = "token create",
        .summary =
            "make a token for another engine or person, with a role on namespaces; shown once",
        .options = {{"name", "TEXT", "name of the token", false, true},
                    {"role", "ROLE", "reader, writer, maintainer, publisher or admin", false, true},
                    {"on", "NAMESPACE", "namespace, with all below it; * for all", true, true},
                    {"expires", "TIME", "30d, 12h or never (default 90d)"}},
        .examples =
            {"wh token create --name spark-etl --role writer --on processed --expires 30d"}},
       {.name = "token list",
        .summary = "list tokens with their roles and when they expire",
        .examples = {"wh token list"}},
       {.name = "token revoke",
        .words = "TOKEN",
        .words_min = 1,
        .words_max = 1,
        .summary = "revoke a token now, by id or name",
        .options = {{"reason", "TEXT", "why; kept for ever"}},
        .examples = {"wh token revoke spark-etl --reason \"it was in a log\""}},
       {.name = "policy show",
        .summary = "show what each role may do in each layer, and who writes each table",
        .examples = {"wh policy show"}},
       {.name = "policy export",
        .summary = "print the layers' rules as storage policies, one for each role and layer",
        .options = {{"aws", "", "IAM policy JSON for S3", false, true},
                    {"bucket", "NAME", "bucket that holds the lake", false, true},
                    {"prefix", "PATH", "path of the lake in the bucket (default: the root)"},
                    {"role-prefix", "TEXT", "prefix of the policies' names (default weirhouse-)"},
                    {"role", "ROLE", "only this role's policies"},
                    {"on", "LAYER", "only policies of this layer or namespace"}},
        .examples = {"wh policy export --aws --bucket acme --prefix lake",
                     "wh policy export --aws --bucket acme --role writer --on raw"}}}};
}

VerbGroup Contracts() {
  return {"Contracts",
          {{.name = "contract list",
            .summary = "list contracts with their versions and owners",
            .examples = {"wh contract list"}},
           {.name = "contract show",
            .words = "CONTRACT",
            .words_min = 1,
            .words_max = 1,
            .summary = "show one contract: fields, rules, policies",
            .examples = {"wh contract show arrival"},
            .completes = "contract"},
           {.name = "contract diff",
            .words = "[CONTRACT]",
            .words_max = 1,
            .summary = "compare the contract files with what is registered, change by change",
            .examples = {"wh contract diff arrival"},
            .completes = "contract"},
           {.name = "contract history",
            .words = "CONTRACT",
            .words_min = 1,
            .words_max = 1,
            .summary = "list the registered versions of a contract",
            .examples = {"wh contract history arrival"},
            .completes = "contract"},
           {.name = "contract publish",
            .words = "CONTRACT",
            .words_min = 1,
            .words_max = 1,
            .summary = "register a changed contract; exit 4 if it would break readers",
            .options = {{"major", "", "a new major version: readers of the old one may break"}},
            .examples = {"wh contract publish arrival --major"},
            .completes = "contract"}}};
}

VerbGroup Gates() {
  return {"Gates",
          {{.name = "gate list",
            .summary = "list gates with their last verdict and the run that waits",
            .examples = {"wh gate list"}},
           {.name = "gate show",
            .words = "RUN",
            .words_min = 1,
            .words_max = 1,
            .summary = "show each check of a run's gates: value, bound, failing rows",
            .examples = {"wh gate show r1104"},
            .completes = "run"},
           {.name = "gate history",
            .words = "[GATE]",
            .words_max = 1,
            .summary = "list verdicts, newest first",
            .options = {{"limit", "N", "default 40"}},
            .examples = {"wh gate history arrival"},
            .completes = "gate"},
           {.name = "gate override",
            .words = "RUN",
            .words_min = 1,
            .words_max = 1,
            .summary = "publish what a halted run staged; recorded in lineage",
            .options = {{"reason", "TEXT", "why; kept for ever", false, true},
                        {"baseline", "WORD",
                         "include: the batch counts as history; exclude: it does not (default: it "
                         "counts unless a check failed)"}},
            .examples = {"wh gate override r1104 --reason \"the airline confirmed it\""},
            .completes = "run"},
           {.name = "gate discard",
            .words = "RUN",
            .words_min = 1,
            .words_max = 1,
            .summary = "leave a halted batch out; recorded in lineage",
            .options = {{"reason", "TEXT", "why; kept for ever", false, true}},
            .examples = {"wh gate discard r1104 --reason \"times shifted by four hours\""},
            .completes = "run"}}};
}

VerbGroup Topics() {
  return {
      "Streams",
      {{.name = "stream list",
        .summary = "list topics: what they keep, and how far each source has taken it",
        .examples = {"wh stream list"}},
       {.name = "stream tail",
        .words = "TOPIC",
        .words_min = 1,
        .words_max = 1,
        .summary = "show records of a topic: the last ones, or from an offset on",
        .options = {{"from", "OFFSET", "the first record to show"},
                    {"limit", "N", "at most this many (default 10)"}},
        .examples = {"wh stream tail orders", "wh stream tail orders --from 1200 --limit 5"}},
       {.name = "stream append",
        .words = "TOPIC FILE",
        .words_min = 2,
        .words_max = 2,
        .summary = "append the lines of a file to a topic; `wh run`, or the daemon, takes them in",
        .options = {{"key", "TEXT", "the key of each record"}},
        .examples = {"wh stream append orders orders.jsonl"}}}};
}

VerbGroup StagingAreas() {
  return {
      "Staging areas",
      {{.name = "staging open",
        .words = "TABLE...",
        .words_min = 1,
        .words_max = 100,
        .summary =
            "open an address where another engine stages rows of tables; its token is shown once",
        .options = {{"expires", "TIME", "lifetime of the token: 1h, 7d (default one day)"}},
        .examples = {"wh staging open processed.trips processed.refunds --expires 1h"},
        .completes = "table"},
       {.name = "staging list",
        .summary = "list staging areas, newest first",
        .examples = {"wh staging list"}},
       {.name = "staging show",
        .words = "RUN",
        .words_min = 1,
        .words_max = 1,
        .summary = "show what a staging area holds, and why it was not published",
        .examples = {"wh staging show r12"},
        .completes = "run"},
       {.name = "staging publish",
        .words = "RUN",
        .words_min = 1,
        .words_max = 1,
        .summary =
            "judge what was staged and publish all of its tables or none; exit 3 if a gate fails",
        .examples = {"wh staging publish r12"},
        .completes = "run"},
       {.name = "staging discard",
        .words = "RUN",
        .words_min = 1,
        .words_max = 1,
        .summary = "discard what was staged; recorded in lineage",
        .options = {{"reason", "TEXT", "why; kept for ever", false, true}},
        .examples = {"wh staging discard r12 --reason \"another import came first\""},
        .completes = "run"}}};
}

VerbGroup Data() {
  return {
      "Data",
      {{.name = "quarantine list",
        .words = "[SOURCE]",
        .words_max = 1,
        .summary = "list records that their contract refused",
        .options = {{"by", "WHAT", "reason: one line for each reason"},
                    {"limit", "N", "default 40"}},
        .examples = {"wh quarantine list --by reason"},
        .completes = "source"},
       {.name = "quarantine show",
        .words = "SOURCE/RECORD",
        .words_min = 1,
        .words_max = 1,
        .summary =
            "show a refused record or object: its bytes as they arrived, and every violation",
        .examples = {"wh quarantine show weather/311"}},
       {.name = "quarantine retry",
        .words = "SOURCE/OBJECT",
        .words_min = 1,
        .words_max = 1,
        .summary = "read an object again that was quarantined as a whole (WH1304)",
        .examples = {"wh quarantine retry weather/2013-02-12.csv"}},
       {.name = "table list",
        .summary = "list tables with rows and snapshot",
        .examples = {"wh table list"}},
       {.name = "table show",
        .words = "TABLE",
        .words_min = 1,
        .words_max = 1,
        .summary = "show a table's columns, partitions, snapshots and content digest",
        .options = {{"limit", "N", "snapshots shown (default 10)"}},
        .examples = {"wh table show processed.arrival"},
        .completes = "table"},
       {.name = "table history",
        .words = "TABLE",
        .words_min = 1,
        .words_max = 1,
        .summary = "list a table's snapshots, who made each, its branches and tags",
        .options = {{"limit", "N", "snapshots shown (default 20)"}},
        .examples = {"wh table history processed.arrival"},
        .completes = "table"},
       {.name = "table files",
        .words = "TABLE",
        .words_min = 1,
        .words_max = 1,
        .summary = "list data and delete files of a snapshot, with rows, bytes and partition",
        .examples = {"wh table files processed.arrival",
                     "wh table files processed.arrival --at 1101"},
        .completes = "table"},
       {.name = "table diff",
        .words = "TABLE FROM [TO]",
        .words_min = 2,
        .words_max = 3,
        .summary = "show rows and files that differ between two snapshots (TO defaults to the "
                   "current one)",
        .options = {{"limit", "N", "rows shown of each kind (default 20)"}},
        .examples = {"wh table diff processed.arrival 1101", "wh table diff sandbox.t first main"},
        .completes = "table"},
       {.name = "sql",
        .words = "QUERY",
        .words_min = 1,
        .words_max = 1,
        .summary = "run one SELECT over the project's tables; it can read nothing else",
        .options = {{"csv", "", "rows as CSV"}, {"limit", "N", "rows shown as text (default 200)"}},
        .examples = {"wh sql \"select origin, count(*) from processed.arrival group by all\"",
                     "wh sql --at 1101 \"select count(*) from processed.arrival\""}}}};
}

VerbGroup Upkeep() {
  return {
      "Upkeep",
      {{.name = "table compact",
        .words = "TABLE",
        .words_min = 1,
        .words_max = 1,
        .summary = "merge small files and apply delete files; the rows stay the same",
        .options = {{"all", "", "rewrite every file"}},
        .examples = {"wh table compact processed.arrival"},
        .completes = "table"},
       {.name = "table expire",
        .words = "TABLE",
        .words_min = 1,
        .words_max = 1,
        .summary = "drop old snapshots that no branch, tag or training set names, and their files",
        .options = {{"keep", "N", "newest snapshots that stay (default 100)"},
                    {"older-than", "TIME", "expire only snapshots older than this: 7d, 12h"},
                    {"grace", "TIME", "files stay this long for readers (default: the policy's)"}},
        .examples = {"wh table expire processed.arrival --keep 10",
                     "wh table expire raw.arrival --dry-run"},
        .completes = "table"},
       {.name = "table rollback",
        .words = "TABLE SNAPSHOT",
        .words_min = 2,
        .words_max = 2,
        .summary =
            "make an earlier snapshot current again; what was committed since stays recorded",
        .examples = {"wh table rollback sandbox.t 1101"},
        .completes = "table"},
       {.name = "table tag",
        .words = "TABLE NAME [SNAPSHOT]",
        .words_min = 2,
        .words_max = 3,
        .summary = "name a snapshot (default: the current one), so that it never expires",
        .options = {{"remove", "", "remove the tag"}},
        .examples = {"wh table tag sandbox.t before-cleanup",
                     "wh table tag sandbox.t before-cleanup --remove"},
        .completes = "table"},
       {.name = "gc",
        .summary = "compact and expire every table, then remove files that nothing names",
        .options = {{"keep", "N", "newest snapshots that stay in each table (default 100)"},
                    {"grace", "TIME",
                     "released files stay this long for readers (default: the policy's)"},
                    {"orphan-age", "TIME",
                     "unnamed files younger than this stay (default: the policy's)"}},
        .examples = {"wh gc --dry-run", "wh gc"}}}};
}

VerbGroup Features() {
  return {"Features",
          {{.name = "feature list",
            .summary = "list feature views and their columns",
            .examples = {"wh feature list"}},
           {.name = "feature show",
            .words = "VIEW",
            .words_min = 1,
            .words_max = 1,
            .summary = "show one feature view",
            .examples = {"wh feature show carrier_delay@1"},
            .completes = "view"},
           {.name = "feature get",
            .words = "FEATURE… KEY=VALUE…",
            .words_min = 1,
            .words_max = -1,
            .summary = "read online values of an entity, now or --at TIME",
            .examples = {"wh feature get 'carrier_delay@1:*' carrier=UA"},
            .completes = "view"}}};
}

VerbGroup Models() {
  return {
      "Models",
      {{.name = "train-set build",
        .words = "NAME",
        .words_min = 1,
        .words_max = 1,
        .summary =
            "build a training set: a point-in-time join on the current snapshots, which it pins",
        .examples = {"wh train-set build late_v1"},
        .completes = "training_set"},
       {.name = "train-set list",
        .summary = "list training sets and their builds",
        .examples = {"wh train-set list"}},
       {.name = "train-set show",
        .words = "NAME#N",
        .words_min = 1,
        .words_max = 1,
        .summary = "show one build: rows, digest, inputs",
        .examples = {"wh train-set show late_v1#1"},
        .completes = "training_set"},
       {.name = "model train",
        .words = "MODEL",
        .words_min = 1,
        .words_max = 1,
        .summary = "run the training command on the latest build of its training set",
        .options = {{"param", "NAME=VALUE", "use this value instead of the one in the model file",
                     true}},
        .examples = {"wh model train late", "wh model train late --param max_depth=4"},
        .completes = "model"},
       {.name = "model deploy",
        .words = "MODEL#N",
        .words_min = 1,
        .words_max = 1,
        .summary = "make this model the one that answers",
        .examples = {"wh model deploy late#1"},
        .completes = "model"},
       {.name = "model list",
        .summary = "list models, their metrics, and which one serves",
        .examples = {"wh model list"}},
       {.name = "model show",
        .words = "MODEL#N",
        .words_min = 1,
        .words_max = 1,
        .summary = "show one model",
        .examples = {"wh model show late#1"},
        .completes = "model"},
       {.name = "predict",
        .words = "MODEL FIELD=VALUE…",
        .words_min = 1,
        .words_max = -1,
        .summary = "score one request with the deployed model; logged and traceable",
        .options = {{"request", "JSON", "the fields as one JSON object"}},
        .examples = {"wh predict late carrier=UA origin=EWR tailnum=N14228 "
                     "sched_dep_at=2013-12-30T20:15:00Z distance=1400"},
        .completes = "model"},
       {.name = "skew",
        .summary = "compute sampled (entity, time) pairs online and offline, count differing bits",
        .options = {{"pairs", "N", "pairs for each view (default 10000)"},
                    {"seed", "N", "seed of the sample"}},
        .examples = {"wh skew --pairs 10000"}}}};
}

VerbGroup Lineage() {
  return {
      "Lineage",
      {{.name = "trace",
        .words = "WHAT",
        .words_min = 1,
        .words_max = 1,
        .summary = "follow a prediction, model, training set, run, object or row to the bytes that "
                   "arrived",
        .options = {{"records", "", "list every record, not only counts and the first three"},
                    {"feature", "NAME", "only this feature of a prediction"}},
        .examples = {"wh trace p-0199b2c4-5d10-7a31-9c55-0f3e6d2a8b71", "wh trace late#1",
                     "wh trace processed.arrival:UA1-EWR-20130101"}},
       {.name = "reproduce",
        .words = "ID",
        .words_min = 1,
        .words_max = 1,
        .summary = "build a training set or model again and compare digests; exit 9 if they differ",
        .options = {{"folder", "DIR", "keep what was built in DIR"},
                    {"param", "NAME=VALUE", "change a parameter, to see what differs", true},
                    {"check", "", "only compare (the default)"}},
        .examples = {"wh reproduce late#1 --check"},
        .completes = "model"},
       {.name = "verify",
        .words = "[TABLE]",
        .words_max = 1,
        .summary =
            "compare the catalog with the disk, or tables with a rebuild; exit 9 if they differ",
        .options = {{"deep", "", "hash every byte again"},
                    {"rebuild", "",
                     "rebuild the tables (or TABLE) from raw in a scratch folder, and compare"}},
        .examples = {"wh verify --deep", "wh verify --rebuild",
                     "wh verify --rebuild processed.arrival"},
        .completes = "table"}}};
}

VerbGroup Shell() {
  return {"Shell",
          {{.name = "completion",
            .words = "SHELL",
            .words_min = 1,
            .words_max = 1,
            .summary = "print a completion script for bash, zsh or fish",
            .examples = {"source <(wh completion bash)"},
            .completes = "shell"},
           {.name = "man",
            .summary = "print the manual page, for man(1)",
            .examples = {"wh man | man -l -"}},
           {.name = "names",
            .words = "KIND",
            .words_min = 1,
            .words_max = 1,
            .summary = "list names that exist, one a line, for completion",
            .examples = {"wh names table"},
            .completes = "kind"}}};
}
}  // namespace

const std::vector<VerbGroup>& VerbGroups() {
  static const std::vector<VerbGroup> groups = {
      Beginning(), Running(), Access(),   Contracts(), Gates(),   Topics(), StagingAreas(),
      Data(),      Upkeep(),  Features(), Models(),    Lineage(), Shell()};
  return groups;
}

std::string UsageOf(const VerbSpec& verb) {
  std::string usage = fmt::format("{}{}{}", verb.name, verb.words.empty() ? "" : " ", verb.words);
  bool may = false;
  for (const OptionSpec& option : verb.options) {
    may = may || !option.required;
    if (!option.required) continue;
    usage += fmt::format(" --{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
  }
  return usage + (may ? " [OPTIONS]" : "");
}

const VerbSpec* FindVerb(std::string_view name) {
  for (const VerbGroup& group : VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      if (verb.name == name) return &verb;
    }
  }
  return nullptr;
}

bool IsVerbFamily(std::string_view word) {
  const std::string prefix = std::string(word) + " ";
  for (const VerbGroup& group : VerbGroups()) {
    for (const VerbSpec& verb : group.verbs) {
      if (verb.name.starts_with(prefix)) return true;
    }
  }
  return false;
}

bool TakesOption(std::string_view verb, std::string_view global) {
  constexpr std::string_view kWithAt[] = {"sql", "table files", "feature get", "predict"};
  constexpr std::string_view kWithoutDryRun[] = {
      "demo-data",      "serve",        "token new",       "token create",    "token revoke",
      "stream append",  "staging open", "staging publish", "staging discard", "table compact",
      "table rollback", "table tag",    "train-set build", "model train",     "model deploy",
      "predict",        "reproduce"};
  if (global == "at") return std::ranges::find(kWithAt, verb) != std::end(kWithAt);
  if (global == "dry-run")
    return std::ranges::find(kWithoutDryRun, verb) == std::end(kWithoutDryRun);
  return true;
}

const std::vector<GlobalOption>& GlobalOptions() {
  static const std::vector<GlobalOption> options = {
      {{"project", "DIR", "the project's folder (default: found from here upwards)"}, 'C'},
      {{"profile", "NAME", "a profile of weirhouse.yaml (default: local)"}},
      {{"at", "SNAPSHOT|TIME",
        "as of a commit (1101, processed.arrival@1101) or a time: sql, table files, feature get, "
        "predict"}},
      {{"json", "", "one JSON document on stdout, with schema_version"}},
      {{"jsonl", "", "one JSON document a line"}},
      {{"dry-run", "",
        "say what would be done and change nothing; verbs that cannot tell refuse it"}},
      {{"yes", "", "do not ask"}, 'y'},
      {{"no-input", "", "never ask; a verb that needs an answer fails"}},
      {{"quiet", "", "print no notes and no progress"}, 'q'},
      {{"verbose", "", "print more notes; twice: even more"}, 'v'},
      {{"color", "WHEN", "auto, always or never"}},
      {{"help", "", "show help about a verb"}, 'h'},
      {{"version", "", "print the version"}, 'V'}};
  return options;
}
}  // namespace weirhouse::command
