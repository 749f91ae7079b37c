// JSON on one side, the library's values on the other. What JSON lacks is an object of one field:
// {"$time": "2024-05-01T12:00:00Z"} and {"$bytes": "base64"}.
// Threads: pure functions.
#ifndef ENGRAM_TOOLS_ENGRAM_JSON_VALUES_H_
#define ENGRAM_TOOLS_ENGRAM_JSON_VALUES_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <engram/metadata.h>
#include <engram/result.h>
#include <engram/types.h>

#include "tools/engram/context.h"
#include "tools/engram/times.h"

namespace engram::tool {

// What is read: unlike Json, fast for an object of very many fields.
using InputJson = nlohmann::json;

// Errors: kInvalidArgument (not an object, nested too deep, an integer beyond 64 bits, a bad time
// or base64).
Result<Metadata> MetadataFromJson(const InputJson& json);
Json MetadataToJson(const Metadata& metadata);

// RFC 3339 text, or milliseconds since 1970. Errors: kInvalidArgument.
Result<Timestamp> TimeFromJson(const InputJson& json);

// A span of time: a text as in "30d", or a whole number of milliseconds. Errors: kInvalidArgument.
Result<std::chrono::microseconds> SpanFromJson(const InputJson& json);

// An array of numbers. Errors: kInvalidArgument, kInvalidVector (a number beyond the range of
// float).
Result<std::vector<float>> VectorFromJson(const InputJson& json);
Json VectorToJson(VectorView vector);
// The number with the fewest digits that reads back as the same float.
Json FloatToJson(float value);

// Errors: kInvalidArgument, with the position and no part of the text.
Result<InputJson> ParseJson(std::string_view text);
// One line. Bytes that are not UTF-8 become U+FFFD, so that the answer is JSON in any case.
std::string DumpJson(const Json& json);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_JSON_VALUES_H_
