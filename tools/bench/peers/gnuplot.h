// Plots as SVG and PNG, drawn by gnuplot from a script that is left beside them.
// Threads: pure functions but for the files.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_GNUPLOT_H_
#define ENGRAM_TOOLS_BENCH_PEERS_GNUPLOT_H_

#include <string>
#include <utility>
#include <vector>

namespace engram::bench {

// A line with a mark at each point.
struct Line {
  std::string title;
  std::string colour;  // "#rrggbb"
  int mark = 7;        // gnuplot's number of a point type
  std::vector<std::pair<double, double>> points;
};

struct Bar {
  double left = 0;
  double right = 0;
  double low = 0;
  double high = 0;
  std::string colour;
  std::string label;  // above it; may be empty
};

using Tics = std::vector<std::pair<double, std::string>>;

struct Panel {
  std::string title;
  std::string x_name;
  std::string y_name;
  bool log_y = false;
  double y_low = 0;  // both 0: as the data has it
  double y_high = 0;
  double x_low = 0;  // both 0: as the data has it
  double x_high = 0;
  Tics x_tics;
  Tics y_tics;
  std::vector<Line> lines;
  std::vector<Bar> bars;
  std::vector<std::pair<std::string, std::string>> bar_legend;  // title, colour
};

struct Plot {
  std::string name;  // of the files
  std::string title;
  std::string note;  // small, below
  int width = 960;
  int height = 640;
  std::vector<Panel> panels;  // side by side
};

// Round places from `low` to `high` on a logarithmic axis, named "2,000".
Tics LogTics(double low, double high);
// Round places from 0 to `high`.
Tics LinearTics(double high);

// NAME.gnuplot, NAME.svg and NAME.png in `directory`. false: one of them cannot be made; gnuplot
// said why.
bool Draw(const Plot& plot, const std::string& directory);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_GNUPLOT_H_
