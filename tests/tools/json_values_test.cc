#include "tools/engram/json_values.h"

#include <gtest/gtest.h>

namespace engram::tool {
namespace {

TEST(JsonValues, SpansAreTextOrMilliseconds) {
  EXPECT_EQ(SpanFromJson("30d").value(), std::chrono::days(30));
  EXPECT_EQ(SpanFromJson(1500U).value(), std::chrono::milliseconds(1500));
  for (const InputJson& bad :
       {InputJson(-1), InputJson(1.5), InputJson(UINT64_MAX), InputJson("soon"), InputJson(true)}) {
    EXPECT_EQ(SpanFromJson(bad).code(), Code::kInvalidArgument) << bad;
  }
}

TEST(JsonValues, MillisecondsAreTimesWithinTheirRange) {
  EXPECT_EQ(TimeFromJson(1500).value(), Timestamp(std::chrono::milliseconds(1500)));
  EXPECT_EQ(TimeFromJson(-1500).value(), Timestamp(std::chrono::milliseconds(-1500)));
  EXPECT_EQ(TimeFromJson(INT64_MAX).code(), Code::kInvalidArgument);
  EXPECT_EQ(TimeFromJson(INT64_MIN).code(), Code::kInvalidArgument);
  EXPECT_EQ(TimeFromJson(UINT64_MAX).code(), Code::kInvalidArgument);
  EXPECT_EQ(TimeFromJson(1.5).code(), Code::kInvalidArgument);
  EXPECT_EQ(TimeFromJson(nullptr).code(), Code::kInvalidArgument);
}

TEST(JsonValues, MetadataOfEveryKindComesBackAsItWas) {
  const char* text =
      R"({"null":null,"yes":true,"int":-9223372036854775808,"real":0.5,"text":"ä\n\u0000",)"
      R"("list":[1,[2,"three"],{}],"map":{"a":{"b":1}},"time":{"$time":"2024-05-01T12:00:00Z"},)"
      R"("bytes":[{"$bytes":""},{"$bytes":"AA=="},{"$bytes":"AP8="},{"$bytes":"AP+A"}]})";
  const InputJson json = ParseJson(text).value();
  const Metadata metadata = MetadataFromJson(json).value();
  EXPECT_EQ(InputJson::parse(DumpJson(MetadataToJson(metadata))), json);
  EXPECT_NE(metadata.at("time").As<Timestamp>(), nullptr);
  EXPECT_EQ(*metadata.at("bytes").As<ValueList>()->at(2).As<Bytes>(),
            (Bytes{std::byte{0}, std::byte{255}}));
}

TEST(JsonValues, RefusesMetadataThatCannotBeKept) {
  for (const char* text :
       {"[]", "1", R"({"a":9223372036854775808})", R"({"a":{"$bytes":"A"}})",
        R"({"a":{"$bytes":"A*=="}})", R"({"a":{"$bytes":1}})", R"({"a":{"$time":"noon"}})"}) {
    EXPECT_EQ(MetadataFromJson(ParseJson(text).value()).code(), Code::kInvalidArgument) << text;
  }
  const std::string deep = R"({"a":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_EQ(MetadataFromJson(ParseJson(deep).value()).code(), Code::kInvalidArgument);
}

TEST(JsonValues, VectorsAreArraysOfNumbersThatAFloatCanHold) {
  EXPECT_EQ(VectorFromJson(ParseJson("[1, -2.5, 1e-50]").value()).value(),
            (std::vector<float>{1, -2.5F, 0}));
  EXPECT_EQ(VectorFromJson(ParseJson("[1, \"2\"]").value()).code(), Code::kInvalidArgument);
  EXPECT_EQ(VectorFromJson(ParseJson("{}").value()).code(), Code::kInvalidArgument);
  EXPECT_EQ(VectorFromJson(ParseJson("[1e39]").value()).code(), Code::kInvalidVector);
}

TEST(JsonValues, FloatsAreWrittenAsShortAsTheyReadBack) {
  const std::vector<float> vector = {0.1F, 1.0F / 3, 16777216.0F, 1e-40F, -0.0F};
  const std::string text = DumpJson(VectorToJson(vector));
  EXPECT_TRUE(text.starts_with("[0.1,0.33333334,")) << text;
  EXPECT_EQ(VectorFromJson(ParseJson(text).value()).value(), vector);
}

TEST(JsonValues, ParseErrorsNameThePositionAndNoneOfTheText) {
  const Status status = ParseJson("{\"secret\": oops}").status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("byte 12"), std::string_view::npos) << status;
  EXPECT_EQ(status.message().find("secret"), std::string_view::npos);
  EXPECT_EQ(ParseJson("[1e999]").code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseJson("").code(), Code::kInvalidArgument);
}

TEST(JsonValues, AnswersAreJsonEvenWithBytesThatAreNotUtf8) {
  EXPECT_TRUE(Json::accept(DumpJson(Json("\xff\xfe"))));
}

}  // namespace
}  // namespace engram::tool
