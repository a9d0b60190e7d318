// ASSERT: our own bug, never a peer's fault. Stays on in release builds: a node that has lost an
// invariant must stop rather than go on and sign. What a peer or a user does wrong is a Result.
#pragma once

namespace kith::base {

/// Prints the failed condition and where it stands, then aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace kith::base

#define ASSERT(condition) \
  ((condition) ? (void)0 : ::kith::base::assertion_failed(#condition, __FILE__, __LINE__))
#define UNREACHABLE() ::kith::base::assertion_failed("unreachable", __FILE__, __LINE__)
