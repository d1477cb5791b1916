#include "rules/feature/kernel/request_sessions.h"

#include <utility>

#include "rules/feature/kernel/request.h"

namespace weirhouse::feature {
namespace {
constexpr std::size_t kIdleSessionsMax = 8;  // as many as requests that come at the same moment
}  // namespace

struct RequestSessions::Session {
  std::unique_ptr<platform::SqlSession> sql;
  std::map<std::string, RequestEvaluator> evaluators;  // by view id
};

RequestSessions::RequestSessions(platform::SqlEngine& engine) : engine_(engine) {}
RequestSessions::~RequestSessions() = default;

Result<FeatureAnswer> RequestSessions::Evaluate(const ViewPlan& plan,
                                                const std::map<std::string, Value>& values,
                                                std::int64_t at) {
  std::unique_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (session == nullptr) {
    session = std::make_unique<Session>();
    WEIRHOUSE_TRY(session->sql, engine_.Connect());
  }
  const auto evaluator = session->evaluators.try_emplace(plan.view.id(), plan, *session->sql).first;
  auto answer = evaluator->second.EvaluateOne(values, at);
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleSessionsMax) idle_.push_back(std::move(session));
  return answer;
}
}  // namespace weirhouse::feature
