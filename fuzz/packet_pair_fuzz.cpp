// Two endpoints under a network that the input rules: packets are carried, held back, dropped,
// repeated, bent, cut and made up, addresses move, paths shrink, keys rotate, and both sides write,
// send and close. The first byte chooses: bit 0 an ECN of CE, bits 1 and 2 the congestion control.
// Whatever happens: what is delivered is exactly what was sent, from the front and once; who ended
// without an error had delivered all of it; nothing is sent for ever, and nothing is left behind.
#include <cstdint>
#include <deque>
#include <map>

#include "input.h"
#include "packet/test_pair.h"

namespace {

using namespace kith;
using namespace kith::packet;
using fuzz::Input;

constexpr std::size_t flying_max = 512;

Bytes content_of(std::uint64_t seed, std::size_t size) {
  SeededRng rng(seed);
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

struct Side {
  Side(const EndpointConfig& config, std::uint64_t seed, Instant now) : end(config, seed, now) {}
  TestEnd end;
  std::map<StreamNumber, Bytes> written;
  std::map<MessageNumber, Bytes> messages;
  std::vector<StreamNumber> finished;
  std::vector<Bytes> datagrams;    // sent, and not seen by the other
  std::size_t datagrams_seen = 0;  // of the other's
  Bytes session;
  bool has_closed = false, has_aborted = false;
};

class World {
 public:
  World(const EndpointConfig& config, base::Ecn ecn)
      : ecn_(ecn), a_(config, 11, now_), b_(config, 12, now_) {
    a_.end.peer = &b_.end;
    b_.end.peer = &a_.end;
    a_.end.endpoint.on_input(now_, DialPath{Token{1}, Path{{1}, TestPair::address(2)}});
    settle();
  }

  void play(Input input) {
    while (!input.rest.empty()) {
      turn(input);
      settle();
    }
    finish();
  }

 private:
  struct Flying {
    bool to_b;
    base::IpPort from;
    Bytes bytes;
  };

  void turn(Input& input) {
    const std::uint8_t what = input.byte();
    const std::size_t pick = what / 16U;
    Side& side = pick % 2 == 0 ? a_ : b_;
    switch (what & 15) {
      case 0:
      case 1:
      case 2: deliver(0, 1 + pick); break;
      case 3: deliver(pick, 1); break;
      case 4: drop(pick); break;
      case 5: repeat(pick); break;
      case 6: bend(pick, input.byte(), input.byte()); break;
      case 7: cut(pick, input.byte()); break;
      case 8: wait(Duration(1ms) * (1 << (pick % 12))); break;
      case 9: write(side, pick, input.byte()); break;
      case 10: send(side, std::size_t{input.byte()} * 40, input.byte()); break;
      case 11: rotate(); break;
      case 12: outside_ = TestPair::address(1, static_cast<std::uint16_t>(4771 + pick)); break;
      case 13: mtu_ = pick < 8 ? 1200 + pick * 40 : 65'535; break;
      case 14: control(side, pick, input); break;
      case 15: make_up(input); break;
    }
  }

  void deliver(std::size_t index, std::size_t count) {
    for (std::size_t i = 0; i < count && index < flying_.size(); ++i) {
      Flying flying = std::move(flying_[index]);
      flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(index));
      Side& side = flying.to_b ? b_ : a_;
      ByteSpan rest = flying.bytes;
      while (!rest.empty()) {
        const std::size_t taken = side.end.endpoint.on_datagrams(
            now_, {base::SocketId{1}, flying.from, rest, rest.size(), ecn_});
        side.end.drain(now_);
        rest = rest.subspan(taken);
      }
      settle();
    }
  }
  void drop(std::size_t index) {
    if (index < flying_.size()) flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void repeat(std::size_t index) {
    if (index < flying_.size() && flying_.size() < flying_max) flying_.push_back(flying_[index]);
  }
  void bend(std::size_t index, std::uint8_t at, std::uint8_t with) {
    if (index >= flying_.size()) return;
    Bytes& bytes = flying_[index].bytes;
    bytes[at % bytes.size()] ^= with;
  }
  void cut(std::size_t index, std::uint8_t size) {
    if (index < flying_.size()) flying_[index].bytes.resize(1 + size);
  }
  /// A header with a right checksum, to ids that there are.
  void make_up(Input& input) {
    const bool to_b = (input.byte() & 1) != 0;
    const Connection* connection = (to_b ? b_ : a_).end.connection();
    const std::uint8_t type = 1 + input.byte() % packet_types;
    Header header{.type = static_cast<PacketType>(type), .id = {input.byte()}};
    if (connection != nullptr && input.byte() % 4 != 0) header.id = connection->own_ids().front();
    const ByteView payload = input.bytes(input.byte());
    if (sealing_of(header.type) != Sealing::never) header.flags = flag_sealed;
    if (header.type == PacketType::error && input.byte() % 2 == 0) header.flags = 0;
    if (header.has(flag_sealed)) header.number = input.byte();
    header.payload_bytes = static_cast<std::uint16_t>(payload.size());
    if (fault_of(header) != HeaderFault::none || flying_.size() >= flying_max) return;
    Bytes packet(header_bytes + payload.size());
    std::ranges::copy(payload, packet.begin() + header_bytes);
    encode_header(header, packet);
    flying_.push_back({to_b, to_b ? outside_ : TestPair::address(2), std::move(packet)});
  }

  bool is_live(const Side& side) const {
    const Connection* connection = side.end.connection();
    return connection != nullptr && connection->state() == State::established && !side.has_closed;
  }
  void write(Side& side, std::size_t pick, std::uint8_t size) {
    if (!is_live(side)) return;
    Services& services = side.end.services();
    if (pick < 4 || side.written.empty()) {
      if (side.written.size() > 8) return;
      const auto opened = services.open_stream(static_cast<Importance>(size * 4));
      if (opened) side.written[*opened];
    }
    if (side.written.empty()) return;
    auto& [stream, bytes] =
        *std::next(side.written.begin(), static_cast<std::ptrdiff_t>(pick % side.written.size()));
    if (std::ranges::find(side.finished, stream) != side.finished.end()) return;
    const std::size_t room = services.room(stream);
    const Bytes more = content_of(bytes.size() + stream, std::min<std::size_t>(room, size * 64U));
    if (!more.empty() && bytes.size() < 300'000) {
      services.write(stream, Buffer(ByteView(more)));
      base::append(bytes, more);
    }
    if (size % 8 == 7) {
      services.finish(stream);
      side.finished.push_back(stream);
    }
  }
  void send(Side& side, std::size_t size, std::uint8_t kind) {
    if (!is_live(side)) return;
    const Bytes bytes = content_of(size + kind, size + 1);
    if (kind % 4 == 0) {
      if (side.end.services().send_datagram(Buffer(ByteView(bytes)))) {
        side.datagrams.push_back(bytes);
      }
    } else if (kind % 4 == 1) {
      const std::size_t room = side.end.connection()->session_room();
      const Bytes said = base::to_bytes(ByteView(bytes).first(std::min(bytes.size(), room)));
      base::append(side.session, said);
      side.end.say(now_, SessionBytes{said});
    } else if (side.messages.size() < 64) {
      const auto number = side.end.services().send_message(now_, Buffer(ByteView(bytes)), {});
      if (number) side.messages[*number] = bytes;
    }
  }
  /// As two sessions would: one after the other, and not before the last one is used by both.
  void rotate() {
    if (!is_live(a_) || !is_live(b_) || epoch_ > 6) return;
    const auto has = [](const Side& side, std::uint64_t epoch) {
      const auto& epochs = side.end.seen.epochs;
      return std::ranges::find(epochs, epoch) != epochs.end();
    };
    if (!has(b_, epoch_)) return;
    if (epoch_ > 0 && !is_answered_) {
      b_.end.give_keys(now_, epoch_, true);
      is_answered_ = true;
    }
    if (!has(a_, epoch_)) return;
    ++epoch_;
    is_answered_ = false;
    b_.end.give_keys(now_, epoch_, false);
    a_.end.give_keys(now_, epoch_, true);
  }
  void control(Side& side, std::size_t pick, Input& input) {
    const std::uint8_t what = input.byte();
    if (pick < 12) return wait(Duration(1ms) * what);
    if (side.end.connection() == nullptr) return;
    if (what < 16) {
      side.has_closed = true;
      side.end.say(now_, CloseConnection{});
    } else if (what < 24) {
      side.has_closed = side.has_aborted = true;
      side.end.say(now_, AbortConnection{Code::refused, "enough"});
    }
  }

  void wait(Duration time) {
    const Instant end = now_ + time;
    for (std::size_t turns = 0;; ++turns) {
      ASSERT(turns < 20'000);
      settle();
      const auto next =
          base::soonest(a_.end.endpoint.next_deadline(), b_.end.endpoint.next_deadline());
      if (!next || *next > end) break;
      now_ = std::max(now_, *next);
      for (Side* side : {&a_, &b_}) {
        const auto at = side->end.endpoint.next_deadline();
        if (at && *at <= now_) side->end.endpoint.on_deadline(now_);
      }
    }
    now_ = end;
  }
  void settle() {
    for (bool is_busy = true; is_busy;) {
      a_.end.drain(now_);
      b_.end.drain(now_);
      is_busy = transmit(a_, true);
      is_busy = transmit(b_, false) || is_busy;
    }
    ASSERT(!a_.end.endpoint.has_transmit() && !b_.end.endpoint.has_transmit());
    check(a_, b_);
    check(b_, a_);
  }
  bool transmit(Side& side, bool from_a) {
    const auto out = side.end.endpoint.poll_datagrams(now_, room_);
    ASSERT(out.bytes <= room_.size() && (out.bytes == 0 || out.segment_bytes > 0));
    for (std::size_t at = 0; at < out.bytes; at += out.segment_bytes) {
      const std::size_t size = std::min(out.segment_bytes, out.bytes - at);
      if (size > mtu_ || flying_.size() >= flying_max) continue;
      if (!from_a && out.to != outside_) continue;
      flying_.push_back({from_a, from_a ? outside_ : TestPair::address(2),
                         base::to_bytes(ByteView(room_).subspan(at, size))});
    }
    return out.bytes > 0;
  }

  static bool is_front_of(ByteView front, ByteView whole) {
    return front.size() <= whole.size() && base::equal(front, whole.first(front.size()));
  }
  /// What `to` has seen is what `from` has sent.
  static void check(Side& from, Side& to) {
    const TestSeen& seen = to.end.seen;
    for (const auto& [stream, bytes] : seen.bytes) {
      const auto written = from.written.find(stream);
      ASSERT(written != from.written.end());
      ASSERT(is_front_of(bytes, written->second));
    }
    for (const StreamNumber stream : seen.finished) {
      const auto written = from.written.find(stream);
      const auto got = seen.bytes.find(stream);
      const std::size_t size = got == seen.bytes.end() ? 0 : got->second.size();
      ASSERT(written != from.written.end() && written->second.size() == size);
    }
    for (const auto& [number, bytes] : seen.messages) {
      const auto sent = from.messages.find(number);
      ASSERT(sent != from.messages.end() && base::equal(bytes, sent->second));
    }
    for (; to.datagrams_seen < seen.datagrams.size(); ++to.datagrams_seen) {
      const auto sent = std::ranges::find(from.datagrams, seen.datagrams[to.datagrams_seen]);
      ASSERT(sent != from.datagrams.end());
      from.datagrams.erase(sent);
    }
    ASSERT(is_front_of(seen.session, from.session));
  }
  /// The network becomes a good one: what was sent arrives, or the connection has failed.
  void finish() {
    mtu_ = 65'535;
    for (int turn = 0; turn < 4'000; ++turn) {
      while (!flying_.empty()) deliver(0, 64);
      const bool is_over = a_.end.seen.has_ended && b_.end.seen.has_ended;
      if (is_over || (turn > 600 && is_all(a_, b_) && is_all(b_, a_))) break;
      wait(20ms);
    }
    const bool has_failed =
        a_.end.seen.has_ended || b_.end.seen.has_ended || !a_.end.seen.is_up || !b_.end.seen.is_up;
    ASSERT(has_failed || (is_all(a_, b_) && is_all(b_, a_)));
    // Who was told that all went well, and did not end it itself, had all of it delivered.
    for (const auto& [from, to] : {std::pair(&a_, &b_), std::pair(&b_, &a_)}) {
      const TestSeen& seen = from->end.seen;
      if (seen.is_up && seen.has_ended && !seen.end_error && !from->has_aborted) {
        ASSERT(is_all(*from, *to));
      }
    }
    for (Side* side : {&a_, &b_}) {
      if (side->end.connection() != nullptr) side->end.say(now_, CloseConnection{});
    }
    for (int turn = 0; turn < 4'000; ++turn) {
      while (!flying_.empty()) deliver(0, 64);
      wait(50ms);
      if (count() == 0) break;
    }
    ASSERT(count() == 0);
  }
  std::size_t count() const {
    return a_.end.endpoint.connection_count() + b_.end.endpoint.connection_count();
  }
  bool is_all(const Side& from, const Side& to) const {
    const TestSeen& seen = to.end.seen;
    for (const auto& [stream, bytes] : from.written) {
      const auto got = seen.bytes.find(stream);
      const std::size_t size = got == seen.bytes.end() ? 0 : got->second.size();
      if (size != bytes.size()) return false;
    }
    return seen.messages.size() == from.messages.size() &&
           seen.session.size() == from.session.size();
  }

  base::Ecn ecn_;
  Instant now_ = Instant{} + 1h;
  Side a_, b_;
  std::deque<Flying> flying_;
  base::IpPort outside_ = TestPair::address(1);
  std::size_t mtu_ = 65'535;
  std::uint64_t epoch_ = 0;
  bool is_answered_ = true;
  Bytes room_ = Bytes(65'536);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  Input input{{data, size}};
  const std::uint8_t mode = input.byte();
  EndpointConfig config;
  constexpr CongestionKind kinds[] = {CongestionKind::bbr, CongestionKind::cubic,
                                      CongestionKind::aimd, CongestionKind::bbr};
  config.packet.recovery.congestion = kinds[mode / 2 % 4];
  World world(config, (mode & 1) != 0 ? base::Ecn::congested : base::Ecn::none);
  world.play(input);
  return 0;
}
