#include "crypto/sodium_ready.h"

#include <sodium.h>

#include "base/assert.h"

namespace kith::crypto {

void sodium_ready() {
  static const int outcome = sodium_init();  // 0 the first time, 1 when an embedder did it before
  ASSERT(outcome >= 0);
}

}  // namespace kith::crypto
