// For tests: two Yamux machines on virtual time with a slow link between them, which cuts the bytes
// at random, and an application on either side that remembers what it was told.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/machine.h"
#include "base/rng.h"
#include "mux/yamux.h"

namespace kith::mux::test {

inline constexpr Instant start{1h};

struct SeenStream {
  bool accepted = false;
  Bytes received{};
  std::size_t waiting = 0;  // received and not consumed
  std::size_t room = 0;
  int finished = 0;
  int closed = 0;
  std::optional<Error> error{};
};

/// One machine and its application.
struct Side {
  Side(const YamuxConfig& config, Direction direction) : mux(config, direction, start) {}

  void input(Instant now, Yamux::Input in) {
    mux.on_input(now, std::move(in));
    drain(now);
  }
  void bytes(Instant now, Bytes in) {
    mux.on_bytes(now, in);
    drain(now);
  }
  YamuxStreamId open(Instant now) {
    input(now, OpenStream{++tokens});
    return opened.contains(tokens) ? opened[tokens] : 0;
  }
  void write(Instant now, YamuxStreamId id, Bytes data) {
    streams[id].room -= data.size();
    input(now, WriteStream{id, Buffer(std::move(data))});
  }
  /// Everything there is to send, in rooms of `room` bytes.
  Bytes transmit(Instant now, std::size_t room = 65519) {
    Bytes all;
    Bytes out(room);
    while (const std::size_t size = mux.poll_transmit(now, out)) {
      base::append(all, ByteView(out).first(size));
      drain(now);
    }
    return all;
  }

  void drain(Instant now) {
    while (auto output = mux.poll_output(now)) {
      std::visit(Overload{[&](Opened& o) {
                            opened[o.token] = o.stream;
                            streams[o.stream] = {.room = o.room};
                          },
                          [&](OpenFailed& o) { open_errors.push_back(o.error); },
                          [&](Accepted& o) {
                            streams[o.stream] = {.accepted = true, .room = o.room};
                            accepted.push_back(o.stream);
                          },
                          [&](StreamBytes& o) {
                            SeenStream& seen = streams[o.stream];
                            base::append(seen.received, o.data);
                            seen.waiting += o.data.size();
                            if (consumes) consume(now, o.stream, seen.waiting);
                          },
                          [&](StreamWritable& o) { streams[o.stream].room = o.room; },
                          [&](StreamFinished& o) { ++streams[o.stream].finished; },
                          [&](StreamClosed& o) {
                            ++streams[o.stream].closed;
                            streams[o.stream].error = o.error;
                          },
                          [&](RoundTrip& o) { round_trips.push_back(o.rtt); },
                          [&](PeerGoneAway& o) { gone_away.push_back(o.code); },
                          [&](SessionFault& o) { faults.push_back(o.error); }},
                 *output);
    }
  }
  void consume(Instant now, YamuxStreamId id, std::size_t count) {
    streams[id].waiting -= count;
    mux.on_input(now, ConsumeStream{id, count});
  }

  Yamux mux;
  bool consumes = true;
  std::uint64_t tokens = 0;
  std::map<std::uint64_t, YamuxStreamId> opened;
  std::map<YamuxStreamId, SeenStream> streams;
  std::vector<YamuxStreamId> accepted;
  std::vector<Error> open_errors;
  std::vector<Error> faults;
  std::vector<Duration> round_trips;
  std::vector<GoAwayCode> gone_away;
};

class Pair {
 public:
  explicit Pair(std::uint64_t seed = 1, Duration latency = 10ms,
                const YamuxConfig& config = default_config())
      : rng(seed),
        latency_(latency),
        dialer(config, Direction::outbound),
        listener(config, Direction::inbound) {}

  static const YamuxConfig& default_config() {
    static const YamuxConfig config;
    return config;
  }

  /// Hands what both sides have to send to the wire.
  void flush() {
    flush(dialer, to_listener_);
    flush(listener, to_dialer_);
  }
  /// Lets time pass until nothing is under way, and no longer.
  void settle() {
    for (flush(); !to_listener_.empty() || !to_dialer_.empty(); flush()) {
      now = std::min(arrival(to_listener_), arrival(to_dialer_));
      deliver();
    }
  }
  /// Lets time pass, deadlines and all.
  void run(Duration duration) {
    const Instant end = now + duration;
    for (;;) {
      flush();
      Instant next = std::min(arrival(to_listener_), arrival(to_dialer_));
      next = std::min(next, dialer.mux.next_deadline().value_or(Instant::max()));
      next = std::min(next, listener.mux.next_deadline().value_or(Instant::max()));
      if (next > end) break;
      now = std::max(now, next);
      for (Side* side : {&dialer, &listener}) {
        if (side->mux.next_deadline().value_or(Instant::max()) > now) continue;
        side->mux.on_deadline(now);
        side->drain(now);
      }
      deliver();
    }
    now = end;
  }

  SeededRng rng;
  Instant now = start;

 private:
  struct Chunk {
    Instant at;
    Bytes bytes;
  };
  using Wire = std::deque<Chunk>;

  void flush(Side& side, Wire& wire) {
    const bool small = rng.below(4) == 0;  // now and then a room that cuts frames short
    const Bytes all = side.transmit(now, small ? 13 + rng.below(200) : 65519);
    for (ByteView rest = all; !rest.empty();) {
      const std::size_t most = rng.below(3) == 0 ? 30 : 100'000;
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + rng.below(most));
      wire.push_back({now + latency_, base::to_bytes(rest.first(size))});
      rest = rest.subspan(size);
    }
  }
  static Instant arrival(const Wire& wire) {
    return wire.empty() ? Instant::max() : wire.front().at;
  }
  void deliver() {
    deliver(to_listener_, listener);
    deliver(to_dialer_, dialer);
  }
  void deliver(Wire& wire, Side& side) {
    while (arrival(wire) <= now) {
      side.bytes(now, std::move(wire.front().bytes));
      wire.pop_front();
    }
  }

  Duration latency_;
  Wire to_listener_;
  Wire to_dialer_;

 public:
  Side dialer;
  Side listener;
};

inline Bytes pattern(std::size_t size, std::uint64_t seed = 0) {
  Bytes bytes(size);
  SeededRng(seed).fill(bytes);
  return bytes;
}

}  // namespace kith::mux::test
