// The `engram` program: a store from the command line.
#include <unistd.h>

#include <iostream>

#include "tools/engram/run.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  engram::tool::Context context{.out = std::cout,
                                .err = std::cerr,
                                .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                                .err_is_terminal = isatty(STDERR_FILENO) == 1};
  return engram::tool::RunTool(argc, argv, context);
}
