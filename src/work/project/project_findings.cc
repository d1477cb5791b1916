#include "work/project/project_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "ground/base/text.h"

namespace weirhouse::work {
namespace {
bool IsNamePart(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool BeginsAName(std::string_view text, std::size_t at) {
  return at == 0 || !(IsNamePart(text[at - 1]) || text[at - 1] == '.');
}

// Whether `follows` holds for what stands behind some place at which `name` begins in `text`.
template <typename Follows>
bool Mentions(std::string_view text, std::string_view name, Follows follows) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    if (BeginsAName(text, at) && follows(text.substr(at + name.size()))) return true;
  }
  return false;
}

bool MentionsTable(std::string_view text, std::string_view table) {
  return Mentions(text, table, [](std::string_view rest) {
    constexpr std::string_view kHistory = "_history";
    if (rest.starts_with(kHistory)) rest.remove_prefix(kHistory.size());
    return rest.empty() || !IsNamePart(rest[0]);
  });
}

bool MentionsView(std::string_view text, std::string_view view) {
  return Mentions(text, view, [](std::string_view rest) {
    return !rest.empty() && (rest[0] == '@' || rest[0] == ':');
  });
}

// The words that stand behind `key` in `text`: "order" of `id: "order"`.
std::set<std::string> NamesBehind(std::string_view text, std::string_view key) {
  std::set<std::string> names;
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    if (!BeginsAName(text, at)) continue;
    std::size_t begin = at + key.size();
    while (begin < text.size() && (text[begin] == ' ' || text[begin] == '"' || text[begin] == '\''))
      ++begin;
    std::size_t end = begin;
    while (end < text.size() && (IsNamePart(text[end]) || text[end] == '-' || text[end] == '.'))
      ++end;
    if (end > begin) names.emplace(text.substr(begin, end - begin));
  }
  return names;
}

// "order" of "contracts/order.odcs.yaml"
std::string StemOf(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.find('.'));
}
}  // namespace

void ProjectFindings::Add(const Status& status) {
  if (status.ok()) return;
  if (first_.ok()) first_ = status;
  ++count_;
  all_.Add(status);
}

void ProjectFindings::NoteBrokenFile(std::string_view folder, const std::string& path,
                                     std::string_view text) {
  const auto note = [&](std::string_view key, const std::string& stem,
                        std::set<std::string>& names) {
    std::set<std::string> found = NamesBehind(text, key);
    if (folder == "processed")  // prose may say "table" as well
      std::erase_if(found, [](const std::string& name) { return !name.starts_with("processed."); });
    if (found.empty()) found.insert(stem);
    names.merge(found);
  };
  if (folder == "contracts") {
    note("id:", StemOf(path), contracts_);
    contracts_.insert(StemOf(path));  // the id itself may be what is wrong
  }
  if (folder == "processed") note("table ", "processed." + StemOf(path), tables_);
  if (folder == "features") note("feature_view:", StemOf(path), views_);
  if (folder == "training_sets") note("training_set:", StemOf(path), sets_);
}

bool ProjectFindings::MentionsBroken(std::string_view text) const {
  return std::ranges::any_of(tables_, [&](const auto& one) { return MentionsTable(text, one); }) ||
         std::ranges::any_of(views_, [&](const auto& one) { return MentionsView(text, one); });
}

Status ProjectFindings::ToStatus() const {
  if (count_ == 0) return Status();
  if (count_ == 1) return first_;
  return Status(first_.code(), fmt::format("the project has {} errors", all_.all().size()))
      .WithError(first_.error_code())
      .WithDiagnostics(all_.all());
}
}  // namespace weirhouse::work
