#include "secure/noise.h"

#include <algorithm>

#include "base/format.h"
#include "codec/noise_payload.h"
#include "codec/peer_id.h"
#include "codec/printable.h"
#include "secure/noise_xx.h"

namespace kith::secure {

namespace {

constexpr std::string_view signature_prefix = "noise-libp2p-static-key:";

std::size_t read_length(const std::uint8_t* frame) {
  return static_cast<std::size_t>(frame[0] << 8 | frame[1]);
}

void write_length(ByteSpan frame, std::size_t length) {
  ASSERT(length <= noise_message_bytes_max);
  frame[0] = static_cast<std::uint8_t>(length >> 8);
  frame[1] = static_cast<std::uint8_t>(length);
}

Bytes signed_bytes(const crypto::X25519Public& static_key) {
  Bytes bytes = base::to_bytes(signature_prefix);
  base::append(bytes, static_key);
  return bytes;
}

// Message 1 has no payload: it would be readable to all and vouched for by nobody.
std::size_t payload_bytes_max(std::size_t step) {
  return step == 0 ? 0 : codec::noise_payload_bytes_max;
}

Result<void> check_length(std::size_t step, std::size_t length) {
  const std::size_t least = noise_xx_overhead_bytes[step];
  const std::size_t most = least + payload_bytes_max(step);
  if (length < least) {
    return fail(Code::malformed, base::format("noise handshake message {} of {} bytes, at least {}",
                                              step + 1, length, least));
  }
  if (length > most) {
    return fail(Code::too_large, base::format("noise handshake message {} of {} bytes, at most {}",
                                              step + 1, length, most));
  }
  return {};
}

// The first of the initiator's that the responder has. A side without a list does not negotiate
// early; two lists that share nothing end the handshake (inlined-muxer-negotiation).
Result<std::string> choose_muxer(const std::vector<std::string>& initiators,
                                 const std::vector<std::string>& responders) {
  if (initiators.empty() || responders.empty()) return std::string();
  for (const std::string& muxer : initiators) {
    if (std::find(responders.begin(), responders.end(), muxer) != responders.end()) return muxer;
  }
  return fail(Code::protocol, base::format("no stream multiplexer in common: {} against {}",
                                           codec::printable(initiators.front()),
                                           codec::printable(responders.front())));
}

}  // namespace

std::shared_ptr<const NoiseStatic> make_noise_static(const crypto::KeyPair& identity,
                                                     const std::vector<std::string>& muxers,
                                                     crypto::X25519KeyPair key) {
  ASSERT(muxers.size() <= codec::noise_muxers_max);
  const crypto::Signature signature = identity.sign(signed_bytes(key.public_key()));
  Bytes payload = codec::encode_noise_payload(
      {identity.public_key(), base::to_bytes(ByteView(signature)), muxers});
  ASSERT(payload.size() <= codec::noise_payload_bytes_max);
  return std::make_shared<const NoiseStatic>(
      NoiseStatic{std::move(key), muxers, std::move(payload)});
}

NoiseIdentity make_noise_identity(const crypto::KeyPair& key, std::vector<std::string> muxers,
                                  Rng& rng) {
  auto shared = make_noise_static(key, muxers, crypto::X25519KeyPair::generate(rng));
  return {&key, std::move(muxers), std::move(shared)};
}

struct Noise::Handshake {
  Handshake(Direction own_direction, std::shared_ptr<const NoiseStatic> own,
            std::optional<PeerId> whom, Rng& source)
      : direction(own_direction),
        own_static(std::move(own)),
        expected(std::move(whom)),
        rng(source),
        xx(own_direction, own_static->key) {}

  Result<void> send(ByteView payload) {
    const std::size_t start = out.size();
    out.resize(start + noise_frame_header_bytes);
    TRY_VOID(xx.write_message(rng, payload, out));
    write_length(ByteSpan(out).subspan(start), out.size() - start - noise_frame_header_bytes);
    return {};
  }

  Direction direction;
  std::shared_ptr<const NoiseStatic> own_static;
  std::optional<PeerId> expected;
  Rng& rng;
  NoiseXx xx;
  Bytes out;                 // frames for the wire
  std::size_t out_sent = 0;  // what of them poll_transmit() has given
};

Noise::Noise(Direction direction, const NoiseIdentity& identity, std::optional<PeerId> expected,
             Rng& rng) {
  auto own_static = identity.shared_static;
  if (own_static == nullptr) {
    ASSERT(identity.key != nullptr);
    own_static =
        make_noise_static(*identity.key, identity.muxers, crypto::X25519KeyPair::generate(rng));
  }
  handshake_ =
      std::make_unique<Handshake>(direction, std::move(own_static), std::move(expected), rng);
  if (direction == Direction::outbound) {
    const auto sent = handshake_->send({});
    ASSERT(sent.has_value());  // message 1 needs no key of the peer's
  }
}

Noise::~Noise() = default;
Noise::Noise(Noise&&) noexcept = default;
Noise& Noise::operator=(Noise&&) noexcept = default;

std::size_t Noise::on_bytes(Instant, ByteSpan wire) {
  ASSERT(frame_ == frames_end_);  // drained: the last frames' bytes may be gone by now
  std::size_t used = 0;
  while (!failed_ && !receive_) {
    const std::size_t size = take_handshake_frame(wire.subspan(used));
    if (size == 0) return used;
    used += size;
  }
  if (failed_) return used;
  return used + take_transport_frames(wire.subspan(used));
}

std::size_t Noise::take_handshake_frame(ByteSpan wire) {
  if (wire.size() < noise_frame_header_bytes) return 0;
  const std::size_t length = read_length(wire.data());
  // Judged by its length alone, so that nobody waits for, or stores, a frame that cannot be good.
  auto taken = check_length(handshake_->xx.step(), length);
  if (taken) {
    if (wire.size() < noise_frame_header_bytes + length) return 0;
    taken = on_handshake_message(wire.subspan(noise_frame_header_bytes, length));
  }
  if (!taken) {
    fault(std::move(taken).error());
    return 0;
  }
  return noise_frame_header_bytes + length;
}

Result<void> Noise::on_handshake_message(ByteSpan message) {
  Handshake& handshake = *handshake_;
  const ByteView payload = TRY(handshake.xx.read_message(message));
  if (handshake.xx.step() == 1) return handshake.send(handshake.own_static->payload);

  Established established = TRY(check_payload(payload));
  if (!handshake.xx.is_done()) TRY_VOID(handshake.send(handshake.own_static->payload));
  established.handshake = handshake.xx.handshake_hash();
  established_ = std::make_unique<Established>(std::move(established));
  start_transport();
  return {};
}

Result<Established> Noise::check_payload(ByteView payload) const {
  const Handshake& handshake = *handshake_;
  codec::NoisePayload theirs = TRY(codec::decode_noise_payload(payload));
  Established established;
  established.peer = codec::peer_id_of(theirs.identity_key);
  if (handshake.expected && *handshake.expected != established.peer) {
    return fail(Code::wrong_peer,
                base::format("peer is {}, expected {}", codec::to_text(established.peer),
                             codec::to_text(*handshake.expected)));
  }
  TRY_VOID(crypto::verify(theirs.identity_key, signed_bytes(handshake.xx.remote_static()),
                          theirs.identity_signature));
  const auto& ours = handshake.own_static->muxers;
  const bool initiator = handshake.direction == Direction::outbound;
  established.muxer = TRY(choose_muxer(initiator ? ours : theirs.stream_muxers,
                                       initiator ? theirs.stream_muxers : ours));
  established.key = std::move(theirs.identity_key);
  return established;
}

void Noise::start_transport() {
  NoiseXx::Transport transport = handshake_->xx.split();
  send_.emplace(std::move(transport.send));
  receive_.emplace(std::move(transport.receive));
  // A responder has sent all it had to, or the peer could not have answered.
  if (handshake_->out_sent == handshake_->out.size()) handshake_.reset();
}

std::size_t Noise::take_transport_frames(ByteSpan wire) {
  std::size_t used = 0;
  while (wire.size() - used >= noise_frame_header_bytes) {
    const ByteSpan rest = wire.subspan(used);
    const std::size_t length = read_length(rest.data());
    if (length < crypto::aead_tag_bytes) {
      fault(
          {Code::malformed, base::format("noise frame of {} bytes, too short for a tag", length)});
      break;
    }
    if (rest.size() < noise_frame_header_bytes + length) break;
    auto opened = receive_->open({}, rest.subspan(noise_frame_header_bytes, length));
    if (!opened) {
      fault(std::move(opened).error());
      break;
    }
    used += noise_frame_header_bytes + length;
  }
  frame_ = wire.data();
  frames_end_ = wire.data() + used;
  return used;
}

void Noise::fault(Error error) {
  failed_ = true;
  handshake_.reset();
  send_.reset();
  receive_.reset();
  fault_ = std::make_unique<Error>(std::move(error));
}

std::optional<Noise::Output> Noise::poll_output(Instant) {
  if (established_) {
    const auto established = std::move(established_);
    return Output(std::move(*established));
  }
  while (frame_ != frames_end_) {
    const std::size_t length = read_length(frame_);
    const ByteView text(frame_ + noise_frame_header_bytes, length - crypto::aead_tag_bytes);
    frame_ += noise_frame_header_bytes + length;
    if (!text.empty()) return Output(Plaintext{text});
  }
  if (fault_) {
    const auto error = std::move(fault_);
    return Output(PeerFault{std::move(*error)});
  }
  return std::nullopt;
}

std::size_t Noise::poll_transmit(Instant, ByteSpan wire) {
  if (handshake_ == nullptr) return 0;
  Handshake& handshake = *handshake_;
  const std::size_t size = std::min(wire.size(), handshake.out.size() - handshake.out_sent);
  std::copy_n(handshake.out.begin() + static_cast<std::ptrdiff_t>(handshake.out_sent), size,
              wire.begin());
  handshake.out_sent += size;
  if (send_ && handshake.out_sent == handshake.out.size()) handshake_.reset();
  return size;
}

bool Noise::has_transmit() const {
  return handshake_ != nullptr && handshake_->out_sent < handshake_->out.size();
}

std::size_t Noise::seal_frame(ByteSpan frame, std::size_t size) {
  ASSERT(is_established());
  ASSERT(size <= noise_plaintext_bytes_max && frame.size() >= size + noise_overhead_bytes);
  const std::size_t length = size + crypto::aead_tag_bytes;
  write_length(frame, length);
  send_->seal({}, frame.subspan(noise_frame_header_bytes, length));
  return noise_frame_header_bytes + length;
}

static_assert(base::ByteMachine<Noise>);

}  // namespace kith::secure
