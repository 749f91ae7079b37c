#include "tools/engram/passages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace engram::tool {
namespace {

constexpr const char* kSentence = "every line of this text has quite enough words\n";

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += kSentence;
  return text;
}

TEST(Passages, EndAtABlankLineOnceTheyAreLongEnough) {
  const auto passages = CutPassages(Lines(4) + "\n" + Lines(5) + "\n\n" + Lines(8), false);
  ASSERT_EQ(passages.size(), 2U);
  EXPECT_EQ(passages[0].line, 1U);
  EXPECT_EQ(passages[0].text, Lines(4) + "\n" + Lines(5));
  EXPECT_EQ(passages[1].line, 13U);
  EXPECT_EQ(passages[1].text, Lines(8));
}

TEST(Passages, LongParagraphsAreCut) {
  const auto passages = CutPassages(Lines(50), false);
  ASSERT_EQ(passages.size(), 3U);
  EXPECT_EQ(passages[1].line, 21U);
  EXPECT_EQ(passages[2].line, 41U);
}

TEST(Passages, WhatHasHardlyAnyWordsIsLeftOut) {
  EXPECT_TRUE(CutPassages("", false).empty());
  EXPECT_TRUE(CutPassages("{\n}\n1 2 3 4 5 6 7 8 9\n", false).empty());
}

TEST(Passages, ManualPagesBecomeText) {
  const std::string page =
      ".TH wait 2 2023\n.SH NAME\nwait \\- wait for process to change state\n.SH DESCRIPTION\n"
      "The\n.BR wait ()\nsystem call\nsuspends \\fIexecution\\fP of the \\(aqcalling\\(aq thread\n"
      "until \\&one of its children terminates; then it gives back its status.\n"
      ".\\\" a comment\n.nf\npid_t wait(int *status);\npid_t other;\n.fi\n.PP\nIt says more\n"
      ".B \"of the same\"\nin the paragraph behind it.\n";
  const auto passages = CutPassages(page, true);
  ASSERT_EQ(passages.size(), 1U);
  EXPECT_EQ(passages[0].line, 2U);
  EXPECT_EQ(passages[0].text,
            "NAME\nwait - wait for process to change state\nDESCRIPTION\n"
            "The wait() system call suspends execution of the 'calling' thread\n"
            "until one of its children terminates; then it gives back its status.\n"
            "pid_t wait(int *status);\npid_t other;\n"
            "It says more of the same in the paragraph behind it.\n");
}

TEST(Passages, FilesAreFoundFromTheTopInAFixedOrder) {
  const TempDir dir;
  namespace fs = std::filesystem;
  for (const char* below : {"b", "a/deep", ".git", "build"}) {
    fs::create_directories(fs::path(dir.path()) / below);
  }
  for (const char* name : {"z.h", "a/y.h", "a/deep/x.h", "b/w.txt", ".git/HEAD", "build/out.h",
                           "copyright", "picture.png", "README"}) {
    std::ofstream(dir.File(name)) << Lines(9);
  }
  fs::create_symlink(dir.File("z.h"), dir.File("link.h"));
  std::vector<std::string> expected;
  for (const char* name : {"README", "z.h", "a/y.h", "b/w.txt", "a/deep/x.h"}) {
    expected.push_back(dir.File(name));
  }
  EXPECT_EQ(FindTextFiles(dir.path()), expected);
  EXPECT_TRUE(FindTextFiles(dir.File("missing")).empty());
}

TEST(Passages, KnowTheirFileItsTitleAndItsTime) {
  const TempDir dir;
  std::ofstream(dir.File("notes.txt")) << Lines(9);
  const auto passages = ReadPassages(dir.File("notes.txt"));
  ASSERT_EQ(passages.size(), 1U);
  EXPECT_EQ(passages[0].file, dir.File("notes.txt"));
  EXPECT_EQ(passages[0].title, "notes");
  EXPECT_GT(passages[0].modified, Timestamp(std::chrono::years(50)));
  EXPECT_EQ(TextToEncode(passages[0]), "notes\n" + Lines(9));
}

TEST(Passages, FilesThatAreNoTextHaveNone) {
  const TempDir dir;
  std::ofstream(dir.File("a.txt"), std::ios::binary) << Lines(9) << '\0' << Lines(9);
  std::ofstream(dir.File("b.txt.gz"), std::ios::binary) << "\x1f\x8b\x08 not really compressed";
  EXPECT_TRUE(ReadPassages(dir.File("a.txt")).empty());
  EXPECT_TRUE(ReadPassages(dir.File("b.txt.gz")).empty());
  EXPECT_TRUE(ReadPassages(dir.File("missing.txt")).empty());
}

}  // namespace
}  // namespace engram::tool
