// The parts of the module engram._core; each defines its classes and methods.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_BINDINGS_H_
#define ENGRAM_API_PYTHON_BINDINGS_H_

#include <pybind11/pybind11.h>

#include <memory>

#include "api/python/store_handle.h"

namespace engram::python {

namespace py = pybind11;

using StoreClass = py::class_<StoreHandle, std::shared_ptr<StoreHandle>>;

void DefineWriteBatch(py::module_& module);
void DefineWrites(StoreClass& store);
void DefineReads(py::module_& module, StoreClass& store);
void DefineSnapshots(py::module_& module, StoreClass& store);
void DefineUpkeep(StoreClass& store);
void DefineSearches(StoreClass& store);
void DefineFeatureEncoder(py::module_& module);

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_BINDINGS_H_
