// What a World keeps of one node. Private to world*.cpp.
#pragma once

#include <map>

#include "sim/world.h"

namespace kith::sim {

struct World::Node {
  NodeFactory factory;
  Log* log = nullptr;
  ClockSkew clock;
  std::uint32_t incarnation = 0;
  bool is_paused = false;
  bool datagrams_ready = false;  // DatagramsReady, and poll_datagrams has not given 0 since
  std::vector<Event> deferred;   // while paused
  Duration job_takes{0};
  PeerStore peers;
  ChainDisk chain;
  std::map<PeerId, peer::StoredQuality> quality;  // what was stored is on the disk at once
  std::map<PeerId, std::uint64_t> seqnos;         // likewise; as many authors as there are

  // The one deadline that the machine has, and the one event that will look at it: a deadline that
  // moves later leaves the event where it is, one that moves earlier outdates it.
  std::optional<Instant> deadline;  // by the world's clock
  std::optional<Instant> timer_at;
  std::uint32_t timer_generation = 0;

  std::unique_ptr<SeededRng> rng;               // outlives the machine
  std::unique_ptr<host::WorldMachine> machine;  // null while the node is down

  bool is_awake(std::uint32_t as_incarnation) const {
    return machine != nullptr && !is_paused && incarnation == as_incarnation;
  }
};

}  // namespace kith::sim
