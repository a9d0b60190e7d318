// What connections cost in memory: nothing a packet in steady state, little when idle. The
// allocator of this test program counts.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <new>

#include "packet/load_test_util.h"

namespace kith::packet {
namespace {

std::uint64_t memory_allocations = 0;
std::int64_t memory_live_bytes = 0;

}  // namespace

void* memory_allocate(std::size_t size) {
  void* bytes = std::malloc(size == 0 ? 1 : size);
  if (bytes == nullptr) std::abort();
  ++memory_allocations;
  memory_live_bytes += static_cast<std::int64_t>(malloc_usable_size(bytes));
  return bytes;
}
void memory_free(void* bytes) {
  if (bytes != nullptr) memory_live_bytes -= static_cast<std::int64_t>(malloc_usable_size(bytes));
  std::free(bytes);
}

namespace {

// --- nothing a packet ----------------------------------------------------------------------------

/// An endpoint whose application sends one stream from one piece of memory, or reads it and
/// forgets.
struct LeanEnd {
  LeanEnd(const EndpointConfig& config, std::uint64_t seed, Instant now)
      : rng(seed), endpoint(config, rng, now) {}
  SeededRng rng;
  Endpoint endpoint;
  LeanEnd* peer = nullptr;
  std::optional<ConnectionSlot> slot;
  bool is_initiator = false, is_up = false, has_ended = false;
  Buffer source;
  StreamNumber stream = 0;
  std::uint64_t received = 0, packets = 0, uncounted = 0;

  void say(Instant now, Connection::Input input) {
    endpoint.on_input(now, ToConnection{*slot, std::move(input)});
  }
  void keys(Instant now) {
    const std::uint8_t ours = is_initiator ? 1 : 2, theirs = is_initiator ? 2 : 1;
    const auto offset = [](std::uint8_t direction) {
      std::array<std::uint8_t, 32> bytes;
      bytes.fill(direction);
      return crypto::SecretBytes::copy_of(bytes);
    };
    say(now, SealKeys{.epoch = 0,
                      .receive = test_cipher(theirs, 0),
                      .send = test_cipher(ours, 0),
                      .receive_offset_key = offset(theirs),
                      .send_offset_key = offset(ours)});
    say(now, PeerParameters{peer->endpoint.look_at(*peer->slot)->parameters()});
    is_up = true;
  }
  void handshake(Instant now, std::uint8_t message) {
    if (message == 0) return say(now, HandshakeBytes{1, Bytes(10)});
    if (message == 3) return say(now, HandshakeDone{});
    keys(now);
    say(now, HandshakeBytes{static_cast<std::uint8_t>(message + 1), Bytes(10)});
  }
  /// Fills the stream's room; the Buffers are the application's, and not counted.
  void fill(std::size_t room) {
    while (room > 0 && !source.empty()) {
      const std::uint64_t before = memory_allocations;
      Buffer piece = source.slice(0, std::min(room, source.size()));
      uncounted += memory_allocations - before;
      const std::size_t size = piece.size();
      endpoint.find(*slot)->services().write(stream, std::move(piece));
      room -= size;
    }
  }
  void on_service(Instant now, ServicesOutput& output) {
    if (auto* bytes = std::get_if<StreamBytes>(&output)) {
      received += bytes->data.size();
      const StreamNumber number = bytes->stream;
      const std::size_t size = bytes->data.size();
      endpoint.find(*slot)->services().consume(now, number, size);
    } else if (const auto* writable = std::get_if<StreamWritable>(&output)) {
      if (writable->stream == stream) fill(writable->room);
    }
  }
  void drain(Instant now) {
    while (auto output = endpoint.poll_output(now)) {
      if (auto* dialled = std::get_if<Dialled>(&*output)) {
        slot = dialled->slot;
        is_initiator = true;
        say(now, HandshakeBytes{0, Bytes(10)});
      } else if (auto* asked = std::get_if<Incoming>(&*output)) {
        endpoint.on_input(now, Decide{asked->token, Decide::Verdict::admit});
      } else if (auto* admitted = std::get_if<Admitted>(&*output)) {
        slot = admitted->slot;
      } else if (auto* from = std::get_if<FromConnection>(&*output)) {
        if (auto* arrived = std::get_if<HandshakeArrived>(&from->output)) {
          handshake(now, arrived->message);
        } else if (auto* served = std::get_if<ServicesOutput>(&from->output)) {
          on_service(now, *served);
        } else if (std::holds_alternative<ConnectionEnded>(from->output)) {
          has_ended = true;
        }
      }
    }
  }
};

/// Two of them over a carrier without delay or loss.
struct LeanPair {
  explicit LeanPair(const EndpointConfig& config) : a(config, 1, now), b(config, 2, now) {
    a.peer = &b;
    b.peer = &a;
  }
  Instant now = Instant{} + 1h;
  LeanEnd a, b;
  Bytes room = Bytes(65'536);

  bool carry(LeanEnd& from, LeanEnd& to, const base::IpPort& at) {
    const auto out = from.endpoint.poll_datagrams(now, room);
    if (out.bytes == 0) return false;
    from.packets += (out.bytes + out.segment_bytes - 1) / out.segment_bytes;
    ByteSpan rest = ByteSpan(room).first(out.bytes);
    while (!rest.empty()) {
      const std::size_t taken = to.endpoint.on_datagrams(
          now, {base::SocketId{1}, at, rest, out.segment_bytes, base::Ecn::none});
      to.drain(now);
      rest = rest.subspan(taken);
    }
    from.drain(now);
    return true;
  }
  void turn() {
    a.drain(now);
    b.drain(now);
    for (int i = 0; i < 16; ++i) {
      const bool is_a = carry(a, b, TestPair::address(1)), is_b = carry(b, a, TestPair::address(2));
      if (!is_a && !is_b) break;
    }
    now += 20us;
    for (LeanEnd* end : {&a, &b}) {
      if (const auto at = end->endpoint.next_deadline(); at && *at <= now) {
        end->endpoint.on_deadline(now);
        end->drain(now);
      }
    }
  }
};

class MemoryBulk : public ::testing::TestWithParam<CongestionKind> {};

TEST_P(MemoryBulk, AHundredThousandPacketsInSteadyStateAllocateNothingEach) {
  EndpointConfig config;
  config.packet.recovery.congestion = GetParam();
  LeanPair pair(config);
  pair.a.endpoint.on_input(pair.now, DialPath{Token{1}, Path{{1}, TestPair::address(2)}});
  for (int i = 0; i < 100 && !pair.b.is_up; ++i) pair.turn();
  ASSERT_TRUE(pair.a.is_up && pair.b.is_up);
  pair.a.source = Buffer(ByteView(test_bytes(64 * 1024)));
  const auto stream = pair.a.endpoint.find(*pair.a.slot)->services().open_stream(500);
  ASSERT_TRUE(stream);
  pair.a.stream = *stream;
  pair.a.fill(pair.a.endpoint.find(*pair.a.slot)->services().room(*stream));
  // Until windows, rings and queues have their size.
  const auto until = [&](std::uint64_t packets) {
    for (std::uint64_t turns = 0; pair.a.packets < packets; ++turns) {
      ASSERT_LT(turns, 2'000'000U) << pair.a.packets;
      ASSERT_FALSE(pair.a.has_ended || pair.b.has_ended);
      pair.turn();
    }
  };
  until(200'000);
  const std::uint64_t before = memory_allocations, excused = pair.a.uncounted;
  const std::uint64_t packets = pair.a.packets, bytes = pair.b.received;
  until(packets + 100'000);
  const std::uint64_t after = memory_allocations;
  EXPECT_GT(pair.b.received - bytes, 100'000'000U);
  // Where ranges gather that skipped numbers part, their vector may once more grow (64 at most).
  EXPECT_LE(after - before - (pair.a.uncounted - excused), 1U);
}

INSTANTIATE_TEST_SUITE_P(Controllers, MemoryBulk,
                         ::testing::Values(CongestionKind::bbr, CongestionKind::cubic,
                                           CongestionKind::aimd));

// --- little when idle ----------------------------------------------------------------------------

TEST(Memory, AnIdleConnectionGivesItsRingsBack) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  const StreamNumber stream = test_send(pair.a, test_bytes(1'000'000));
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); }));
  pair.b.services().finish(stream);
  ASSERT_TRUE(pair.run([&] { return !pair.a.seen.closed.empty(); }));
  pair.a.on_writable = {};
  const std::int64_t busy = memory_live_bytes;
  pair.pass(12s);
  EXPECT_LT(memory_live_bytes + 8'192, busy);  // the sent ring alone is more
}

TEST(Memory, ManyIdleConnectionsAreSmall) {
  // Sixty-four of them between two endpoints, five minutes after their handshakes, between two
  // keep-alives.
  const std::size_t count = 64;
  TestPair pair(3);
  // Expanded keys are not a connection's own: their pool is filled first.
  std::vector<crypto::PacketCipher> others;
  for (std::size_t i = 0; i < crypto::KeyScheduleCache::schedules_max; ++i) {
    others.push_back(test_cipher(1, 0));
    Bytes bytes(tag_bytes + 1);
    others.back().seal(i, {}, bytes);
  }
  const std::int64_t before = memory_live_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    pair.a.seen.is_up = pair.b.seen.is_up = false;
    ASSERT_TRUE(pair.connect()) << i;
  }
  pair.pass(5min + 8s);
  ASSERT_EQ(pair.a.endpoint.connection_count(), count);
  ASSERT_EQ(pair.b.endpoint.connection_count(), count);
  const std::int64_t each = (memory_live_bytes - before) / static_cast<std::int64_t>(2 * count);
  RecordProperty("bytes_an_idle_connection", static_cast<int>(each));
  RecordProperty("sizeof_connection", static_cast<int>(sizeof(Connection)));
  EXPECT_LT(each, 4'096);
}

TEST(Memory, NothingIsLeftWhenAllConnectionsHaveGone) {
  TestPair pair(4);
  std::int64_t first = 0;
  for (int round = 0; round < 20; ++round) {
    pair.a.seen = pair.b.seen = TestSeen{};
    pair.a.on_writable = {};
    ASSERT_TRUE(pair.connect()) << round;
    test_send(pair.a, test_bytes(50'000));
    ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); }));
    pair.a.say(pair.now, CloseConnection{});
    ASSERT_TRUE(pair.run([&] {
      return pair.a.endpoint.connection_count() + pair.b.endpoint.connection_count() == 0;
    }));
    pair.pass(15s);
    pair.a.seen = pair.b.seen = TestSeen{};
    pair.a.on_writable = {};
    if (round == 2) first = memory_live_bytes;
  }
  EXPECT_LE(memory_live_bytes, first + 1'024);
}

}  // namespace
}  // namespace kith::packet

// For the whole test program.
using kith::packet::memory_allocate;
using kith::packet::memory_free;
void* operator new(std::size_t size) { return memory_allocate(size); }
void* operator new[](std::size_t size) { return memory_allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return memory_allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return memory_allocate(size);
}
void operator delete(void* bytes) noexcept { memory_free(bytes); }
void operator delete[](void* bytes) noexcept { memory_free(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { memory_free(bytes); }
void operator delete[](void* bytes, std::size_t) noexcept { memory_free(bytes); }
void operator delete(void* bytes, const std::nothrow_t&) noexcept { memory_free(bytes); }
void operator delete[](void* bytes, const std::nothrow_t&) noexcept { memory_free(bytes); }
