#include "work/workspace/applied.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "ground/base/text.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
constexpr unsigned kCodeMode = 0444;

std::string CodePath(const Workspace& workspace, const std::string& key) {
  return fmt::format("{}/code/{}.json", workspace.lake(), key);
}

// JSON holds only text: a file that is not UTF-8 (Python allows other encodings) is stored with one
// character for each byte.
json JsonOfBytes(const std::string& bytes) {
  if (IsValidUtf8(bytes)) return bytes;
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return {{"bytes", text}};
}

std::optional<std::string> BytesOfJson(const json& stored) {
  if (stored.is_string()) return stored.get<std::string>();
  if (!stored.is_object() || !stored.contains("bytes") || !stored["bytes"].is_string())
    return std::nullopt;
  const std::string text = stored["bytes"].get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80 || i + 1 == text.size()) {
      bytes += text[i];
    } else {
      bytes +=
          static_cast<char>(((byte & 0x03) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3F));
    }
  }
  return bytes;
}
}  // namespace

json DefinitionDigests(const ProjectDefinition& project) {
  json sections = {{"contracts", json::object()}, {"seeds", json::object()},
                   {"processed", json::object()}, {"gates", json::object()},
                   {"views", json::object()},     {"training_sets", json::object()}};
  // Only delimiters that are set: otherwise all objects would be read again when one is added,
  // changed or removed.
  for (const Source& source : project.sources) {
    if (source.delimiter != ',')
      sections["delimiters"][source.name] = std::string(1, source.delimiter);
    if (!source.topic.empty()) sections["topics"][source.name] = source.topic;
  }
  for (const auto& [id, contract] : project.contracts)
    sections["contracts"][id] = contract->digest().ToHex();
  for (const Seed& seed : project.seeds) sections["seeds"][seed.name] = seed.digest.ToHex();
  for (const auto& transform : project.transforms) {
    Digest digest = transform.definition.digest;
    // The contract decides the columns, and the digests of downstream rows are made of those.
    if (transform.definition.is_external())
      digest = Sha256OfPieces(
          std::vector<std::string>{digest.ToHex(), transform.output->ToString(true)});
    sections["processed"][transform.definition.name()] = digest.ToHex();
  }
  for (const auto& gate : project.gates) sections["gates"][gate.name] = gate.digest.ToHex();
  for (const auto& view : project.views) sections["views"][view.id()] = view.digest.ToHex();
  for (const auto& set : project.training_sets)
    sections["training_sets"][set.name] = set.digest.ToHex();
  return sections;
}

Result<json> AppliedDigests(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::optional<json> applied,
                catalog::setting::Applied().In(workspace.catalog()));
  return applied.value_or(json::object());
}

Result<std::shared_ptr<const contract::Contract>> ParseRegistered(const json& stored,
                                                                  const std::string& key) {
  auto contract = contract::ParseContract(stored.dump(), key);
  if (!contract.ok()) {
    return Status(Code::kCorruption, fmt::format("a registered contract cannot be read: {}: {}",
                                                 key, contract.status().message()))
        .WithError("WH2023")
        .WithHint("`wh verify` tells what was changed; restore the catalog from a backup");
  }
  return std::make_shared<const contract::Contract>(std::move(contract).value());
}

Result<std::shared_ptr<const contract::Contract>> RegisteredContract(Workspace& workspace,
                                                                     const std::string& id,
                                                                     const std::string& version) {
  const auto kept = version.empty() ? catalog::setting::Contract(id)
                                    : catalog::setting::ContractVersions(id).Of(version);
  const std::string& key = kept.key().text();
  WEIRHOUSE_TRY(const std::optional<json> stored, kept.In(workspace.catalog()));
  if (!stored) return std::shared_ptr<const contract::Contract>();
  return ParseRegistered(*stored, key);
}

std::string CodeKey(const Digest& code) { return code.ToHex().substr(0, 16); }

void UseCode(const Digest& code, catalog::Lineage& lineage) {
  lineage.Uses({catalog::NodeKind::kCode, CodeKey(code)}, {{"digest", code.ToHex()}});
}

Result<CodeObject> StoreCode(Workspace& workspace) {
  const ProjectDefinition& project = workspace.project();
  json files = json::object();
  for (const auto& [path, bytes] : project.files) files[path] = JsonOfBytes(bytes);
  for (const Seed& seed : project.seeds) {
    WEIRHOUSE_TRY(const std::string bytes,
                  workspace.local_store().Read(project.root + "/" + seed.path));
    files[seed.path] = JsonOfBytes(bytes);
  }
  const std::string text = files.dump(-1, ' ', false, json::error_handler_t::replace);
  CodeObject object;
  object.node = {catalog::NodeKind::kCode, CodeKey(project.code)};
  object.record = {{"digest", project.code.ToHex()}, {"files", project.files.size()}};
  object.file.path = CodePath(workspace, object.node.key);
  object.file.kind = catalog::FileKind::kArtifact;
  object.file.size_bytes = static_cast<std::int64_t>(text.size());
  object.file.sha256 = Sha256Of(text);
  WEIRHOUSE_TRY_STATUS(workspace.store().PutIfAbsent(object.file.path, text, kCodeMode).status());
  return object;
}

Result<std::map<std::string, std::string>> LoadCode(Workspace& workspace, const std::string& key) {
  WEIRHOUSE_TRY(const std::string text, workspace.store().Read(CodePath(workspace, key)));
  const json files = json::parse(text, nullptr, false);
  if (!files.is_object()) {
    return Status(Code::kCorruption, "stored code cannot be read: " + CodePath(workspace, key))
        .WithError("WH2024")
        .WithHint(
            "`wh verify --deep` names every file whose bytes changed; restore it from a backup");
  }
  std::map<std::string, std::string> code;
  for (const auto& [path, bytes] : files.items()) {
    const std::optional<std::string> held = BytesOfJson(bytes);
    if (held && !path.starts_with("seed:")) code[path] = *held;
  }
  return code;
}

nlohmann::json NullsOf(const Source& source) {
  if (source.format != "csv") return nlohmann::json::array();
  return std::set<std::string>(source.nulls.begin(), source.nulls.end());
}

Result<json> AppliedReadings(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::optional<json> applied,
                catalog::setting::Readings().In(workspace.catalog()));
  return applied.value_or(json::object());
}

json ReadingsToApply(const json& applied, const ProjectDefinition& project) {
  json readings = applied;
  for (const Source& source : project.sources)
    readings[source.name] = {{"format", source.format}, {"nulls", NullsOf(source)}};
  return readings;
}

json OnlineFillsOf(const ProjectDefinition& project) {
  json fills = json::object();
  for (const feature::FeatureView& view : project.views)
    fills[view.id()] = feature::FillName(view.online_fill);
  return fills;
}

Result<json> AppliedOnlineFills(Workspace& workspace) {
  WEIRHOUSE_TRY(const std::optional<json> applied,
                catalog::setting::OnlineFills().In(workspace.catalog()));
  return applied.value_or(json::object());
}

Result<AppliedState> CompareWithApplied(Workspace& workspace, const ProjectDefinition& project) {
  WEIRHOUSE_TRY(const json applied, AppliedDigests(workspace));
  if (applied.empty()) return AppliedState::kNothingApplied;
  WEIRHOUSE_TRY(const json readings, AppliedReadings(workspace));
  WEIRHOUSE_TRY(const json fills, AppliedOnlineFills(workspace));
  // A catalog of an earlier release holds neither of them until the next apply.
  const bool read_alike = readings.empty() || readings == ReadingsToApply(readings, project);
  const bool served_alike = fills.empty() || fills == OnlineFillsOf(project);
  return applied == DefinitionDigests(project) && read_alike && served_alike
             ? AppliedState::kApplied
             : AppliedState::kDiffers;
}

Status NotApplied(AppliedState standing) {
  return Status(Code::kInvalidInput, standing == AppliedState::kNothingApplied
                                         ? "nothing has been applied yet"
                                         : "the project's files differ from what was applied")
      .WithError("WH2020")
      .WithHint(
          standing == AppliedState::kNothingApplied
              ? "`wh apply` puts the definitions in the files into force; `wh plan` shows them"
              : "`wh plan` shows what differs and `wh apply` puts it into force; or undo the "
                "change in the files");
}

Status RequireApplied(Workspace& workspace) {
  WEIRHOUSE_TRY(const AppliedState standing, CompareWithApplied(workspace, workspace.project()));
  return standing == AppliedState::kApplied ? Status() : NotApplied(standing);
}
}  // namespace weirhouse::work
