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

namespace kith::packet {

inline crypto::KeyScheduleCache& test_schedules() {
  static crypto::KeyScheduleCache cache;
  return cache;
}

inline crypto::PacketCipher test_cipher(std::uint8_t direction, std::uint64_t epoch,
                                        crypto::CipherId id = crypto::CipherId::aes_256_gcm) {
  crypto::AeadKey key{};
  key.fill(static_cast<std::uint8_t>(direction + 16 * epoch));
  crypto::AeadNonce iv{};
  iv.fill(static_cast<std::uint8_t>(direction + 1));
  return {id, key, iv, test_schedules()};
}

/// What one end has seen.
struct TestSeen {
  std::map<StreamNumber, Bytes> bytes;
  std::map<StreamNumber, std::optional<Error>> closed;
  std::vector<StreamNumber> accepted, finished;
  std::map<MessageNumber, Bytes> messages;
  std::map<MessageNumber, bool> done;
  std::vector<Bytes> datagrams;
  std::vector<std::uint64_t> epochs;
  std::vector<Path> paths;
  Bytes session;
  bool is_up = false, has_ended = false;
  std::optional<Error> end_error;
  std::uint64_t traffic_bytes = 0;
};

class TestEnd {
 public:
  TestEnd(const EndpointConfig& config, std::uint64_t seed, Instant now)
      : rng_(seed), endpoint(config, rng_, now) {}

  SeededRng rng_;
  Endpoint endpoint;
  std::optional<ConnectionSlot> slot;
  TestEnd* peer = nullptr;
  bool is_initiator = false;
  bool consumes = true;
  bool echoes = false;
  Decide::Verdict verdict = Decide::Verdict::admit;
  std::size_t incoming = 0;
  TestSeen seen;
  /// Called when the connection is up, and when a stream has room again.
  std::function<void(Instant, TestEnd&)> on_up;
  std::function<void(Instant, TestEnd&, StreamNumber, std::size_t)> on_writable;

  Services& services() { return endpoint.find(*slot)->services(); }
  const Connection* connection() const { return slot ? endpoint.look_at(*slot) : nullptr; }
  void say(Instant now, Connection::Input input) {
    if (slot) endpoint.on_input(now, ToConnection{*slot, std::move(input)});
  }
  void give_keys(Instant now, std::uint64_t epoch, bool may_send) {
    const std::uint8_t ours = is_initiator ? 1 : 2, theirs = is_initiator ? 2 : 1;
    SealKeys keys{.epoch = epoch,
                  .receive = test_cipher(theirs, epoch),
                  .send = {},
                  .receive_offset_key = {},
                  .send_offset_key = {}};
    if (may_send) keys.send = test_cipher(ours, epoch);
    if (epoch == 0) {
      keys.receive_offset_key = offset_key(theirs);
      keys.send_offset_key = offset_key(ours);
    }
    say(now, std::move(keys));
  }

  void drain(Instant now) {
    while (auto output = endpoint.poll_output(now)) {
      std::visit(Overload{
                     [&](Dialled& dialled) {
                       slot = dialled.slot;
                       is_initiator = true;
                       say(now, HandshakeBytes{0, base::to_bytes("hello")});
                     },
                     [&](NotDialled&) {},
                     [&](Incoming& asked) {
                       ++incoming;
                       endpoint.on_input(now, Decide{asked.token, verdict});
                     },
                     [&](Admitted& admitted) { slot = admitted.slot; },
                     [&](FromConnection& from) {
                       if (from.slot == slot) on_output(now, from.output);
                     },
                 },
                 *output);
    }
  }

 private:
  static crypto::SecretBytes offset_key(std::uint8_t direction) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(direction);
    return crypto::SecretBytes::copy_of(bytes);
  }
  void on_handshake(Instant now, const HandshakeArrived& arrived) {
    const std::string text(base::as_text(arrived.bytes));
    if (arrived.message == 0 && text == "hello") {
      say(now, HandshakeBytes{1, base::to_bytes("response")});
    } else if (arrived.message == 1 && text == "response") {
      give_keys(now, 0, true);
      say(now, PeerParameters{connection()->parameters()});
      say(now, HandshakeBytes{2, base::to_bytes("proof")});
      up(now);
    } else if (arrived.message == 2 && text == "proof") {
      give_keys(now, 0, true);
      say(now, PeerParameters{connection()->parameters()});
      say(now, HandshakeBytes{3, base::to_bytes("final")});
      up(now);
    } else if (arrived.message == 3 && text == "final") {
      say(now, HandshakeDone{});
    }
  }
  void up(Instant now) {
    seen.is_up = true;
    if (on_up) on_up(now, *this);
  }
  void on_output(Instant now, Connection::Output& output) {
    std::visit(Overload{
                   [&](HandshakeArrived& arrived) { on_handshake(now, arrived); },
                   [&](SessionArrived& arrived) { base::append(seen.session, arrived.bytes); },
                   [&](EpochOpened& opened) { seen.epochs.push_back(opened.epoch); },
                   [&](Traffic& traffic) { seen.traffic_bytes += traffic.bytes; },
                   [&](PathChanged& changed) { seen.paths.push_back(changed.path); },
                   [&](ConnectionEnded& ended) {
                     seen.has_ended = true;
                     seen.end_error = ended.error;
                   },
                   [&](ServicesOutput& served) { on_service(now, served); },
               },
               output);
  }
  void on_service(Instant now, ServicesOutput& output) {
    std::visit(Overload{
                   [&](StreamAccepted& accepted) { seen.accepted.push_back(accepted.stream); },
                   [&](StreamBytes& bytes) {
                     base::append(seen.bytes[bytes.stream], bytes.data);
                     if (consumes) services().consume(now, bytes.stream, bytes.data.size());
                   },
                   [&](StreamWritable& writable) {
                     if (on_writable) on_writable(now, *this, writable.stream, writable.room);
                   },
                   [&](StreamFinished& finished) {
                     seen.finished.push_back(finished.stream);
                     if (echoes) services().finish(finished.stream);
                   },
                   [&](StreamStopped&) {},
                   [&](StreamClosed& closed) { seen.closed[closed.stream] = closed.error; },
                   [&](MessageArrived& message) {
                     Bytes& whole = seen.messages[message.number];
                     for (const ByteView piece : message.pieces) base::append(whole, piece);
                     if (consumes) services().consume_message(message.number);
                   },
                   [&](MessageDone& done) { seen.done[done.number] = done.was_delivered; },
                   [&](DatagramArrived& datagram) {
                     seen.datagrams.push_back(base::to_bytes(datagram.data));
                   },
               },
               output);
  }
};

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
