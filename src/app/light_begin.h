// A light client for one verb: it trusts what the arguments say, and the proof at hand fits that.
// In cmd_light.cpp.
#pragma once

#include "cli/args.h"
#include "light/client.h"

namespace kith::app {

/// Of `args` only what says what is trusted: genesis, checkpoint, state, trusting_period,
/// trusts_old_keys.
Result<light::LightClient> begin_light(const cli::LightVerifyArgs& args,
                                       const codec::ChainProof& proof);
/// As verify() of a client wants it.
WallTime light_time();

}  // namespace kith::app
