// fmt for the core: `base::format("{} of {}", a, b)` builds the sentence of an Error. The only
// other header that names fmt is log.h.
#pragma once

#include <fmt/format.h>

namespace kith::base {
using fmt::format;
}  // namespace kith::base
