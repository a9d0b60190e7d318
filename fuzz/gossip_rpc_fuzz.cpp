// decode_gossip_rpc on any bytes: within its limits, and what it reads can be written and read
// again. A GossipRpc is used again for every input, as the router does.
#include <cstdint>

#include "codec/gossip_rpc.h"
#include "codec/varint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  static const codec::GossipLimits limits;
  static codec::GossipRpc rpc;
  if (!codec::decode_gossip_rpc({data, size}, limits, rpc)) return 0;
  ASSERT(rpc.subscriptions.size() <= limits.subscriptions_max);
  ASSERT(rpc.ids.size() <= limits.ids_max && rpc.graft.size() <= limits.control_entries_max);
  for (const auto& message : rpc.publish) {
    const codec::GossipFrame frame(message);
    ASSERT(frame.data_view().size() == message.data.value_or(ByteView()).size());
    ASSERT(frame.signed_part().size() <= frame.bytes().size());
    (void)codec::check_gossip_policy(message, codec::SignaturePolicy::strict_sign);
    (void)codec::check_gossip_policy(message, codec::SignaturePolicy::strict_no_sign);
  }
  Bytes frame;
  codec::append_gossip_frame(frame, rpc);
  const auto length = codec::read_varint(frame);
  ASSERT(length && length->value + length->size == frame.size());
  codec::GossipRpc again;
  ASSERT(codec::decode_gossip_rpc(ByteView(frame).subspan(length->size), limits, again));
  ASSERT(again.publish.size() == rpc.publish.size() && again.prune.size() == rpc.prune.size());
  ASSERT(again.ids.size() == rpc.ids.size() && again.choke.size() == rpc.choke.size());
  return 0;
}
