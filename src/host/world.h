// The words between a node and the world around it. Both shells speak them: rt with sockets, files
// and DNS behind them, sim with virtual ones. A shell drives anything that is a WorldMachine.
//
// A link is one raw connection, ordered and reliable (TCP, a simulated pipe, WebSocket). A
// socket is one bound address of datagrams (UDP), for all peers together.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip_port.h"
#include "base/machine.h"
#include "codec/multiaddr.h"
#include "crypto/key.h"
#include "host/world_chain.h"
#include "peer/quality_io.h"

namespace kith::host {

// --- from the world ------------------------------------------------------------------------------

/// A link is up: one that the shell accepted (odd id), or one that was dialled (even id).
struct LinkOpened {
  LinkId link;
  Direction direction;
  codec::Multiaddr local;
  codec::Multiaddr remote;
};
/// A dial did not succeed; the id is free.
struct LinkFailed {
  LinkId link;
  Error error;
};
/// The other end closed, the socket broke, or CloseLink is done. No more bytes either way.
struct LinkClosed {
  LinkId link;
  Error error;  // Code::closed after an orderly end
};
/// Listen worked; `bound` has the real port. `reachable` is what others may dial: `bound`, or one
/// address for each interface when `bound` is 0.0.0.0 or ::; empty means just `bound`.
struct Listening {
  codec::Multiaddr asked;
  codec::Multiaddr bound;
  std::vector<codec::Multiaddr> reachable = {};
};
struct ListenFailed {
  codec::Multiaddr asked;
  Error error;
};
/// A Listen of a datagram address (as_datagram_address) worked; `bound` has the real port. When it
/// did not, ListenFailed comes.
struct SocketOpened {
  codec::Multiaddr asked;
  codec::Multiaddr bound;
  base::SocketId socket;
  std::vector<codec::Multiaddr> reachable = {};  // as of Listening
};
/// StopListening is done, or the socket broke. No more datagrams either way.
struct SocketClosed {
  base::SocketId socket;
  Error error;  // Code::closed after StopListening
};
/// Answers Resolve: addresses with IPs in place of names, in the resolver's order.
struct Resolved {
  Token token;
  Result<std::vector<codec::Multiaddr>> addresses;
};
/// What the peer store remembers of one peer (SQLite in rt).
struct StoredPeer {
  PeerId peer;
  std::vector<codec::Multiaddr> addresses;
  Bytes signed_record;  // an envelope; empty for none
  WallTime last_seen;
};
/// Answers LoadPeers.
struct PeersLoaded {
  std::vector<StoredPeer> peers;
};
/// The highest message number of a gossip author that was accepted.
struct StoredSeqno {
  PeerId author;
  std::uint64_t highest = 0;
  friend bool operator==(const StoredSeqno&, const StoredSeqno&) = default;
};
/// Answers LoadQuality.
struct QualityLoaded {
  std::vector<peer::StoredQuality> peers;
  std::vector<StoredSeqno> seqnos;
};
/// Answers VerifySignatures: one verdict each, in order.
struct SignaturesVerified {
  Token token;
  std::vector<bool> valid;
};
/// The wall clock, given at start and now and then.
struct WallClock {
  WallTime now;
};

struct WorldInput : std::variant<LinkOpened, LinkFailed, LinkClosed, Listening, ListenFailed,
                                 Resolved, PeersLoaded, QualityLoaded, SignaturesVerified, JobDone,
                                 LogAppended, ChainWritten, ProofSaved, SignerUp, SignerDown,
                                 SignerSaid, WallClock, SocketOpened, SocketClosed> {
  using variant::variant;
  WorldInput(const WorldInput&);
  WorldInput& operator=(const WorldInput&);
  WorldInput(WorldInput&&) noexcept;
  WorldInput& operator=(WorldInput&&) noexcept;
  ~WorldInput();
};

// --- to the world --------------------------------------------------------------------------------

struct Listen {
  codec::Multiaddr address;  // of TCP, or of datagrams
};
struct StopListening {
  codec::Multiaddr bound;
};
struct DialLink {
  LinkId link;  // even
  codec::Multiaddr address;
  Duration timeout;
};
/// Ends a link, or a dial still under way. With `flush` the bytes poll_transmit still gives go out
/// first (at most 1 s), without it nothing more is sent. LinkClosed follows.
struct CloseLink {
  LinkId link;
  bool flush;
};
/// The link has bytes to send: call poll_transmit. Said once until poll_transmit gave 0.
struct TransmitReady {
  LinkId link;
};
/// There are datagrams to send: call poll_datagrams. Said once until poll_datagrams gave 0 bytes.
struct DatagramsReady {};
struct Resolve {
  Token token;
  codec::Multiaddr address;  // /dns…/tcp/…, or /dnsaddr/…
};
struct LoadPeers {};
/// Upsert; a later one of the same peer replaces. No answer: losing the last second is harmless.
struct StorePeer {
  StoredPeer peer;
};
struct ForgetPeer {
  PeerId peer;
};
/// What earlier runs knew of peers' standing; the same promises as of peers.
struct LoadQuality {};
struct StoreQuality {
  peer::StoredQuality quality;
};
struct ForgetQuality {
  PeerId peer;
};
/// Upsert; of two numbers of one author the higher stays.
struct StoreSeqnos {
  std::vector<StoredSeqno> seqnos;
};
/// One signature to verify over `domain` || `message`.
struct SignatureJob {
  crypto::PublicKey key;
  Buffer message;
  Buffer signature;
};
/// Work for another thread: some 50 us a signature.
struct VerifySignatures {
  Token token;
  std::string_view domain;  // a constant
  std::vector<SignatureJob> jobs;
};
/// What the work is, for shells: on whatever thread.
SignaturesVerified verify_signatures(const VerifySignatures& work);

struct WorldOutput
    : std::variant<Listen, StopListening, DialLink, CloseLink, TransmitReady, Resolve, LoadPeers,
                   StorePeer, ForgetPeer, LoadQuality, StoreQuality, ForgetQuality, StoreSeqnos,
                   VerifySignatures, RunJob, AppendLog, WriteChain, SaveProof, TellSigner,
                   LeaveSigner, DatagramsReady> {
  using variant::variant;
  WorldOutput(const WorldOutput&);
  WorldOutput& operator=(const WorldOutput&);
  WorldOutput(WorldOutput&&) noexcept;
  WorldOutput& operator=(WorldOutput&&) noexcept;
  ~WorldOutput();
};

// --- what a shell drives -------------------------------------------------------------------------

/// base::Machine with links, as an abstract class: shells and nodes compile apart, and a shell's
/// own tests may drive something smaller than a node. The laws of base/machine.h hold; a turn is
/// one mutation (on_input, on_bytes, on_datagrams or on_deadline), then poll_output until empty,
/// then the poll_transmit of every link that said TransmitReady, then poll_datagrams if
/// DatagramsReady was said, all until none gives more (sending makes room, which may call forth
/// outputs), then one armed deadline. What one receive of a socket brought is one turn, of several
/// on_datagrams with poll_output until empty between them.
class WorldMachine {
 public:
  virtual ~WorldMachine() = default;

  virtual void on_input(Instant now, WorldInput input) = 0;
  virtual void on_deadline(Instant now) = 0;
  virtual std::optional<WorldOutput> poll_output(Instant now) = 0;
  virtual std::optional<Instant> next_deadline() = 0;

  /// Takes bytes of an open link from the front and says how many; the shell offers the rest again
  /// with more behind it. What stays untaken is always less than link_tail_bytes_max. Bytes are
  /// opened in place: those that stay are offered again as this call left them, not as received.
  virtual std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) = 0;
  /// Writes the link's next bytes and says how many; 0: nothing now. `room` is at least
  /// link_transmit_bytes_min long.
  virtual std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) = 0;
  /// Asked before each read of the link; false is back-pressure, until the next transmit.
  virtual bool wants_bytes(LinkId link) const = 0;

  /// Takes packets from the front, at least one, and says how many bytes; the rest is offered again
  /// when the outputs are drained. Packets are opened in place; views into them in outputs hold
  /// until the next mutation. As it stands here: takes all, and does nothing with it.
  virtual std::size_t on_datagrams(Instant now, const base::DatagramsIn& in);
  /// Writes the next batch, equal packets to one receiver of which the last may be shorter; 0
  /// bytes: nothing now. `room` is datagrams_room_bytes long. As it stands here: nothing.
  virtual base::DatagramsOut poll_datagrams(Instant now, ByteSpan room);
};

/// One whole Noise frame and its header.
inline constexpr std::size_t link_tail_bytes_max = 65535 + 2;
inline constexpr std::size_t link_transmit_bytes_min = 65535 + 2;
/// The payload of the largest UDP datagram over IPv4, which is also the most that one send with
/// segments takes.
inline constexpr std::size_t datagrams_room_bytes = 65'507;

// --- addresses of datagram sockets ---------------------------------------------------------------

/// /ip4|ip6/…/udp/N, then perhaps /kith, then perhaps /p2p; empty for all others.
std::optional<base::IpPort> as_datagram_address(const codec::Multiaddr& address);
/// /ip4|ip6/…/udp/N/kith.
codec::Multiaddr datagram_address(const base::IpPort& address);

}  // namespace kith::host
