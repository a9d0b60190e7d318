// Which peer answers for a worker (/kith/compute/1.0.0): each worker's key says so by gossip on one
// topic (/kith/compute/1/<first 8 bytes of the genesis hash>), and every node of the chain keeps
// and hands on the last of each (codec/worker_peer.h; docs/protocol/compute.md, "Off chain").
//
// Who may be heard is bounded by the state: keys that are an account's workers, of each one every
// `interval` blocks, of heights that are now. What else comes is passed over before a signature is
// looked at; a false signature is the fault of who brought it. What was said is forgotten after
// `life` blocks.
//
// A machine; its time is blocks. Limit: `peers_max` keys.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/queue.h"
#include "codec/worker_peer.h"
#include "gossip/router_io.h"
#include "ledger/jobs.h"

namespace kith::node {

using codec::ChainKey;
using codec::Hash;
using codec::Height;

struct WorkerPeersStats {
  std::uint64_t said = 0;     // by our own worker
  std::uint64_t heard = 0;    // of others, taken and handed on
  std::uint64_t ignored = 0;  // old, too soon, of a key that is no account's
  std::uint64_t refused = 0;  // no message, or not signed
};

class WorkerPeers {
 public:
  static constexpr std::uint64_t interval = 60;  // blocks; an hour where they take a minute
  static constexpr std::uint64_t life = 3 * interval;
  /// States differ by some blocks.
  static constexpr std::uint64_t blocks_off_max = 16;
  static constexpr std::size_t peers_max = 65'536;

  /// Answers a gossip::Validate.
  struct Judged {
    Token token;
    gossip::Verdict verdict = gossip::Verdict::ignore;
  };
  struct Say {
    Bytes message;
  };
  using Output = std::variant<Judged, Say>;

  explicit WorkerPeers(const Hash& genesis);

  const std::string& topic() const { return topic_; }

  void on_final(Height height);
  /// `entries`: of the last final state.
  void on_message(Token token, ByteView bytes, const ledger::Entries& entries);
  /// Whether our worker's key, which is an account's, has something to say.
  bool is_time() const { return !said_at_ || height_.value >= said_at_->value + interval; }
  /// Signed by that key.
  void say(const codec::WorkerPeer& said);
  std::optional<Output> poll_output();

  /// Null: nobody has said so lately.
  const PeerId* peer_of(const ChainKey& worker) const;
  std::size_t size() const { return known_.size(); }
  const WorkerPeersStats& stats() const { return stats_; }

 private:
  struct Known {
    PeerId peer;
    Height height;
  };
  gossip::Verdict judge(ByteView bytes, const ledger::Entries& entries);

  const Hash genesis_;
  std::string topic_;
  Height height_;
  std::optional<Height> said_at_;
  std::map<ChainKey, Known> known_;
  base::Queue<Output> outputs_;
  WorkerPeersStats stats_;
};

}  // namespace kith::node
