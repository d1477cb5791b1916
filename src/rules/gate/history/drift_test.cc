#include "rules/gate/history/drift.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <vector>

#include "testing/testing.h"

namespace weirhouse::gate {
namespace {
using ::testing::ElementsAre;

NumberCounts CountsOf(const std::vector<double>& values) {
  std::map<double, std::int64_t> counts;
  for (const double value : values) ++counts[value];
  return {counts.begin(), counts.end()};
}
// The two samples whose statistics NumPy 2.4 and SciPy gave.
NumberCounts Baseline() {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back((i * 37) % 101 - 20);
  return CountsOf(values);
}
NumberCounts Current() {
  std::vector<double> values;
  for (int i = 0; i < 700; ++i) values.push_back((i * 53) % 89 - 5);
  return CountsOf(values);
}
Bins SampleBins() {
  const auto edges = QuantileEdges(Baseline(), 10);
  Bins bins{CountBins(Baseline(), edges), CountBins(Current(), edges)};
  bins.baseline.push_back(0);  // nulls
  bins.current.push_back(0);
  return bins;
}

TEST(Psi, IsWhatTheDefinitionGivesByHand) {
  // Two bins and k = 2: (10 + ½) / 41 and (30 + ½) / 41 against (5 + ½) / 11 and (5 + ½) / 11.
  const double p1 = 10.5 / 41;
  const double p2 = 30.5 / 41;
  const double expected = (0.5 - p1) * std::log(0.5 / p1) + (0.5 - p2) * std::log(0.5 / p2);
  EXPECT_DOUBLE_EQ(PopulationStability({{10, 30}, {5, 5}}), expected);
}

TEST(Psi, OfEqualSharesIsZero) {
  EXPECT_DOUBLE_EQ(PopulationStability({{10, 30, 7}, {10, 30, 7}}), 0);
}

TEST(Psi, HasNoLogarithmOfZero) {
  EXPECT_TRUE(std::isfinite(PopulationStability({{0, 40}, {40, 0}})));
}

TEST(Drift, AgreesWithNumpyAndScipy) {
  EXPECT_THAT(QuantileEdges(Baseline(), 10), ElementsAre(-10, 0, 10, 20, 30, 40, 50, 60, 70));
  const Bins bins = SampleBins();
  EXPECT_THAT(bins.baseline, ElementsAre(99, 99, 99, 99, 99, 99, 99, 99, 99, 109, 0));
  EXPECT_THAT(bins.current, ElementsAre(0, 38, 80, 78, 80, 77, 80, 78, 78, 111, 0));
  EXPECT_NEAR(PopulationStability(bins), 0.5419754167970254, 1e-14);
  EXPECT_NEAR(KullbackLeibler(bins), 0.12251024553877485, 1e-14);
  EXPECT_NEAR(JensenShannon(bins), 0.059795099631069555, 1e-14);
  EXPECT_NEAR(Wasserstein(Baseline(), Current()), 9.038571428571428, 1e-12);
  const Significance ks = KolmogorovSmirnov(Baseline(), Current());
  EXPECT_NEAR(ks.statistic, 0.149, 1e-15);
  EXPECT_NEAR(ks.p / 1.8293183432818648e-08, 1, 1e-9);
  // scipy.stats.chi2_contingency of both rows, without the bin of no nulls.
  const Significance chi = ChiSquare(bins);
  EXPECT_NEAR(chi.statistic, 92.38963061860177, 1e-11);
  EXPECT_EQ(chi.degrees, 9);
  EXPECT_NEAR(chi.p / 5.391416059535332e-16, 1, 1e-9);
}

TEST(UpperGamma, AgreesWithScipy) {
  EXPECT_NEAR(UpperGamma(0.5, 0.1), 0.6547208460185768, 1e-13);
  EXPECT_NEAR(UpperGamma(0.5, 3), 0.014305878435429641, 1e-13);
  EXPECT_NEAR(UpperGamma(5, 2), 0.9473469826562889, 1e-13);
  EXPECT_NEAR(UpperGamma(5, 20) / 1.694474393006737e-05, 1, 1e-11);
  EXPECT_NEAR(UpperGamma(4.5, 4.5), 0.43727418891386693, 1e-13);
  EXPECT_NEAR(UpperGamma(50, 40), 0.9296649333406051, 1e-12);
  EXPECT_EQ(UpperGamma(3, 0), 1);
}

TEST(Quantile, AgreesWithNumpyInAllMethods) {
  const NumberCounts counts = CountsOf({1, 2, 3, 4, 10, 20.5, 7});
  const std::pair<Ratio, std::vector<double>> cases[] = {{{1, 10}, {1.6, 1, 2, 2, 1.5}},
                                                         {{1, 4}, {2.5, 2, 3, 3, 2.5}},
                                                         {{1, 2}, {4, 4, 4, 4, 4}},
                                                         {{9, 10}, {14.2, 10, 20.5, 10, 15.25}}};
  for (const auto& [q, expected] : cases) {
    std::vector<double> found;
    for (const auto method :
         {QuantileMethod::kLinear, QuantileMethod::kLower, QuantileMethod::kHigher,
          QuantileMethod::kNearest, QuantileMethod::kMidpoint}) {
      found.push_back(QuantileOf(counts, q, method));
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], 1e-12) << q.numerator << "/" << q.denominator;
    }
  }
}

TEST(Quantile, OfOneValueIsThatValue) {
  EXPECT_EQ(QuantileOf({{3.5, 1}}, {9, 10}, QuantileMethod::kLinear), 3.5);
}

TEST(Bins, AValueOnWhichEdgesMeetIsABinOfItsOwn) {
  // Nine tenths of the baseline are 5: eight edges meet there. Of the rest, eight tenths are 9.
  const auto edges = QuantileEdges({{1, 2}, {5, 90}, {9, 8}}, 10);
  EXPECT_THAT(edges, ElementsAre(1, std::nextafter(1, 2), 5, std::nextafter(5, 6), 9,
                                 std::nextafter(9, 10)));
  EXPECT_THAT(CountBins({{1, 2}, {5, 90}, {9, 8}}, edges), ElementsAre(0, 2, 0, 90, 0, 8, 0));
  EXPECT_THAT(QuantileEdges({{7, 50}}, 10), ElementsAre(7, std::nextafter(7, 8)));
  EXPECT_THAT(QuantileEdges({{7, 50}, {8, 50}}, 2), ElementsAre(7.5));
  EXPECT_THAT(QuantileEdges({{HUGE_VAL, 50}}, 10), ElementsAre(HUGE_VAL));
  EXPECT_FALSE(QuantileEdges({{-HUGE_VAL, 50}, {HUGE_VAL, 50}}, 2).empty());
  EXPECT_TRUE(QuantileEdges({}, 10).empty());
}

TEST(Bins, CountTheirEdges) {
  EXPECT_THAT(CountBins({{1, 2}, {5, 90}, {9, 8}}, std::vector<double>{5}), ElementsAre(2, 98));
}

TEST(Bins, AnEdgeBelongsToTheBinAboveIt) {
  EXPECT_THAT(CountBins({{1, 1}, {2, 1}, {3, 1}, {4, 1}}, std::vector<double>{2, 4}),
              ElementsAre(1, 2, 1));
  EXPECT_THAT(CountBins({{-HUGE_VAL, 1}, {HUGE_VAL, 2}}, std::vector<double>{0}),
              ElementsAre(1, 2));
}

TEST(Bins, EqualWidthsCoverTheRange) {
  EXPECT_THAT(EqualWidthEdges({{0, 1}, {8, 1}}, 4), ElementsAre(2, 4, 6));
  EXPECT_THAT(EqualWidthEdges({{3, 5}}, 4), ElementsAre(3, std::nextafter(3, 4)));
  EXPECT_THAT(EqualWidthEdges({{-HUGE_VAL, 1}, {0, 1}, {8, 1}, {HUGE_VAL, 1}}, 4),
              ElementsAre(2, 4, 6));
}

TEST(ChiSquare, MergesBinsWithFewExpected) {
  // Of 120 values 20 are the current ones: they expect 8, 8, 2.33 and 1.67; the last two share a
  // bin.
  const Significance chi = ChiSquare({{40, 40, 10, 10}, {8, 8, 4, 0}});
  EXPECT_EQ(chi.degrees, 2);
  EXPECT_DOUBLE_EQ(chi.statistic, 0);
  EXPECT_EQ(chi.p, 1);
}

TEST(ChiSquare, WhatExpectsLessThanOneJoinsTheSmallest) {
  const Significance chi = ChiSquare({{500, 300, 0}, {50, 30, 1}});
  EXPECT_EQ(chi.degrees, 1);
  EXPECT_FALSE(chi.exact);
}

TEST(ChiSquare, TwoBinsThatExpectFewAreJudgedExactly) {
  // scipy.stats.fisher_exact([[600, 598], [0, 2]]) and of 500 against 479 + 21.
  const Significance few = ChiSquare({{600, 0}, {598, 2}});
  EXPECT_TRUE(few.exact);
  EXPECT_NEAR(few.p, 0.499582985821518, 1e-9);
  const Significance many = ChiSquare({{2000, 0}, {479, 21}});
  EXPECT_TRUE(many.exact);
  EXPECT_NEAR(many.p / 1.4902594126691832e-15, 1, 1e-7);
}

TEST(ChiSquare, OfOneBinIsNoDifference) {
  EXPECT_EQ(ChiSquare({{100, 0}, {50, 0}}).p, 1);
  EXPECT_EQ(ChiSquare({{100, 0}, {50, 0}}).degrees, 0);
}

TEST(Wasserstein, OfAShiftIsTheShift) {
  EXPECT_DOUBLE_EQ(Wasserstein({{0, 5}, {10, 5}}, {{3, 2}, {13, 2}}), 3);
}

TEST(KolmogorovSmirnov, OfDisjointSamplesIsOne) {
  const Significance ks = KolmogorovSmirnov({{0, 500}}, {{1, 500}});
  EXPECT_EQ(ks.statistic, 1);
  EXPECT_LT(ks.p, 1e-100);
  EXPECT_EQ(KolmogorovSmirnov({{0, 500}}, {{0, 3}}).p, 1);
}

}  // namespace
}  // namespace weirhouse::gate
