// Replays the names that the commits of the log created, renamed and dropped. VerifyChain compares
// the result with the stored pointers, namespaces and spans.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "ground/catalog/store/span.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// Threads: one.
class NamesCheck {
 public:
  NamesCheck();
  // Applies the record of commit `seq`.
  void Follow(std::int64_t seq, const nlohmann::json& record);
  // kCorruption (WH7008) names the first row that differs from the log. `last` is the last commit.
  Status Check(platform::Database& db, std::int64_t last) const;

 private:
  struct Pointer {
    std::string location;
    std::string kind;
    std::int64_t seq = 0;
    friend bool operator==(const Pointer&, const Pointer&) = default;
  };
  struct Namespace {
    std::int64_t seq = 0;
    std::map<std::string, std::string> properties{};
    friend bool operator==(const Namespace&, const Namespace&) = default;
  };
  TableSpans FindSpans(const std::string& name) const;
  Status CheckPointers(platform::Database& db, std::int64_t last) const;
  Status CheckNamespaces(platform::Database& db, std::int64_t last) const;
  Status CheckSpans(platform::Database& db, std::int64_t last) const;

  std::map<std::string, Pointer> pointers_;
  std::map<std::string, Namespace> namespaces_;
  std::map<std::string, TableSpans> spans_;  // without names that only ever had one table
};

// kCorruption (WH7008).
Status ChainBroken(std::int64_t seq, std::string_view why);
// Text as it reads back from a record: JSON holds UTF-8 only.
std::string JsonSafe(const std::string& text);
}  // namespace weirhouse::catalog
