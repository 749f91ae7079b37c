#include "tools/engram/text.h"

#include <gtest/gtest.h>

#include <sstream>

namespace engram::tool {
namespace {

TEST(Text, NumbersReadWell) {
  EXPECT_EQ(WithSeparators(0), "0");
  EXPECT_EQ(WithSeparators(999), "999");
  EXPECT_EQ(WithSeparators(1000), "1,000");
  EXPECT_EQ(WithSeparators(12345678), "12,345,678");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(std::uint64_t{200} << 20), "200 MiB");
  EXPECT_EQ(HumanSeconds(0.0000123), "12 us");
  EXPECT_EQ(HumanSeconds(0.0123), "12.3 ms");
  EXPECT_EQ(HumanSeconds(3), "3.0 s");
  EXPECT_EQ(HumanSeconds(200), "3 min 20 s");
  EXPECT_EQ(HumanSeconds(7199), "119 min 59 s");
  EXPECT_EQ(HumanSeconds(7260), "2 h 1 min");
  EXPECT_EQ(HumanSeconds(4 * 86400.0 + 3 * 3600 + 59), "4 d 3 h");
}

TEST(Text, ClippedLinesAreSafeForATerminal) {
  EXPECT_EQ(Clip("a\tb\033[31mred\x7f", 40), "a b [31mred ");
  EXPECT_EQ(OneLine("a\nb\r\033[2J \u00e4"), "a b  [2J \u00e4");
  EXPECT_EQ(Clip("abcdef", 3), "abc");
  EXPECT_EQ(Clip("aäöü", 4), "aä");  // never half a character
}

TEST(Text, FieldsAreAligned) {
  std::ostringstream out;
  Context context{.out = out, .err = out};
  PrintFields(context, {{"a", "1"}, {"long name", "2"}});
  EXPECT_EQ(out.str(), "  a          1\n  long name  2\n");
}

TEST(Text, BarsAreAsLongAsTheirShareAndNeverHideWhatIsThere) {
  EXPECT_EQ(HistogramBar(0, 4), "");
  EXPECT_EQ(HistogramBar(1e-9, 4), "▏");
  EXPECT_EQ(HistogramBar(0.375, 4), "█▌");
  EXPECT_EQ(HistogramBar(1, 4), "████");
  EXPECT_EQ(HistogramBar(2, 4), "████");
}

TEST(Text, NumbersAreAlignedAtTheRight) {
  EXPECT_EQ(AlignRight("12", 5), "   12");
  EXPECT_EQ(AlignRight("123456", 5), "123456");
}

TEST(Text, StylesAreForTerminalsOnly) {
  std::ostringstream out;
  Context context{.out = out, .err = out};
  EXPECT_EQ(Bold(context, "x"), "x");
  context.out_is_terminal = true;
  EXPECT_EQ(Bold(context, "x"), "\033[1mx\033[0m");
}

}  // namespace
}  // namespace engram::tool
