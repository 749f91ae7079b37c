#!/usr/bin/env python3
"""What tools/doxygen_filter.py makes of headers and documents. usage: doxygen_filter_test.py TOOLS"""

import sys
import unittest

sys.path.insert(0, sys.argv.pop(1))
import doxygen_filter  # noqa: E402  (its folder is known only now)


def header(*lines: str) -> list[str]:
    return doxygen_filter.HeaderFilter("\n".join(lines)).run().splitlines()


def document(*lines: str) -> list[str]:
    return doxygen_filter.filter_document("\n".join(lines), "guide.md").splitlines()


class Headers(unittest.TestCase):
    def test_the_first_comment_documents_the_file(self):
        self.assertEqual(header("// What it is.", "// Threads: any.", "#ifndef X"),
                         ["/** @file", " * What it is.", " * <br><b>Threads:</b> any. */", "#ifndef X"])

    def test_a_block_above_a_declaration_documents_it(self):
        self.assertEqual(header("int a;", "// One.", "// Two.", "int b;")[1:3], ["/** One.", " * Two. */"])

    def test_a_block_that_ends_with_a_colon_documents_all_declarations_below_it(self):
        lines = header("struct A {", "  // Both:", "  int f(int a,", "        int b) {", "  }", "  int c;  // third", "",
                       "  int d;", "};")
        self.assertEqual(lines, ["struct A {", "  /** Both. */", "  int f(int a,", "        int b) {", "  }",
                                 "  /** Both. */ int c;  /**< third */", "", "  int d;", "};"])

    def test_a_comment_ends_what_a_colon_began(self):
        self.assertEqual(header("#if X", "// All:", "int a;", "// One.", "int b;", "int c;")[2:],
                         ["int a;", "/** One. */", "int b;", "int c;"])

    def test_a_comment_behind_a_declaration_documents_it(self):
        for code in ("  int a = 0;", "  kA = 1,", "  kLast = 16", "enum { A };", "  int f() { return 1; }"):
            self.assertEqual(header("#if X", f"{code}  // What."), ["#if X", f"{code}  /**< What. */"])

    def test_other_comments_stay(self):
        for line in ("}  // namespace engram", "#endif  // X_H_", "  A(int v) : v_(v) {}  // NOLINT: reads well",
                     "  // before a blank line"):
            self.assertEqual(header("int a;", line, "", "int b;")[1], line)

    def test_text_is_taken_as_it_is(self):
        self.assertEqual(header("int a;", "// <a, b> of *_free() and `*out <x>` @ c\\d", "int b;")[1],
                         r"/** \<a, b\> of \*_free() and `*out <x>` \@ c\\d */")

    def test_a_title_opens_a_group_that_the_next_one_or_the_scope_closes(self):
        lines = header("struct A {", "  // --- One,", "  // and more ---", "  int a;", "", "  // --- Two ---", "  // Text.",
                       "  int b;", "};")
        self.assertEqual(lines, ["struct A {", "  /** @name One, and more", "   * */ /** @{ */", "  int a;", "",
                                 "  /** @} */ /** @name Two", "   * Text. */ /** @{ */", "  int b;", "/** @} */ };"])

    def test_a_title_without_declarations_belongs_to_the_file(self):
        self.assertEqual(header("#if X", "// --- Rules ---", "//", "// Text.", "", "// --- Next ---", "int a;")[1:4],
                         ["/** @file", " * @par Rules", " * Text. */"])

    def test_the_number_of_lines_grows_by_the_files_own_alone(self):
        lines = ["// File.", "", "// --- Words ---", "", "// One.", "int a;  // two", "", "}  // namespace x"]
        self.assertEqual(len(header(*lines)), len(lines) + 1)


class Documents(unittest.TestCase):
    def test_headings_get_names_and_links_lead_to_them(self):
        self.assertEqual(document("# Guide", "## When a call fails", "[a](#when-a-call-fails) [b](operations.md#damage)"),
                         ["# Guide {#page_guide}", "## When a call fails {#page_guide_when-a-call-fails}",
                          "[a](@ref page_guide_when-a-call-fails) [b](@ref page_operations_damage)"])

    def test_links_to_what_is_no_page_become_text(self):
        self.assertEqual(document("[a](recovery.md#poison) [b](../api/include/engram/options.h) [c](https://x.org/)"),
                         ["a b [c](https://x.org/)"])

    def test_images_keep_their_names_alone(self):
        self.assertEqual(document("![a b](docs/plots/a.svg)"), ["![a b](a.svg)"])

    def test_code_stays(self):
        lines = ["```cmake", "# [a](b.md)", "```", "    [a](b.md)"]
        self.assertEqual(document(*lines), lines)


if __name__ == "__main__":
    unittest.main()
