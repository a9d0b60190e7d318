// Identify's own machine: answers and pushes made of the input, in pieces, from a peer whose key it
// cannot forge. A message that is taken names the peer's own key and record, or none.
#include <cstdint>

#include "codec/envelope.h"
#include "codec/peer_id.h"
#include "host/identify.h"
#include "host/test_service.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  if (size < 2) return 0;
  const PeerId peer = host::test_peer(1);
  host::ServiceBench<host::Identify> bench;
  host::IdentifySelf self;
  self.key = host::test_key(2).public_key();
  bench.service.set_self(std::move(self));
  bench.up(peer);
  bench.stream_up(2, peer, Direction::outbound, host::identify_protocol,
                  bench.take<host::Open>().at(0).token);
  ByteView rest{data + 1, size - 1};
  std::uint64_t stream = 2;
  const std::size_t half = (data[0] & 1) != 0 ? rest.size() / 2 : 0;
  while (!rest.empty()) {
    if (stream == 2 && rest.size() <= half) {
      bench.end(2);
      bench.stream_up(++stream, peer, Direction::inbound, host::identify_push_protocol);
    }
    const ByteView piece = rest.first(std::min<std::size_t>(rest.size(), 1 + data[0] * 16));
    bench.data(stream, piece);
    rest = rest.subspan(piece.size());
  }
  bench.end(stream);
  while (const auto told = bench.service.poll_identified()) {
    const auto& message = *told->message;
    ASSERT(!message.public_key || codec::peer_id_of(*message.public_key) == peer);
    if (message.signed_peer_record.empty()) continue;
    const auto record = codec::peek_peer_record(message.signed_peer_record);
    ASSERT(record && record->peer == peer);
  }
  bench.hear(host::PeerDown{peer, {Code::closed, "gone"}});
  bench.wait(1h);
  ASSERT(!bench.service.next_deadline().has_value());
  return 0;
}
