#include "rules/transform/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ground/base/name.h"
#include "ground/base/text.h"
#include "rules/transform/finding.h"
#include "rules/transform/sql_text.h"

namespace weirhouse::transform {
namespace {

const std::vector<std::string> kHeaderWords = {"table",     "key",  "order",   "event",    "known",
                                               "partition", "mode", "history", "contract", "owner"};
constexpr std::string_view kHeaderMark = "-- wh:";

bool IsName(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsPartition(std::string_view text) {
  for (std::string_view function : {"month(", "day("}) {
    if (text.starts_with(function) && text.ends_with(")")) {
      return IsName(Trim(text.substr(function.size(), text.size() - function.size() - 1)));
    }
  }
  return IsName(text);
}

// Reads the header of one file into a definition and collects every finding.
class HeaderReader {
 public:
  HeaderReader(const SqlText& source, TransformDefinition& definition)
      : source_(source), definition_(definition) {}

  // Reads all header lines, which must stand before the first token of the SQL.
  void Read() {
    const std::string_view text = source_.text();
    const std::size_t body =
        source_.tokens().empty() ? text.size() : source_.tokens().front().offset;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = text.substr(at, end - at);
      const std::size_t mark = line.find_first_not_of(" \t");
      if (mark != std::string_view::npos && line.substr(mark).starts_with(kHeaderMark)) {
        if (at > body) {
          Add("WH2101", at + mark, kHeaderMark.size(), "a header line stands after the SQL began",
              "move it above the SELECT");
        } else {
          ReadLine(line, at, mark + kHeaderMark.size());
        }
      }
      at = end + 1;
    }
    CheckComplete();
  }

  std::vector<Diagnostic> TakeFindings() { return std::move(findings_); }

 private:
  void Add(std::string code, std::size_t offset, std::size_t width, std::string message,
           std::string hint = {}) {
    findings_.push_back(Finding(std::move(code), source_.SpanAt(offset, width), std::move(message),
                                {}, std::move(hint)));
  }

  void ReadLine(std::string_view line, std::size_t line_offset, std::size_t from) {
    std::size_t end = line.size();
    for (std::string_view remark : {" --", "\t--"}) {
      end = std::min(end, line.find(remark, from));
    }
    for (std::size_t at = from; at <= end;) {
      const std::size_t stop = std::min(line.find(';', at), end);
      ReadClause(line.substr(at, stop - at), line_offset + at);
      at = stop + 1;
    }
  }

  void ReadClause(std::string_view clause, std::size_t offset) {
    const std::string_view trimmed = Trim(clause);
    if (trimmed.empty()) return;
    offset += static_cast<std::size_t>(trimmed.data() - clause.data());
    const std::size_t word_end = std::min(trimmed.find_first_of(" \t"), trimmed.size());
    const std::string_view word = trimmed.substr(0, word_end);
    if (std::find(kHeaderWords.begin(), kHeaderWords.end(), word) == kHeaderWords.end()) {
      std::string hint = DidYouMean(word, kHeaderWords);
      if (hint.empty()) hint = fmt::format("the words are {}", Join(kHeaderWords, ", "));
      return Add("WH2101", offset, word.size(),
                 fmt::format("unknown header word \"{}\"", EscapeControl(word)), std::move(hint));
    }
    if (std::find(seen_.begin(), seen_.end(), word) != seen_.end()) {
      return Add("WH2101", offset, word.size(), fmt::format("\"{}\" is given twice", word));
    }
    seen_.emplace_back(word);
    places_.emplace_back(word, source_.SpanAt(offset, word.size()));
    const std::string_view value = Trim(trimmed.substr(word_end));
    if (value.empty()) {
      return Add("WH2101", offset, word.size(), fmt::format("\"{}\" has no value", word));
    }
    ReadValue(word, value, offset + static_cast<std::size_t>(value.data() - trimmed.data()));
  }

  void ReadValue(std::string_view word, std::string_view value, std::size_t offset) {
    if (word == "table") return ReadTable(value, offset);
    if (word == "mode") return ReadMode(value, offset);
    if (word == "history") return ReadHistory(value, offset);
    if (word == "contract") {
      definition_.contract = HeaderName{std::string(value), source_.SpanAt(offset, value.size())};
      return;
    }
    if (word == "owner") {
      definition_.owner = std::string(value);
      return;
    }
    std::vector<HeaderName> names = ReadNames(value, offset, word == "partition");
    if (names.empty()) return;
    if (word == "key") {
      definition_.key = std::move(names);
    } else if (word == "partition") {
      definition_.partition = std::move(names);
    } else if (word == "order") {
      if (names.size() == 1 && names[0].name == "arrival") {
        definition_.order_by_arrival = true;
      } else {
        definition_.order = std::move(names);
      }
    } else if (names.size() > 1) {
      Add("WH2101", offset, value.size(), fmt::format("\"{}\" takes one column", word));
    } else {
      (word == "event" ? definition_.event : definition_.known) = std::move(names[0]);
    }
  }

  void ReadTable(std::string_view value, std::size_t offset) {
    const TableNameView parts(value);
    if (parts.name_space() != "processed" || !IsName(parts.own())) {
      return Add("WH2101", offset, value.size(),
                 fmt::format("\"{}\" is not the name of a processed table", EscapeControl(value)),
                 "write processed.NAME, NAME of letters, digits and underscores");
    }
    if (IsHistory(value)) {
      return Add(
          "WH2101", offset, value.size(),
          fmt::format("\"{}\": names ending in _history are reserved for history tables", value),
          "choose another name, and write `history keep` to get a history table");
    }
    definition_.table = {std::string(value), source_.SpanAt(offset, value.size())};
  }

  void ReadMode(std::string_view value, std::size_t offset) {
    if (value == "incremental" || value == "full") {
      definition_.mode = value == "full" ? Mode::kFull : Mode::kIncremental;
    } else if (value == "external") {
      definition_.mode = Mode::kExternal;
    } else {
      AddUnknownValue("mode", value, offset, {"incremental", "full", "external"});
    }
  }

  void ReadHistory(std::string_view value, std::size_t offset) {
    if (value == "keep" || value == "none") {
      definition_.history = value == "keep" ? History::kKeep : History::kNone;
    } else {
      AddUnknownValue("history", value, offset, {"keep", "none"});
    }
  }

  void AddUnknownValue(std::string_view word, std::string_view value, std::size_t offset,
                       const std::vector<std::string>& known) {
    std::string hint = DidYouMean(value, known);
    if (hint.empty()) hint = fmt::format("write {}", Join(known, " or "));
    Add("WH2101", offset, value.size(),
        fmt::format("unknown {} \"{}\"", word, EscapeControl(value)), std::move(hint));
  }

  std::vector<HeaderName> ReadNames(std::string_view value, std::size_t offset, bool as_partition) {
    std::vector<HeaderName> names;
    bool failed = false;
    for (std::string_view piece : Split(value, ',')) {
      const std::string_view name = Trim(piece);
      const std::size_t at =
          offset + static_cast<std::size_t>((name.empty() ? piece : name).data() - value.data());
      const bool good = as_partition ? IsPartition(name) : IsName(name);
      const bool twice = std::any_of(names.begin(), names.end(),
                                     [&](const HeaderName& other) { return other.name == name; });
      if (!good) {
        Add("WH2101", at, name.size(),
            name.empty() ? std::string("a name is missing")
                         : fmt::format("\"{}\" is not a {}", EscapeControl(name),
                                       as_partition ? "partition" : "column name"),
            as_partition ? "write a column, month(column) or day(column)" : "");
      } else if (twice) {
        Add("WH2101", at, name.size(), fmt::format("\"{}\" is named twice", name));
      } else {
        names.push_back({std::string(name), source_.SpanAt(at, name.size())});
      }
      failed = failed || !good || twice;
    }
    if (failed) names.clear();
    return names;
  }

  void CheckComplete() {
    for (std::string_view word : {"table", "key"}) {
      if (std::find(seen_.begin(), seen_.end(), word) == seen_.end()) {
        Add("WH2101", 0, 1, fmt::format("the header lacks \"{}\"", word),
            "begin the file with: -- wh: table processed.NAME; key COLUMN; mode incremental");
      }
    }
    if (definition_.is_external()) return CheckExternal();
    Refuse("contract", "only tables of `mode external` take their columns from a contract",
           "the SELECT says what the columns are");
    if (source_.tokens().empty()) {
      Add("WH2107", source_.text().size(), 1, "the file holds no SELECT",
          "if other engines write the table, write: mode external; contract NAME");
    }
  }

  // Other engines make its rows, so the header may not say how they are made.
  void CheckExternal() {
    if (!definition_.contract) {
      Add("WH2101", 0, 1, "the header of an external table lacks \"contract\"",
          "contract NAME says which columns other engines may write");
    }
    Refuse("order", "other engines decide which row of a key stays, so `order` decides nothing",
           "leave it out");
    Refuse("history", "the history of an external table is not kept",
           "write `history keep` in a table that reads it");
    if (!source_.tokens().empty()) {
      const Token& first = source_.tokens().front();
      Add("WH2107", first.offset, first.text.size(),
          "an external table has no SELECT: other engines write it",
          "leave the SQL out, or write mode incremental or full");
    }
  }

  // Refuses a word that does not fit the mode.
  void Refuse(std::string_view word, std::string message, std::string hint) {
    for (const auto& [seen, span] : places_) {
      if (seen != word) continue;
      findings_.push_back(Finding("WH2101", span, std::move(message), {}, std::move(hint)));
      return;
    }
  }

  const SqlText& source_;
  TransformDefinition& definition_;
  std::vector<Diagnostic> findings_;
  std::vector<std::string> seen_;
  std::vector<std::pair<std::string, SourceSpan>> places_;  // of the words seen
};

std::vector<std::string> Names(const std::vector<HeaderName>& names) {
  std::vector<std::string> list;
  for (const HeaderName& name : names) list.push_back(name.name);
  return list;
}

std::string_view ModeName(Mode mode) {
  switch (mode) {
    case Mode::kIncremental:
      return "incremental";
    case Mode::kFull:
      return "full";
    case Mode::kExternal:
      return "external";
  }
  return "";
}

Digest DigestOf(const TransformDefinition& definition, const SqlText& source) {
  std::vector<std::string> pieces = {
      "wh-transform-1",
      definition.table.name,
      Join(definition.key_columns(), ","),
      definition.order_by_arrival ? "arrival" : "columns",
      Join(definition.order_columns(), ","),
      definition.event ? definition.event->name : "",
      definition.known ? definition.known->name : "",
      Join(definition.partition_expressions(), ","),
      std::string(ModeName(definition.mode)),
      definition.history == History::kKeep ? "keep" : "none",
  };
  if (definition.contract) pieces.push_back(definition.contract->name);
  for (const Token& token : source.tokens()) {
    if (token.text != ";") pieces.emplace_back(token.text);
  }
  return Sha256OfPieces(pieces);
}

}  // namespace

std::vector<std::string> TransformDefinition::key_columns() const { return Names(key); }
std::vector<std::string> TransformDefinition::order_columns() const { return Names(order); }
std::vector<std::string> TransformDefinition::partition_expressions() const {
  return Names(partition);
}

Result<TransformDefinition> ParseTransform(std::string_view text, const std::string& path) {
  TransformDefinition definition;
  definition.path = path;
  if (text.size() > kDefinitionBytesMax) {
    return Status(Code::kInvalidInput, fmt::format("SQL file is larger than 1 MiB: {}", path))
        .WithError("WH2101");
  }
  if (!IsValidUtf8(text) || text.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalidInput, fmt::format("SQL file is not UTF-8 text: {}", path))
        .WithError("WH2101");
  }
  definition.text = std::string(text);
  const SqlText source(path, definition.text);
  HeaderReader reader(source, definition);
  reader.Read();
  if (auto findings = reader.TakeFindings(); !findings.empty()) {
    return StatusOfFindings(std::move(findings), path);
  }
  definition.digest = DigestOf(definition, source);
  return definition;
}

std::vector<std::string> NamedTables(const TransformDefinition& definition) {
  const std::vector<Token> tokens = Tokenize(definition.text);
  const auto is_name = [](const Token& token) {
    return token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedName;
  };
  std::vector<std::string> tables;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (is_name(tokens[i]) && tokens[i + 1].text == "." && is_name(tokens[i + 2])) {
      tables.push_back(LowerCase(tokens[i].Name() + "." + tokens[i + 2].Name()));
    }
  }
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return tables;
}
}  // namespace weirhouse::transform
