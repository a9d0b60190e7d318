#include "base/version.h"

#include <kith/version.h>

namespace kith::base {

std::string_view version() { return KITH_VERSION; }
std::string_view agent_version() { return "kith/" KITH_VERSION; }

}  // namespace kith::base

namespace kith {

const char* version() noexcept { return KITH_VERSION; }

}  // namespace kith
