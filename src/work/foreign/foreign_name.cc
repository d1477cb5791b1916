#include "work/foreign/foreign_name.h"

#include <fmt/format.h>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "work/foreign/foreign_commit.h"

namespace weirhouse::work {

std::string NamespaceOf(std::string_view name) {
  return std::string(TableNameView(name).name_space());
}

Status CheckNameLevel(std::string_view level) {
  std::string_view why;
  if (level.empty()) {
    why = "it is empty";
  } else if (level.size() > kNameBytesMax) {
    why = "it is longer than 255 bytes";
  } else if (!IsValidUtf8(level)) {
    why = "it is not UTF-8";
  } else if (EscapeControl(level) != level) {
    why = "it holds a control character";  // or one that changes the reading direction
  } else if (level.find('.') != std::string_view::npos) {
    why = "it holds a dot, which separates levels here";
  } else {
    return Status();
  }
  return MalformedRequest(fmt::format("name cannot be used: {}: \"{}\"", why,
                                      EscapeControl(level.substr(0, kNameBytesMax))));
}

Status CheckNamespaceName(std::string_view name) {
  for (const std::string_view level : NamespaceView(name).levels()) {
    WEIRHOUSE_TRY_STATUS(CheckNameLevel(level));
  }
  return Status();
}

Status CheckTableName(std::string_view name) {
  if (!TableNameView(name).has_namespace()) {
    return MalformedRequest(fmt::format("table is named without a namespace: \"{}\"",
                                        EscapeControl(name.substr(0, kNameBytesMax))));
  }
  return CheckNamespaceName(name);
}

Status NoSuchNamespace(std::string_view name) {
  return Status(Code::kNotFound, fmt::format("Namespace does not exist: {}", EscapeControl(name)))
      .WithError("WH7033");
}

Status NoSuchTable(std::string_view name) {
  return Status(Code::kNotFound, fmt::format("Table does not exist: {}", EscapeControl(name)))
      .WithError("WH7101");
}

Status NoSuchView(std::string_view name) {
  return Status(Code::kNotFound, fmt::format("View does not exist: {}", EscapeControl(name)))
      .WithError("WH7103");
}

Status NameTaken(std::string_view name, catalog::PointerKind kind, catalog::PointerKind wanted) {
  const std::string_view what = kind == catalog::PointerKind::kTable ? "Table" : "View";
  return Status(Code::kConflict, fmt::format("{}{} already exists: {}", what,
                                             kind == wanted ? "" : " with same name", name))
      .WithError(kNameTaken);
}

Status MalformedRequest(std::string what) {
  return Status(Code::kInvalidInput, std::move(what)).WithError("WH7105");
}

Status CheckNamespaceExists(Workspace& workspace, std::string_view name_space) {
  WEIRHOUSE_TRY(const auto found, workspace.catalog().FindNamespace(name_space));
  return found ? Status() : NoSuchNamespace(name_space);
}

Status CheckNameFree(Workspace& workspace, const std::string& name, catalog::PointerKind wanted) {
  WEIRHOUSE_TRY(const auto found, workspace.catalog().FindTable(name));
  return found ? NameTaken(name, found->kind, wanted) : Status();
}
}  // namespace weirhouse::work
