#include "ground/base/finding/findings.h"

#include <gtest/gtest.h>

#include "testing/testing.h"

namespace weirhouse {
namespace {
TEST(Findings, AreOkWhereNothingWasFound) {
  Findings findings;
  findings.Add(Status());
  EXPECT_TRUE(findings.empty());
  EXPECT_OK(findings.Finish());
  EXPECT_OK(findings.Finish("none"));
}

TEST(Findings, TellAllAndStandWhereTheFirstDoes) {
  Findings findings;
  findings.Add(Status(Code::kNotFound, "one")
                   .WithError("WH1")
                   .WithHint("do")
                   .WithSpan({"a.yaml", 3, 4, 1, ""}));
  findings.Add({"b.yaml", 5, 6, 1, ""}, "WH2", "two", "hint", "caret");
  findings.AddAt({"c.yaml", 7, 8, 1, ""}, Status(Code::kInvalidInput, "three").WithError("WH3"));
  Findings more;
  more.Add(findings.Finish());
  const Status status = more.Finish();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code() + ": " + status.message() + ", " + status.hint(), "WH1: one, do");
  EXPECT_EQ(status.span()->line, 3);
  ASSERT_EQ(status.diagnostics().size(), 3u);
  EXPECT_EQ(status.diagnostics()[1].caret_note, "caret");
  EXPECT_EQ(status.diagnostics()[2].span->path, "c.yaml");
  EXPECT_EQ(more.Finish("all of it").message(), "all of it");
}
}  // namespace
}  // namespace weirhouse
