// For tests: a peer that does the security handshake rightly and then sends whatever yamux bytes a
// test gives it. The attacker behind the rows about streams: it has an identity, and no manners.
#pragma once

#include "codec/multistream.h"
#include "host/test_connections.h"
#include "mux/yamux_frame.h"

namespace kith::host {

class RawPeer {
 public:
  /// Dials; names no muxer in the handshake when `has_early_muxer` is false.
  explicit RawPeer(std::uint8_t number, bool has_early_muxer = true, std::uint64_t seed = 99)
      : key_(test_key(number)),
        rng_(seed),
        identity_(secure::make_noise_identity(
            key_,
            has_early_muxer ? std::vector{std::string(yamux_protocol)} : std::vector<std::string>{},
            rng_)),
        noise_(Direction::outbound, identity_, std::nullopt, rng_) {
    codec::append_multistream(out_, codec::multistream_header);
    codec::append_multistream(out_, noise_protocol);
  }

  /// What goes to the wire next.
  Bytes transmit() {
    Bytes wire = std::exchange(out_, {});
    Bytes room(65537);
    while (const std::size_t size = noise_.poll_transmit({}, room)) {
      base::append(wire, ByteView(room).first(size));
    }
    return wire;
  }
  void hear(ByteView bytes) {
    base::append(inbox_, bytes);
    // The listener answers header and protocol, then Noise begins.
    while (negotiated_ < 2) {
      const auto message = codec::peek_multistream(inbox_);
      if (!message || !*message) return;
      inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>((*message)->size));
      ++negotiated_;
    }
    const std::size_t taken = noise_.on_bytes({}, inbox_);
    while (auto output = noise_.poll_output({})) {
      if (std::holds_alternative<secure::Established>(*output)) is_up_ = true;
      if (const auto* text = std::get_if<secure::Plaintext>(&*output)) {
        base::append(plaintext, text->data);
      }
    }
    inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  bool is_up() const { return is_up_ && noise_.is_established(); }

  /// `plaintext` as one sealed frame. REQUIRES: is_up().
  Bytes seal(ByteView text) {
    Bytes frame(text.size() + secure::noise_overhead_bytes);
    std::copy(text.begin(), text.end(), frame.begin() + 2);
    noise_.seal_frame(frame, text.size());
    return frame;
  }

  Bytes plaintext;  // all that came

 private:
  crypto::KeyPair key_;
  SeededRng rng_;
  secure::NoiseIdentity identity_;
  secure::Noise noise_;
  Bytes out_, inbox_;
  int negotiated_ = 0;
  bool is_up_ = false;
};

/// One yamux frame.
inline Bytes yamux_frame(mux::FrameType type, std::uint16_t flags, std::uint32_t stream,
                         std::uint32_t length, ByteView payload = {}) {
  Bytes bytes(mux::yamux_header_bytes);
  mux::encode_frame_header({.type = type, .flags = flags, .stream = stream, .length = length},
                           bytes);
  base::append(bytes, payload);
  return bytes;
}
inline Bytes yamux_data(std::uint16_t flags, std::uint32_t stream, ByteView payload) {
  return yamux_frame(mux::FrameType::data, flags, stream,
                     static_cast<std::uint32_t>(payload.size()), payload);
}

/// A listening ConnectionEnd and a RawPeer that has shaken hands with it.
struct Attack {
  explicit Attack(bool has_early_muxer = true)
      : victim(Direction::inbound, 2, ConnectionEnd::Options{}), peer(1, has_early_muxer) {
    for (int i = 0; i < 4; ++i) {
      victim.hear(now, peer.transmit());
      peer.hear(victim.transmit(now));
    }
  }
  void send(ByteView text) { victim.hear(now, peer.seal(text)); }
  /// What the victim answers, read by the peer.
  void read() { peer.hear(victim.transmit(now)); }

  Instant now{};
  ConnectionEnd victim;
  RawPeer peer;
};

}  // namespace kith::host
