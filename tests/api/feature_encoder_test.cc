#include <engram/feature_encoder.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace engram {
namespace {

FeatureEncoder Encoder(std::uint32_t dimensions = 256) {
  return FeatureEncoder::Create(dimensions).value();
}

float Dot(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

TEST(FeatureEncoder, RefusesDimensionsOutOfRange) {
  EXPECT_EQ(FeatureEncoder::Create(0).code(), Code::kInvalidArgument);
  EXPECT_EQ(FeatureEncoder::Create(16385).code(), Code::kInvalidArgument);
  EXPECT_TRUE(FeatureEncoder::Create(1).ok());
  EXPECT_TRUE(FeatureEncoder::Create(16384).ok());
}

// Stored vectors are compared with new ones for ever: these numbers must not change.
TEST(FeatureEncoder, GivesTheSameVectorInEveryVersion) {
  const std::vector<FeatureEncoder::Feature> features = {{"colour", 1.0F}, {"size", -2.5F}};
  const std::vector<float> vector = Encoder(8).Encode(features).value();
  const std::vector<float> expected = {0.505181491F,  0.0F,         0.505181491F, -0.288675129F,
                                       -0.360843927F, 0.505181491F, 0.0F,         -0.144337565F};
  ASSERT_EQ(vector.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_FLOAT_EQ(vector[i], expected[i]) << i;
}

TEST(FeatureEncoder, ScalesToUnitLength) {
  const std::vector<FeatureEncoder::Feature> features = {{"a", 3.0F}, {"b", 1e30F}, {"c", -1e30F}};
  const std::vector<float> vector = Encoder().Encode(features).value();
  EXPECT_NEAR(Dot(vector, vector), 1, 1e-5);
}

TEST(FeatureEncoder, IsZeroWithoutFeatures) {
  const std::vector<float> zero(256, 0.0F);
  EXPECT_EQ(Encoder().Encode({}).value(), zero);
  EXPECT_EQ(Encoder().EncodeText("a . b"), zero);
}

TEST(FeatureEncoder, RefusesWeightsThatAreNoNumbers) {
  for (const float weight :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<FeatureEncoder::Feature> features = {{"good", 1.0F}, {"bad", weight}};
    const auto result = Encoder().Encode(features);
    EXPECT_EQ(result.code(), Code::kInvalidVector);
    EXPECT_NE(result.status().message().find("feature 1"), std::string_view::npos);
  }
}

TEST(FeatureEncoder, StrangeFeaturesAreNearlyOrthogonal) {
  const FeatureEncoder encoder = Encoder(4096);
  double sum = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string a = "left" + std::to_string(i);
    const std::string b = "right" + std::to_string(i);
    const std::vector<FeatureEncoder::Feature> left = {{a, 1.0F}};
    const std::vector<FeatureEncoder::Feature> right = {{b, 1.0F}};
    const double dot = Dot(encoder.Encode(left).value(), encoder.Encode(right).value());
    EXPECT_LT(std::abs(dot), 0.5);
    sum += dot * dot;
  }
  EXPECT_LT(sum / 200, 2.0 / 4096);  // 1 / dimensions is what chance gives
}

TEST(FeatureEncoder, TextIsItsWordsWhateverTheirOrderCaseAndMarks) {
  const FeatureEncoder encoder = Encoder();
  EXPECT_EQ(encoder.EncodeText("Wait for the child_process!"),
            encoder.EncodeText("child, process; THE wait (for)"));
}

TEST(FeatureEncoder, PluralAndSingularAreOneWord) {
  const FeatureEncoder encoder = Encoder();
  EXPECT_EQ(encoder.EncodeText("entries processes files"),
            encoder.EncodeText("entry process file"));
  EXPECT_NE(encoder.EncodeText("class"), encoder.EncodeText("clas"));
}

TEST(FeatureEncoder, WordsOfAnyScriptCount) {
  const FeatureEncoder encoder = Encoder();
  const std::vector<float> tree = encoder.EncodeText("дерево");
  EXPECT_NEAR(Dot(tree, tree), 1, 1e-5);
  EXPECT_LT(Dot(tree, encoder.EncodeText("пламя")), 0.5);
}

TEST(FeatureEncoder, RareWordsWeighMore) {
  FeatureEncoder encoder = Encoder(4096);
  for (int i = 0; i < 100; ++i) encoder.LearnWords(i == 0 ? "the mutex" : "the thing");
  const std::vector<float> both = encoder.EncodeText("the mutex");
  EXPECT_GT(Dot(both, encoder.EncodeText("mutex")), 3 * Dot(both, encoder.EncodeText("the")));
}

TEST(FeatureEncoder, SavedWordsWeighTheSameWhenLoaded) {
  FeatureEncoder encoder = Encoder();
  for (const char* text : {"read the file", "write the file", "the end", "a lone word"}) {
    encoder.LearnWords(text);
  }
  const FeatureEncoder loaded = FeatureEncoder::Load(256, encoder.SaveWords()).value();
  for (const char* text : {"the file", "lone reader of the file", "never seen"}) {
    EXPECT_EQ(loaded.EncodeText(text), encoder.EncodeText(text)) << text;
  }
  EXPECT_EQ(loaded.SaveWords(), encoder.SaveWords());
}

TEST(FeatureEncoder, LoadRefusesBytesThatWereNotSaved) {
  FeatureEncoder encoder = Encoder();
  encoder.LearnWords("one two");
  encoder.LearnWords("one two");
  const std::string saved = encoder.SaveWords();
  for (std::size_t length = 0; length < saved.size(); ++length) {
    EXPECT_EQ(FeatureEncoder::Load(256, saved.substr(0, length)).code(), Code::kInvalidArgument);
  }
  std::string wrong = saved;
  wrong[0] = 'X';
  EXPECT_EQ(FeatureEncoder::Load(256, wrong).code(), Code::kInvalidArgument);
  wrong = saved;
  wrong[wrong.size() - 1] = '\x7f';  // a word in more texts than there are
  EXPECT_EQ(FeatureEncoder::Load(256, wrong).code(), Code::kInvalidArgument);
  EXPECT_EQ(FeatureEncoder::Load(0, saved).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace engram
