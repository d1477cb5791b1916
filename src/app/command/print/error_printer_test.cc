#include "app/command/print/error_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weirhouse::command {
namespace {
using ::testing::HasSubstr;
using ::testing::Not;

Status UnknownColumn(std::string line = "") {
  SourceSpan span;
  span.path = "processed/arrival.sql";
  span.line = 3;
  span.column = 21;
  span.width = 10;
  span.source_line = std::move(line);
  Diagnostic diagnostic;
  diagnostic.error_code = "WH2104";
  diagnostic.message = "unknown column \"arr_dely\"";
  diagnostic.span = span;
  diagnostic.caret_note = "not in contract arrival 1.0.0 (contracts/arrival.odcs.yaml:5)";
  diagnostic.hint = "did you mean \"arr_delay\"?";
  return Status(Code::kInvalidInput, "the project has 1 error")
      .WithError("WH2104")
      .WithDiagnostics({diagnostic});
}

ErrorStyle Plain() {
  ErrorStyle style;
  style.nothing_was_run = true;
  return style;
}

TEST(ErrorPrinter, PutsTheCaretUnderThePlace) {
  EXPECT_EQ(FormatError(UnknownColumn("SELECT r.flight_id, r.arr_dely FROM records.arrival AS r"),
                        Plain()),
            "error[WH2104]: unknown column \"arr_dely\"\n"
            "  --> processed/arrival.sql:3:21\n"
            " 3 | SELECT r.flight_id, r.arr_dely FROM records.arrival AS r\n"
            "   |                     ^^^^^^^^^^ not in contract arrival 1.0.0 "
            "(contracts/arrival.odcs.yaml:5)\n"
            "   = help: did you mean \"arr_delay\"?\n"
            "   = note: nothing was run; 1 error, 0 warnings\n");
}

TEST(ErrorPrinter, FetchesTheLineThatTheErrorDoesNotBring) {
  ErrorStyle style = Plain();
  style.line_of = [](const std::string& path, int line) {
    return std::optional<std::string>(path + " line " + std::to_string(line));
  };
  EXPECT_THAT(FormatError(UnknownColumn(), style),
              HasSubstr(" 3 | processed/arrival.sql line 3\n"));
}

TEST(ErrorPrinter, SaysThePlaceEvenWhereTheLineIsUnknown) {
  const std::string text = FormatError(UnknownColumn(), Plain());
  EXPECT_THAT(text, HasSubstr("--> processed/arrival.sql:3:21\n"));
  EXPECT_THAT(text, Not(HasSubstr("^")));
}

TEST(ErrorPrinter, CutsALongLineAroundTheCaret) {
  std::string line(300, 'a');
  line.replace(200, 4, "HERE");
  Status status = Status(Code::kInvalidInput, "wrong").WithSpan({"x.sql", 1, 201, 4, line});
  ErrorStyle style = Plain();
  style.columns = 60;
  const std::string text = FormatError(status, style);
  const std::size_t source = text.find(" | ");
  const std::size_t source_end = text.find('\n', source);
  const std::string shown = text.substr(source + 3, source_end - source - 3);
  EXPECT_TRUE(shown.starts_with("…")) << shown;
  EXPECT_TRUE(shown.ends_with("…")) << shown;
  // The ellipsis is one character of three bytes.
  EXPECT_EQ(shown.find("HERE") - 2, text.find('^') - text.rfind('|', text.find('^')) - 2);
  EXPECT_LT(shown.size(), 64u);
}

TEST(ErrorPrinter, CountsCharactersNotBytes) {
  const std::string line = "SELECT 'é→', x";
  Status status = Status(Code::kInvalidInput, "wrong").WithSpan({"x.sql", 1, 14, 1, line});
  EXPECT_THAT(FormatError(status, Plain()), HasSubstr("\n   |              ^\n"));
}

TEST(ErrorPrinter, EscapesWhatCouldDriveATerminal) {
  const std::string text = FormatError(
      Status(Code::kInvalidInput, "found \x1b[2J").WithSpan({"a\nb", 1, 7, 1, "\tx\x07y z"}),
      Plain());
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\x07")));
  EXPECT_THAT(text, HasSubstr("found \\x1b[2J"));
  EXPECT_THAT(text, HasSubstr("--> a\\x0ab:1:7"));
}

TEST(ErrorPrinter, KeepsTheCaretInPlaceBehindEscapedCharacters) {
  const std::string text = FormatError(
      Status(Code::kInvalidInput, "wrong").WithSpan({"x", 1, 3, 1, "\x07\tZ"}), Plain());
  EXPECT_THAT(text, HasSubstr(" 1 | \\x07 Z\n   |      ^\n"));
}

TEST(ErrorPrinter, SaysNothingOfCountsWhereNoFileIsAtFault) {
  EXPECT_EQ(FormatError(Status(Code::kUnavailable, "the disk is full")
                            .WithError("WH7010")
                            .WithHint("free some space"),
                        Plain()),
            "error[WH7010]: the disk is full\n   = help: free some space\n");
}

TEST(ErrorPrinter, ShowsTwentyAndCountsAll) {
  std::vector<Diagnostic> diagnostics(25);
  for (std::size_t i = 0; i < diagnostics.size(); ++i) {
    diagnostics[i].message = "wrong thing " + std::to_string(i);
    if (i >= 23) diagnostics[i].severity = Diagnostic::Severity::kWarning;
  }
  const Status status = Status(Code::kInvalidInput, "many").WithDiagnostics(diagnostics);
  const std::string text = FormatError(status, Plain());
  EXPECT_THAT(text, HasSubstr("wrong thing 19\n"));
  EXPECT_THAT(text, Not(HasSubstr("wrong thing 20\n")));
  EXPECT_THAT(text, HasSubstr("… and 5 more: --json has all"));
  EXPECT_THAT(text, HasSubstr("= note: nothing was run; 23 errors, 2 warnings"));
  EXPECT_EQ(ErrorAsJson(status)["error"]["diagnostics"].size(), 25u);
}

TEST(ErrorPrinter, PaintsOnlyWhenAsked) {
  ErrorStyle style = Plain();
  EXPECT_THAT(FormatError(UnknownColumn("x"), style), Not(HasSubstr("\x1b")));
  style.color = true;
  EXPECT_THAT(FormatError(UnknownColumn("x"), style), HasSubstr("\x1b[1;31merror[WH2104]\x1b[0m"));
}

TEST(ErrorPrinter, WritesOneDocumentWithTheExitCode) {
  const nlohmann::json document = ErrorAsJson(UnknownColumn("x"));
  EXPECT_EQ(document["schema_version"], 1);
  EXPECT_EQ(document["error"]["code"], "WH2104");
  EXPECT_EQ(document["error"]["exit_code"], 2);
  const nlohmann::json& first = document["error"]["diagnostics"][0];
  EXPECT_EQ(first["span"]["path"], "processed/arrival.sql");
  EXPECT_EQ(first["span"]["column"], 21);
  EXPECT_EQ(first["hint"], "did you mean \"arr_delay\"?");
}
}  // namespace
}  // namespace weirhouse::command
