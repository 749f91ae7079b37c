// Numbers for people, and tables of them on standard output.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_TABLE_H_
#define ENGRAM_TOOLS_BENCH_PEERS_TABLE_H_

#include <string>
#include <vector>

#include "tools/bench/peers/json.h"

namespace engram::bench {

// "1,234.5"; "-" of null.
std::string Number(double value, int digits = 0);
std::string Number(const Json& value, int digits = 0);
// "1,234.5" of bytes.
std::string MiB(const Json& bytes);
// "12 µs", "3.4 ms", "1.23 s".
std::string Duration(double seconds);

class Table {
 public:
  // The heads of the columns; the first column names the rows and is aligned to the left.
  explicit Table(std::vector<std::string> heads) : rows_{std::move(heads)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void Print(const std::string& title) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_TABLE_H_
