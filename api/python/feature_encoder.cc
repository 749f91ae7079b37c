// FeatureEncoder.
#include <engram/feature_encoder.h>

#include <string>
#include <utility>
#include <vector>

#include "api/python/arguments.h"
#include "api/python/arrays.h"
#include "api/python/bindings.h"
#include "api/python/errors.h"

namespace engram::python {
namespace {

float WeightArgument(py::handle value) {
  const double weight = PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw py::type_error("a weight is a " + TypeNameOf(value) + ", expected a number");
  }
  return static_cast<float>(weight);
}

py::array_t<float> Encode(const FeatureEncoder& encoder, const py::dict& features) {
  std::vector<std::pair<std::string, float>> named;
  for (const auto& [name, weight] : features) {
    named.emplace_back(TextArgument(name, "a feature's name"), WeightArgument(weight));
  }
  std::vector<FeatureEncoder::Feature> views;
  views.reserve(named.size());
  for (const auto& [name, weight] : named) views.push_back({name, weight});
  return ArrayOwning(ValueOrThrow(encoder.Encode(views)));
}

std::uint32_t DimArgument(const py::object& dim) {
  return UnsignedArgument<std::uint32_t>(dim, "dim");
}

}  // namespace

void DefineFeatureEncoder(py::module_& module) {
  py::class_<FeatureEncoder>(
      module, "FeatureEncoder",
      "Turns names and numbers, or plain text, into vectors by signed feature hashing (Weinberger "
      "et al., ICML 2009): without a model, the same on every machine. For stores with metric "
      "'cosine' or 'ip'.")
      .def(py::init([](const py::object& dim) {
             return ValueOrThrow(FeatureEncoder::Create(DimArgument(dim)));
           }),
           py::arg("dim"),
           "dim: components of the vectors, 1 to 16,384. Raises InvalidArgumentError.")
      .def_property_readonly("dim", &FeatureEncoder::dimensions, "int: components of the vectors.")
      .def("encode", &Encode, py::arg("features"),
           "The sum of features, a dict of names (str) and weights (numbers), as float32 of shape "
           "(dim,), scaled to length 1; all zero without features. Raises InvalidVectorError for "
           "weights that are NaN or infinite.")
      .def(
          "encode_text",
          [](const FeatureEncoder& self, const py::object& text) {
            return ArrayOwning(self.EncodeText(TextArgument(text, "text")));
          },
          py::arg("text"),
          "The words of a text, as float32 of shape (dim,), scaled to length 1; all zero without "
          "words. Words count less the more often learn_words() saw them.")
      .def(
          "learn_words",
          [](FeatureEncoder& self, const py::object& text) {
            self.LearnWords(TextArgument(text, "text"));
          },
          py::arg("text"), "Counts the words of one more text, for their rarity.")
      .def(
          "save_words", [](const FeatureEncoder& self) { return py::bytes(self.SaveWords()); },
          "What was learnt, as bytes for load().")
      .def_static(
          "load",
          [](const py::object& dim, const py::bytes& saved) {
            return ValueOrThrow(FeatureEncoder::Load(DimArgument(dim), std::string_view(saved)));
          },
          py::arg("dim"), py::arg("saved"),
          "An encoder that has learnt what save_words() returned. Raises InvalidArgumentError.");
}

}  // namespace engram::python
