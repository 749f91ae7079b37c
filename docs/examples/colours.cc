#include <engram/store.h>

#include <iostream>

int main() {
  engram::Options options;
  options.dimensions = 3;
  options.metric = engram::Metric::kCosine;
  auto store = engram::Store::Open("palette", options);
  if (!store.ok()) return std::cerr << store.status() << "\n", 1;

  const float orange[] = {1.0F, 0.5F, 0.0F};
  const auto id =
      store->Insert({.vector = orange, .metadata = {{"name", "orange"}}});  // on disk now
  const float question[] = {0.9F, 0.6F, 0.1F};
  const auto found = store->Search(question, {.k = 5, .include_metadata = true});
  if (!id.ok() || !found.ok()) return std::cerr << id.status() << found.status() << "\n", 1;
  for (const engram::Hit& hit : found->hits) std::cout << hit.id << " " << hit.distance << "\n";
}
