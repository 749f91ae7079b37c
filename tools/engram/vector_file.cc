#include "tools/engram/vector_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "tools/engram/context.h"
#include "tools/engram/input_file.h"
#include "tools/engram/json_values.h"
#include "tools/engram/npy.h"

namespace engram::tool {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are little-endian in all formats");

[[noreturn]] void Refuse(const InputFile& file, const std::string& what) {
  throw Failure(Status::InvalidArgument(file.path() + ": " + what));
}

std::string Bytes(std::uint64_t count) { return std::to_string(count) + " bytes"; }

// Fails where the file is not exactly as long as its header says.
void CheckSize(const InputFile& file, std::uint64_t expected) {
  if (!file.size() || *file.size() == expected) return;
  Refuse(file, (*file.size() < expected ? "truncated: found " : "too long: found ") +
                   Bytes(*file.size()) + ", expected " + Bytes(expected));
}

std::optional<double> Progress(const InputFile& file) {
  if (!file.size() || *file.size() == 0) return std::nullopt;
  return static_cast<double>(file.position()) / static_cast<double>(*file.size());
}

Row NewRow(std::uint64_t number) {
  Row row;
  row.number = number;
  return row;
}

void Widen(ElementType type, std::span<const std::byte> raw, std::vector<float>& out) {
  out.resize(raw.size() / ElementBytes(type));
  if (type == ElementType::kFloat32) {
    std::memcpy(out.data(), raw.data(), raw.size());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (type == ElementType::kFloat16) {
      std::uint16_t half = 0;
      std::memcpy(&half, raw.data() + 2 * i, sizeof half);
      out[i] = HalfToFloat(half);
    } else if (type == ElementType::kUint8) {
      out[i] = static_cast<float>(std::to_integer<std::uint8_t>(raw[i]));
    } else {
      out[i] = static_cast<float>(static_cast<std::int8_t>(raw[i]));
    }
  }
}

// .fvecs and .bvecs: each row is its number of components (int32), then the components.
class VecsReader : public RowReader {
 public:
  VecsReader(const std::string& path, ElementType type) : file_(path), type_(type) {
    if (!ReadDimensions()) return;
    row_bytes_ = dimensions_ * ElementBytes(type_);
    const std::uint64_t stored = sizeof(std::int32_t) + row_bytes_;
    if (file_.size()) CheckSize(file_, (*file_.size() + stored - 1) / stored * stored);
  }

  bool Next(Row& row) override {
    if (dimensions_ == 0 || (number_ > 0 && !ReadDimensions())) return false;
    raw_.resize(row_bytes_);
    row = NewRow(++number_);
    if (const std::size_t got = file_.Read(raw_); got != raw_.size()) {
      Refuse(file_, "truncated: " + Name(number_) + " has " + Bytes(got) + ", expected " +
                        Bytes(row_bytes_));
    }
    Widen(type_, raw_, row.vector);
    return true;
  }

  std::optional<std::uint32_t> dimensions() const override {
    if (dimensions_ == 0) return std::nullopt;
    return static_cast<std::uint32_t>(dimensions_);
  }
  std::optional<double> progress() const override { return Progress(file_); }

 private:
  // False at the end of the file.
  bool ReadDimensions() {
    std::array<std::byte, sizeof(std::int32_t)> raw{};
    const std::size_t got = file_.Read(raw);
    if (got == 0) return false;
    if (got != raw.size()) {
      Refuse(file_, "truncated: found " + Bytes(file_.position()) + ", expected " +
                        Bytes(file_.position() - got + raw.size()) + " or more");
    }
    std::int32_t found = 0;
    std::memcpy(&found, raw.data(), sizeof found);
    if (found < 1 || std::cmp_greater(found, kMaxDimensions)) {
      Refuse(file_, Name(number_ + 1) + " says it has " + std::to_string(found) +
                        " components, expected 1 to " + std::to_string(kMaxDimensions));
    }
    if (dimensions_ != 0 && std::cmp_not_equal(found, dimensions_)) {
      Refuse(file_, Name(number_ + 1) + " has " + std::to_string(found) +
                        " components, the rows before it have " + std::to_string(dimensions_));
    }
    dimensions_ = static_cast<std::size_t>(found);
    return true;
  }

  InputFile file_;
  ElementType type_;
  std::size_t dimensions_ = 0;  // 0: the file has no row
  std::size_t row_bytes_ = 0;
  std::uint64_t number_ = 0;
  std::vector<std::byte> raw_;
};

class NpyReader : public RowReader {
 public:
  explicit NpyReader(const std::string& path) : file_(path) {
    header_ = ReadHeader();
    if (header_.rows == 0) return;
    if (header_.columns < 1 || header_.columns > kMaxDimensions) {
      Refuse(file_, "rows have " + std::to_string(header_.columns) + " components, expected 1 to " +
                        std::to_string(kMaxDimensions));
    }
    row_bytes_ = header_.columns * ElementBytes(header_.type);
    if (header_.rows > (std::uint64_t{1} << 62) / row_bytes_) {
      Refuse(file_, "the header says " + std::to_string(header_.rows) + " rows");
    }
    CheckSize(file_, file_.position() + header_.rows * row_bytes_);
  }

  bool Next(Row& row) override {
    if (number_ == header_.rows) return false;
    raw_.resize(row_bytes_);
    row = NewRow(++number_);
    if (const std::size_t got = file_.Read(raw_); got != raw_.size()) {
      Refuse(file_, "truncated: " + Name(number_) + " has " + Bytes(got) + ", expected " +
                        Bytes(row_bytes_));
    }
    Widen(header_.type, raw_, row.vector);
    return true;
  }

  std::optional<std::uint32_t> dimensions() const override {
    if (header_.rows == 0) return std::nullopt;
    return static_cast<std::uint32_t>(header_.columns);
  }
  std::optional<double> progress() const override { return Progress(file_); }

 private:
  NpyHeader ReadHeader() {
    std::array<std::byte, 8> magic{};
    constexpr std::string_view kMagic = "\x93NUMPY";
    if (file_.Read(magic) != magic.size() ||
        std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
      Refuse(file_, "not an .npy file: it does not begin with \\x93NUMPY");
    }
    const auto version = std::to_integer<unsigned>(magic[6]);
    if (version < 1 || version > 3) {
      throw Failure(Status::NotSupported(file_.path() + ": .npy version " +
                                         std::to_string(version) + ", expected 1 to 3"));
    }
    std::array<std::byte, 4> raw_length{};  // two bytes in version 1
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    const std::size_t got = file_.Read(std::span(raw_length).first(length_bytes));
    std::uint32_t length = 0;
    std::memcpy(&length, raw_length.data(), sizeof length);
    constexpr std::uint32_t kLongest = 1 << 20;
    if (got != length_bytes || length > kLongest) Refuse(file_, "the .npy header is damaged");
    std::string text(length, '\0');
    if (file_.Read(std::as_writable_bytes(std::span(text))) != text.size()) {
      Refuse(file_, "truncated: found " + Bytes(file_.position()) + " of a header of " +
                        Bytes(magic.size() + length_bytes + length));
    }
    Result<NpyHeader> header = ParseNpyDictionary(text);
    if (!header.ok()) {
      throw Failure(
          Status(header.code(), file_.path() + ": " + std::string(header.status().message())));
    }
    return *header;
  }

  InputFile file_;
  NpyHeader header_;
  std::size_t row_bytes_ = 0;
  std::uint64_t number_ = 0;
  std::vector<std::byte> raw_;
};

class JsonLinesReader : public RowReader {
 public:
  explicit JsonLinesReader(const std::string& path) : file_(path) {}

  bool Next(Row& row) override {
    while (const auto line = file_.ReadLine()) {
      ++number_;
      if (line->find_first_not_of(" \t\r") == std::string_view::npos) continue;
      row = NewRow(number_);
      if (Status status = Parse(*line, row); !status.ok()) {
        row = NewRow(number_);
        row.status = std::move(status);
      }
      return true;
    }
    return false;
  }

  bool WouldWait(std::chrono::milliseconds patience) const override {
    return file_.WouldWait(patience);
  }
  std::optional<double> progress() const override { return Progress(file_); }
  std::string Name(std::uint64_t number) const override { return "line " + std::to_string(number); }

 private:
  static Status Parse(std::string_view line, Row& row) {
    const Result<InputJson> parsed = ParseJson(line);
    if (!parsed.ok()) return parsed.status();
    if (!parsed->is_object()) return Status::InvalidArgument("not a JSON object");
    if (!parsed->contains("vector")) return Status::InvalidArgument("no field \"vector\"");
    for (const auto& [name, value] : parsed->items()) {
      const Status status = SetField(name, value, row);
      if (!status.ok()) return status;
    }
    return {};
  }

  static Status SetField(const std::string& name, const InputJson& value, Row& row) {
    if (name == "vector") return Assign(VectorFromJson(value), row.vector);
    if (name == "metadata") {
      return value.is_null() ? Status() : Assign(MetadataFromJson(value), row.metadata);
    }
    if (name == "timestamp") {
      return value.is_null() ? Status() : Assign(TimeFromJson(value), row.timestamp);
    }
    if (name == "ttl") return value.is_null() ? Status() : Assign(SpanFromJson(value), row.ttl);
    if (name == "type" || name == "id") {
      const std::uint64_t limit = name == "type" ? UINT32_MAX : UINT64_MAX;
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit) {
        return Status::InvalidArgument("\"" + name + "\" is not a whole number from 0 to " +
                                       std::to_string(limit));
      }
      if (name == "type") row.type = value.get<TypeTag>();
      if (name == "id") row.id = value.get<PatternId>();
      return {};
    }
    // A misspelt name must not lose what its writer meant to store.
    return Status::InvalidArgument(
        "a field is none of vector, metadata, timestamp, type, id, ttl: put it into metadata");
  }

  template <typename From, typename To>
  static Status Assign(Result<From> from, To& to) {
    if (!from.ok()) return from.status();
    to = std::move(from).value();
    return {};
  }

  InputFile file_;
  std::uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> OpenRows(const std::string& path) {
  const auto ends_with = [&path](std::string_view ending) { return path.ends_with(ending); };
  if (path == "-" || ends_with(".jsonl") || ends_with(".ndjson")) {
    return std::make_unique<JsonLinesReader>(path);
  }
  if (ends_with(".npy")) return std::make_unique<NpyReader>(path);
  if (ends_with(".fvecs")) return std::make_unique<VecsReader>(path, ElementType::kFloat32);
  if (ends_with(".bvecs")) return std::make_unique<VecsReader>(path, ElementType::kUint8);
  throw Failure(Status::InvalidArgument(
      path + ": the name ends in none of .fvecs, .bvecs, .npy, .jsonl (and is not -)"));
}

std::vector<std::vector<float>> ReadVectors(const std::string& path) {
  std::vector<std::vector<float>> vectors;
  const std::unique_ptr<RowReader> rows = OpenRows(path);
  Row row;
  while (rows->Next(row)) {
    if (!row.status.ok()) {
      throw Failure(Status(row.status.code(), path + ": " + rows->Name(row.number) + ": " +
                                                  std::string(row.status.message())));
    }
    vectors.push_back(std::move(row.vector));
  }
  return vectors;
}

}  // namespace engram::tool
