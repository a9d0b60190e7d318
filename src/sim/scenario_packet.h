// The scenario "packet" (scenario.h): sessions of the packet transport, packet::Endpoint and
// secure::Session with all of their parts and nothing above them, between nodes that lose, repeat,
// bend and delay each other's packets, move, die and are attacked (scenario_packet_field.h). It
// ends when so many sessions have carried all that they had to, at least 1 MiB each; the duration
// that is asked for is not looked at. 4 to 1,000 nodes.
//
// Settings, all optional:
//   sessions=200   that carry all of it; those that fail for a cause come on top
//   at_once=200    at most; never more than a quarter of the pairs of nodes
//   bytes=1048576  of each, at least
//   attacks=on     off: no attacker
//   restarts=on    off: no process dies
//   forgives_moves=on  off: a timeout after a move is a violation as any other
//   days=14        instead: one session that lasts so long (scenario_packet_long.h)
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

Result<ScenarioResult> run_packet(const ScenarioOptions& options);

}  // namespace kith::sim
