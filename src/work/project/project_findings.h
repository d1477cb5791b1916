// The errors of a project's files, collected so that they are reported together.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "ground/base/finding/findings.h"
#include "ground/base/status.h"

namespace weirhouse::work {

// Keeps the errors, and what cannot be known because of them. A definition that names such a thing
// is not checked, because its errors would only repeat the first.
//
// Threads: one.
class ProjectFindings {
 public:
  void Add(const Status& status);
  bool empty() const { return count_ == 0; }

  // `table` ("processed.order", "records.order", "ref.shop") could not be checked, and nor could its
  // history.
  void NoteBrokenTable(const std::string& table) { tables_.insert(table); }
  // The file `path` of `folder` could not be read, or is not checked. What it defines is found by
  // its keys; where none can be found, by the file's name.
  void NoteBrokenFile(std::string_view folder, const std::string& path, std::string_view text);

  bool IsBrokenContract(const std::string& id) const { return contracts_.contains(id); }
  bool IsBrokenTrainingSet(const std::string& name) const { return sets_.contains(name); }
  bool any_broken_table() const { return !tables_.empty(); }
  // Whether `text` names a table, or a view as a selector does ("view@1:", "view:"), that could not
  // be checked. A comment counts as well.
  bool MentionsBroken(std::string_view text) const;

  // OK, the error, or one error that holds them all.
  Status ToStatus() const;

 private:
  Status first_;
  Findings all_;
  std::set<std::string> contracts_;
  std::set<std::string> tables_;
  std::set<std::string> views_;
  std::set<std::string> sets_;
  int count_ = 0;
};
}  // namespace weirhouse::work
