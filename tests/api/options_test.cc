#include <engram/options.h>

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace engram {
namespace {

struct Case {
  const char* field;
  std::function<void(Options&)> set;
  bool valid;
};

TEST(Options, EachBoundIsKept) {
  const Case cases[] = {
      {"dimensions", [](Options& o) { o.dimensions = 16384; }, true},
      {"dimensions", [](Options& o) { o.dimensions = 16385; }, false},
      {"m", [](Options& o) { o.m = 0; }, true},
      {"m", [](Options& o) { o.m = 2; }, true},
      {"m", [](Options& o) { o.m = 1; }, false},
      {"m", [](Options& o) { o.m = 128; }, true},
      {"m", [](Options& o) { o.m = 129; }, false},
      {"ef_construction", [](Options& o) { o.ef_construction = 0; }, true},
      {"ef_construction", [](Options& o) { o.ef_construction = 65537; }, false},
      {"ef", [](Options& o) { o.ef = 0; }, true},
      {"ef", [](Options& o) { o.ef = 65537; }, false},
      {"max_elements", [](Options& o) { o.max_elements = 0xfffffffe; }, true},
      {"max_elements", [](Options& o) { o.max_elements = 0xffffffff; }, false},
      {"log_segment_bytes", [](Options& o) { o.log_segment_bytes = 65535; }, false},
      {"checkpoint_log_bytes", [](Options& o) { o.checkpoint_log_bytes = 1; }, false},
      {"journal_bytes", [](Options& o) { o.journal_bytes = 4096; }, false},
      {"metadata_buffer_bytes", [](Options& o) { o.metadata_buffer_bytes = 1; }, false},
      {"background_threads", [](Options& o) { o.background_threads = 2; }, false},
      {"search_threads", [](Options& o) { o.search_threads = 257; }, false},
      {"scrub_bytes_per_second", [](Options& o) { o.scrub_bytes_per_second = 0; }, true},
      {"scrub_bytes_per_second", [](Options& o) { o.scrub_bytes_per_second = 1ull << 40; }, true},
      {"scrub_bytes_per_second", [](Options& o) { o.scrub_bytes_per_second = (1ull << 40) + 1; },
       false},
      {"audit_interval", [](Options& o) { o.audit_interval = std::chrono::seconds(0); }, true},
      {"audit_interval", [](Options& o) { o.audit_interval = std::chrono::seconds(-1); }, false},
      {"audit_interval", [](Options& o) { o.audit_interval = std::chrono::seconds(31'622'400); },
       true},
      {"audit_interval", [](Options& o) { o.audit_interval = std::chrono::seconds(31'622'401); },
       false},
      {"sync_interval", [](Options& o) { o.sync_interval = std::chrono::milliseconds(0); }, false},
      {"metric", [](Options& o) { o.metric = static_cast<Metric>(9); }, false},
      {"durability", [](Options& o) { o.durability = static_cast<Durability>(0); }, false},
      {"residency", [](Options& o) { o.residency = Residency::kMapped; }, true},
      {"residency", [](Options& o) { o.residency = static_cast<Residency>(3); }, false},
      {"indexed_fields",
       [](Options& o) {
         o.indexed_fields = {"a", "a"};
       },
       false},
      {"indexed_fields", [](Options& o) { o.indexed_fields = {""}; }, false},
      {"indexed_fields", [](Options& o) { o.indexed_fields.assign(65, "x"); }, false},
  };
  for (const Case& c : cases) {
    Options options;
    c.set(options);
    const Status status = options.Validate();
    EXPECT_EQ(status.ok(), c.valid) << c.field << ": " << status;
    if (!c.valid) {
      EXPECT_EQ(status.code(), Code::kInvalidArgument);
      EXPECT_NE(status.message().find(c.field), std::string_view::npos) << status;
    }
  }
}

TEST(Options, PresetsAreValidAndAsDocumented) {
  EXPECT_TRUE(Options().Validate().ok());
  EXPECT_TRUE(Options::HighAccuracy().Validate().ok());
  EXPECT_EQ(Options::HighAccuracy().m, 32u);
  EXPECT_EQ(Options::HighAccuracy().ef, 500u);
  EXPECT_TRUE(Options::HighSpeed().Validate().ok());
  EXPECT_EQ(Options::HighSpeed().m, 8u);
  EXPECT_EQ(Options::HighSpeed().ef_construction, 50u);
}

}  // namespace
}  // namespace engram
