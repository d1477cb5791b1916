#include "app/demo/example.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/demo/embedded.h"
#include "app/demo/package.h"
#include "ground/base/text.h"
#include "ground/platform/io/local_store.h"

namespace weirhouse::demo {
namespace {
constexpr std::string_view kGitIgnore =
    "# State, landed data and what alerts and notifications append to.\n"
    "/.weirhouse/\n"
    "/landing/\n"
    "/alerts.jsonl\n"
    "/completed.jsonl\n"
    "__pycache__/\n";

struct ProjectFile {
  std::string path;
  std::string bytes;
};

Result<std::vector<ProjectFile>> FlightsFiles() {
  std::vector<ProjectFile> files;
  for (const EmbeddedFile& file : EmbeddedFlights()) {
    files.push_back({std::string(file.path), std::string(file.bytes)});
  }
  WEIRHOUSE_TRY(const std::string package, FindPackage());
  for (const std::string_view name : {"airlines.csv", "airports.csv"}) {
    WEIRHOUSE_TRY(std::string bytes, ReadPackageFile(package, name));
    files.push_back({fmt::format("seeds/{}", name), std::move(bytes)});
  }
  files.push_back({".gitignore", std::string(kGitIgnore)});
  return files;
}
}  // namespace

std::vector<std::string> ExampleNames() { return {"flights"}; }

Status WriteExample(const std::string& name, const std::string& folder) {
  const std::vector<std::string> known = ExampleNames();
  if (name != "flights") {
    std::string hint = DidYouMean(name, known);
    if (hint.empty()) hint = "examples: " + Join(known, ", ");
    return Status(Code::kNotFound, fmt::format("no such example: \"{}\"", EscapeControl(name)))
        .WithError("WH8040")
        .WithHint(std::move(hint));
  }
  WEIRHOUSE_TRY(const std::vector<ProjectFile> files, FlightsFiles());
  platform::ObjectStore& store = platform::LocalStore();
  // Files that already hold the example's bytes are left from an earlier attempt that was cut
  // short.
  std::vector<const ProjectFile*> missing;
  for (const ProjectFile& file : files) {
    const std::string path = folder + "/" + file.path;
    if (!store.Stat(path).ok()) {
      missing.push_back(&file);
    } else if (const auto bytes = store.Read(path); !bytes.ok() || *bytes != file.bytes) {
      return Status(Code::kConflict,
                    fmt::format("the folder already holds a file of the example: {}", path))
          .WithError("WH8042")
          .WithHint("choose an empty folder");
    }
  }
  // The project file comes last: with it the folder is a project.
  std::stable_partition(missing.begin(), missing.end(),
                        [](const ProjectFile* file) { return file->path != "weirhouse.yaml"; });
  for (const ProjectFile* file : missing) {
    WEIRHOUSE_TRY_STATUS(store.PutIfAbsent(folder + "/" + file->path, file->bytes, 0644).status());
  }
  std::vector<std::string> paths;
  for (const ProjectFile& file : files) paths.push_back(folder + "/" + file.path);
  return store.Flush(paths);
}
}  // namespace weirhouse::demo
