// engram.create() and engram.open(): keywords to Options.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_OPEN_OPTIONS_H_
#define ENGRAM_API_PYTHON_OPEN_OPTIONS_H_

#include <pybind11/pybind11.h>

#include <engram/options.h>

namespace engram::python {

namespace py = pybind11;

// Keywords that are None leave the default. Errors: TypeError (an unknown keyword, a wrong type),
// engram.InvalidArgumentError, and what the clock raises.
Options OptionsFrom(const py::dict& keywords);

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_OPEN_OPTIONS_H_
