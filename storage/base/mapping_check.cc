#include "storage/base/mapping_check.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "storage/base/address_space.h"
#include "storage/base/aligned_buffer.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::byte kOld{0x41};
constexpr std::byte kNew{0x42};
constexpr std::byte kOwn{0x50};

// A view of the file, and what is seen in it.
class Trial {
 public:
  Trial(File& file, AddressSpace space) : file_(file), space_(std::move(space)) {}

  Status Run() {
    ENGRAM_RETURN_IF_ERROR(Write(0, kOld));
    ENGRAM_RETURN_IF_ERROR(Write(1, kOld));
    ENGRAM_RETURN_IF_ERROR(space_.MapFile(file_, 0, 2 * kPage, 0));
    ENGRAM_RETURN_IF_ERROR(Expect(0, kOld, "what the file holds is not seen in a private view"));

    ENGRAM_RETURN_IF_ERROR(Write(0, kNew));
    ENGRAM_RETURN_IF_ERROR(
        Expect(0, kNew, "what is written to the file is not seen in a private view of it"));

    Page(1)[0] = kOwn;
    ENGRAM_RETURN_IF_ERROR(Write(1, kNew));
    ENGRAM_RETURN_IF_ERROR(
        Expect(1, kOwn, "what is written to the file is seen under a page that was written"));
    // Where memory is locked, copies stay: the store then takes more of it, and works.
    if (space_.Drop(kPage, kPage)) {
      ENGRAM_RETURN_IF_ERROR(
          Expect(1, kNew, "a page that was dropped does not show what the file holds"));
    }

    ENGRAM_RETURN_IF_ERROR(file_.Allocate(2 * kPage, kPage));
    ENGRAM_RETURN_IF_ERROR(space_.MapFile(file_, 2 * kPage, kPage, 2 * kPage));
    ENGRAM_RETURN_IF_ERROR(Expect(2, std::byte{0}, "a file that grew does not show zeros"));
    ENGRAM_RETURN_IF_ERROR(Write(2, kNew));
    return Expect(2, kNew, "what is written behind the old end of the file is not seen");
  }

 private:
  std::byte* Page(std::size_t page) { return space_.base() + page * kPage; }

  Status Write(std::size_t page, std::byte value) {
    AlignedBuffer bytes(kPage);
    std::fill(bytes.span().begin(), bytes.span().end(), value);
    return file_.WriteAt(page * kPage, bytes.span());
  }

  Status Expect(std::size_t page, std::byte value, const char* what) {
    // The compiler knows nothing of a view that changes: relaxed, there is one thread.
    std::byte* bytes = Page(page);
    for (const std::size_t at : {std::size_t{0}, kPage - 1}) {
      if (at != 0 && value == kOwn) continue;  // its first byte alone was written
      if (std::atomic_ref(bytes[at]).load(std::memory_order_relaxed) != value) {
        return Status::NotSupported("the file system of " + file_.path() +
                                    " is not fit for residency kMapped: " + what +
                                    "; open the store with kResident");
      }
    }
    return Status::Ok();
  }

  File& file_;
  AddressSpace space_;
};

Status Try(FileSystem& files, const std::string& path) {
  // One may be left over from a crash.
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kCreate));
  ENGRAM_RETURN_IF_ERROR(file->Truncate(0));
  ENGRAM_ASSIGN_OR_RETURN(AddressSpace space,
                          AddressSpace::Reserve(4 * kPage, 4 * kPage, AddressSpace::Pages::kSmall));
  return Trial(*file, std::move(space)).Run();
}

}  // namespace

Status CheckMapping(FileSystem& files, const std::string& path) {
  if (const long page = ::sysconf(_SC_PAGESIZE); page != static_cast<long>(kPage)) {
    return Status::NotSupported(
        "residency kMapped needs memory pages of 4096 bytes, the system's "
        "have " +
        std::to_string(page) + ": open the store with kResident");
  }
  const Status tried = Try(files, path);
  const Status removed = files.Unlink(path);
  return tried.ok() ? removed : tried;
}

}  // namespace engram
