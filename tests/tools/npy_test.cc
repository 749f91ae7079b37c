#include "tools/engram/npy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace engram::tool {
namespace {

TEST(Npy, ReadsTheDictionaryThatNumpyWrites) {
  const NpyHeader header =
      ParseNpyDictionary("{'descr': '<f2', 'fortran_order': False, 'shape': (10000, 128), }   \n")
          .value();
  EXPECT_EQ(header.type, ElementType::kFloat16);
  EXPECT_EQ(header.rows, 10000U);
  EXPECT_EQ(header.columns, 128U);
}

TEST(Npy, AnArrayOfOneAxisIsOneRow) {
  const NpyHeader header =
      ParseNpyDictionary("{'descr': '|u1', 'fortran_order': False, 'shape': (128,), }").value();
  EXPECT_EQ(header.type, ElementType::kUint8);
  EXPECT_EQ(header.rows, 1U);
  EXPECT_EQ(header.columns, 128U);
}

TEST(Npy, SaysWhichArraysAreNotRead) {
  for (const char* text : {
           "{'descr': '>f4', 'fortran_order': False, 'shape': (1, 2), }",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }",
           "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2), }",
           "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }",
       }) {
    EXPECT_EQ(ParseNpyDictionary(text).code(), Code::kNotSupported) << text;
  }
}

TEST(Npy, RefusesWhatIsNoSuchDictionary) {
  for (const char* text : {
           "",
           "{}",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1, 2), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2), }",
       }) {
    EXPECT_EQ(ParseNpyDictionary(text).code(), Code::kInvalidArgument) << text;
  }
}

TEST(Npy, HalvesAreExact) {
  EXPECT_EQ(HalfToFloat(0x0000), 0.0F);
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0F);
  EXPECT_EQ(HalfToFloat(0xc000), -2.0F);
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0F);
  EXPECT_EQ(HalfToFloat(0x0400), std::ldexp(1.0F, -14));
  EXPECT_EQ(HalfToFloat(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(HalfToFloat(0x83ff), -1023 * std::ldexp(1.0F, -24));
  EXPECT_TRUE(std::isinf(HalfToFloat(0x7c00)));
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7e01)));
}

}  // namespace
}  // namespace engram::tool
