// The header of NumPy's .npy files (versions 1 to 3).
// Threads: pure functions.
#ifndef ENGRAM_TOOLS_ENGRAM_NPY_H_
#define ENGRAM_TOOLS_ENGRAM_NPY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include <engram/result.h>

namespace engram::tool {

enum class ElementType : std::uint8_t { kFloat32, kFloat16, kUint8, kInt8 };

std::size_t ElementBytes(ElementType type);

struct NpyHeader {
  ElementType type = ElementType::kFloat32;
  std::uint64_t rows = 0;  // 1 for an array of one axis, which is one vector
  std::uint64_t columns = 0;
};

// Reads the Python dictionary of the header. Errors: kInvalidArgument (not such a dictionary),
// kNotSupported (another element type, big-endian, Fortran order, more than two axes).
Result<NpyHeader> ParseNpyDictionary(std::string_view text);

// IEEE 754 binary16 to binary32; exact.
float HalfToFloat(std::uint16_t half);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_NPY_H_
