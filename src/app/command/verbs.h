// The verbs, each in a verb_*.cc of its own.
//
// A verb prints its answer and returns an exit code; it returns errors and never prints them.
#pragma once

#include <string_view>

#include "app/command/context.h"
#include "ground/base/status.h"

namespace weirhouse::command {

using VerbFunction = Result<int> (*)(Context&);
// nullptr for a verb that is not run here (help, completion, serve).
VerbFunction FindVerbFunction(std::string_view name);

inline constexpr int kExitOk = 0;
inline constexpr int kExitGateFailed = 3;  // also: an object or a whole batch was refused
inline constexpr int kExitUnavailable = 8;
inline constexpr int kExitDiffers =
    9;  // the comparison that was asked for; corruption is an error, with 11
inline constexpr int kExitChanges = 10;
inline constexpr int kExitInterrupted = 130;

Result<int> RunInit(Context& context);
Result<int> RunDemoData(Context& context);
Result<int> RunDoctor(Context& context);
Result<int> RunValidate(Context& context);
Result<int> RunPlan(Context& context);
Result<int> RunApply(Context& context);
Result<int> RunIngest(Context& context);
Result<int> RunRun(Context& context);
Result<int> RunStatus(Context& context);
Result<int> RunRuns(Context& context);
Result<int> RunTokenNew(Context& context);
Result<int> RunTokenCreate(Context& context);
Result<int> RunTokenList(Context& context);
Result<int> RunTokenRevoke(Context& context);
Result<int> RunPolicyShow(Context& context);
Result<int> RunPolicyExport(Context& context);
Result<int> RunContractList(Context& context);
Result<int> RunContractShow(Context& context);
Result<int> RunContractDiff(Context& context);
Result<int> RunContractHistory(Context& context);
Result<int> RunContractPublish(Context& context);
Result<int> RunGateList(Context& context);
Result<int> RunGateShow(Context& context);
Result<int> RunGateHistory(Context& context);
Result<int> RunGateOverride(Context& context);
Result<int> RunGateDiscard(Context& context);
Result<int> RunStreamList(Context& context);
Result<int> RunStreamTail(Context& context);
Result<int> RunStreamAppend(Context& context);
Result<int> RunStagingOpen(Context& context);
Result<int> RunStagingList(Context& context);
Result<int> RunStagingShow(Context& context);
Result<int> RunStagingPublish(Context& context);
Result<int> RunStagingDiscard(Context& context);
Result<int> RunQuarantineList(Context& context);
Result<int> RunQuarantineShow(Context& context);
Result<int> RunQuarantineRetry(Context& context);
Result<int> RunTableList(Context& context);
Result<int> RunTableShow(Context& context);
Result<int> RunTableHistory(Context& context);
Result<int> RunTableFiles(Context& context);
Result<int> RunTableDiff(Context& context);
Result<int> RunTableCompact(Context& context);
Result<int> RunTableExpire(Context& context);
Result<int> RunTableRollback(Context& context);
Result<int> RunTableTag(Context& context);
Result<int> RunGc(Context& context);
Result<int> RunSql(Context& context);
Result<int> RunFeatureList(Context& context);
Result<int> RunFeatureShow(Context& context);
Result<int> RunFeatureGet(Context& context);
Result<int> RunTrainSetBuild(Context& context);
Result<int> RunTrainSetList(Context& context);
Result<int> RunTrainSetShow(Context& context);
Result<int> RunModelTrain(Context& context);
Result<int> RunModelDeploy(Context& context);
Result<int> RunModelList(Context& context);
Result<int> RunModelShow(Context& context);
Result<int> RunPredict(Context& context);
Result<int> RunSkew(Context& context);
Result<int> RunTrace(Context& context);
Result<int> RunReproduce(Context& context);
Result<int> RunVerify(Context& context);
Result<int> VerifyRebuild(Context& context);  // verify --rebuild
Result<int> RunNames(Context& context);
struct Verb {
  std::string_view name;  // as verb_table.cc calls it
  VerbFunction function;
};
inline constexpr Verb kVerbs[] = {
    {"init", RunInit},
    {"demo-data", RunDemoData},
    {"doctor", RunDoctor},
    {"validate", RunValidate},
    {"plan", RunPlan},
    {"apply", RunApply},
    {"ingest", RunIngest},
    {"run", RunRun},
    {"status", RunStatus},
    {"runs", RunRuns},
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
    {"staging open", RunStagingOpen},
    {"stream list", RunStreamList},
    {"stream tail", RunStreamTail},
    {"stream append", RunStreamAppend},
    {"staging list", RunStagingList},
    {"staging show", RunStagingShow},
    {"staging publish", RunStagingPublish},
    {"staging discard", RunStagingDiscard},
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
}  // namespace weirhouse::command
