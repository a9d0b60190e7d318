#include "rt/reactor_datagrams.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <thread>

#include "rt/test_world.h"

namespace kith::rt {
namespace {

using base::DatagramsIn;
using base::DatagramsOut;
using base::Ecn;
using base::SocketId;

constexpr SocketId near{1}, far{2};

/// A reactor with two sockets: what arrives at `far` goes back, if `echoes`; what arrives at `near`
/// is counted.
class TwoSockets : public ::testing::Test {
 protected:
  struct Batch {
    DatagramsOut out;
    Bytes bytes;
  };

  void start(const DatagramOptions& with = {}, std::uint32_t spin_us = 50,
             const char* listens_on = "/ip4/127.0.0.1/udp/0/kith") {
    options = with;
    ReactorConfig config;
    config.datagrams = &options;
    config.spin_us = spin_us;
    reactor.emplace(world, config, base::null_log(), nullptr);
    world.say(host::Listen{TestWorld::address(listens_on)});
    world.say(host::Listen{TestWorld::address(listens_on)});
    world.on_socket = [this](const host::SocketOpened& opened) {
      addresses[opened.socket] = *host::as_datagram_address(opened.bound);
      if (opened.socket == far) on_both();
    };
    world.datagrams_in = [this](const DatagramsIn& in) { return take(in); };
    world.datagrams_out = [this](ByteSpan room) { return give(room); };
  }
  std::size_t take(const DatagramsIn& in) {
    ++takes;
    const std::size_t taken = std::min(in.bytes.size(), in.segment_bytes * takes_packets);
    const ByteView bytes = ByteView(in.bytes).first(taken);
    packets += (taken + in.segment_bytes - 1) / in.segment_bytes;
    marks.push_back(in.ecn);
    if (in.socket == near) {
      base::append(received, bytes);
      if (on_near) on_near(in);
    } else if (echoes) {
      send(far, in.from, bytes, in.segment_bytes, in.ecn);
    }
    std::fill_n(in.bytes.data(), taken, std::uint8_t{0xee});  // opened in place
    if (on_taken) on_taken();
    return taken;
  }
  DatagramsOut give(ByteSpan room) {
    if (flood_batches > 0) {
      --flood_batches;
      std::ranges::fill(room, std::uint8_t{7});
      return {near, addresses[far], 46 * 1400, 1400, Ecn::none};
    }
    if (batches.empty()) return {};
    const Batch batch = std::move(batches.front());
    batches.pop_front();
    std::ranges::copy(batch.bytes, room.begin());
    return batch.out;
  }
  void send(SocketId from, const base::IpPort& to, ByteView bytes, std::size_t segment_bytes,
            Ecn ecn = Ecn::none) {
    batches.push_back({{from, to, bytes.size(), segment_bytes, ecn}, base::to_bytes(bytes)});
    world.say(host::DatagramsReady{});
  }
  void send_near(ByteView bytes, std::size_t segment_bytes, Ecn ecn = Ecn::none) {
    send(near, addresses[far], bytes, segment_bytes, ecn);
  }
  static Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = TestWorld::pattern_at(i);
    return bytes;
  }
  /// Sends `count` batches of 46 packets, one when the last came back, and compares.
  void expect_echo(std::size_t count) {
    const Bytes bytes = pattern(46 * 1400 - 300);
    std::size_t left = count;
    on_both = [&] { send_near(bytes, 1400); };
    on_near = [&](const DatagramsIn&) {
      if (received.size() < bytes.size()) return;
      ASSERT_EQ(received, bytes);
      received.clear();
      if (--left > 0) send_near(bytes, 1400);
    };
    ASSERT_TRUE(run_until(*reactor, [&] { return left == 0; }));
    EXPECT_EQ(packets, count * 2 * 46);
  }

  DatagramOptions options;
  TestWorld world;
  std::optional<Reactor> reactor;
  std::map<SocketId, base::IpPort> addresses;
  std::deque<Batch> batches;
  Bytes received;
  std::vector<Ecn> marks;
  std::function<void()> on_both = [] {};
  std::function<void()> on_taken;
  std::function<void(const DatagramsIn&)> on_near;
  std::size_t takes = 0, packets = 0, takes_packets = 1000, flood_batches = 0;
  bool echoes = true;
};

TEST_F(TwoSockets, EchoBatches) {
  start();
  expect_echo(100);
  ASSERT_EQ(world.sockets.size(), 2U);
  EXPECT_EQ(world.sockets[0].asked, TestWorld::address("/ip4/127.0.0.1/udp/0/kith"));
  EXPECT_NE(addresses[near].port, 0);
  EXPECT_NE(addresses[near].port, addresses[far].port);
  EXPECT_EQ(reactor->stats().datagram_sends, 200U);
  EXPECT_LE(reactor->stats().datagram_batches_read, 300U) << "joined by the kernel";
}

TEST_F(TwoSockets, EchoBatchesWithoutGsoAndGro) {
  start({.gso = false, .gro = false});
  expect_echo(20);
  EXPECT_EQ(reactor->stats().datagram_batches_read, packets);
}

TEST_F(TwoSockets, EchoBatchesOverIpv6) {
  start({}, 50, "/ip6/::1/udp/0/kith");
  if (!DatagramSocket::open(near, {{}, 0, true})) GTEST_SKIP();
  expect_echo(20);
}

TEST_F(TwoSockets, NeedNoKithInTheAddress) {
  start({}, 50, "/ip4/127.0.0.1/udp/0");
  expect_echo(1);
  EXPECT_FALSE(world.sockets[0].bound.has(codec::AddrProtocol::kith));
  EXPECT_NE(addresses[near].port, 0);
}

TEST_F(TwoSockets, CarryMarksOfCongestion) {
  start();
  on_both = [&] { send_near(pattern(300), 100, Ecn::ect0); };
  ASSERT_TRUE(run_until(*reactor, [&] { return received.size() == 300; }));
  for (const Ecn mark : marks) EXPECT_EQ(mark, Ecn::ect0);
  EXPECT_GE(marks.size(), 2U);
}

// Outputs between two offers of one batch are performed before the second.
TEST_F(TwoSockets, OfferTheRestWhenTheOutputsAreDrained) {
  start();
  takes_packets = 1;
  echoes = false;
  std::size_t not_drained = 0;
  on_taken = [&] {
    if (!world.outputs.empty()) ++not_drained;
    world.say(host::TransmitReady{LinkId{2}});  // of no link: nothing happens
  };
  on_both = [&] { send_near(pattern(46 * 1400), 1400); };
  ASSERT_TRUE(run_until(*reactor, [&] { return packets == 46; }));
  EXPECT_EQ(takes, 46U);
  EXPECT_EQ(not_drained, 0U);
}

// The system's sendmsg, but for its word that it takes no more.
int sends_refused = 0;
ssize_t send_later(int fd, const msghdr* message, int flags) {
  if (sends_refused > 0) {
    --sends_refused;
    errno = EAGAIN;
    return -1;
  }
  return ::sendmsg(fd, message, flags);
}

TEST_F(TwoSockets, KeepABatchUntilTheSocketTakesIt) {
  start({.calls = {.send = send_later}});
  std::size_t polled_while_kept = 0;
  on_both = [&] {
    sends_refused = 3;
    for (int i = 0; i < 5; ++i) send_near(pattern(1400), 1400);
    reactor->post([&] { polled_while_kept += 4 - batches.size(); });
  };
  ASSERT_TRUE(run_until(*reactor, [&] { return received.size() == 5 * 1400; }));
  EXPECT_EQ(reactor->stats().datagram_send_pauses, 3U);
  EXPECT_EQ(polled_while_kept, 0U) << "nothing is asked for while one batch waits";
  EXPECT_EQ(sends_refused, 0);
  for (std::size_t i = 0; i < received.size(); ++i) {
    ASSERT_EQ(received[i], TestWorld::pattern_at(i % 1400));
  }
}

TEST_F(TwoSockets, AClosedSocketsBatchDoesNotHoldTheOthersUp) {
  start({.calls = {.send = send_later}});
  on_both = [&] {
    sends_refused = 1;
    send_near(pattern(100), 100);
    send(far, addresses[far], pattern(200), 200);  // to itself
    world.say(host::StopListening{world.sockets[0].bound});
  };
  echoes = false;
  ASSERT_TRUE(run_until(*reactor, [&] { return packets == 1; }));
  EXPECT_EQ(world.sockets_closed.size(), 1U);
}

TEST_F(TwoSockets, OthersHaveTheirTurnInAFlood) {
  start();
  echoes = false;
  std::size_t left_at_post = 0;
  on_both = [&] {
    flood_batches = 200;  // 12 MiB
    world.say(host::DatagramsReady{});
    reactor->post([&] { left_at_post = flood_batches; });
  };
  ASSERT_TRUE(run_until(*reactor, [&] { return flood_batches == 0; }));
  const std::size_t share = Datagrams::share_bytes / (46 * 1400) + 1;
  EXPECT_EQ(left_at_post, 200 - share);
}

TEST_F(TwoSockets, CloseAtOnceAndTheirPortIsFree) {
  start();
  on_both = [&] {
    const auto bound = world.sockets[0].bound;
    world.say(host::StopListening{
        bound.with_peer(base::PeerId::from_multihash(Bytes{0x00, 0x01, 0x02}).value())});
    world.say(host::Listen{bound});
  };
  ASSERT_TRUE(run_until(
      *reactor, [&] { return world.sockets_closed.size() == 1 && world.sockets.size() == 3; }));
  EXPECT_EQ(world.sockets_closed[0].socket, near);
  EXPECT_EQ(world.sockets_closed[0].error.code, Code::closed);
  EXPECT_EQ(world.sockets[2].bound, world.sockets[0].bound);
  EXPECT_EQ(world.sockets[2].socket, SocketId{3}) << "numbers are not used again";
}

// The machine may end the socket in the middle of what that brought.
TEST_F(TwoSockets, OutliveTheirEndWhileTheyAreRead) {
  start();
  takes_packets = 1;
  echoes = false;
  on_taken = [&] { world.say(host::StopListening{world.sockets[1].bound}); };
  on_both = [&] { send_near(pattern(46 * 1400), 1400); };
  ASSERT_TRUE(run_until(*reactor, [&] { return world.sockets_closed.size() == 1; }));
  EXPECT_EQ(packets, 1U);
}

TEST_F(TwoSockets, TellWhyTheyCannotListen) {
  start();
  on_both = [&] {
    world.say(host::Listen{world.sockets[0].bound});
    world.say(host::Listen{TestWorld::address("/ip4/192.0.2.1/udp/0/kith")});
    world.say(host::Listen{TestWorld::address("/ip4/127.0.0.1/udp/0/quic-v1")});
  };
  ASSERT_TRUE(run_until(*reactor, [&] { return world.listen_failed.size() == 3; }));
  EXPECT_EQ(world.listen_failed[0].error.code, Code::locked);
  EXPECT_NE(world.listen_failed[0].error.message.find(world.sockets[0].bound.to_string()),
            std::string::npos);
  EXPECT_EQ(world.listen_failed[2].error.code, Code::unsupported);
}

// Two reactors in two threads: one packet there and back, again and again.
struct PingPong {
  std::uint64_t spins, spins_won, spins_later;
};
PingPong ping_pong(std::uint32_t spin_us) {
  ReactorConfig config;
  config.spin_us = spin_us;
  TestWorld echo, ping;
  Reactor echoing(echo, config, base::null_log(), nullptr);
  Reactor pinging(ping, config, base::null_log(), nullptr);
  std::atomic<int> port = 0;
  const auto answer = [](TestWorld& world, std::deque<DatagramsOut>& out, const DatagramsIn& in) {
    out.push_back({in.socket, in.from, in.bytes.size(), in.bytes.size(), Ecn::none});
    world.say(host::DatagramsReady{});
  };
  const auto give = [](std::deque<DatagramsOut>& out) {
    if (out.empty()) return DatagramsOut{};
    const DatagramsOut next = out.front();
    out.pop_front();
    return next;
  };
  std::deque<DatagramsOut> echo_out, ping_out;
  echo.on_socket = [&](const host::SocketOpened& opened) {
    port = host::as_datagram_address(opened.bound)->port;
    port.notify_all();
  };
  echo.datagrams_in = [&](const DatagramsIn& in) {
    answer(echo, echo_out, in);
    return in.bytes.size();
  };
  echo.datagrams_out = [&](ByteSpan) { return give(echo_out); };
  echo.say(host::Listen{TestWorld::address("/ip4/127.0.0.1/udp/0/kith")});
  std::thread other([&] { echoing.run(); });
  port.wait(0);

  int left = 1000;
  PingPong result{};
  bool is_over = false;
  ping.on_socket = [&](const host::SocketOpened& opened) {
    ping_out.push_back({opened.socket,
                        {{127, 0, 0, 1}, static_cast<std::uint16_t>(port.load()), false},
                        64,
                        64,
                        Ecn::none});
    ping.say(host::DatagramsReady{});
  };
  ping.datagrams_in = [&](const DatagramsIn& in) {
    if (--left > 0) {
      answer(ping, ping_out, in);
    } else {
      pinging.post_after(30ms, [&] {
        result.spins = pinging.stats().spins;
        result.spins_won = pinging.stats().spins_won;
        pinging.post_after(30ms, [&] {
          result.spins_later = pinging.stats().spins;
          is_over = true;
        });
      });
    }
    return in.bytes.size();
  };
  ping.datagrams_out = [&](ByteSpan) { return give(ping_out); };
  ping.say(host::Listen{TestWorld::address("/ip4/127.0.0.1/udp/0/kith")});
  EXPECT_TRUE(run_until(pinging, [&] { return is_over; }));
  echoing.stop();
  other.join();
  return result;
}

TEST(Spin, PacketsInQuickSuccessionAreWaitedForAwake) {
  // A long while, so that a busy machine does not decide.
  const PingPong spinning = ping_pong(20'000);
  EXPECT_GT(spinning.spins_won, 500U);
  EXPECT_EQ(spinning.spins_later, spinning.spins) << "timers alone begin no spin";
  EXPECT_EQ(ping_pong(0).spins, 0U);
}

TEST(Spin, HalfOfTheLastSixteenWaitsDecide) {
  SpinHistory history(50us);
  Instant now{1s};
  const auto wait = [&](Duration how_long) {
    history.wait_begins(now);
    now += how_long;
    history.wait_begins(now);  // still the same wait
    history.wait_ends(now);
    history.wait_ends(now);  // no wait
  };
  for (int i = 0; i < 7; ++i) wait(50us);
  EXPECT_FALSE(history.is_worth_it());
  wait(50us);
  EXPECT_TRUE(history.is_worth_it());
  for (int i = 0; i < 8; ++i) wait(51us);
  EXPECT_TRUE(history.is_worth_it());
  wait(51us);
  EXPECT_FALSE(history.is_worth_it());
  SpinHistory never(Duration{0});
  for (int i = 0; i < 16; ++i) {
    never.wait_begins(now);
    never.wait_ends(now);
  }
  EXPECT_FALSE(never.is_worth_it());
}

TEST(DatagramAddress, IsIpUdpAndPerhapsKith) {
  const auto parse = [](const char* text) {
    return host::as_datagram_address(TestWorld::address(text));
  };
  const base::IpPort v4{{1, 2, 3, 4}, 4771, false};
  EXPECT_EQ(parse("/ip4/1.2.3.4/udp/4771"), v4);
  EXPECT_EQ(parse("/ip4/1.2.3.4/udp/4771/kith"), v4);
  const base::IpPort v6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 65535, true};
  EXPECT_EQ(parse("/ip6/::1/udp/65535/kith"), v6);
  for (const char* other : {"/ip4/1.2.3.4/tcp/4771", "/ip4/1.2.3.4/tcp/4771/kith",
                            "/ip4/1.2.3.4/udp/4771/quic-v1", "/ip4/1.2.3.4", "/dns4/a.b/udp/1"}) {
    EXPECT_FALSE(parse(other)) << other;
  }
  EXPECT_EQ(host::datagram_address(v4).to_string(), "/ip4/1.2.3.4/udp/4771/kith");
  EXPECT_EQ(host::datagram_address(v6).to_string(), "/ip6/::1/udp/65535/kith");
}

}  // namespace
}  // namespace kith::rt
