// A small peer book under arbitrary operations: records that are genuine, damaged or noise, hearsay
// from near and far, connections, failures, a store that remembers anything. The limits hold, it
// never knows itself, connected peers stay, only verified records of peers that were reached are
// handed on, and nobody far away makes it know an address that is near.
#include <cstdint>
#include <set>

#include "codec/envelope.h"
#include "host/peer_book.h"
#include "host/test_connections.h"
#include "input.h"

namespace {

using namespace kith;
using namespace kith::host;

using fuzz::Input;

constexpr std::size_t peers = 10;  // the last of them is the book's own
constexpr std::uint64_t sequences[] = {0, 1, 7, ~std::uint64_t{0}};

const PeerId& peer_at(std::size_t index) {
  static const std::vector<PeerId> all = [] {
    std::vector<PeerId> made;
    for (std::uint8_t i = 0; i < peers; ++i) made.push_back(test_peer(i));
    return made;
  }();
  return all[index % peers];
}
const PeerId& self() { return peer_at(peers - 1); }

codec::Multiaddr address_at(std::uint8_t number) {
  static const std::uint8_t nets[][2] = {{203, 0}, {198, 51}, {10, 0}, {127, 0}, {169, 254}};
  const auto& net = nets[number % 5];
  const std::uint8_t ip[] = {net[0], net[1], 1, number};
  const auto address = codec::Multiaddr::tcp(ip, 4770);
  return number % 7 == 0 ? address.with_peer(peer_at(number)) : address;
}

/// Genuine records; signing each time would be most of the work.
const Bytes& record_at(std::size_t peer, std::size_t sequence) {
  static const std::vector<Bytes> all = [] {
    std::vector<Bytes> sealed;
    for (std::uint8_t i = 0; i < peers; ++i) {
      for (const std::uint64_t number : sequences) {
        codec::PeerRecord record{test_peer(i), number, {}};
        for (std::uint8_t a = 0; a < 6; ++a) {
          record.addresses.push_back(address_at(static_cast<std::uint8_t>(i + a)));
        }
        sealed.push_back(codec::seal_peer_record(test_key(i), record));
      }
    }
    return sealed;
  }();
  return all[peer % peers * 4 + sequence % 4];
}

class World {
 public:
  explicit World(bool are_tellers_far) : are_tellers_far_(are_tellers_far) {}

  void play(Input input) {
    while (!input.rest.empty()) {
      turn(input);
      check();
    }
    for (std::size_t i = 0; i < peers; ++i) {
      const auto* entry = book_.find(peer_at(i));
      if (entry == nullptr || !entry->is_verified) continue;
      ASSERT(codec::open_peer_record(entry->signed_record).has_value());
    }
    for (const PeerId& peer : connected_) book_.on_disconnected(now_, peer);
    ASSERT(book_.size() <= config.peers_max);
  }

 private:
  static PeerBookConfig small() {
    PeerBookConfig config;
    config.peers_max = 5;
    config.addresses_max = 3;
    config.failures_max = 4;
    return config;
  }

  void turn(Input& input) {
    const std::uint8_t what = input.byte();
    const std::uint8_t which = input.byte();
    const PeerId& peer = peer_at(which);
    const auto teller =
        are_tellers_far_ ? codec::AddrScope::global : static_cast<codec::AddrScope>(what / 16 % 5);
    switch (what % 12) {
      case 0: {
        std::vector<codec::Multiaddr> addresses;
        for (std::uint8_t i = input.byte() % 8; i > 0; --i) {
          addresses.push_back(address_at(input.byte()));
        }
        book_.learn_addresses(now_, peer, addresses, teller);
        break;
      }
      case 1:
      case 2: (void)book_.learn_record(now_, envelope(input, which), teller); break;
      case 3: (void)book_.learn_record(now_, input.bytes(input.byte()), teller); break;
      case 4: {  // over a connection: what it says is of whoever says it
        const Bytes said = envelope(input, which);
        const auto record = codec::peek_peer_record(said);
        if (record) book_.learn_from_author(now_, *record, said, teller);
        break;
      }
      case 5:
        book_.on_connected(now_, {input.byte()}, peer);
        if (peer != self()) connected_.insert(peer);
        break;
      case 6:
        book_.on_disconnected(now_, peer);
        connected_.erase(peer);
        break;
      case 7: {
        const bool knew = book_.find(peer) != nullptr;
        const bool has_forgotten = book_.on_dial_failed(now_, peer, (what & 64) != 0);
        ASSERT(!has_forgotten || (knew && book_.find(peer) == nullptr));
        break;
      }
      case 8:
        if (!connected_.contains(peer)) book_.forget(peer);
        break;
      case 9:
        if (are_tellers_far_) break;  // what we stored ourselves we believe
        book_.restore(now_, {peer,
                             {address_at(input.byte())},
                             envelope(input, which),
                             {static_cast<std::int64_t>(input.byte()) << (what / 4)}});
        break;
      case 10: now_ += Duration(1s) * input.byte() * input.byte(); break;
      case 11: pick(which); break;
    }
  }
  /// A record of peer `which`: genuine, of another, or with one byte changed.
  Bytes envelope(Input& input, std::uint8_t which) {
    const std::uint8_t how = input.byte();
    Bytes bytes = record_at((how & 1) != 0 ? which : how / 16U, how / 4U);
    if ((how & 2) != 0) bytes[input.byte() * std::size_t{256} % bytes.size()] ^= input.byte();
    if ((how & 2) != 0) bytes[bytes.size() - 1 - input.byte() % 64U] ^= input.byte();
    return bytes;
  }
  void pick(std::uint8_t which) {
    const auto picked = book_.pick_to_dial(now_, which % 4U);
    ASSERT(picked.size() <= which % 4U);
    for (const PeerId& peer : picked) {
      const auto* entry = book_.find(peer);
      ASSERT(entry != nullptr && !entry->is_connected && !entry->addresses.empty());
      ASSERT(entry->retry_at <= now_ && (entry->signed_record.empty() || entry->is_verified));
    }
    const PeerId& except = peer_at(which / 4U);
    for (const Bytes& handed : book_.sample_records(except, which / 4U)) {
      const auto record = codec::open_peer_record(handed);
      ASSERT(record && record->peer != except && record->peer != self());
      ASSERT(book_.find(record->peer)->last_seen.unix_ms != 0);
    }
  }
  void check() const {
    ASSERT(book_.size() <= std::max(config.peers_max, connected_.size() + 1));
    ASSERT(book_.find(self()) == nullptr);
    for (std::size_t i = 0; i < peers; ++i) {
      const auto* entry = book_.find(peer_at(i));
      ASSERT(entry != nullptr || !connected_.contains(peer_at(i)));
      if (entry == nullptr) continue;
      ASSERT(entry->is_connected == connected_.contains(peer_at(i)));
      ASSERT(entry->addresses.size() <= config.addresses_max);
      for (const auto& address : entry->addresses) {
        ASSERT(!address.peer());
        ASSERT(!are_tellers_far_ || codec::scope_of(address) == codec::AddrScope::global);
      }
      if (entry->signed_record.empty()) continue;
      const auto record = codec::peek_peer_record(entry->signed_record);
      ASSERT(record && record->peer == peer_at(i) && record->sequence == entry->sequence);
    }
  }

  const bool are_tellers_far_;
  const PeerBookConfig config = small();
  SeededRng rng_{1};
  PeerBook book_{config, self(), rng_};
  Instant now_{};
  std::set<PeerId> connected_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input{{data, std::min<size_t>(size, 1024)}};
  const bool are_tellers_far = (input.byte() & 1) != 0;
  World(are_tellers_far).play(input);
  return 0;
}
