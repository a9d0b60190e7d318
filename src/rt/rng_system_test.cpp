#include "rt/rng_system.h"

#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <set>
#include <thread>

namespace kith::rt {
namespace {

TEST(SystemRng, FillsEverySize) {
  SystemRng rng;
  for (const std::size_t size : {0u, 1u, 31u, 511u, 512u, 4095u, 100'000u}) {
    Bytes bytes(size, 0);
    rng.fill(bytes);
    std::size_t ones = 0;
    for (const std::uint8_t byte : bytes) ones += static_cast<std::size_t>(std::popcount(byte));
    // Within 8 standard deviations of a half.
    const double deviation = std::abs(static_cast<double>(ones) - 4.0 * static_cast<double>(size));
    EXPECT_LE(deviation * deviation, 64 * 2.0 * static_cast<double>(size)) << size;
  }
}

TEST(SystemRng, NeverRepeats) {
  SystemRng rng;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(rng.next()).second);
}

TEST(SystemRng, AForkedChildDrawsItsOwn) {
  SystemRng rng;
  rng.next();  // the buffer is filled before the fork
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::uint64_t drawn = rng.next();
    ::_exit(::write(ends[1], &drawn, sizeof drawn) == sizeof drawn ? 0 : 1);
  }
  std::uint64_t theirs = 0;
  ASSERT_EQ(::read(ends[0], &theirs, sizeof theirs), static_cast<ssize_t>(sizeof theirs));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_NE(rng.next(), theirs);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(SystemRng, IsHandedOver) {
  SystemRng rng;
  rng.next();
  rng.hand_over();
  std::thread([&] { rng.next(); }).join();
}

TEST(SystemRngDeathTest, IsOfOneThread) {
  SystemRng rng;
  rng.next();
  EXPECT_DEATH(std::thread([&] { rng.next(); }).join(), "assertion failed");
}

}  // namespace
}  // namespace kith::rt
