#include "rt/signer_pipe.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/format.h"
#include "codec/signer_message.h"
#include "rt/os.h"

namespace kith::rt {

SignerPipe::SignerPipe(int fd)
    : fd_(fd), reader_(codec::FramePrefix::varint, codec::signer_frame_bytes_max) {}

SignerPipe::SignerPipe(int fd, Direction direction, const secure::NoiseIdentity& identity,
                       std::optional<PeerId> expected, Rng& rng)
    : SignerPipe(fd) {
  noise_.emplace(direction, identity, expected, rng);
}

/// Once: what is left is told of again, so that nobody who writes fast keeps others waiting.
Result<void> SignerPipe::on_readable() {
  std::uint8_t chunk[16 * 1024];
  const ssize_t count = ::recv(fd_, chunk, sizeof chunk, 0);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {};
  if (count < 0) return fail(os_error(errno, "the connection"));
  if (count == 0) return fail(Code::closed, "the other end has closed the connection");
  return take(ByteSpan(chunk, static_cast<std::size_t>(count)));
}

Result<void> SignerPipe::take(ByteSpan bytes) {
  if (!noise_) return take_plain(bytes);
  base::append(sealed_, bytes);
  const std::size_t taken = noise_->on_bytes(Instant{}, sealed_);
  while (auto output = noise_->poll_output(Instant{})) {
    if (const auto* const fault = std::get_if<secure::PeerFault>(&*output)) {
      return fail(fault->error);
    }
    if (const auto* const up = std::get_if<secure::Established>(&*output)) peer_ = up->peer;
    if (const auto* const plain = std::get_if<secure::Plaintext>(&*output)) {
      TRY_VOID(take_plain(plain->data));
    }
  }
  sealed_.erase(sealed_.begin(), sealed_.begin() + static_cast<std::ptrdiff_t>(taken));
  return {};
}

Result<void> SignerPipe::take_plain(ByteView bytes) {
  while (const auto frame = TRY(reader_.next(bytes))) frames_.push_back(base::to_bytes(*frame));
  return {};
}

std::optional<Bytes> SignerPipe::poll_frame() {
  if (frames_.empty()) return std::nullopt;
  return frames_.pop_front();
}

void SignerPipe::send(ByteView frame) {
  Bytes framed;
  codec::append_frame(framed, codec::FramePrefix::varint, frame);
  if (noise_ && !noise_->is_established()) {
    early_.push_back(std::move(framed));
  } else {
    put(framed);
  }
}

/// A frame and its prefix are one Noise message: they are far shorter than one may be.
void SignerPipe::put(ByteView framed) {
  if (!noise_) return base::append(unsent_, framed);
  Bytes sealed(secure::noise_frame_header_bytes);
  base::append(sealed, framed);
  sealed.resize(framed.size() + secure::noise_overhead_bytes);
  noise_->seal_frame(sealed, framed.size());
  base::append(unsent_, sealed);
}

Result<void> SignerPipe::flush() {
  if (noise_) {
    Bytes room(1024);
    while (const std::size_t size = noise_->poll_transmit(Instant{}, room)) {
      base::append(unsent_, ByteView(room).first(size));
    }
    if (noise_->is_established()) {
      for (const Bytes& framed : std::exchange(early_, {})) put(framed);
    }
  }
  std::size_t sent = 0;
  while (sent < unsent_.size()) {
    const ssize_t count = ::send(fd_, unsent_.data() + sent, unsent_.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count < 0) return fail(os_error(errno, "the connection"));
    sent += static_cast<std::size_t>(count);
  }
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
  if (unsent_.size() <= unsent_bytes_max) return {};
  return fail(Code::limit, base::format("the other end left {} bytes unread", unsent_.size()));
}

}  // namespace kith::rt
