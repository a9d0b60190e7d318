// What a node is told and what it tells: commands of a person or program, each answered by the
// report that carries its token, and reports of what happened. A part of node/node.h.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "gossip/router_io.h"
#include "host/host.h"
#include "host/perf.h"
#include "host/world_chain.h"
#include "node/chain.h"
#include "node/chain_proofs.h"
#include "peer/quality_io.h"

namespace kith::node {

// Commands; each is answered by the report that carries its token.
struct Connect {
  Token token;
  std::optional<PeerId> peer;
  std::vector<codec::Multiaddr> addresses;
};
struct Disconnect {
  PeerId peer;
};
/// One round trip to a connected peer.
struct PingPeer {
  Token token;
  PeerId peer;
};
struct PerfPeer {
  Token token;
  PeerId peer;
  std::uint64_t upload_bytes;
  std::uint64_t download_bytes;
};
/// Gives up a PerfPeer: nobody waits for its result any more.
struct CancelPerf {
  Token token;
};
/// A protected peer is never disconnected for being one too many.
struct ProtectPeer {
  PeerId peer;
  bool is_protected;
};
/// A transaction of this node's own; answered by TransactionAnswered.
struct SubmitTransaction {
  Token token;
  codec::TxPtr tx;
  bool is_question = false;  // only what would be said of it; signatures are not looked at
};
/// A question to the chain's store, for another thread, about what is final; StoreAnswered.
struct AskStore {
  Token token;
  std::shared_ptr<host::Job> job;
};
/// Answered by ProofAnswered.
struct MakeProof {
  Token token;
  ProofWanted wanted;
};
struct ShutDown {};
// Of gossip (gossip/router_io.h): Subscribe, Unsubscribe, Publish, Validated. Of peer quality
// (peer/quality_io.h): BanPeer, UnbanPeer.

struct Command : std::variant<Connect, Disconnect, PingPeer, PerfPeer, CancelPerf, ProtectPeer,
                              gossip::Subscribe, gossip::Unsubscribe, gossip::Publish,
                              gossip::Validated, peer::BanPeer, peer::UnbanPeer, SubmitTransaction,
                              AskStore, MakeProof, ShutDown> {
  using variant::variant;
  Command(const Command&);
  Command& operator=(const Command&);
  Command(Command&&) noexcept;
  Command& operator=(Command&&) noexcept;
  ~Command();
};

// Reports: replies to commands, and what happened.
struct Connected {
  Token token;
  Result<PeerId> peer;
};
struct Pinged {
  Token token;
  PeerId peer;
  Result<Duration> rtt;
};

/// Accepted, or why not; accepted ones travel on.
struct TransactionAnswered {
  Token token;
  Hash txid{};
  Result<void> accepted;
  bool is_known = false;  // accepted, since it waits here already
};
struct StoreAnswered {
  Token token;
  std::shared_ptr<host::Job> job;
};

struct Report
    : std::variant<Connected, Pinged, host::PerfResult, gossip::Deliver, gossip::Validate,
                   gossip::Settled, gossip::Published, host::PeerUp, host::PeerDown,
                   host::PeerIdentified, host::PeerUnreachable, peer::StandingChanged,
                   peer::PeerBanned, peer::BanEnded, BlockFinalized, EpochBegan, ChainHalted,
                   StateDumped, TransactionAnswered, StoreAnswered, ProofAnswered,
                   host::AddressesChanged, host::CannotListen, host::Stopped> {
  using variant::variant;
  Report(const Report&);
  Report& operator=(const Report&);
  Report(Report&&) noexcept;
  Report& operator=(Report&&) noexcept;
  ~Report();
};

}  // namespace kith::node
