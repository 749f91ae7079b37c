// What a program does with an installed Engram. usage: consumer DIRECTORY, which must not be there.
// Exit 0 when all of it works.
#include <engram/store.h>
#include <engram/version.h>

#include <iostream>
#include <string>
#include <vector>

namespace {

int Fail(const std::string& what) {
  std::cerr << "consumer: " << what << "\n";
  return 1;
}

std::string HeaderVersion() {
  return std::to_string(ENGRAM_VERSION_MAJOR) + "." + std::to_string(ENGRAM_VERSION_MINOR) + "." +
         std::to_string(ENGRAM_VERSION_PATCH);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return Fail("needs a directory");
  if (engram::LibraryVersion() != HeaderVersion()) return Fail("headers of another version");

  engram::Options options;
  options.dimensions = 2;
  options.error_if_exists = true;
  engram::Result<engram::Store> store = engram::Store::Open(argv[1], options);
  if (!store.ok()) return Fail(store.status().ToString());

  for (const std::vector<float>& vector : {std::vector{1.0F, 0.0F}, std::vector{0.0F, 1.0F}}) {
    engram::NewPattern pattern;
    pattern.vector = vector;
    pattern.metadata = {{"first", static_cast<double>(vector[0])}};
    const engram::Result<engram::PatternId> id = store->Insert(pattern);
    if (!id.ok()) return Fail(id.status().ToString());
  }

  const std::vector<float> query = {0.9F, 0.2F};
  engram::SearchOptions nearest;
  nearest.k = 1;
  nearest.include_metadata = true;
  const engram::Result<engram::SearchResult> found = store->Search(query, nearest);
  if (!found.ok()) return Fail(found.status().ToString());
  const engram::Metadata expected = {{"first", 1.0}};
  if (found->hits.size() != 1 || found->hits[0].metadata != expected) return Fail("another hit");

  const engram::Status closed = store->Close();
  return closed.ok() ? 0 : Fail(closed.ToString());
}
