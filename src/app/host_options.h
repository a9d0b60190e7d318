// What an embedding program asks of its Host, as the engine's settings.
#pragma once

#include <kith/host.h>

#include "app/engine.h"

namespace kith::app {

/// All but the home, which the host opens. Errors: `usage`, with the option that is out of bounds;
/// what addresses and keys say of their texts.
Result<EngineConfig> engine_config(const HostOptions& options);

}  // namespace kith::app
