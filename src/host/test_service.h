// For tests: what a Service said, by kind, in order.
#pragma once

#include "host/service.h"
#include "host/test_connections.h"

namespace kith::host {

/// A service under test, its clock, and what it has said so far.
template <class S>
struct ServiceBench {
  template <class... Args>
  explicit ServiceBench(Args&&... args) : service(std::forward<Args>(args)...) {}

  void hear(ServiceEvent event) {
    service.on_input(now, std::move(event));
    drain();
  }
  /// Serves every deadline up to `span` from now.
  void wait(Duration span) {
    const Instant end = now + span;
    for (auto next = service.next_deadline(); next && *next <= end;
         next = service.next_deadline()) {
      now = std::max(now, *next);
      service.on_deadline(now);
      drain();
    }
    now = end;
  }
  void drain() {
    while (auto command = service.poll_output(now)) said.push_back(std::move(*command));
  }
  /// Takes the commands of one kind that were said since the last take of any kind of it.
  template <class C>
  std::vector<C> take() {
    drain();
    std::vector<C> taken;
    std::erase_if(said, [&](ServiceCommand& command) {
      if (auto* found = std::get_if<C>(&command)) {
        taken.push_back(std::move(*found));
        return true;
      }
      return false;
    });
    return taken;
  }
  void up(const PeerId& peer) { hear(PeerUp{peer, Direction::outbound, {}}); }
  void stream_up(std::uint64_t stream, const PeerId& peer, Direction direction,
                 std::string_view protocol, std::optional<Token> token = std::nullopt,
                 std::size_t room = 256 * 1024) {
    hear(StreamUp{StreamId{stream}, peer, direction, std::string(protocol), room, token});
  }
  void data(std::uint64_t stream, ByteView bytes) { hear(StreamData{StreamId{stream}, bytes}); }
  void end(std::uint64_t stream) { hear(StreamEnd{StreamId{stream}}); }
  void down(std::uint64_t stream, std::optional<Error> error = std::nullopt) {
    hear(StreamDown{StreamId{stream}, std::move(error)});
  }

  S service;
  Instant now{};
  std::vector<ServiceCommand> said;
};

}  // namespace kith::host
