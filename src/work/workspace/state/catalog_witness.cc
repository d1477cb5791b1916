#include "work/workspace/state/catalog_witness.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace weirhouse::work {
namespace {
using nlohmann::json;

constexpr std::size_t kLivesMax = 20;  // only the last ones are reported

std::string PathIn(const std::string& state_folder) { return state_folder + "/head"; }

struct Witness {
  std::int64_t seq = 0;  // 0: unknown
  std::string chain;
  std::vector<std::string> lives;
};

// An unreadable note counts as missing.
Witness ReadWitness(platform::ObjectStore& store, const std::string& state_folder) {
  Witness witness;
  const auto text = store.Read(PathIn(state_folder));
  if (!text.ok()) return witness;
  const json stored = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!stored.is_object()) return witness;
  const json seq = stored.value("seq", json());
  const json chain = stored.value("chain", json());
  if (seq.is_number_integer() && chain.is_string()) {
    witness.seq = seq.get<std::int64_t>();
    witness.chain = chain.get<std::string>();
  }
  const json lives = stored.value("lives", json::array());
  for (const json& life : lives) {
    if (life.is_string()) witness.lives.push_back(life.get<std::string>());
  }
  return witness;
}

// The chain digest of commit `seq`; empty if there is no such commit.
Result<std::string> ChainAt(catalog::Catalog& catalog, std::int64_t seq) {
  WEIRHOUSE_TRY(const auto found, catalog.Commits(CommitSeq(seq - 1), 1));
  if (found.empty() || found.front().seq.value() != seq) return std::string();
  return found.front().chain.ToHex();
}

// Absent if the catalog holds the commit that was last noted.
Result<std::optional<std::string>> NewLife(const Witness& witness, catalog::Catalog& catalog) {
  if (witness.seq <= 0) return std::optional<std::string>();
  WEIRHOUSE_TRY(const std::string chain, ChainAt(catalog, witness.seq));
  if (chain == witness.chain) return std::optional<std::string>();
  WEIRHOUSE_TRY(const CommitSeq last, catalog.LastSeq());
  return std::optional(fmt::format(
      "an older or another catalog was put in the place of the one that stood at commit {} "
      "(chain {}…): it stands at {}{}; what the other one had committed is not in it, and its "
      "files lie in the lake as files that no commit names",
      witness.seq, witness.chain.substr(0, 12), last.value(),
      chain.empty() ? "" : fmt::format(", with another commit {}", witness.seq)));
}
}  // namespace

Result<std::vector<std::string>> OtherLives(platform::ObjectStore& store,
                                            const std::string& state_folder,
                                            catalog::Catalog& catalog) {
  Witness witness = ReadWitness(store, state_folder);
  WEIRHOUSE_TRY(std::optional<std::string> life, NewLife(witness, catalog));
  if (life) witness.lives.push_back(*std::move(life));
  return std::move(witness.lives);
}

void RememberCatalog(platform::ObjectStore& store, const std::string& state_folder,
                     catalog::Catalog& catalog) {
  Witness witness = ReadWitness(store, state_folder);
  const auto last = catalog.LastSeq();
  if (!last.ok() || last->value() == 0) return;
  const auto chain = ChainAt(catalog, last->value());
  if (!chain.ok() || (witness.seq == last->value() && witness.chain == *chain)) return;
  auto life = NewLife(witness, catalog);
  if (!life.ok()) return;
  if (*life) witness.lives.push_back(**std::move(life));
  if (witness.lives.size() > kLivesMax) {
    witness.lives.erase(witness.lives.begin(), witness.lives.end() - kLivesMax);
  }
  const json stored{{"seq", last->value()}, {"chain", *chain}, {"lives", witness.lives}};
  store.Replace(PathIn(state_folder), stored.dump() + "\n")
      .Ignore("a later replacement then goes unnoticed");
}
}  // namespace weirhouse::work
