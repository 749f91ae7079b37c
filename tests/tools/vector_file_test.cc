#include "tools/engram/vector_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "tests/support/temp_dir.h"
#include "tools/engram/context.h"

namespace engram::tool {
namespace {

template <typename T>
std::string Raw(const std::vector<T>& values) {
  std::string raw(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(raw.data(), values.data(), raw.size());
  return raw;
}

std::string Fvec(const std::vector<float>& vector) {
  return Raw(std::vector<std::int32_t>{static_cast<std::int32_t>(vector.size())}) + Raw(vector);
}

std::string Npy(const std::string& dictionary, const std::string& data, char version = 1) {
  const auto length = static_cast<std::uint32_t>(dictionary.size());
  const std::string raw_length = Raw(std::vector<std::uint32_t>{length});
  return std::string("\x93NUMPY") + version + '\0' + raw_length.substr(0, version == 1 ? 2 : 4) +
         dictionary + data;
}

class VectorFile : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(dir_.File(name), std::ios::binary) << content;
    return dir_.File(name);
  }

  static std::vector<Row> ReadAll(const std::string& path) {
    const std::unique_ptr<RowReader> reader = OpenRows(path);
    std::vector<Row> rows;
    Row row;
    while (reader->Next(row)) rows.push_back(row);
    return rows;
  }

  // What reading the file to its end fails with.
  static Status FailureOf(const std::string& path) {
    try {
      ReadAll(path);
    } catch (const Failure& e) {
      return e.status();
    }
    return {};
  }

  static void ExpectFailure(const std::string& path, Code code, const std::string& part) {
    const Status status = FailureOf(path);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(part), std::string_view::npos) << status;
    EXPECT_TRUE(status.message().starts_with(path)) << status;
  }

  TempDir dir_;
};

TEST_F(VectorFile, ReadsFvecsAndBvecs) {
  const auto rows = ReadAll(Write("a.fvecs", Fvec({1, 2.5F}) + Fvec({-3, 4})));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].vector, (std::vector<float>{-3, 4}));
  EXPECT_EQ(rows[1].number, 2U);
  const auto bytes = ReadAll(Write("a.bvecs", std::string("\3\0\0\0\0\x7f\xff", 7)));
  ASSERT_EQ(bytes.size(), 1U);
  EXPECT_EQ(bytes[0].vector, (std::vector<float>{0, 127, 255}));
}

TEST_F(VectorFile, AnEmptyVecsFileHasNoRowsAndNoDimensions) {
  const std::string path = Write("a.fvecs", "");
  EXPECT_TRUE(ReadAll(path).empty());
  EXPECT_FALSE(OpenRows(path)->dimensions().has_value());
}

TEST_F(VectorFile, ATruncatedVecsFileIsRefusedAtEveryLengthWithBothSizes) {
  const std::string content = Fvec({1, 2}) + Fvec({3, 4});
  for (std::size_t length = 1; length < content.size(); ++length) {
    if (length == 12) continue;  // one whole row
    const std::string path = Write("a.fvecs", content.substr(0, length));
    ExpectFailure(path, Code::kInvalidArgument, "truncated: found " + std::to_string(length));
  }
  ExpectFailure(Write("a.fvecs", content.substr(0, 13)), Code::kInvalidArgument,
                "expected 24 bytes");
}

TEST_F(VectorFile, VecsRowsOfOtherOrImpossibleLengthAreRefused) {
  ExpectFailure(Write("a.fvecs", Fvec({1, 2}) + Fvec({3}) + Fvec({})), Code::kInvalidArgument,
                "row 2 has 1 components, the rows before it have 2");
  ExpectFailure(Write("b.fvecs", Fvec({})), Code::kInvalidArgument, "says it has 0 components");
  ExpectFailure(Write("c.fvecs", "\xff\xff\xff\xff"), Code::kInvalidArgument, "says it has -1");
}

TEST_F(VectorFile, ReadsNpyOfEveryTypeAndVersion) {
  const auto dictionary = [](const std::string& type) {
    return "{'descr': '" + type + "', 'fortran_order': False, 'shape': (2, 2), }\n";
  };
  const std::vector<float> second = {3, -4};
  const auto f4 =
      ReadAll(Write("a.npy", Npy(dictionary("<f4"), Raw(std::vector<float>{1, 2, 3, -4}))));
  const auto f2 = ReadAll(Write(
      "b.npy",
      Npy(dictionary("<f2"), Raw(std::vector<std::uint16_t>{0x3c00, 0x4000, 0x4200, 0xc400}), 2)));
  const auto i1 = ReadAll(
      Write("c.npy", Npy(dictionary("|i1"), Raw(std::vector<std::int8_t>{1, 2, 3, -4}), 3)));
  const auto u1 =
      ReadAll(Write("d.npy", Npy(dictionary("|u1"), Raw(std::vector<std::uint8_t>{1, 2, 3, 252}))));
  for (const auto& rows : {f4, f2, i1}) {
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[1].vector, second);
  }
  ASSERT_EQ(u1.size(), 2U);
  EXPECT_EQ(u1[1].vector, (std::vector<float>{3, 252}));
}

TEST_F(VectorFile, AnNpyFileOfAnotherSizeThanItSaysIsRefused) {
  const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
  const std::string content = Npy(dictionary, Raw(std::vector<float>{1, 2, 3, 4}));
  for (std::size_t length = 0; length < content.size(); ++length) {
    EXPECT_EQ(FailureOf(Write("a.npy", content.substr(0, length))).code(), Code::kInvalidArgument)
        << length;
  }
  ExpectFailure(Write("a.npy", content.substr(0, content.size() - 1)), Code::kInvalidArgument,
                "truncated: found " + std::to_string(content.size() - 1) + " bytes, expected " +
                    std::to_string(content.size()));
  ExpectFailure(Write("a.npy", content + "x"), Code::kInvalidArgument, "too long");
  ExpectFailure(Write("a.npy", "PK\3\4 this is something else"), Code::kInvalidArgument,
                "not an .npy file");
  ExpectFailure(Write("a.npy", Npy(dictionary, "", 9)), Code::kNotSupported, ".npy version 9");
}

TEST_F(VectorFile, ReadsJsonLinesWithEverythingTheyMayHave) {
  const auto rows = ReadAll(
      Write("a.jsonl",
            "{\"vector\": [1, 2]}\n\n  \r\n"
            "{\"vector\":[3,4],\"metadata\":{\"a\":1},\"timestamp\":\"2024-05-01T12:00:00Z\","
            "\"type\":7,\"id\":42}\r\n"
            "{\"vector\":[5,6],\"timestamp\":1500,\"metadata\":null}"));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].number, 4U);
  EXPECT_EQ(rows[1].vector, (std::vector<float>{3, 4}));
  EXPECT_EQ(*rows[1].metadata.at("a").As<std::int64_t>(), 1);
  EXPECT_EQ(rows[1].type, 7U);
  EXPECT_EQ(rows[1].id, 42U);
  EXPECT_TRUE(rows[1].timestamp.has_value());
  EXPECT_EQ(rows[2].timestamp, Timestamp(std::chrono::milliseconds(1500)));
  EXPECT_FALSE(rows[0].timestamp.has_value() || rows[0].id.has_value());
}

TEST_F(VectorFile, ABadJsonLineIsSaidAndTheNextOneRead) {
  const std::vector<std::string> bad = {"nonsense",
                                        "[1,2]",
                                        "{}",
                                        "{\"vector\":3}",
                                        "{\"vector\":[1,2],\"metadata\":[]}",
                                        "{\"vector\":[1,2],\"timestamp\":\"noon\"}",
                                        "{\"vector\":[1,2],\"type\":-1}",
                                        "{\"vector\":[1,2],\"id\":\"x\"}",
                                        "{\"vector\":[1,2],\"color\":\"red\"}"};
  std::string content;
  for (const std::string& line : bad) content += line + "\n";
  const auto rows = ReadAll(Write("a.jsonl", content + "{\"vector\":[1,2]}\n"));
  ASSERT_EQ(rows.size(), bad.size() + 1);
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(rows[i].status.code(), Code::kInvalidArgument) << bad[i];
    EXPECT_TRUE(rows[i].vector.empty());
    EXPECT_EQ(rows[i].number, i + 1);
  }
  EXPECT_TRUE(rows.back().status.ok());
}

TEST_F(VectorFile, LinesLongerThanTheReadBufferAreWhole) {
  std::string line = "{\"vector\":[0";
  for (int i = 1; i < 200000; ++i) line += ",1";
  const auto rows = ReadAll(Write("a.jsonl", line + "]}\n" + line + "]}"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].vector.size(), 200000U);
  EXPECT_EQ(rows[1].vector, rows[0].vector);
}

TEST_F(VectorFile, FilesThatCannotBeReadAreNamed) {
  ExpectFailure(dir_.File("missing.npy"), Code::kNotFound, "No such file");
  ExpectFailure(Write("a.csv", "1,2"), Code::kInvalidArgument, ".fvecs, .bvecs, .npy, .jsonl");
  const TempDir directory;
  EXPECT_EQ(FailureOf(directory.path() + "/.").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace engram::tool
