// The listening sockets of a reactor. Internal to rt. When the process is out of descriptors a
// waiting connection would keep its socket readable for ever, so one descriptor is held in reserve:
// it is given up to accept and refuse the connection, then accepting rests for a while.
#pragma once

#include <map>
#include <memory>

#include "rt/links.h"

namespace kith::rt {

class Listeners {
 public:
  Listeners(asio::io_context& io, Turns& turns, Links& links, const ReactorConfig& config, Log& log,
            ReactorStats& stats);
  ~Listeners();

  void listen(const codec::Multiaddr& address);
  void stop(const codec::Multiaddr& bound);

 private:
  struct Listener {
    explicit Listener(asio::io_context& io) : socket(io), rest(io) {}
    Descriptor socket;
    Timer rest;
    codec::Multiaddr bound;
  };
  using ListenerPtr = std::shared_ptr<Listener>;

  Result<codec::Multiaddr> open(const codec::Multiaddr& address);
  void arm(const ListenerPtr& listener);
  void accept(const ListenerPtr& listener);
  void refuse_one(int listening_fd);
  void rest(const ListenerPtr& listener, int error_number);

  asio::io_context& io_;
  Turns& turns_;
  Links& links_;
  const ReactorConfig& config_;
  Log& log_;
  ReactorStats& stats_;
  std::map<codec::Multiaddr, ListenerPtr> listeners_;  // by bound address
  Fd reserve_;
  Instant next_complaint_{};
};

}  // namespace kith::rt
