// What this build is: its version, as the public header states it. A floor-0 face, so that
// identify's agent string, the CLI and the API all say the same.
#pragma once

#include <string_view>

namespace kith::base {

/// "0.1.0"
std::string_view version();
/// "kith/0.1.0": what identify tells peers.
std::string_view agent_version();

}  // namespace kith::base
