#include "rt/rng_system.h"

#include <string.h>  // explicit_bzero
#include <sys/mman.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>

namespace kith::rt {
namespace {

constexpr std::size_t page_bytes = 4096;
/// From here on the copy through the buffer costs more than the system call.
constexpr std::size_t direct_bytes_min = 512;

// Blocks only while the machine has never had entropy. It cannot fail on a kernel of this century,
// and a node that has no randomness must not go on.
void draw(ByteSpan out) {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    ASSERT(count > 0);
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

// `left` lives inside the page: a fork's child finds it zero, and draws anew.
struct SystemRng::Page {
  std::size_t left;
  std::uint8_t bytes[page_bytes - sizeof(std::size_t)];
};

SystemRng::SystemRng() {
  void* memory =
      ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT(memory != MAP_FAILED);
  page_ = static_cast<Page*>(memory);
  // Where the kernel cannot promise this (before 4.14) nothing is buffered: see fill().
  page_->left = 0;
  if (::madvise(memory, page_bytes, MADV_WIPEONFORK) != 0) {
    ::munmap(memory, page_bytes);
    page_ = nullptr;
  }
}

SystemRng::~SystemRng() {
  if (page_ == nullptr) return;
  ::explicit_bzero(page_, page_bytes);
  ::munmap(page_, page_bytes);
}

void SystemRng::fill(ByteSpan out) {
  if (user_ == std::thread::id()) user_ = std::this_thread::get_id();
  ASSERT(user_ == std::this_thread::get_id());
  if (page_ == nullptr || out.size() >= direct_bytes_min) return draw(out);
  if (page_->left < out.size()) {
    draw(page_->bytes);
    page_->left = sizeof page_->bytes;
  }
  std::uint8_t* const from = page_->bytes + (page_->left - out.size());
  if (!out.empty()) std::memcpy(out.data(), from, out.size());
  ::explicit_bzero(from, out.size());
  page_->left -= out.size();
}

}  // namespace kith::rt
