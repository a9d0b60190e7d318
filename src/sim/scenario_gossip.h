// The scenario "gossip" (scenario.h): messages from everywhere to everybody, and what each costs.
//
// Settings, all optional:
//   variant=choke|idontwant|push   what nodes speak: all of it, gossipsub 1.2, or bodies only
//   bytes=1KiB                     of a message
//   period=250ms                   between two messages
//   droppers=0.2                   the share of nodes that take part and hand nothing on
//   announcers=0.2                 …or that announce messages and give them to nobody
//   loss=0.01                      of packets
//   fastest=3                      the choke's K
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

Result<ScenarioResult> run_gossip(const ScenarioOptions& options);

}  // namespace kith::sim
