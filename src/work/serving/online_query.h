// A resolved list of features, ready to be answered for one entity after another.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/answer.h"
#include "rules/feature/kernel/field_value.h"
#include "rules/feature/kernel/plan.h"
#include "work/serving/online.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::feature {
class OnlineState;
}  // namespace weirhouse::feature

namespace weirhouse::work {

// Immutable. Threads: any. Must not outlive its workspace.
class OnlineQuery {
 public:
  // Resolves selectors like those of OnlineRequest::features. Errors: WH4009, WH4018 (not served
  // online).
  static Result<std::shared_ptr<const OnlineQuery>> Make(Workspace& workspace,
                                                         const std::vector<std::string>& selectors);

  // `texts`: fields typed as text. Errors: WH4013, WH4016 (unknown field), WH4017 (a field is
  // missing), WH4019 (a view is being filled).
  Result<OnlineVector> Answer(const nlohmann::json& fields, EventTime at,
                              const std::map<std::string, std::string>& texts = {}) const;

  // The entity keys and request fields that the views take, each once, in order.
  const std::vector<std::string>& fields() const { return fields_; }
  const std::vector<const feature::ViewPlan*>& plans() const { return plans_; }
  // The schema of OnlineVector::row.
  std::shared_ptr<arrow::Schema> schema() const;

 private:
  struct Wanted {
    std::size_t plan = 0;    // index into plans_
    std::size_t output = 0;  // index into its outputs
  };
  explicit OnlineQuery(Workspace& workspace) : workspace_(workspace) {}
  Status Take(std::string_view selector);
  Status TakeColumns(const feature::FeatureView& view, std::string_view column);
  Status CheckFields(const nlohmann::json& fields,
                     const std::map<std::string, std::string>& texts) const;
  Result<feature::FeatureAnswer> AnswerView(const feature::OnlineState* state,
                                            const feature::ViewPlan& plan,
                                            const nlohmann::json& fields,
                                            const std::map<std::string, std::string>& texts,
                                            EventTime at) const;
  Result<feature::FeatureAnswer> AnswerStored(const feature::OnlineState* state,
                                              const feature::ViewPlan& plan,
                                              std::span<const feature::Value> entity,
                                              EventTime at) const;
  Result<OnlineVector> Assemble(const std::vector<feature::FeatureAnswer>& answers,
                                EventTime at) const;

  Workspace& workspace_;
  std::vector<const feature::ViewPlan*> plans_;
  std::vector<Wanted> wanted_;
  std::vector<std::string> fields_;
};
}  // namespace weirhouse::work
