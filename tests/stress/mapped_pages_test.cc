// Pages in private views of the file, under readers that take no lock, a writer, checkpoints that
// drop copies, growth, and a system that takes pages back: each word says which page it is of and
// which version, and a reader knows which version is the oldest it may see. The same with each of
// two wrong orders shows that the readers would notice.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/base/mutex.h"
#include "storage/base/posix_file.h"
#include "storage/base/test_hooks.h"
#include "storage/base/uring_file_system.h"
#include "storage/page_file.h"
#include "storage/page_space.h"
#include "tests/storage/page_file_fixture.h"
#include "tests/support/counts.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::uint32_t kPages = 512;       // at the beginning
constexpr std::uint32_t kMostPages = 2048;  // grown to this
constexpr std::uint32_t kGrowth = 128;
constexpr std::uint32_t kPagesOfACommit = 30;
constexpr std::uint64_t kSliceBytes = 256 << 10;
constexpr int kReaders = 2;

// Word `index` of `page` in version `version`; never 0.
constexpr std::uint64_t WordOf(std::uint64_t page, std::uint64_t version, std::uint64_t index) {
  return (page + 1) << 40 | version << 10 | index;
}
constexpr std::uint64_t VersionOf(std::uint64_t word) { return word >> 10 & 0x3fffffff; }

enum class Order { kRight, kDropBeforeWrite, kDropRedirtied };

class MappedPagesTest : public testing::Test {
 protected:
  ~MappedPagesTest() override { SetMutant(Mutant::kNone); }

  void SetUp() override {
    ASSERT_TRUE(PageFile::Create(*files_, path_, FirstSuperblock()).ok());
    auto opened = PageFile::Open(*files_, path_, OpenMode::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    file_ = std::move(*opened);
    page_bytes_ = file_->PageBytes(SegmentKind::kNodes);
    words_ = (page_bytes_ - kPageHeaderBytes) / sizeof(std::uint64_t);
    auto space = PageSpace::Create(kTestStoreId, {page_bytes_, page_bytes_, 4096, 4096},
                                   std::uint64_t{kMostPages} * page_bytes_, {file_.get(), 0});
    ASSERT_TRUE(space.ok()) << space.status();
    space_ = std::move(*space);
    MutexLock role(role_);
    Grow(kPages);
  }

  void Grow(std::uint32_t pages) ENGRAM_REQUIRES(role_) {
    const std::uint32_t first = file_->PageCount(SegmentKind::kNodes);
    const auto extent = file_->ReserveExtent(SegmentKind::kNodes, pages);
    ASSERT_TRUE(extent.ok()) << extent.status();
    ASSERT_TRUE(space_->AddExtent(first, *extent).ok());
    ASSERT_TRUE(file_->AddExtent(file_->ExtentCount(SegmentKind::kNodes), *extent).ok());
    for (std::uint32_t page = first; page < first + pages; ++page) Put(page, 1);
    count_.store(first + pages, std::memory_order_release);  // pairs with the readers' acquire
  }

  std::atomic_ref<std::uint64_t> Word(std::uint32_t page, std::size_t index) {
    std::byte* at = space_->mutable_base(SegmentKind::kNodes) + std::size_t{page} * page_bytes_ +
                    kPageHeaderBytes + index * sizeof(std::uint64_t);
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at));
  }

  void Put(std::uint32_t page, std::uint64_t version) ENGRAM_REQUIRES(role_) {
    space_->MutablePage({SegmentKind::kNodes, static_cast<PageId>(page)},
                        static_cast<Lsn>(version));
    for (std::size_t i = 0; i < words_; ++i) {
      Word(page, i).store(WordOf(page, version, i), std::memory_order_relaxed);
    }
    published_[page].store(version, std::memory_order_release);  // pairs with the readers' acquire
  }

  void Write() {
    std::mt19937_64 random(TestSeed(1));
    while (!stop_) {
      MutexLock role(role_);
      const std::uint32_t count = count_.load(std::memory_order_relaxed);
      if (random() % 64 == 0 && count + kGrowth <= kMostPages) Grow(kGrowth);
      for (std::uint32_t i = 0; i < kPagesOfACommit; ++i) {
        const auto page = static_cast<std::uint32_t>(random() % count);
        Put(page, published_[page].load(std::memory_order_relaxed) + 1);
      }
      ++commits_;
    }
  }

  void Read(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uint64_t words = 0;
    while (!stop_) {
      const auto page =
          static_cast<std::uint32_t>(random() % count_.load(std::memory_order_acquire));
      const std::uint64_t oldest = published_[page].load(std::memory_order_acquire);
      for (std::size_t i = 0; i < 16; ++i, ++words) {
        const std::size_t index = i == 0 ? 0 : i == 1 ? words_ - 1 : random() % words_;
        const std::uint64_t word = Word(page, index).load(std::memory_order_relaxed);
        if (word != WordOf(page, VersionOf(word), index)) ++foreign_;
        if (VersionOf(word) < oldest) ++stale_;
      }
    }
    words_read_ += words;
  }

  // The system needs memory.
  void Evict() {
    const auto fd = OpenDescriptor(path_, O_RDONLY);
    ASSERT_TRUE(fd.ok()) << fd.status();
    while (!stop_) {
      ::posix_fadvise(fd->get(), 0, 0, POSIX_FADV_DONTNEED);
      ::madvise(space_->mutable_base(SegmentKind::kNodes),
                std::size_t{count_.load(std::memory_order_acquire)} * page_bytes_, MADV_PAGEOUT);
      std::this_thread::yield();
    }
  }

  void Drop(const PageSpace::Images& images) {
    std::size_t next = 0;
    for (bool done = false; !done;) {
      MutexLock role(role_);
      done = space_->DropCopies(images.refs, next, kSliceBytes / 4);
    }
  }

  void Checkpoint(Order order) {
    PageSpace::Images images;
    PageSpace::Cursor cursor;
    for (bool last = false; !last;) {
      MutexLock role(role_);
      last = space_->TakeImages(cursor, kSliceBytes, images);
    }
    std::vector<PageImage> sealed;
    for (std::size_t i = 0; i < images.refs.size(); ++i) {
      SealPage(images.pages[i], kTestStoreId);
      sealed.push_back({images.refs[i], images.pages[i]});
    }
    if (order == Order::kDropBeforeWrite) Drop(images);
    ASSERT_TRUE(file_->WritePages(sealed).ok());
    ASSERT_TRUE(file_->Sync().ok());
    Drop(images);
    dropped_ += images.refs.size();
  }

  // Until so many checkpoints are made, or somebody saw something wrong.
  void Run(Order order, int checkpoints) {
    SetMutant(order == Order::kDropRedirtied ? Mutant::kDropRedirtied : Mutant::kNone);
    std::vector<std::thread> threads;
    threads.emplace_back([this] { Write(); });
    threads.emplace_back([this] { Evict(); });
    for (int i = 0; i < kReaders; ++i) {
      threads.emplace_back([this, i] { Read(static_cast<std::uint64_t>(i)); });
    }
    for (int i = 0; i < checkpoints && !Wrong() && !HasFailure(); ++i) {
      const std::uint64_t before = commits_;
      while (commits_ < before + 20) std::this_thread::yield();
      Checkpoint(order);
    }
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    PrintCounts({{"words read", words_read_}, {"commits", commits_}, {"pages dropped", dropped_}});
  }

  bool Wrong() const { return foreign_ > 0 || stale_ > 0; }

  TempDir dir_;
  const std::string path_ = dir_.File("graph.engram");
  std::shared_ptr<FileSystem> files_ = MakeBestFileSystem();
  std::unique_ptr<PageFile> file_;
  std::unique_ptr<PageSpace> space_;
  std::uint32_t page_bytes_ = 0;
  std::size_t words_ = 0;  // of a page, behind its header
  Mutex role_;
  std::atomic<std::uint32_t> count_{0};
  std::vector<std::atomic<std::uint64_t>> published_ =
      std::vector<std::atomic<std::uint64_t>>(kMostPages);
  // Sequentially consistent: counters of a test.
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> words_read_{0};
  std::atomic<std::uint64_t> foreign_{0};  // zeros, or of another page
  std::atomic<std::uint64_t> stale_{0};    // older than published
  std::uint64_t dropped_ = 0;
};

TEST_F(MappedPagesTest, ReadersSeeWhatWasPublishedWhateverIsDropped) {
  ASSERT_NO_FATAL_FAILURE(Run(Order::kRight, 8));
  EXPECT_EQ(foreign_, 0u);
  EXPECT_EQ(stale_, 0u);
  EXPECT_GT(dropped_, kPages);
  ASSERT_NO_FATAL_FAILURE(Checkpoint(Order::kRight));
  EXPECT_EQ(space_->copied_bytes(), 0u);
  for (std::uint32_t page = 0; page < count_; ++page) {
    for (std::size_t i = 0; i < words_; ++i) {
      ASSERT_EQ(Word(page, i).load(std::memory_order_relaxed), WordOf(page, published_[page], i))
          << "page " << page;
    }
  }
}

TEST_F(MappedPagesTest, ADropBeforeTheWriteIsNoticed) {
  ASSERT_NO_FATAL_FAILURE(Run(Order::kDropBeforeWrite, 2000));
  EXPECT_TRUE(Wrong());
}

TEST_F(MappedPagesTest, ADropOfPagesChangedAgainIsNoticed) {
  ASSERT_NO_FATAL_FAILURE(Run(Order::kDropRedirtied, 2000));
  EXPECT_TRUE(Wrong());
}

}  // namespace
}  // namespace engram
