#include "tools/engram/times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace engram::tool {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::int64_t Micros(const std::string& text) {
  return ParseTime(text).value().time_since_epoch().count();
}

TEST(Times, ReadsRfc3339) {
  EXPECT_EQ(Micros("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(Micros("2024-02-29t12:34:56.789z"), 1709210096789000);
  EXPECT_EQ(Micros("2024-02-29 14:34:56.789123+02:00"), 1709210096789123);
  EXPECT_EQ(Micros("2024-02-29T04:04:56.7891239-08:30"), 1709210096789123);
  EXPECT_EQ(Micros("1969-12-31T23:59:59.5Z"), -500000);
  EXPECT_EQ(Micros("2016-12-31T23:59:60Z"), 1483228800000000);  // a leap second
}

TEST(Times, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2024", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Z ",
        "2024-01-01T00:00:00+24:00", "2024-01-01T-0:00:00Z", "+024-01-01T00:00:00Z"}) {
    EXPECT_EQ(ParseTime(text).code(), Code::kInvalidArgument) << text;
  }
}

TEST(Times, SurviveWritingAndReading) {
  for (const std::int64_t us :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{1709210096789123},
        std::int64_t{1709210096789000}, std::int64_t{253402300799999999}}) {
    const Timestamp time{std::chrono::microseconds(us)};
    EXPECT_EQ(ParseTime(FormatTime(time)).value(), time) << FormatTime(time);
  }
  EXPECT_EQ(FormatTime(Timestamp(std::chrono::milliseconds(1500))), "1970-01-01T00:00:01.500Z");
}

constexpr Timestamp kNow{seconds(1'777'636'800)};  // 2026-05-01T12:00:00Z

Timestamp Moment(const std::string& text) {
  const Result<Timestamp> moment = ParseMoment(text, kNow);
  EXPECT_TRUE(moment.ok()) << moment.status();
  return moment.ok() ? *moment : Timestamp();
}

TEST(Times, AMomentIsADateWithAsMuchOfATimeOfDayAsIsSaid) {
  EXPECT_EQ(Moment("2026-05-01"), kNow - hours(12));
  EXPECT_EQ(Moment("2026-05-01T12:00"), kNow);
  EXPECT_EQ(Moment("2026-05-01 12:00:00"), kNow);
  EXPECT_EQ(Moment("2026-05-01T12:00:00Z"), kNow);
  EXPECT_EQ(Moment("2026-05-01T12:00:00.25"), kNow + milliseconds(250));
  EXPECT_EQ(Moment("2026-05-01T14:00+02:00"), kNow);
  EXPECT_EQ(Moment("2026-05-01T14:00:00.5+02:00"), kNow + milliseconds(500));
}

TEST(Times, AMomentIsSecondsSince1970OrAnAge) {
  EXPECT_EQ(Moment("@1777636800"), kNow);
  EXPECT_EQ(Moment("@1777636800.5"), kNow + milliseconds(500));
  EXPECT_EQ(Moment("@0"), Timestamp());
  EXPECT_EQ(Moment("10m"), kNow - minutes(10));
  EXPECT_EQ(Moment("0s"), kNow);
}

TEST(Times, WhatIsNoMomentIsRefusedWithWhatWouldBe) {
  for (const char* text : {"",
                           "@",
                           "@x",
                           "@-5",
                           "@1.",
                           "@9223372036854775807",
                           "1777636800",
                           "0",
                           "2026",
                           "2026-05",
                           "2026-02-30",
                           "2026-05-01T",
                           "2026-05-01T12",
                           "2026-05-01T24:00",
                           "2026-05-01T12:60",
                           "2026-05-01T12:00:",
                           "2026-05-01T12:00:61",
                           "2026-05-01Z",
                           "2026-05-01T12:00 ",
                           "2026-05-01T12:00:00+2",
                           "yesterday",
                           "-10m",
                           "10 m",
                           "10M"}) {
    const Result<Timestamp> moment = ParseMoment(text, kNow);
    EXPECT_EQ(moment.code(), Code::kInvalidArgument) << text;
    EXPECT_THAT(std::string(moment.status().message()), testing::HasSubstr("@1777636800")) << text;
  }
}

TEST(Times, AgesAreSumsOfUnits) {
  EXPECT_EQ(ParseAge("1500ms").value(), milliseconds(1500));
  EXPECT_EQ(ParseAge("90s").value(), seconds(90));
  EXPECT_EQ(ParseAge("10m").value(), minutes(10));
  EXPECT_EQ(ParseAge("12h").value(), hours(12));
  EXPECT_EQ(ParseAge("30d").value(), days(30));
  EXPECT_EQ(ParseAge("2w").value(), days(14));
  EXPECT_EQ(ParseAge("1d12h5m3s20ms").value(),
            days(1) + hours(12) + minutes(5) + seconds(3) + milliseconds(20));
  EXPECT_EQ(ParseAge("0").value(), seconds(0));
}

TEST(Times, WhatIsNoAgeIsRefused) {
  for (const char* text : {"", "5", "d", "5y", "5 d", "-5d", "1.5h", "5d5", "12h1d", "1h1h", "5dd",
                           "99999999999999999999s", "9999999999999w", "106751991d24h"}) {
    EXPECT_EQ(ParseAge(text).code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace engram::tool
