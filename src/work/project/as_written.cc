#include "work/project/as_written.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "ground/base/text.h"

namespace weirhouse::work {
namespace {
using contract::ContractField;
using contract::LogicalType;

// Whether the format states what is checked in any case.
bool SaysWhatIsRead(const ContractField& field) {
  if (field.type == LogicalType::kInteger) return field.format == "i64" || field.format == "int64";
  return field.type == LogicalType::kNumber && !field.decimal &&
         (field.format == "f64" || field.format == "double");
}

// A checked pattern with the same meaning, if there is a short one.
std::string SuggestReplacement(const ContractField& field) {
  if (field.type != LogicalType::kString)
    return "use minimum and maximum, which are checked, or leave it out";
  static const auto* patterns = new std::map<std::string, std::string>{
      {"email", R"(^[^@\s]+@[^@\s]+$)"},
      {"uuid", "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
      {"uri", R"(^[A-Za-z][A-Za-z0-9+.-]*:\S+$)"},
      {"hostname", R"(^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$)"},
      {"ipv4", R"(^\d{1,3}(\.\d{1,3}){3}$)"}};
  const auto known = patterns->find(field.format);
  if (known == patterns->end()) return "use a pattern, which is checked, or leave it out";
  return fmt::format("use a pattern, which is checked: '{}'", known->second);
}
}  // namespace

Status CheckFormats(const contract::Contract& contract) {
  std::vector<Diagnostic> found;
  for (const ContractField& field : contract.fields()) {
    const bool is_time = field.type == LogicalType::kDate || field.type == LogicalType::kTimestamp;
    if (field.format.empty() || is_time || SaysWhatIsRead(field)) continue;
    Diagnostic diagnostic;
    diagnostic.error_code = "WH1105";
    diagnostic.message =
        fmt::format("format \"{}\" of the {} \"{}\" is not checked", EscapeControl(field.format),
                    contract::TypeName(field.type), field.name);
    diagnostic.span = field.span;
    diagnostic.hint = SuggestReplacement(field);
    found.push_back(std::move(diagnostic));
  }
  if (found.empty()) return Status();
  Status status(Code::kInvalidInput, found.front().message);
  if (found.front().span) status = std::move(status).WithSpan(*found.front().span);
  return std::move(status)
      .WithError("WH1105")
      .WithHint(found.front().hint)
      .WithDiagnostics(std::move(found));
}

Status CheckSpineReads(const feature::TrainingSetDefinition& set,
                       std::span<const transform::TableReference> references) {
  for (const transform::TableReference& reference : references) {
    if (reference.kind == transform::TableKind::kProcessed ||
        reference.kind == transform::TableKind::kSeed)
      continue;
    return Status(Code::kInvalidInput,
                  fmt::format("the spine of \"{}\" reads \"{}\"", set.name, reference.name))
        .WithError("WH4020")
        .WithSpan(reference.span)
        .WithHint("a spine reads processed tables and seeds");
  }
  return Status();
}

Status CheckServedFields(const ProjectDefinition& project, const model::ModelDefinition& model) {
  const feature::TrainingSetDefinition* set = project.FindTrainingSet(model.training_set);
  if (!model.serve || set == nullptr) return Status();
  WEIRHOUSE_TRY(const auto selected, feature::SelectFeatures(*set, project.views));
  const std::vector<std::string>& request = model.serve->request;
  for (const feature::SelectedView& view : selected) {
    const auto& names = view.view->is_request() ? view.view->request : view.view->entity;
    for (const feature::TypedName& name : names) {
      if (std::find(request.begin(), request.end(), name.name) != request.end()) continue;
      std::string hint = DidYouMean(name.name, request);
      if (hint.empty()) hint = "add it to `serve.request` of the model";
      return Status(Code::kInvalidInput,
                    fmt::format("the model \"{}\" cannot be served: its view \"{}\" needs \"{}\", "
                                "which `serve.request` does not name",
                                model.name, view.view->id(), name.name))
          .WithError("WH5022")
          .WithSpan(model.span)
          .WithHint(std::move(hint));
    }
  }
  return Status();
}
}  // namespace weirhouse::work
