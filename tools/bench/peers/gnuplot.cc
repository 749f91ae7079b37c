#include "tools/bench/peers/gnuplot.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <initializer_list>
#include <sstream>

#include "tools/bench/peers/table.h"

namespace engram::bench {
namespace {

// A text in gnuplot's single quotes, in which nothing but these has a meaning. Lines are joined.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      quoted += "''";
    } else if (letter == '\n') {
      quoted += R"('."\n".')";
    } else {
      quoted += letter;
    }
  }
  return quoted + "'";
}

// noenhanced: a name with an underscore is shown as it is.
constexpr char kStyle[] = R"(set encoding utf8
set border 3 linecolor rgb '#888888'
set grid linecolor rgb '#e4e4e4' linetype 1 linewidth 1
set style fill solid 1.0 noborder
set key at screen 0.5,0.885 center center horizontal maxrows 1 samplen 2
set key noenhanced textcolor rgb '#222222'
set tics nomirror textcolor rgb '#222222' font ',11'
)";

void WriteData(std::ostream& out, const Panel& panel, const std::string& prefix) {
  for (std::size_t i = 0; i < panel.lines.size(); ++i) {
    out << "$" << prefix << "line" << i << " << EOD\n";
    for (const auto& [x, y] : panel.lines[i].points) out << x << " " << y << "\n";
    out << "EOD\n";
  }
  if (panel.bars.empty()) return;
  out << "$" << prefix << "bars << EOD\n";
  for (const Bar& bar : panel.bars) {
    out << bar.left << " " << bar.right << " " << bar.low << " " << bar.high << " 0x"
        << bar.colour.substr(1) << " \"" << bar.label << "\"\n";
  }
  out << "EOD\n";
}

std::string TicList(const Tics& tics) {
  std::ostringstream list;
  list << "(";
  for (std::size_t i = 0; i < tics.size(); ++i) {
    list << (i > 0 ? ", " : "") << Quoted(tics[i].second) << " " << tics[i].first;
  }
  list << ")";
  return list.str();
}

void WriteRange(std::ostream& out, char axis, double low, double high) {
  out << "set " << axis << "range [";
  if (low != 0 || high != 0) out << low << ":" << high;
  out << "]\n";
}

void WriteAxes(std::ostream& out, const Panel& panel) {
  out << "set title " << Quoted(panel.title) << " noenhanced textcolor rgb '#222222'\n";
  out << "set xlabel " << Quoted(panel.x_name) << " noenhanced\n";
  out << "set ylabel " << Quoted(panel.y_name) << " noenhanced\n";
  out << (panel.log_y ? "set" : "unset") << " logscale y\n";
  WriteRange(out, 'x', panel.x_low, panel.x_high);
  WriteRange(out, 'y', panel.y_low, panel.y_high);
  out << "set xtics noenhanced " << TicList(panel.x_tics) << "\n";
  out << "set ytics noenhanced " << TicList(panel.y_tics) << "\n";
}

void WritePlot(std::ostream& out, const Panel& panel, const std::string& prefix) {
  std::vector<std::string> layers;
  if (!panel.bars.empty()) {
    layers.push_back("$" + prefix + "bars using (($1+$2)/2):3:1:2:3:4:5 with boxxyerror" +
                     " linecolor rgb variable notitle");
    layers.push_back("$" + prefix + "bars using (($1+$2)/2):4:6 with labels offset 0,0.6" +
                     " font ',10' textcolor rgb '#222222' notitle");
  }
  for (const auto& [title, colour] : panel.bar_legend) {
    layers.push_back("keyentry with boxes linecolor rgb " + Quoted(colour) + " title " +
                     Quoted(title));
  }
  for (std::size_t i = 0; i < panel.lines.size(); ++i) {
    const Line& line = panel.lines[i];
    layers.push_back("$" + prefix + "line" + std::to_string(i) +
                     " using 1:2 with linespoints linewidth 2 pointtype " +
                     std::to_string(line.mark) + " pointsize 0.9 linecolor rgb " +
                     Quoted(line.colour) + " title " + Quoted(line.title));
  }
  out << "plot ";
  for (std::size_t i = 0; i < layers.size(); ++i) out << (i > 0 ? ", " : "") << layers[i];
  out << "\n";
}

std::string Script(const Plot& plot) {
  std::ostringstream out;
  out << kStyle;
  const auto prefix = [](std::size_t panel) { return "p" + std::to_string(panel); };
  for (std::size_t i = 0; i < plot.panels.size(); ++i) WriteData(out, plot.panels[i], prefix(i));
  const std::string size = std::to_string(plot.width) + "," + std::to_string(plot.height);
  for (const std::string ending : {"svg", "png"}) {
    out << "set terminal " << (ending == "svg" ? "svg" : "pngcairo") << " size " << size
        << " font 'DejaVu Sans,12' background rgb '#ffffff'\n";
    out << "set output " << Quoted(plot.name + "." + ending) << "\n";
    out << "set label 1 " << Quoted(plot.note)
        << " at screen 0.985,0.022 right font ',9' textcolor rgb '#777777' noenhanced\n";
    out << "set multiplot layout 1," << plot.panels.size()
        << " margins screen 0.09,0.975,0.18,0.8 spacing screen 0.09 title " << Quoted(plot.title)
        << " font ',14' noenhanced\n";
    for (std::size_t i = 0; i < plot.panels.size(); ++i) {
      if (i == 1) out << "unset key\n";  // one for all panels, above them
      WriteAxes(out, plot.panels[i]);
      WritePlot(out, plot.panels[i], prefix(i));
    }
    out << "unset multiplot\nset key on\nset output\n";
  }
  return out.str();
}

// In `directory`, so that a person may call it there as well.
bool RunGnuplot(const std::string& directory, const std::string& script) {
  std::string command = "gnuplot";
  std::string argument = script;
  char* const argv[] = {command.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "gnuplot", &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  return failed == 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

Tics LogTics(double low, double high) {
  const auto at = [&](std::initializer_list<double> places) {
    Tics tics;
    for (double power = 1e-3; power <= high; power *= 10) {
      for (const double place : places) {
        const double value = place * power;
        if (value < low || value > high) continue;
        tics.emplace_back(value, Number(value, value < 1 ? 3 : 0));
      }
    }
    return tics;
  };
  constexpr std::size_t kFew = 4;
  const Tics tics = at({1, 2, 5});
  return tics.size() < kFew ? at({1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9}) : tics;
}

Tics LinearTics(double high) {
  constexpr double kMost = 8;
  double step = std::pow(10, std::floor(std::log10(high / kMost)));
  for (const double factor : {2.0, 2.5, 2.0}) {  // 1, 2, 5, 10 of the power of ten
    if (high / step > kMost) step *= factor;
  }
  Tics tics;
  for (int i = 0; i * step <= high; ++i) {
    tics.emplace_back(i * step, Number(i * step, step < 0.1 ? 2 : step < 1 ? 1 : 0));
  }
  return tics;
}

bool Draw(const Plot& plot, const std::string& directory) {
  const std::string script = plot.name + ".gnuplot";
  std::ofstream file(directory + "/" + script);
  file << Script(plot);
  file.close();
  return file && RunGnuplot(directory, script);
}

}  // namespace engram::bench
