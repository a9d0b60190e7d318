// An answer to a peer exchange question, in pieces, and then questions from the peer. What is
// learnt stays within the limits, and an answer is either taken or a fault.
#include <cstdint>

#include "codec/envelope.h"
#include "host/peer_exchange.h"
#include "host/test_service.h"

namespace {

using namespace kith;

struct Source final : host::RecordSource {
  std::vector<Bytes> sample_records(const PeerId&, std::size_t count) override {
    return std::vector<Bytes>(count, Bytes(5000));
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static Source source;
  SeededRng rng(1);
  const peer::Quality quality({}, host::test_peer(9), rng);
  host::ServiceBench<host::PeerExchange> bench(host::PeerExchangeConfig{}, source, quality, rng);
  const PeerId peer = host::test_peer(1);
  bench.up(peer);
  auto message = std::make_shared<codec::IdentifyMessage>();
  message->protocols = {std::string(host::peer_exchange_protocol)};
  bench.hear(host::PeerIdentified{peer, message});
  bench.stream_up(2, peer, Direction::outbound, host::peer_exchange_protocol,
                  bench.take<host::Open>().at(0).token);
  ByteView rest{data + 1, size - 1};
  while (!rest.empty()) {
    const ByteView piece = rest.first(std::min<std::size_t>(rest.size(), 1 + data[0] * 16));
    bench.data(2, piece);
    rest = rest.subspan(piece.size());
  }
  bench.end(2);
  std::size_t count = 0;
  while (const auto learned = bench.service.poll_learned()) {
    ASSERT(learned->from == peer && learned->envelope.size() <= codec::envelope_bytes_max);
    ++count;
    (void)codec::open_peer_record(learned->envelope);
  }
  ASSERT(count <= host::PeerExchange::records_max);
  ASSERT(bench.take<host::Fault>().size() <= 1);
  bench.down(2);
  bench.stream_up(4, peer, Direction::inbound, host::peer_exchange_protocol, std::nullopt, size);
  for (const auto& write : bench.take<host::Write>()) ASSERT(write.data.size() <= size);
  return 0;
}
