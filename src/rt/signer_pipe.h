// Frames of a remote signer's protocol on a socket (docs/protocol/signer.md, "Connections"): in the
// clear on a Unix-domain socket, under Noise on TCP. Both ends use it. Internal to rt.
//
// Limits: frames of codec::signer_frame_bytes_max; `unsent_bytes_max` that the other end does not
// take.
#pragma once

#include <optional>
#include <vector>

#include "base/queue.h"
#include "codec/frame.h"
#include "secure/noise.h"

namespace kith::rt {

class SignerPipe {
 public:
  static constexpr std::size_t unsent_bytes_max = 1024 * 1024;

  /// The socket is the caller's, outlives it and does not block. In the clear.
  explicit SignerPipe(int fd);
  /// Under Noise. `expected`: whom one dialled.
  SignerPipe(int fd, Direction direction, const secure::NoiseIdentity& identity,
             std::optional<PeerId> expected, Rng& rng);

  /// Reads what is there. `closed` when the other end has gone.
  Result<void> on_readable();
  std::optional<Bytes> poll_frame();
  /// Waits until the peer is known.
  void send(ByteView frame);
  /// Writes what the socket takes. `limit` when the other end does not read.
  Result<void> flush();
  bool wants_write() const { return !unsent_.empty(); }
  /// It may be spoken to: at once, or when Noise's handshake is done.
  bool is_open() const { return !noise_ || peer_.has_value(); }
  /// Whose identity Noise has shown.
  const std::optional<PeerId>& peer() const { return peer_; }

 private:
  Result<void> take(ByteSpan bytes);
  Result<void> take_plain(ByteView bytes);
  void put(ByteView framed);

  const int fd_;
  std::optional<secure::Noise> noise_;
  std::optional<PeerId> peer_;
  codec::FrameReader reader_;
  Bytes sealed_;              // received, and not opened yet
  std::vector<Bytes> early_;  // framed; for when the handshake is done
  base::Queue<Bytes> frames_;
  Bytes unsent_;
};

}  // namespace kith::rt
