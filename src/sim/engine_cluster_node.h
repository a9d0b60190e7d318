// A node of an EngineCluster (sim/engine_cluster.h, whose private type this is): its disk, which
// crashes spare, and its process, which they do not. Only the sources of EngineCluster include it.
#pragma once

#include <deque>

#include "base/queue.h"
#include "sim/engine_cluster.h"

namespace kith::sim {

/// Under way to the disk.
struct EngineCluster::Write {
  Token token;
  std::vector<Bytes> records;
  bool is_anew = false;                     // the log begins again with these, at once or not
  std::optional<consensus::Commit> commit;  // blocks, in place of records
  codec::Epoch epoch;
};

/// Writes of one file in order; those of the two know nothing of each other.
struct EngineCluster::WriteQueue {
  std::deque<Write> writes;
  Instant free;
};

struct EngineCluster::Node {
  std::uint32_t index = 0;
  std::uint32_t key = 0;  // of the cluster's keys
  bool is_byzantine = false;
  Bend bend;
  Ear ear;
  Duration clock_offset{0};
  PeerId peer;
  // Durable.
  std::vector<Bytes> log;
  codec::Epoch log_epoch;
  std::optional<codec::Epoch> silent_through;  // its log was lost
  std::vector<consensus::FinalBlock> final;    // by height, from genesis
  std::vector<codec::BlockPtr> blocks;         // likewise; null for genesis
  WriteQueue log_writes, store_writes;         // under way
  // A copy of an earlier moment. What is final only grows, so that its height tells what it had.
  struct Backup {
    std::vector<Bytes> log;
    codec::Epoch log_epoch;
    std::uint64_t height = 0;
  };
  std::optional<Backup> backup;
  // Of this incarnation.
  std::uint64_t incarnation = 0;
  std::unique_ptr<SeededRng> rng;
  std::unique_ptr<consensus::Consensus> consensus;
  std::map<codec::Hash, codec::Hash> states;  // of blocks, by digest
  base::Queue<consensus::EngineInput> inputs;
  bool is_draining = false;
  bool is_paused = false;
  bool is_behind = false;
  std::optional<Instant> armed;
  std::optional<Instant> silent_since;

  bool is_up() const { return consensus != nullptr; }
  std::uint64_t height() const { return final.size() - 1; }
};

/// The genesis that all clusters share.
inline constexpr WallTime cluster_genesis_time{1'700'000'000'000};
const codec::Hash& cluster_genesis();

}  // namespace kith::sim
