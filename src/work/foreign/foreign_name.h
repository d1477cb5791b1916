// Names that other engines give, and the errors if one is missing or taken.
#pragma once

#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

inline constexpr std::size_t kNameBytesMax =
    255;  // of one level; the limit of pyiceberg's own catalog

std::string NamespaceOf(std::string_view name);  // "a.b" of "a.b.t"
// A table's own name or one level of a namespace: not empty, no dot, no control characters, valid
// UTF-8, at most kNameBytesMax bytes. kInvalidInput WH7105.
Status CheckNameLevel(std::string_view level);
Status CheckTableName(std::string_view name);  // all levels of "a.b.t"
Status CheckNamespaceName(std::string_view name);

// The wording follows the clients' own tests, so these messages begin with a capital.
Status NoSuchNamespace(std::string_view name);  // WH7033
Status NoSuchTable(std::string_view name);      // WH7101
Status NoSuchView(std::string_view name);       // WH7103
// WH7102. `kind` is what has the name, `wanted` what was to be created.
Status NameTaken(std::string_view name, catalog::PointerKind kind, catalog::PointerKind wanted);
Status MalformedRequest(std::string what);  // WH7105

// Checks that the namespace of a new table exists: kNotFound WH7033.
Status CheckNamespaceExists(Workspace& workspace, std::string_view name_space);
// Checks that the name is free: kConflict WH7102.
Status CheckNameFree(Workspace& workspace, const std::string& name, catalog::PointerKind wanted);
}  // namespace weirhouse::work
