// libsodium must be initialised before use: it then chooses its implementations by what the CPU
// has. Whatever in this folder calls it begins with sodium_ready(). Internal to crypto/.
#pragma once

namespace kith::crypto {

/// Initialises libsodium on the first call, in any thread; afterwards costs one load.
void sodium_ready();

}  // namespace kith::crypto
