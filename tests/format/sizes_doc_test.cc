// The table of sizes in docs/operations.md against what node blocks and pages really take.
#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "index/node_layout.h"

namespace engram {
namespace {

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream row(line);
  std::string cell;
  std::getline(row, cell, '|');  // before the first bar
  while (std::getline(row, cell, '|')) {
    const std::size_t from = cell.find_first_not_of(' ');
    cells.push_back(from == cell.npos ? ""
                                      : cell.substr(from, cell.find_last_not_of(' ') + 1 - from));
  }
  return cells;
}

std::optional<std::uint32_t> Number(std::string text) {
  std::erase(text, ',');
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

// By dimensions and m, as documented.
std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> DocumentedBytes() {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> bytes;
  std::ifstream file(std::string(ENGRAM_DOCS) + "/operations.md");
  std::vector<std::uint32_t> ms;
  bool below = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) below = line == "## Bytes a pattern";
    if (!below || !line.starts_with('|')) continue;
    const std::vector<std::string> cells = Cells(line);
    if (cells[0] == "dimensions") {
      for (std::size_t i = 1; i < cells.size(); ++i) {
        const auto m = Number(cells[i].substr(cells[i].find(' ') + 1));
        if (m) ms.push_back(*m);
      }
    }
    const auto dimensions = Number(cells[0]);
    if (!dimensions) continue;
    for (std::size_t i = 0; i < ms.size() && i + 1 < cells.size(); ++i) {
      const auto number = Number(cells[i + 1]);
      if (number) bytes[{*dimensions, ms[i]}] = *number;
    }
  }
  return bytes;
}

std::uint32_t BytesAPattern(std::uint32_t dimensions, std::uint32_t m) {
  StoreParameters parameters{};
  parameters.dimensions = dimensions;
  parameters.m = m;
  parameters.metric = Metric::kL2;
  const NodeLayout layout = NodeLayout::Create(parameters).value();
  return (layout.page_bytes() + layout.blocks_per_page() / 2) / layout.blocks_per_page();
}

TEST(SizesDocument, BytesAPatternAreThoseOfTheLayout) {
  const auto documented = DocumentedBytes();
  EXPECT_GE(documented.size(), 40U);
  for (const auto& [shape, bytes] : documented) {
    EXPECT_EQ(bytes, BytesAPattern(shape.first, shape.second))
        << shape.first << " dimensions, m " << shape.second;
  }
}

TEST(SizesDocument, UpperLinksTakeWhatItSays) {
  StoreParameters parameters{};
  parameters.dimensions = 128;
  parameters.m = 16;
  parameters.metric = Metric::kL2;
  EXPECT_EQ(NodeLayout::Create(parameters).value().upper_block_bytes(), 80U);
}

}  // namespace
}  // namespace engram
