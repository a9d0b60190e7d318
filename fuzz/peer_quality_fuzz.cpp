// The quality model under arbitrary events, orders, recommendations and clocks: nothing grows
// beyond its limits, every standing stays on its scale, and a banned peer is refused.
#include <cstdint>

#include "peer/choice.h"
#include "peer/test_quality.h"

namespace {

using namespace kith;
using namespace kith::peer;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::int64_t number() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return static_cast<std::int64_t>(value);
  }
  Bytes bytes(std::size_t size) {
    const ByteView front = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(front.size());
    return base::to_bytes(front);
  }

 private:
  ByteView rest_;
};

QualityConfig small() {
  QualityConfig config;
  config.peers_max = 8;
  config.history_max = 4;
  config.bans.bans_max = 4;
  config.bans.groups_max = 2;
  config.bans.group_bans_min = 2;
  config.trust.recommenders_max = 3;
  config.trust.endorsers_max = 2;
  config.trust.reputation_min = 0;
  config.trust.interval_min = Duration::zero();
  return config;
}

/// Of the twelve peers the first four have keys.
PeerId peer_at(std::uint8_t index) {
  static const std::vector<PeerId> peers = [] {
    std::vector<PeerId> all;
    for (std::uint32_t i = 0; i < 12; ++i) {
      all.push_back(i < 4 ? test_keyed_peer(i) : test_peer(i));
    }
    return all;
  }();
  return peers[index % peers.size()];
}

RecommendationReceived recommendation(Input& input) {
  const std::uint8_t signer = input.byte() % 4;
  if (input.byte() % 4 == 0) return {peer_at(signer), input.bytes(200)};
  codec::Recommendation said{peer_at(signer), input.byte(), WallTime{input.byte()}, {}};
  std::uint8_t mask = input.byte();
  for (std::uint8_t i = 0; i < 8; ++i, mask >>= 1) {
    if (mask % 2 != 0 && i != signer) {
      said.endorsements.push_back({peer_at(i), static_cast<std::uint16_t>(1 + input.byte())});
    }
  }
  codec::sort_endorsements(said.endorsements);
  return {peer_at(input.byte() % 8 == 0 ? input.byte() : signer),
          codec::seal_recommendation(test_key(signer), said)};
}

StoredQuality record(Input& input) {
  StoredQuality stored;
  stored.peer = peer_at(input.byte());
  stored.as_of = WallTime{input.number()};
  stored.credit = input.number();
  stored.fault = input.number();
  stored.liveness = input.number();
  stored.is_warned = input.byte() % 2 != 0;
  stored.is_on_probation = input.byte() % 2 != 0;
  stored.connected = Duration(input.number());
  if (input.byte() % 2 != 0) {
    stored.ban = StoredBan{static_cast<BanCause>(input.byte() % 3), std::nullopt, "stored"};
    if (input.byte() % 2 != 0) stored.ban->until = WallTime{input.number()};
  }
  for (std::uint8_t i = input.byte() % 8; i > 0; --i) {
    stored.history.push_back({WallTime{input.byte()}, std::string(200, 'x'), "", "", 1});
  }
  return stored;
}

void step(QualityBench& bench, Input& input) {
  const std::uint8_t what = input.byte();
  const PeerId peer = peer_at(input.byte());
  switch (what % 12) {
    case 0: bench.connect(peer, NetGroup{what % 3u}); break;
    case 1: bench.input(PeerDisconnected{peer}); break;
    case 2: bench.input(SetDirect{peer, what % 5 == 0}); break;
    case 3: bench.input(BanPeer{peer, Duration(input.number() & INT64_MAX), "order"}); break;
    case 4: bench.input(UnbanPeer{peer}); break;
    case 5: bench.input(recommendation(input)); break;
    case 6: bench.input(WallClock{WallTime{input.number()}}); break;
    case 7: bench.input(Restore{record(input)}); break;
    case 8: bench.wait(std::chrono::seconds(input.byte() * input.byte() / 8)); break;
    case 9: bench.quality.on_traffic(bench.now, peer); break;
    default: {
      const auto kind = static_cast<PeerEventKind>(input.byte() % base::peer_event_kinds);
      for (int i = what / 64; i >= 0; --i) bench.event(peer, kind, std::string(what, 'r'));
    }
  }
}

void check(QualityBench& bench) {
  ASSERT(bench.quality.size() <= bench.config.peers_max);
  ASSERT(bench.quality.bans(bench.now).size() <= bench.config.bans.bans_max);
  for (const PeerReport& report : bench.quality.reports(bench.now)) {
    const PeerStanding& standing = report.standing;
    ASSERT(standing.reputation >= -1000 && standing.reputation <= 1000);
    ASSERT(standing.trust >= 0 && standing.trust <= 1);
    ASSERT(standing.introduction >= 0 && standing.introduction <= 1);
    ASSERT(standing.quota_milli <= 4000 && report.history.size() <= bench.config.history_max);
    ASSERT(report.connected >= Duration::zero());
    ASSERT(standing.is_banned == !bench.quality.admit(bench.now, standing.peer).has_value());
    ASSERT(!standing.is_banned || standing.quota_milli == 0);
    (void)weight_of(standing);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  QualityBench bench(small());
  const std::uint8_t silence = input.byte();
  bench.answers = [&](const PeerId& peer) { return (peer.bytes().back() & silence) == 0; };
  while (!input.empty()) {
    step(bench, input);
    check(bench);
    bench.said.clear();
  }
  return 0;
}
