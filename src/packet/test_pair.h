// For tests: two endpoints joined by a network in virtual time that loses, repeats, reorders, cuts
// and turns bits as it is told. Each end plays the session: four fixed strings for a handshake, and
// keys that are constants. It consumes what comes, and keeps it.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "packet/endpoint.h"
#include "packet/test_end.h"

namespace kith::packet {

struct TestFaults {
  Duration delay = 10ms, jitter{0};
  std::uint32_t loss_ppm = 0, repeat_ppm = 0, flip_ppm = 0;
  std::size_t mtu_bytes = 65'535;
  std::uint64_t bytes_per_second = 0;  // 0: no bottleneck
  Duration queue = 20ms;               // of the bottleneck, in time
};

class TestPair {
 public:
  explicit TestPair(std::uint64_t seed = 1, const EndpointConfig& config = {})
      : now(Instant{} + 1h),
        rng_(seed),
        a(config, seed * 2 + 1, now),
        b(config, seed * 2 + 2, now) {
    a.peer = &b;
    b.peer = &a;
  }

  Instant now;
  SeededRng rng_;
  TestEnd a, b;
  TestFaults faults;
  Path path_a{{1}, address(1)};  // as a's socket; b sees datagrams come from outside_a
  base::IpPort outside_a = address(1);
  std::uint64_t packets = 0, lost = 0;
  /// Looks at (and may change) each packet; false: it is lost.
  std::function<bool(TestPair&, bool from_a, ByteSpan)> hook;

  static base::IpPort address(std::uint8_t host, std::uint16_t port = 4771) {
    base::IpPort at;
    at.ip = {10, 0, 0, host};
    at.port = port;
    return at;
  }
  void dial() { a.endpoint.on_input(now, DialPath{Token{1}, Path{{1}, address(2)}}); }

  /// Turns until `done`, or until nothing happens, or `limit` has passed.
  bool run(const std::function<bool()>& done, Duration limit = 60s) {
    const Instant end = now + limit;
    while (true) {
      settle();
      if (done()) return true;
      std::optional<Instant> next =
          base::soonest(a.endpoint.next_deadline(), b.endpoint.next_deadline());
      if (!flying_.empty()) next = base::soonest(next, flying_.begin()->first);
      if (!next || *next > end) {
        now = end;
        return done();
      }
      now = std::max(now, *next);
      deliver();
      for (TestEnd* each : {&a, &b}) {
        if (const auto at = each->endpoint.next_deadline(); at && *at <= now) {
          each->endpoint.on_deadline(now);
        }
      }
    }
  }
  bool connect() {
    dial();
    return run([&] { return a.seen.is_up && b.seen.is_up; });
  }
  void pass(Duration time) {
    run([] { return false; }, time);
  }
  /// Why a run did not get where it should.
  std::string state() const {
    std::string text;
    for (const TestEnd* end : {&a, &b}) {
      text += end == &a ? "a:" : " b:";
      if (end->seen.end_error) text += " " + to_string(*end->seen.end_error);
      if (const Connection* connection = end->connection()) {
        const ConnectionStats stats = connection->stats();
        text += " " + std::string(name_of(stats.state)) + " sent " +
                std::to_string(stats.packets_sent) + " received " +
                std::to_string(stats.packets_received) + " dropped " +
                std::to_string(stats.packets_dropped) + " lost " +
                std::to_string(stats.recovery.packets_lost) + " flying " +
                std::to_string(stats.recovery.bytes_in_flight);
      }
      for (const auto& [stream, bytes] : end->seen.bytes) {
        text += " stream " + std::to_string(stream) + ": " + std::to_string(bytes.size());
      }
    }
    return text;
  }
  std::size_t flying() const { return flying_.size(); }
  /// Puts a datagram on the wire as if it came from `from`.
  void inject(bool to_b, const base::IpPort& from, Bytes bytes) {
    flying_.emplace(now, Flying{to_b, from, std::move(bytes)});
  }

 private:
  struct Flying {
    bool to_b;
    base::IpPort from;
    Bytes bytes;
  };
  void settle() {
    bool is_busy = true;
    while (is_busy) {
      a.drain(now);
      b.drain(now);
      is_busy = transmit(a, true) || transmit(b, false);
    }
  }
  bool transmit(TestEnd& end, bool from_a) {
    const base::DatagramsOut out = end.endpoint.poll_datagrams(now, room_);
    for (std::size_t at = 0; at < out.bytes; at += out.segment_bytes) {
      const std::size_t size = std::min(out.segment_bytes, out.bytes - at);
      launch(from_a, out.to, ByteSpan(room_).subspan(at, size));
    }
    return out.bytes > 0;
  }
  void launch(bool from_a, const base::IpPort& to, ByteSpan packet) {
    ++packets;
    // a is behind a NAT: only its newest outside address leads to it.
    if (!from_a && to != outside_a) return;
    if (packet.size() > faults.mtu_bytes) return;
    if (hook && !hook(*this, from_a, packet)) return;
    if (rng_.below(1'000'000) < faults.loss_ppm) {
      ++lost;
      return;
    }
    Instant at = now;
    if (faults.bytes_per_second > 0) {
      Instant& free_at = from_a ? free_a_ : free_b_;
      free_at = std::max(free_at, now);
      if (free_at - now > faults.queue) {
        ++lost;
        return;
      }
      free_at += Duration(
          static_cast<std::int64_t>(packet.size() * 1'000'000'000 / faults.bytes_per_second));
      at = free_at;
    }
    const std::size_t copies = rng_.below(1'000'000) < faults.repeat_ppm ? 2 : 1;
    for (std::size_t i = 0; i < copies; ++i) {
      Bytes bytes = base::to_bytes(packet);
      if (rng_.below(1'000'000) < faults.flip_ppm) {
        bytes[rng_.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << rng_.below(8));
      }
      Duration delay = faults.delay;
      if (faults.jitter > Duration{0}) {
        delay += Duration(static_cast<std::int64_t>(
            rng_.below(static_cast<std::uint64_t>(faults.jitter.count()))));
      }
      flying_.emplace(at + delay, Flying{from_a, from_a ? outside_a : address(2), bytes});
    }
  }
  void deliver() {
    while (!flying_.empty() && flying_.begin()->first <= now) {
      Flying flying = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      TestEnd& end = flying.to_b ? b : a;
      ByteSpan rest = flying.bytes;
      while (!rest.empty()) {
        const std::size_t taken = end.endpoint.on_datagrams(
            now, {base::SocketId{1}, flying.from, rest, rest.size(), base::Ecn::none});
        end.drain(now);
        rest = rest.subspan(taken);
      }
    }
  }

  std::multimap<Instant, Flying> flying_;
  Bytes room_ = Bytes(65'536);
  Instant free_a_, free_b_;
};

/// Bytes that differ by place, so that a mix-up shows.
inline Bytes test_bytes(std::size_t size, std::uint64_t seed = 7) {
  SeededRng rng(seed);
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

}  // namespace kith::packet
