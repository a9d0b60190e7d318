// Topics whose messages have a header (codec/topic_data.h): those that expire, or are compressed.
#include <algorithm>

#include "base/format.h"
#include "gossip/router.h"

namespace kith::gossip {

WallTime Router::wall(Instant now) const {
  // A clock may say anything; the date stands still rather than turn over.
  const std::int64_t elapsed = base::to_ms(now - wall_at_);
  return {std::min(wall_.unix_ms, CachedMessage::never.unix_ms - 1 - elapsed) + elapsed};
}

Result<Buffer> Router::with_header(Instant now, const Topic& topic, const Buffer& payload,
                                   WallTime& expires) {
  std::optional<WallTime> at;
  if (topic.options.max_age) {
    const std::int64_t age = base::to_ms(*topic.options.max_age);
    expires = {std::min(wall(now).unix_ms, CachedMessage::never.unix_ms - 1 - age) + age};
    at = expires;
  }
  Bytes data = topic_data_.write(payload.view(), at, topic.rules);
  if (data.size() > config_.message_bytes_max) {
    return fail(Code::too_large, base::format("message of {} bytes with its header, limit {}",
                                              data.size(), config_.message_bytes_max));
  }
  return Buffer(std::move(data));
}

// Whether a message may go on to be checked: asked before its signature is, so that what is too old
// costs little.
bool Router::is_timely(Instant now, Peer& from, Topic& topic, const codec::GossipMessage& message,
                       WallTime& expires) {
  const auto header = codec::read_topic_data(message.data.value_or(ByteView()), topic.rules);
  if (!header) {
    blame(now, from, topic, base::to_string(header.error()));
    return false;
  }
  if (!header->expires) return true;
  expires = *header->expires;
  const std::int64_t left = expires.unix_ms - std::max<std::int64_t>(wall(now).unix_ms, 0);
  if (left > base::to_ms(*topic.options.max_age + config_.expiry_skew)) {
    blame(now, from, topic, base::format("expires in {} ms, further ahead than its topic's", left));
    return false;
  }
  if (left > 0) return true;
  ++stats_.expired;
  return false;
}

// Here and not on a worker: a kilobyte takes 2 us and the most there can be, a megabyte, 0.7 ms, of
// the order of what handing it to one peer costs. In a signed topic only what its author signed
// gets so far.
bool Router::unpack(const Topic& topic, InFlight& message) {
  const auto header = codec::read_topic_data(message.frame.data_view(), topic.rules);
  ASSERT(header.has_value());
  if (!header->is_compressed) {
    message.payload = message.frame.data().slice(header->body_at, header->payload_bytes);
    return true;
  }
  auto payload = topic_data_.unpack(*header);
  if (!payload) return false;
  message.payload = Buffer(*std::move(payload));
  return true;
}

}  // namespace kith::gossip
