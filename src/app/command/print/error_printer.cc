#include "app/command/print/error_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/text.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kBlue = "\x1b[1;34m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kEllipsis = "\u2026";

std::string Painted(const ErrorStyle& style, std::string_view paint, std::string_view text) {
  if (!style.color) return std::string(text);
  return fmt::format("{}{}{}", paint, text, kPlain);
}

// The characters of `line`, each as it is shown: tabs as one blank, control characters escaped.
std::vector<std::string> ShownCharacters(std::string_view line) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t size = 1;
    while (at + size < line.size() && (static_cast<unsigned char>(line[at + size]) & 0xc0) == 0x80)
      ++size;
    const std::string_view character = line.substr(at, size);
    characters.push_back(character == "\t" ? " " : EscapeControl(character));
    at += size;
  }
  return characters;
}

std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

struct CaretLines {
  std::string source;
  std::string marks;
};

// The line, cut to `width` around the columns [column, column + marked), and marks under them.
CaretLines CutAround(std::string_view line, int column, int marked, std::size_t width) {
  const std::vector<std::string> characters = ShownCharacters(line);
  const std::size_t first =
      std::min(static_cast<std::size_t>(std::max(column, 1)) - 1, characters.size());
  const std::size_t last =
      std::min(first + static_cast<std::size_t>(std::max(marked, 1)), characters.size());
  std::size_t begin = 0;
  std::size_t end = characters.size();
  if (end > width) {
    const std::size_t before = width / 2;
    begin = first > before ? first - before : 0;
    end = std::min(characters.size(), begin + width);
    if (end == characters.size()) begin = end - width;
    begin = std::min(begin, first);
  }
  CaretLines lines;
  if (begin > 0) lines.source += kEllipsis;
  std::size_t offset = begin > 0 ? 1 : 0;
  std::size_t marks = 0;
  for (std::size_t i = begin; i < end; ++i) {
    lines.source += characters[i];
    if (i < first) offset += WidthOf(characters[i]);
    if (i >= first && i < last) marks += WidthOf(characters[i]);
  }
  if (end < characters.size()) lines.source += kEllipsis;
  lines.marks = std::string(offset, ' ') + std::string(std::max<std::size_t>(marks, 1), '^');
  return lines;
}

std::string PlaceOf(const SourceSpan& span) {
  std::string place = EscapeControl(span.path);
  if (span.line > 0) place += fmt::format(":{}", span.line);
  if (span.line > 0 && span.column > 0) place += fmt::format(":{}", span.column);
  return place;
}

std::string SourceLineOf(const SourceSpan& span, const ErrorStyle& style) {
  if (!span.source_line.empty() || span.line <= 0 || !style.line_of) return span.source_line;
  return style.line_of(span.path, span.line).value_or("");
}

void AddSource(const Diagnostic& diagnostic, const ErrorStyle& style, std::string* out,
               std::size_t* gutter) {
  if (!diagnostic.span) return;
  const SourceSpan& span = *diagnostic.span;
  *out += fmt::format("  {} {}\n", Painted(style, kBlue, "-->"), PlaceOf(span));
  const std::string line = SourceLineOf(span, style);
  if (line.empty() || span.line <= 0) return;
  const std::string number = std::to_string(span.line);
  *gutter = number.size() + 2;
  const std::size_t room = static_cast<std::size_t>(std::max(style.columns, 40));
  const CaretLines lines = CutAround(line, span.column, span.width, room - *gutter - 4);
  *out += fmt::format("{} {}\n", Painted(style, kBlue, fmt::format(" {} |", number)), lines.source);
  *out += fmt::format("{} {}", Painted(style, kBlue, std::string(*gutter, ' ') + "|"),
                      Painted(style, kRed, lines.marks));
  if (!diagnostic.caret_note.empty()) *out += " " + EscapeControl(diagnostic.caret_note);
  *out += "\n";
}

std::string CountNote(std::size_t errors, std::size_t warnings, const ErrorStyle& style) {
  return fmt::format("{}{} error{}, {} warning{}", style.nothing_was_run ? "nothing was run; " : "",
                     errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

// Formats one finding; help and notes have a line each, `count` the last of them.
std::string FormatDiagnostic(const Diagnostic& diagnostic, const ErrorStyle& style,
                             std::string* count) {
  const bool warning = diagnostic.severity == Diagnostic::Severity::kWarning;
  std::string head = warning ? "warning" : "error";
  if (!diagnostic.error_code.empty()) head += "[" + diagnostic.error_code + "]";
  std::string out = fmt::format("{}: {}\n", Painted(style, warning ? kYellow : kRed, head),
                                EscapeControl(diagnostic.message));
  std::size_t gutter = 3;
  AddSource(diagnostic, style, &out, &gutter);
  const std::string margin(gutter, ' ');
  if (!diagnostic.hint.empty()) out += margin + "= help: " + EscapeControl(diagnostic.hint) + "\n";
  if (!diagnostic.note.empty()) out += margin + "= note: " + EscapeControl(diagnostic.note) + "\n";
  if (count != nullptr && !count->empty()) {
    out += margin + "= note: " + *count + "\n";
    count->clear();
  }
  return out;
}

json SpanAsJson(const SourceSpan& span) {
  return {{"path", span.path}, {"line", span.line}, {"column", span.column}, {"width", span.width}};
}

std::vector<Diagnostic> DiagnosticsOf(const Status& status) {
  if (!status.diagnostics().empty()) return status.diagnostics();
  Diagnostic only;
  only.error_code = status.error_code();
  only.message = status.message();
  only.span = status.span();
  only.hint = status.hint();
  return {std::move(only)};
}
}  // namespace

std::string FormatError(const Status& status, const ErrorStyle& style) {
  const std::vector<Diagnostic> diagnostics = DiagnosticsOf(status);
  const auto warnings = static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& diagnostic) {
        return diagnostic.severity == Diagnostic::Severity::kWarning;
      }));
  // Findings about files are counted; failures of the environment are not.
  const bool counted = !status.diagnostics().empty() || status.span().has_value();
  std::string count =
      counted ? CountNote(diagnostics.size() - warnings, warnings, style) : std::string();
  const std::size_t shown = std::min(diagnostics.size(), kDiagnosticsShownMax);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == diagnostics.size();
    out +=
        FormatDiagnostic(diagnostics[i], style, last && diagnostics.size() == 1 ? &count : nullptr);
  }
  if (shown < diagnostics.size()) {
    out += fmt::format("   … and {} more: --json has all\n", diagnostics.size() - shown);
  }
  // The hint that holds for all findings together.
  const bool said =
      std::any_of(diagnostics.begin(), diagnostics.end(),
                  [&](const Diagnostic& diagnostic) { return diagnostic.hint == status.hint(); });
  if (!status.hint().empty() && !said) out += "   = help: " + EscapeControl(status.hint()) + "\n";
  if (!count.empty()) out += "   = note: " + count + "\n";
  return out;
}

json ErrorAsJson(const Status& status) {
  json diagnostics = json::array();
  for (const Diagnostic& diagnostic : DiagnosticsOf(status)) {
    json one = {
        {"severity", diagnostic.severity == Diagnostic::Severity::kWarning ? "warning" : "error"},
        {"code", diagnostic.error_code},
        {"message", diagnostic.message},
        {"hint", diagnostic.hint},
        {"note", diagnostic.note},
        {"caret_note", diagnostic.caret_note}};
    one["span"] = diagnostic.span ? SpanAsJson(*diagnostic.span) : json();
    diagnostics.push_back(std::move(one));
  }
  return {{"schema_version", 1},
          {"error",
           {{"code", status.error_code()},
            {"kind", CodeName(status.code())},
            {"message", status.message()},
            {"exit_code", ExitCode(status.code())},
            {"hint", status.hint()},
            {"diagnostics", std::move(diagnostics)}}}};
}
}  // namespace weirhouse::command
