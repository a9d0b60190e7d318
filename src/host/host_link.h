// What the host keeps of each link and each peer. Private to the host_*.cpp files.
#pragma once

#include <memory>

#include "host/host.h"

namespace kith::host {

/// What is spoken on a link: libp2p's Noise and yamux, or a session; nothing before it is open.
/// The two have one face here, chosen by a look and not by a virtual call.
class LinkChannel {
 public:
  template <class... Args>
  void speak_libp2p(Args&&... args) {
    libp2p_ = std::make_unique<Connection>(std::forward<Args>(args)...);
  }
  template <class... Args>
  void speak_session(Args&&... args) {
    libp2p_.reset();
    session_ = std::make_unique<SessionConnection>(std::forward<Args>(args)...);
  }

  explicit operator bool() const { return libp2p_ || session_; }
  SessionConnection* session() { return session_.get(); }
  const SessionConnection* session() const { return session_.get(); }

  // REQUIRES: something is spoken.
  void on_input(Instant now, ConnectionInput input) {
    if (session_) return session_->on_input(now, std::move(input));
    libp2p_->on_input(now, std::move(input));
  }
  void on_deadline(Instant now) {
    if (session_) return session_->on_deadline(now);
    libp2p_->on_deadline(now);
  }
  std::optional<ConnectionOutput> poll_output(Instant now) {
    return session_ ? session_->poll_output(now) : libp2p_->poll_output(now);
  }
  std::optional<Instant> next_deadline() const {
    return session_ ? session_->next_deadline() : libp2p_->next_deadline();
  }
  std::size_t on_bytes(Instant now, ByteSpan bytes) {
    return session_ ? session_->on_bytes(now, bytes) : libp2p_->on_bytes(now, bytes);
  }
  std::size_t poll_transmit(Instant now, ByteSpan room) {
    return session_ ? session_->poll_transmit(now, room) : libp2p_->poll_transmit(now, room);
  }
  bool has_transmit(Instant now) const {
    return session_ ? session_->has_transmit(now) : libp2p_->has_transmit();
  }
  bool wants_bytes() const { return session_ ? session_->wants_bytes() : libp2p_->wants_bytes(); }
  void shut_down(Instant now, const Error& error) {
    if (session_) return session_->shut_down(now, error);
    libp2p_->shut_down(now, error);
  }
  bool is_up() const { return session_ ? session_->is_up() : libp2p_->is_up(); }
  bool takes_streams() const {
    return session_ ? session_->takes_streams() : libp2p_->takes_streams();
  }
  std::size_t stream_count() const {
    return session_ ? session_->stream_count() : libp2p_->stream_count();
  }

 private:
  std::unique_ptr<Connection> libp2p_;
  std::unique_ptr<SessionConnection> session_;
};

struct Host::Link {
  Direction direction = Direction::outbound;
  codec::Multiaddr remote;     // of a dialled link: what was dialled
  LinkChannel channel;         // from LinkOpened on; of datagrams from the endpoint's slot on
  std::optional<PeerId> peer;  // from ConnectionUp on
  Instant opened_at;
  bool is_closing = false;     // CloseLink was said
  bool transmit_told = false;  // TransmitReady was said, and poll_transmit has not given 0 since
  bool is_datagrams = false;   // no link of the shell's…
  bool has_ended = false;      // …and over: it goes with the end of this turn
  bool is_undecided = false;   // what came first will say which of the two it speaks
};

struct Host::Peer {
  std::vector<LinkId> links;  // authenticated, the oldest first
  std::optional<Duration> rtt;
  std::shared_ptr<const codec::IdentifyMessage> identity;
};

}  // namespace kith::host
