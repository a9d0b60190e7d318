// What a node's disk keeps of its chain: the log of votes and the store, through crashes and
// restarts. As rt's do (rt/wal.h, rt/store_chain.h): an append, and a batch, is durable when it is
// answered, in order; one that is under way in a crash is there whole or not at all, and so is each
// before it: a crash keeps some first ones of those under way.
//
// Not modelled: bytes, torn records (both formats find them and cut them off), a full disk.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "host/world_chain.h"
#include "ledger/memory_store.h"

namespace kith::sim {

struct ChainDiskModel {
  Duration append_takes = 1ms;
  Duration write_takes = 2ms;
  /// Chances, of one append or write, that it takes as long as this besides.
  double slow_chance = 0;
  Duration slow_takes = 500ms;
};

class ChainDisk {
 public:
  using Segments = std::map<std::uint64_t, std::vector<Bytes>>;

  // What a node finds when it starts.
  const Segments& log() const { return log_; }
  /// The log is not to be trusted; as rt::Wal::damage().
  const std::optional<Error>& log_damage() const { return log_damage_; }
  const ledger::MemoryStore& store() const { return store_; }
  const std::map<std::string, Bytes>& proofs() const { return proofs_; }

  // What the world does; the instant is that of the answer.
  void set_model(const ChainDiskModel& model) { model_ = model; }
  Instant append(Instant now, host::AppendLog append, Rng& rng);
  Instant write(Instant now, const host::WriteChain& write, Rng& rng);
  /// Durable at once: a file of its own.
  Instant save(Instant now, host::SaveProof save) {
    proofs_[save.name] = std::move(save.bytes);
    return now + model_.write_takes;
  }
  /// What is durable by now is in log() and store().
  void settle(Instant now);
  void crash(Instant now, Rng& rng);

  // For scenarios, while the node is down.
  /// Somebody removed the log.
  void lose_log() { log_.clear(); }
  /// Somebody put back what was there before.
  void put_back(const ledger::MemoryStore& store, const Segments& log) {
    store_ = store;
    log_ = log;
  }
  void damage_log() { log_damage_ = Error{Code::malformed, "the log of votes is damaged"}; }

 private:
  template <class What>
  struct Pending {
    Instant at;  // durable
    What what;
  };

  Duration takes(Duration usual, Rng& rng) const;
  void apply(host::AppendLog& append);
  void apply_first(std::size_t appends, std::size_t writes);

  ChainDiskModel model_;
  Segments log_;
  std::optional<Error> log_damage_;
  ledger::MemoryStore store_;
  std::map<std::string, Bytes> proofs_;
  std::deque<Pending<host::AppendLog>> appends_;
  std::deque<Pending<host::WriteChain>> writes_;
};

}  // namespace kith::sim
