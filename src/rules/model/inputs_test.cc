#include "rules/model/inputs.h"

#include <fmt/format.h>

#include <filesystem>

#include "ground/platform/io/local_store.h"
#include "rules/model/train.h"
#include "testing/testing.h"

namespace weirhouse::model {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

TEST(DigestInputs, HashesFilesAndFoldersAndSeesEveryChange) {
  ScratchFolder folder;
  WriteFile(folder / "p/zones.csv", "a,b\n");
  WriteFile(folder / "p/data/one.txt", "1");
  WriteFile(folder / "p/data/deep/two.txt", "2");
  const std::vector<std::string> paths = {"zones.csv", "data", folder / "p/zones.csv"};
  ASSERT_OK_AND(const auto first, DigestInputs(paths, folder / "p"));
  EXPECT_EQ(first.at("zones.csv"), Sha256Of("a,b\n").ToHex());
  EXPECT_EQ(first.at(folder / "p/zones.csv"), first.at("zones.csv"));
  for (const char* changed : {"p/data/deep/two.txt", "p/data/three.txt"}) {
    WriteFile(folder / changed, "other");
    ASSERT_OK_AND(const auto again, DigestInputs(paths, folder / "p"));
    EXPECT_NE(again.at("data"), first.at("data")) << changed;
    EXPECT_EQ(again.at("zones.csv"), first.at("zones.csv"));
  }
  const Status gone = DigestInputs({"nowhere.csv"}, folder / "p").status();
  EXPECT_EQ(gone.error_code(), "WH5028");
  EXPECT_THAT(gone.message(), HasSubstr("nowhere.csv"));
}

TEST(ParseInputs, TakesThoseOfTheModelAndRefusesPathsThatLeadOutOfTheProject) {
  const std::string two = "---\nmodel: a\n---\nmodel: b\ninputs: [data, /srv/x.csv]\n";
  EXPECT_THAT(ParseInputs(two, "m.yaml", "b").value(), ElementsAre("data", "/srv/x.csv"));
  EXPECT_THAT(ParseInputs(two, "m.yaml", "a").value(), IsEmpty());
  for (const char* path : {"../x.csv", "./x.csv", "a//b", "''"}) {
    const Status status =
        ParseInputs(fmt::format("model: a\ninputs: [{}]\n", path), "m.yaml", "a").status();
    EXPECT_EQ(status.error_code(), "WH5001") << path;
  }
}

TEST(ParseOpened, LeavesOutWhatTheCommandMadeItself) {
  const Opened opened = ParseOpened(
      "S\nG /link/in.txt\nR /data/in.txt\nW /tmp/x.part\nM /tmp/x.part\nT /tmp/x\nR /tmp/x\nR "
      "/tmp/x.part\n"
      "W /data/in.txt\nN example.org\nN 10.0.0.1:443\nR /data/in.txt\nS\n");
  EXPECT_TRUE(opened.told);
  EXPECT_TRUE(opened.complete);
  // Read before it was overwritten.
  EXPECT_EQ(opened.files,
            (std::map<std::string, std::set<std::string>>{{"/data/in.txt", {"/link/in.txt"}}}));
  EXPECT_THAT(opened.places, ElementsAre("10.0.0.1:443", "example.org"));
  EXPECT_FALSE(ParseOpened("S\n!\n").complete);
  EXPECT_FALSE(ParseOpened("").told);
}

TEST(Undeclared, NamesWhatWasNotGiven) {
  ScratchFolder folder;
  WriteFile(folder / "p/train.py", "");
  WriteFile(folder / "p/data.csv", "1");
  WriteFile(folder / "p/told/a.csv", "2");
  WriteFile(folder / "out.csv", "3");
  Opened opened;
  opened.told = true;
  opened.files = {
      {"/usr/share/zoneinfo/UTC", {}}, {"/proc/cpuinfo", {}},
      {"/etc/localtime", {}},          {folder / "job/job.json", {}},
      {folder / "out.csv", {}},        {folder / "p/data.csv", {}},
      {folder / "p/told/a.csv", {}},   {folder / "p/train.py", {}},
      {folder / "pyenv/lib/x.py", {}}, {"/cache/linked.py", {folder / "pyenv/lib/linked.py"}},
      {"/etc/secret.conf", {}}};
  Given given;
  given.project_folder = folder / "p";
  given.code = {"train.py"};
  given.declared = {"told"};
  given.folders = {folder / "job", folder / "pyenv"};
  const nlohmann::json found = Undeclared(opened, given);
  EXPECT_TRUE(found["watched"]);
  std::vector<std::string> names;
  for (const auto& [name, digest] : found["undeclared"].items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("/etc/secret.conf", folder / "out.csv", "data.csv"));
  EXPECT_EQ(found["undeclared"]["data.csv"], Sha256Of("1").ToHex());
  EXPECT_TRUE(found["undeclared"]["/etc/secret.conf"].is_null());
}

TEST(Installed, IsOfTheSourcesThatWereOpened) {
  ScratchFolder folder;
  WriteFile(folder / "site/foo.py", "V = 1\n");
  WriteFile(folder / "site/bar/__init__.py", "");
  WriteFile(folder / "site/__pycache__/foo.cpython-311.pyc", "compiled at some time");
  Opened opened;
  opened.files = {{folder / "site/__pycache__/foo.cpython-311.pyc", {}},
                  {folder / "site/bar/__init__.py", {}},
                  {folder / "elsewhere.py", {}}};
  const nlohmann::json first = Installed(opened, {folder / "site"});
  EXPECT_EQ(first.size(), 2U);
  WriteFile(folder / "site/__pycache__/foo.cpython-311.pyc", "compiled at another");
  EXPECT_EQ(Installed(opened, {folder / "site"}), first);
  WriteFile(folder / "site/foo.py", "V = 2\n");
  const nlohmann::json changed = Installed(opened, {folder / "site"});
  EXPECT_NE(changed["foo"], first["foo"]);
  EXPECT_EQ(changed["bar"], first["bar"]);
}

// Trains by `script`, with inputs that it declares.
Result<TrainingOutcome> Train(const ScratchFolder& folder, const std::string& script,
                              std::vector<std::string> inputs = {}) {
  WriteFile(folder / "project/train.py", script);
  WriteFile(folder / "set.parquet", "");
  TrainingJob job;
  job.definition.name = "late";
  job.definition.command = {"python", "train.py"};
  job.inputs = std::move(inputs);
  job.definition.params = nlohmann::json::object();
  job.project_folder = folder / "project";
  job.training_set = {"late_v1#1", folder / "set.parquet", "", {}, "late", Sha256Of("content")};
  job.output_folder = folder / "job";
  job.python = testing::SourceFolder() + "/.deps/venv/bin/python";
  job.code = {"train.py"};
  return RunTraining(platform::LocalStore(), job);
}

TEST(RunTraining, NamesWhatTheCommandAndItsChildrenReadAndWhereTheyConnect) {
  ScratchFolder folder;
  for (const char* name : {"by_python", "by_cat", "declared"}) WriteFile(folder / name, "1");
  ASSERT_OK_AND(const TrainingOutcome outcome, Train(folder,
                                                     fmt::format(R"(
import os, socket, subprocess
import weirhouse as wh
job = wh.current_job()
open("{0}/by_python").read()
open("{0}/declared").read()
subprocess.run(["cat", "{0}/by_cat"], check=True)
with open("own.part", "w") as file: file.write("1")
os.rename("own.part", "own")
open("own").read()
try: socket.create_connection(("127.0.0.1", 9), 0.2)
except OSError: pass
open(job.path("m"), "w").write(os.environ["HOME"])
)",
                                                                 folder.path().string()),
                                                     {folder / "declared"}));
  std::vector<std::string> names;
  for (const auto& [name, digest] : outcome.environment["undeclared"].items())
    names.push_back(name);
  EXPECT_THAT(names, ElementsAre(folder / "by_cat", folder / "by_python"));
  EXPECT_TRUE(outcome.environment["watched"]);
  EXPECT_THAT(outcome.environment["network"].dump(), HasSubstr("127.0.0.1:9"));
  EXPECT_EQ(outcome.inputs.at(folder / "declared"), Sha256Of("1").ToHex());
  EXPECT_EQ(outcome.environment["variables"]["HOME"], getenv("HOME"));
}

TEST(RunTraining, ACommandThatReadsWhatItIsGivenHasNothingUndeclared) {
  ScratchFolder folder;
  ASSERT_OK_AND(const TrainingOutcome outcome, Train(folder, R"(
import json, weirhouse as wh, pyarrow, pandas
job = wh.current_job()
json.dump(job.params, open(job.path("m"), "w"))
)"));
  EXPECT_THAT(outcome.environment["undeclared"], IsEmpty()) << outcome.environment["undeclared"];
  EXPECT_THAT(outcome.environment["network"], IsEmpty());
}

TEST(RunTraining, RunsOnAsManyProcessorsAsItIsTold) {
  ScratchFolder folder;
  WriteFile(folder / "project/train.py",
            "import os, weirhouse as wh\n"
            "open(wh.current_job().path('m'), 'w').write(str(len(os.sched_getaffinity(0))))\n");
  WriteFile(folder / "set.parquet", "");
  TrainingJob job;
  job.definition.name = "late";
  job.definition.command = {"python", "train.py"};
  job.definition.params = nlohmann::json::object();
  job.project_folder = folder / "project";
  job.training_set = {"late_v1#1", folder / "set.parquet", "", {}, "late", Sha256Of("content")};
  job.output_folder = folder / "job";
  job.python = testing::SourceFolder() + "/.deps/venv/bin/python";
  job.processors_max = 1;
  ASSERT_OK_AND(const TrainingOutcome outcome, RunTraining(platform::LocalStore(), job));
  EXPECT_EQ(weirhouse::testing::ReadFile(folder / "job/model/m"), "1");
  EXPECT_EQ(outcome.environment["processors"], 1);
}

TEST(RunTraining, RefusesAnInputThatIsNotThereOrChangesMeanwhile) {
  ScratchFolder folder;
  const std::string script =
      "import weirhouse as wh\nopen('in.csv', 'w').write('2')\n"
      "open(wh.current_job().path('m'), 'w').write('1')\n";
  EXPECT_EQ(Train(folder, script, {"in.csv"}).status().error_code(), "WH5028");
  WriteFile(folder / "project/in.csv", "1");
  EXPECT_EQ(Train(folder, script, {"in.csv"}).status().error_code(), "WH5026");
}
}  // namespace
}  // namespace weirhouse::model
