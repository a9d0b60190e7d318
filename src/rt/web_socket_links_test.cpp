// Links over WebSockets, both ends of a reactor's, with and without TLS.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rt/os.h"
#include "rt/web_socket_test_util.h"

namespace kith::rt {
namespace {

using codec::Multiaddr;
using codec::Transport;

constexpr LinkId dialled = WebDial::dialled;
constexpr LinkId accepted = WebDial::accepted;

void expect_pattern(const Bytes& received, std::size_t bytes) {
  ASSERT_EQ(received.size(), bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    ASSERT_EQ(received[i], TestWorld::pattern_at(i)) << "at " << i;
  }
}

/// Over TCP and over TLS.
class WebLinks : public ::testing::TestWithParam<const char*> {
 protected:
  std::string listens() const { return std::string("/ip4/127.0.0.1/tcp/0") + GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(PlainAndTls, WebLinks, ::testing::Values("/ws", "/tls/ws"),
                         [](const auto& each) {
                           return std::string(each.param) == "/ws" ? "ws" : "tls";
                         });

TEST_P(WebLinks, OpenBothEndsWithAddressesThatSayWhatTheyAre) {
  WebDial test(listens());
  ASSERT_TRUE(run_until(test.reactor, [&] { return test.both_open(); }));
  const Transport transport = codec::transport_of(TestWorld::address(listens()));
  EXPECT_EQ(codec::transport_of(test.bound), transport);
  EXPECT_NE(codec::as_transport(test.bound)->port, 0);
  EXPECT_EQ(test.opened(dialled).direction, Direction::outbound);
  EXPECT_EQ(test.opened(dialled).remote, test.bound);
  EXPECT_EQ(test.opened(accepted).direction, Direction::inbound);
  EXPECT_EQ(test.opened(accepted).local, test.bound);
  EXPECT_EQ(codec::transport_of(test.opened(accepted).remote), transport);
  EXPECT_EQ(codec::as_transport(test.opened(accepted).remote)->port,
            codec::as_tcp(test.opened(dialled).local)->port);
  EXPECT_EQ(test.links().upgrading(), 0u);
  EXPECT_EQ(test.reactor.stats().links_open, 2u);
}

TEST_P(WebLinks, EchoInFramesOfAnySize) {
  constexpr std::size_t bytes = 3 * 1024 * 1024;
  WebDial test(listens());
  test.world.on_opened = [&](const host::LinkOpened& i) {
    auto& link = test.world.links[i.link];
    link.frame_bytes = 60'000;  // leaves tails
    link.echoes = i.link == accepted;
    if (i.link == dialled) test.world.flood(dialled, bytes / 60'000 * 60'000);
  };
  const std::size_t whole = bytes / 60'000 * 60'000;
  ASSERT_TRUE(run_until(test.reactor, [&] {
    return test.both_open() && test.world.links[dialled].received.size() == whole &&
           test.reactor.stats().bytes_kept == 0;
  }));
  expect_pattern(test.world.links[dialled].received, whole);
}

TEST_P(WebLinks, CarryBothWaysAtOnce) {
  constexpr std::size_t bytes = 2'000'000;
  WebDial test(listens());
  test.world.on_opened = [&](const host::LinkOpened& i) { test.world.flood(i.link, bytes); };
  ASSERT_TRUE(run_until(test.reactor, [&] {
    return test.both_open() && test.world.links[dialled].received.size() == bytes &&
           test.world.links[accepted].received.size() == bytes;
  }));
  expect_pattern(test.world.links[dialled].received, bytes);
  expect_pattern(test.world.links[accepted].received, bytes);
}

TEST_P(WebLinks, FlushDeliversEverythingAndClosesBothEnds) {
  constexpr std::size_t bytes = 2'000'000;
  WebDial test(listens());
  test.world.on_opened = [&](const host::LinkOpened& i) {
    if (i.link != dialled) return;
    test.world.flood(dialled, bytes);
    test.world.say(host::CloseLink{dialled, true});
  };
  ASSERT_TRUE(
      run_until(test.reactor, [&] { return test.is_closed(dialled) && test.is_closed(accepted); }));
  EXPECT_EQ(test.world.links[accepted].received.size(), bytes);
  EXPECT_EQ(test.close_error(dialled)->code, Code::closed);
  EXPECT_EQ(test.close_error(accepted)->code, Code::closed);
  EXPECT_EQ(test.world.closed.size(), 2u);
  EXPECT_EQ(test.reactor.stats().links_open, 0u);
  EXPECT_EQ(test.reactor.stats().bytes_kept, 0u);
}

TEST_P(WebLinks, FlushByWhoAcceptedDoesTheSame) {
  WebDial test(listens());
  test.world.on_opened = [&](const host::LinkOpened& i) {
    if (i.link != accepted) return;
    test.world.flood(accepted, 500'000);
    test.world.say(host::CloseLink{accepted, true});
  };
  ASSERT_TRUE(
      run_until(test.reactor, [&] { return test.is_closed(dialled) && test.is_closed(accepted); }));
  EXPECT_EQ(test.world.links[dialled].received.size(), 500'000u);
  EXPECT_EQ(test.close_error(dialled)->code, Code::closed);
  EXPECT_EQ(test.close_error(accepted)->code, Code::closed);
}

TEST_P(WebLinks, FlushGivesUpOnAPeerThatDoesNotRead) {
  WebDial test(listens());
  test.world.on_opened = [&](const host::LinkOpened& i) {
    test.world.links[i.link].refuses_bytes = i.link == accepted;
    if (i.link != dialled) return;
    test.world.flood(dialled, 100'000'000);
    test.world.say(host::CloseLink{dialled, true});
  };
  const Instant before = test.reactor.now();
  ASSERT_TRUE(run_until(test.reactor, [&] { return test.is_closed(dialled); }));
  EXPECT_EQ(test.close_error(dialled)->code, Code::timeout);
  EXPECT_LT(test.reactor.now() - before, 5s);
}

TEST_P(WebLinks, AbortIsAResetForTheOtherEnd) {
  WebDial test(listens());
  test.dials = true;
  test.world.on_opened = [&](const host::LinkOpened& i) {
    test.world.flood(i.link, 10'000'000);
    if (test.world.opened.size() == 1) test.world.say(host::CloseLink{dialled, false});
  };
  ASSERT_TRUE(
      run_until(test.reactor, [&] { return test.is_closed(dialled) && test.is_closed(accepted); }));
  EXPECT_EQ(test.close_error(dialled)->code, Code::closed);
  EXPECT_EQ(test.close_error(accepted)->code, Code::reset);
  EXPECT_EQ(test.reactor.stats().bytes_kept, 0u);
}

TEST_P(WebLinks, AStalledLinkIsClosed) {
  WebDial test(listens(), {.write_stall_max = 300ms, .send_buffer_bytes = 4096});
  test.world.on_opened = [&](const host::LinkOpened& i) {
    test.world.links[i.link].refuses_bytes = i.link == accepted;
    if (i.link == dialled) test.world.flood(dialled, 100'000'000);
  };
  ASSERT_TRUE(run_until(test.reactor, [&] { return test.is_closed(dialled); }));
  EXPECT_EQ(test.close_error(dialled)->code, Code::timeout);
  EXPECT_EQ(test.reactor.stats().write_stalls, 1u);
}

TEST_P(WebLinks, BackPressureHoldsTheSenderAndLosesNothing) {
  constexpr std::size_t bytes = 4'000'000;
  WebDial test(listens(), {.send_buffer_bytes = 16 * 1024});
  bool is_resumed = false;
  test.world.on_opened = [&](const host::LinkOpened& i) {
    test.world.links[i.link].refuses_bytes = i.link == accepted;
    if (i.link == dialled) test.world.flood(dialled, bytes);
  };
  std::size_t received_while_refusing = 0;
  test.world.on_refused = [&] {
    if (std::exchange(is_resumed, true)) return;
    test.reactor.post_after(200ms, [&] {
      received_while_refusing = test.world.links[accepted].received_bytes;
      test.world.links[accepted].refuses_bytes = false;
      test.world.say(host::TransmitReady{accepted});
    });
  };
  ASSERT_TRUE(run_until(test.reactor, [&] {
    return test.both_open() && test.world.links[accepted].received.size() == bytes;
  }));
  EXPECT_EQ(received_while_refusing, 0u);
  EXPECT_TRUE(is_resumed);
  expect_pattern(test.world.links[accepted].received, bytes);
}

TEST_P(WebLinks, ADialToWhoSaysNothingTimesOut) {
  const Fd silent(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(silent.get(), reinterpret_cast<const sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(silent.get(), 4), 0);
  ::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&at), &size);
  WebDial test(listens());
  test.dial_max = 200ms;
  test.target = [&](const Multiaddr& bound) {
    return codec::rebound(bound, Bytes{127, 0, 0, 1}, ntohs(at.sin_port));
  };
  ASSERT_TRUE(run_until(test.reactor, [&] { return !test.world.failed.empty(); }));
  EXPECT_EQ(test.world.failed[0].error.code, Code::timeout);
  EXPECT_TRUE(test.world.opened.empty());
  EXPECT_EQ(test.reactor.stats().links_open, 0u);
}

TEST_P(WebLinks, ADialThatIsCalledOffEndsOnce) {
  for (const Duration after : {0us, 300us, 1000us, 3000us, 10'000us}) {
    WebDial test(listens());  // before the connection, in the upgrade, or when it is open
    test.on_bound = [&](std::uint16_t) {
      test.reactor.post_after(after, [&] { test.world.say(host::CloseLink{dialled, false}); });
    };
    ASSERT_TRUE(run_until(test.reactor, [&] {
      return test.is_closed(dialled) && test.links().upgrading() == 0 &&
             test.reactor.stats().links_open == 0;
    }));
    EXPECT_TRUE(test.world.failed.empty());
    EXPECT_EQ(std::ranges::count(test.world.closed, dialled, &host::LinkClosed::link), 1);
  }
}

// --- TLS -----------------------------------------------------------------------------------------

Multiaddr with_text(const Multiaddr& bound, const std::string& behind) {
  return TestWorld::address("/ip4/127.0.0.1/tcp/" +
                            std::to_string(codec::as_transport(bound)->port) + behind);
}

/// The code by which a dial of `behind` ends; nothing when it opens.
std::optional<Code> tls_dial(const std::string& behind,
                             std::function<void(WebSocketConfig&)> change = {}) {
  WebDial test("/ip4/127.0.0.1/tcp/0/tls/ws", {}, std::move(change));
  test.target = [&](const Multiaddr& bound) { return with_text(bound, behind); };
  EXPECT_TRUE(
      run_until(test.reactor, [&] { return test.both_open() || !test.world.failed.empty(); }));
  if (test.world.failed.empty()) return std::nullopt;
  EXPECT_TRUE(test.world.opened.empty());
  return test.world.failed[0].error.code;
}

TEST(WebTls, TheNameOfTheCertificateIsAsked) {
  EXPECT_EQ(tls_dial("/tls/sni/node.example/ws"), std::nullopt);
  EXPECT_EQ(tls_dial("/tls/ws"), std::nullopt) << "the certificate has the IP, too";
  EXPECT_EQ(tls_dial("/wss"), std::nullopt);
  EXPECT_EQ(tls_dial("/tls/sni/other.example/ws"), Code::wrong_peer);
  EXPECT_EQ(tls_dial("/tls/sni/sub.node.example/ws"), Code::wrong_peer);
}

TEST(WebTls, AStrangersAuthorityIsNotBelieved) {
  const auto system = [](WebSocketConfig& config) { config.tls_authorities.clear(); };
  EXPECT_EQ(tls_dial("/tls/sni/node.example/ws", system), Code::wrong_peer);
  EXPECT_EQ(tls_dial("/tls/sni/other.example/ws",
                     [](WebSocketConfig& config) {
                       config.tls_authorities.clear();
                       config.tls_insecure = true;
                     }),
            std::nullopt);
}

TEST(WebTls, PlainAndTlsDoNotMeet) {
  EXPECT_EQ(tls_dial("/ws"), Code::reset);
  WebDial test("/ip4/127.0.0.1/tcp/0/ws");
  test.target = [&](const Multiaddr& bound) { return with_text(bound, "/tls/ws"); };
  ASSERT_TRUE(run_until(test.reactor, [&] { return !test.world.failed.empty(); }));
  EXPECT_EQ(test.links().upgrades_failed(), 1u);
}

TEST(WebTls, WithoutACertificateNobodyListens) {
  WebDial test("/ip4/127.0.0.1/tcp/0/tls/ws", {}, [](WebSocketConfig& config) {
    config.tls_certificate.clear();
    config.tls_key.clear();
  });
  ASSERT_TRUE(run_until(test.reactor, [&] { return !test.world.listen_failed.empty(); }));
  EXPECT_EQ(test.world.listen_failed[0].error.code, Code::config);
  EXPECT_TRUE(has_text(test.world.listen_failed[0].error.message, "websocket.tls_certificate"));
}

TEST(WebTls, WhatCannotBeLoadedIsNamed) {
  const TempDir folder;
  const auto message = [&](std::function<void(WebSocketConfig&)> change) {
    WebSocketConfig config = test_web_config(folder.path());
    EXPECT_TRUE(WebTls::load(config));
    change(config);
    const auto loaded = WebTls::load(config);
    EXPECT_FALSE(loaded);
    return loaded ? std::string() : loaded.error().message;
  };
  const std::string none = folder / "none.pem";
  EXPECT_TRUE(has_text(message([&](auto& c) { c.tls_certificate = none; }), none));
  EXPECT_TRUE(has_text(message([&](auto& c) { c.tls_key = none; }), none));
  EXPECT_TRUE(has_text(message([&](auto& c) { c.tls_authorities = none; }), none));
  EXPECT_TRUE(has_text(message([&](auto& c) { c.tls_key = c.tls_certificate; }), "web.pem"));
  EXPECT_TRUE(has_text(message([&](auto& c) { c.tls_key.clear(); }), "websocket.tls_key"));
}

}  // namespace
}  // namespace kith::rt
