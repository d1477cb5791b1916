#include "ground/platform/io/inflate.h"

#include "testing/testing.h"

namespace weirhouse::platform {
namespace {

std::string DigitsOfSquares() {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i * i) + ",";
  return text;
}

TEST(Inflate, IsTheReverseOfDeflateInEachForm) {
  const std::string text = DigitsOfSquares();
  for (const DeflateForm form : {DeflateForm::kRaw, DeflateForm::kGzip}) {
    const std::string packed = Deflate(text, form);
    EXPECT_EQ(IsGzip(packed), form == DeflateForm::kGzip);
    EXPECT_EQ(Inflate(packed, form, text.size()), text);
  }
  EXPECT_EQ(Inflate(Deflate("", DeflateForm::kRaw), DeflateForm::kRaw, 0), "");
}

TEST(Inflate, HasALimit) {
  const std::string text = DigitsOfSquares();
  EXPECT_FALSE(Inflate(Deflate(text, DeflateForm::kRaw), DeflateForm::kRaw, text.size() - 1));
  const std::string zeros(10'000'000, '\0');
  EXPECT_FALSE(Inflate(Deflate(zeros, DeflateForm::kRaw), DeflateForm::kRaw, 1 << 20));
}

TEST(Inflate, WhatIsDamagedOrCutIsAbsent) {
  const std::string packed = Deflate(DigitsOfSquares(), DeflateForm::kGzip);
  for (const std::size_t kept :
       {std::size_t{0}, std::size_t{5}, packed.size() / 2, packed.size() - 1}) {
    EXPECT_FALSE(Inflate(packed.substr(0, kept), DeflateForm::kGzip, 1 << 20)) << kept;
  }
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  EXPECT_FALSE(Inflate(damaged, DeflateForm::kGzip, 1 << 20));
  EXPECT_FALSE(Inflate("no gzip", DeflateForm::kGzip, 1 << 20));
  EXPECT_FALSE(Inflate(packed + packed, DeflateForm::kGzip, 1 << 20));
  EXPECT_FALSE(Inflate(packed + "x", DeflateForm::kGzip, 1 << 20));
}

TEST(Inflater, TakesAndGivesByteByByte) {
  const std::string text = DigitsOfSquares();
  const std::string packed = Deflate(text, DeflateForm::kGzip);
  Inflater inflater(DeflateForm::kGzip);
  ASSERT_TRUE(inflater.started());
  std::string out;
  std::size_t taken = 0;
  Inflater::Step step;
  while (step.outcome == Inflater::Outcome::kMore) {
    char byte = 0;
    step = inflater.Next(std::string_view(packed).substr(taken, 1), &byte, 1);
    taken += step.taken;
    if (step.made == 1) out += byte;
  }
  EXPECT_EQ(step.outcome, Inflater::Outcome::kEnd);
  EXPECT_EQ(out, text);
  EXPECT_EQ(taken, packed.size());
}
}  // namespace
}  // namespace weirhouse::platform
