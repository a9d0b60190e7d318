// Randomness of the operating system (getrandom), fit for keys. Small draws come from a buffer of
// one page that is wiped byte by byte as it is given out, and that the kernel empties in a forked
// child (MADV_WIPEONFORK), so that no two processes ever draw the same bytes.
//
// One thread: two that drew at once could get the same bytes, so that the first that draws is the
// only one that may; another one is an assertion.
#pragma once

#include <thread>

#include "base/rng.h"

namespace kith::rt {

class SystemRng final : public base::Rng {
 public:
  SystemRng();
  ~SystemRng() override;
  SystemRng(const SystemRng&) = delete;
  SystemRng& operator=(const SystemRng&) = delete;

  void fill(ByteSpan out) override;
  /// Whoever draws next is the one that may. REQUIRES: nobody draws now.
  void hand_over() { user_ = {}; }

 private:
  struct Page;
  Page* page_;
  std::thread::id user_;
};

}  // namespace kith::rt
