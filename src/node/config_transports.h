// The keys of packets, sessions and WebSockets. Internal to config.cpp.
#pragma once

#include <string>
#include <vector>

#include "node/config.h"

namespace kith::node {

/// Adds a sentence for each thing that does not hold.
void check_transports(const Settings& settings, std::vector<std::string>& faults);
/// Puts what they say into the node's configuration.
void apply_transports(Settings& settings);

}  // namespace kith::node
