#include "command/command.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "command/context.h"
#include "command/daemon_link.h"
#include "command/error_printer.h"
#include "command/verbs.h"

namespace weirhouse::command {
namespace {
constexpr std::pair<std::string_view, VerbFunction> kVerbs[] = {
    {"init", RunInit},
    {"demo-data", RunDemoData},
    {"doctor", RunDoctor},
    {"validate", RunValidate},
    {"plan", RunPlan},
    {"apply", RunApply},
    {"ingest", RunIngest},
    {"run", RunRun},
    {"status", RunStatus},
    {"token new", RunTokenNew},
    {"token create", RunTokenCreate},
    {"token list", RunTokenList},
    {"token revoke", RunTokenRevoke},
    {"policy show", RunPolicyShow},
    {"policy export", RunPolicyExport},
    {"contract list", RunContractList},
    {"contract show", RunContractShow},
    {"contract diff", RunContractDiff},
    {"contract history", RunContractHistory},
    {"contract publish", RunContractPublish},
    {"gate list", RunGateList},
    {"gate show", RunGateShow},
    {"gate history", RunGateHistory},
    {"gate override", RunGateOverride},
    {"gate discard", RunGateDiscard},
    {"run-view open", RunRunViewOpen},
    {"run-view list", RunRunViewList},
    {"run-view show", RunRunViewShow},
    {"run-view publish", RunRunViewPublish},
    {"run-view discard", RunRunViewDiscard},
    {"quarantine list", RunQuarantineList},
    {"quarantine show", RunQuarantineShow},
    {"quarantine retry", RunQuarantineRetry},
    {"table list", RunTableList},
    {"table show", RunTableShow},
    {"table history", RunTableHistory},
    {"table files", RunTableFiles},
    {"table diff", RunTableDiff},
    {"table compact", RunTableCompact},
    {"table expire", RunTableExpire},
    {"table rollback", RunTableRollback},
    {"table tag", RunTableTag},
    {"gc", RunGc},
    {"sql", RunSql},
    {"feature list", RunFeatureList},
    {"feature show", RunFeatureShow},
    {"feature get", RunFeatureGet},
    {"train-set build", RunTrainSetBuild},
    {"train-set list", RunTrainSetList},
    {"train-set show", RunTrainSetShow},
    {"model train", RunModelTrain},
    {"model deploy", RunModelDeploy},
    {"model list", RunModelList},
    {"model show", RunModelShow},
    {"predict", RunPredict},
    {"skew", RunSkew},
    {"trace", RunTrace},
    {"reproduce", RunReproduce},
    {"verify", RunVerify},
    {"names", RunNames},
};

// Line `number` of a file of the project, for the caret.
std::optional<std::string> LineOfFile(const std::string& path, int number) {
  std::ifstream file(path);
  std::string line;
  for (int at = 1; std::getline(file, line); ++at) {
    if (at == number) return line;
  }
  return std::nullopt;
}

int Print(Context& context, const Status& status) {
  context.progress().Finish();
  const Invocation& invocation = context.invocation();
  if (invocation.json || invocation.jsonl) {
    context.streams().Out(Dump(ErrorAsJson(status)) + "\n");
    return ExitCode(status.code());
  }
  ErrorStyle style;
  style.color = invocation.color && invocation.stderr_is_terminal;
  style.columns = invocation.columns;
  style.nothing_was_run = !context.writes();
  const auto root = context.Root();
  style.line_of = [&](const std::string& path, int line) -> std::optional<std::string> {
    if (!root.ok() && !path.starts_with("/")) return std::nullopt;
    return LineOfFile(path.starts_with("/") ? path : *root + "/" + path, line);
  };
  context.streams().Err(FormatError(status, style));
  return ExitCode(status.code());
}

// Another process holds the project: the daemon, if one listens. Else nothing.
std::optional<int> HandOver(Context& context, const Status& status) {
  if (context.host() != nullptr || status.error_code() != "WH8001") return std::nullopt;
  const auto root = context.Root();
  if (!root.ok()) return std::nullopt;
  const auto code = RunInDaemon(*root, context.invocation(), context.streams());
  if (!code.ok()) return Print(context, code.status());
  return *code;
}
}  // namespace

VerbFunction FindVerbFunction(std::string_view name) {
  for (const auto& [verb, function] : kVerbs) {
    if (verb == name) return function;
  }
  return nullptr;
}

int RunCommand(const Invocation& invocation, Streams& streams, Host* host) {
  Context context(invocation, streams, host);
  const VerbFunction function = FindVerbFunction(invocation.verb);
  if (function == nullptr) {
    return Print(context, UsageError(fmt::format("unknown verb \"{}\"", invocation.verb),
                                     "`wh --help` lists them"));
  }
  try {
    const Result<int> code = function(context);
    if (code.ok()) {
      context.FinishDeliveries();
      return *code;
    }
    if (const std::optional<int> handed = HandOver(context, code.status())) return *handed;
    const int exit = Print(context, code.status());
    context.FinishDeliveries();
    // What fails after Ctrl-C fails because of it.
    return streams.Cancelled() ? kExitInterrupted : exit;
  } catch (const std::bad_alloc&) {
    if (host != nullptr) throw;  // the daemon ends and starts again from the catalog
    return Print(context, Status(Code::kUnavailable, "not enough memory")
                              .WithError("WH8050")
                              .WithHint("all that was committed stands; give the process more "
                                        "memory, then run again"));
  } catch (const std::exception& error) {
    return Print(context, Status(Code::kInternal, fmt::format("a bug here: {}", error.what()))
                              .WithError("WH8035")
                              .WithHint("please report it with the command and its output"));
  }
}

int PrintError(const Invocation& invocation, Streams& streams, const Status& status) {
  Context context(invocation, streams, nullptr);
  return Print(context, status);
}
}  // namespace weirhouse::command
