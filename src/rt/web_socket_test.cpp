// WebSockets by hand: a client that speaks bytes against links of a node.
#include "rt/web_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "rt/os.h"
#include "rt/web_socket_test_util.h"

namespace kith::rt {
namespace {

using codec::Multiaddr;

constexpr LinkId accepted = WebDial::accepted;

/// A client on a thread of its own, which speaks bytes.
class RawClient {
 public:
  /// From 127.0.0.`from`.
  explicit RawClient(std::uint16_t port, std::uint32_t from = 1)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    const timeval limit{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  void say(std::string_view text) {
    EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void say_hex(std::string_view hex) {
    const Bytes bytes = base::from_hex(hex).value();
    say(base::as_text(bytes));
  }
  /// Up to and with the empty line behind a header.
  std::string header() {
    std::string text;
    while (!text.ends_with("\r\n\r\n")) {
      char c = 0;
      if (::recv(fd_.get(), &c, 1, 0) != 1) break;
      text += c;
    }
    return text;
  }
  std::string hex(std::size_t bytes) {
    Bytes got(bytes);
    const ssize_t count = ::recv(fd_.get(), got.data(), bytes, MSG_WAITALL);
    got.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return base::to_hex(got);
  }
  /// Whether the other side has ended the connection, in whatever way, with nothing before.
  bool has_ended() {
    char c = 0;
    const ssize_t count = ::recv(fd_.get(), &c, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }
  void reset() {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    fd_.reset();
  }
  void end() { fd_.reset(); }

 private:
  Fd fd_;
};

// RFC 6455, section 1.2, and section 5.7 for the frames below.
constexpr std::string_view example_request =
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n";
constexpr std::string_view hello_masked = "37fa213d7f9f4d5158";  // the key, and "Hello" under it

/// Runs `client` against a node that listens on /ws until both have come to their end.
class RawTest {
 public:
  explicit RawTest(ReactorConfig config = {}, std::function<void(WebSocketConfig&)> change = {})
      : test("/ip4/127.0.0.1/tcp/0/ws", std::move(config), std::move(change)) {
    test.dials = false;
  }
  void run(std::function<void(std::uint16_t port)> client, std::function<bool()> done) {
    bool has_ended = false;
    std::thread thread;
    test.on_bound = [&](std::uint16_t port) {
      thread = std::thread([&, port] {
        client(port);
        test.reactor.post([&] { has_ended = true; });
      });
    };
    EXPECT_TRUE(run_until(test.reactor, [&] { return has_ended && done(); }));
    thread.join();
  }
  /// A client that upgrades first; until the link is closed.
  std::optional<Error> run_open(std::function<void(RawClient&)> client) {
    run(
        [&](std::uint16_t port) {
          RawClient raw(port);
          raw.say(example_request);
          EXPECT_TRUE(raw.header().starts_with("HTTP/1.1 101 "));
          client(raw);
        },
        [&] { return test.is_closed(accepted); });
    return test.close_error(accepted);
  }
  Bytes received() { return test.world.links[accepted].received; }

  WebDial test;
};

TEST(RawWebSocket, TheExampleOfTheStandardIsAnswered) {
  RawTest raw;
  std::string answer;
  const auto end = raw.run_open([](RawClient& client) {
    client.say_hex("8285" + std::string(hello_masked));
    client.say_hex(
        "888237fa213d"
        "3412");  // close, 1000: 03e8 under the key
    EXPECT_EQ(client.hex(4), "880203e8");
    EXPECT_TRUE(client.has_ended());
  });
  EXPECT_EQ(end->code, Code::closed);
  EXPECT_EQ(base::as_text(raw.received()), "Hello");
  RawTest again;
  again.run(
      [&](std::uint16_t port) {
        RawClient client(port);
        client.say(example_request);
        answer = client.header();
      },
      [&] { return again.test.is_closed(accepted); });
  EXPECT_TRUE(has_text(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")) << answer;
  EXPECT_TRUE(has_text(answer, "Upgrade: websocket\r\n"));
}

TEST(RawWebSocket, MessagesAreCutAnywhereAndPingsAnsweredBetween) {
  RawTest raw;
  raw.test.world.on_opened = [&](const host::LinkOpened& i) {
    raw.test.world.links[i.link].echoes = true;
  };
  raw.run_open([](RawClient& client) {
    client.say_hex("0285" + std::string(hello_masked));  // the first fragment
    EXPECT_EQ(client.hex(7), "820548656c6c6f");
    client.say_hex("8985" + std::string(hello_masked));  // a ping between fragments
    EXPECT_EQ(client.hex(7), "8a0548656c6c6f");
    client.say_hex(
        "0080"
        "37fa213d");  // a fragment of nothing
    client.say_hex("8085" + std::string(hello_masked));
    EXPECT_EQ(client.hex(7), "820548656c6c6f");
    client.say_hex(
        "8280"
        "37fa213d");                                     // a message of nothing
    client.say_hex("8a85" + std::string(hello_masked));  // a pong that nobody asked for
    const std::string frame = "8285" + std::string(hello_masked);
    for (std::size_t i = 0; i < frame.size(); i += 2) client.say_hex(frame.substr(i, 2));
    EXPECT_EQ(client.hex(7), "820548656c6c6f");
  });
  EXPECT_EQ(base::as_text(raw.received()), "HelloHelloHello");
}

TEST(RawWebSocket, AMessageOutIsAsLongAsItMayBeAndNoLonger) {
  constexpr std::size_t messages = 3;
  RawTest raw;
  raw.test.world.on_opened = [&](const host::LinkOpened& i) {
    raw.test.world.flood(i.link, messages * web_message_bytes_max);
  };
  raw.run_open([](RawClient& client) {
    for (std::size_t i = 0; i < messages; ++i) {
      EXPECT_EQ(client.hex(10), "827f0000000000014000") << "80 KiB in message " << i;
      EXPECT_EQ(client.hex(web_message_bytes_max).size(), 2 * web_message_bytes_max);
    }
  });
}

TEST(RawWebSocket, TextIsRefused) {
  RawTest raw;
  const auto end = raw.run_open([](RawClient& client) {
    client.say_hex("8185" + std::string(hello_masked));
    EXPECT_EQ(client.hex(4), "880203eb") << "close, 1003";
    client.say_hex(
        "888237fa213d"
        "3411");
    EXPECT_TRUE(client.has_ended());
  });
  EXPECT_EQ(end->code, Code::protocol);
  EXPECT_TRUE(has_text(end->message, "text"));
  EXPECT_TRUE(raw.received().empty());
}

TEST(RawWebSocket, WhoSendsTextAndDoesNotCloseIsClosedInTime) {
  RawTest raw({.flush_max = 200ms});
  const auto end = raw.run_open([](RawClient& client) {
    client.say_hex("8185" + std::string(hello_masked));
    EXPECT_EQ(client.hex(4), "880203eb");
    EXPECT_TRUE(client.has_ended());
  });
  EXPECT_EQ(end->code, Code::protocol);
}

TEST(RawWebSocket, AFrameWithoutAMaskIsRefused) {
  RawTest raw;
  const auto end = raw.run_open([](RawClient& client) {
    client.say_hex("820548656c6c6f");
    EXPECT_EQ(client.hex(4), "880203ea") << "close, 1002";
    EXPECT_TRUE(client.has_ended());
  });
  EXPECT_EQ(end->code, Code::protocol);
  EXPECT_TRUE(raw.received().empty());
}

TEST(RawWebSocket, BrokenFramesAreRefused) {
  for (const char* frame : {"c28537fa213d7f9f4d5158",  // a reserved bit
                            "838537fa213d7f9f4d5158",  // a reserved opcode
                            "808537fa213d7f9f4d5158",  // goes on with nothing
                            "09800000000000",          // a ping in fragments
                            "82fe000137fa213d00",      // a length that is not the shortest
                            "888137fa213d34"}) {       // a close of half a code
    SCOPED_TRACE(frame);
    RawTest raw;
    const auto end = raw.run_open([&](RawClient& client) {
      client.say_hex(frame);
      EXPECT_TRUE(client.hex(4).starts_with("880203e")) << "close";
      EXPECT_TRUE(client.has_ended());
    });
    EXPECT_EQ(end->code, Code::protocol);
    EXPECT_TRUE(raw.received().empty());
  }
}

TEST(RawWebSocket, AnEndWithoutACloseIsAReset) {
  RawTest fin;
  EXPECT_EQ(fin.run_open([](RawClient& client) { client.end(); })->code, Code::reset);
  RawTest reset;
  EXPECT_EQ(reset.run_open([](RawClient& client) { client.reset(); })->code, Code::reset);
  RawTest within;
  const auto end = within.run_open([](RawClient& client) {
    client.say_hex("8285" + std::string(hello_masked).substr(0, 12));  // two bytes of five
    client.end();
  });
  EXPECT_EQ(end->code, Code::reset);
  EXPECT_EQ(base::as_text(within.received()), "He");
}

// As go-libp2p and rust-libp2p do; what answers its close finds nobody.
TEST(RawWebSocket, WhoClosesAndLeavesAtOnceHasClosed) {
  for (const std::string close :
       {"888237fa213d3412", "888037fa213d"}) {  // 1000, and without a code
    for (const bool resets : {false, true}) {
      RawTest raw;
      const auto end = raw.run_open([&](RawClient& client) {
        client.say_hex(close);
        resets ? client.reset() : client.end();
      });
      EXPECT_EQ(end->code, Code::closed) << close << ": " << end->message;
    }
  }
}

TEST(RawWebSocket, WhoDoesNotAnswerACloseIsLeftInTime) {
  RawTest raw({.flush_max = 200ms});
  raw.test.world.on_opened = [&](const host::LinkOpened& i) {
    raw.test.world.write(i.link, Bytes{1, 2, 3});
    raw.test.world.say(host::CloseLink{i.link, true});
  };
  const auto end = raw.run_open([](RawClient& client) {
    EXPECT_EQ(client.hex(5), "8203010203");
    EXPECT_EQ(client.hex(4), "880203e8");
    EXPECT_TRUE(client.has_ended());
  });
  EXPECT_EQ(end->code, Code::closed);
}

// --- upgrades ------------------------------------------------------------------------------------

std::string request_with(const std::string& field) {
  return std::string(example_request.substr(0, example_request.size() - 2)) + field + "\r\n\r\n";
}

TEST(WebUpgrade, AHeaderHasALimit) {
  RawTest small;
  small.run(
      [](std::uint16_t port) {
        RawClient client(port);
        client.say(request_with("Cookie: " + std::string(7'500, 'x')));
        EXPECT_TRUE(client.header().starts_with("HTTP/1.1 101 "));
      },
      [&] { return small.test.is_closed(accepted); });
  RawTest large;
  large.run(
      [](std::uint16_t port) {
        RawClient client(port);
        client.say(request_with("Cookie: " + std::string(8'500, 'x')));
        EXPECT_EQ(client.header(), "");
      },
      [&] { return large.test.links().upgrades_failed() == 1; });
  EXPECT_TRUE(large.test.world.opened.empty());
  EXPECT_TRUE(large.test.world.closed.empty());
}

TEST(WebUpgrade, ASlowClientTimesOut) {
  RawTest raw({}, [](WebSocketConfig& config) { config.upgrade_max = 200ms; });
  raw.run(
      [](std::uint16_t port) {
        RawClient client(port);
        client.say("GET / HTTP/1.1\r\n");
        EXPECT_TRUE(client.has_ended());
      },
      [&] { return raw.test.links().upgrades_failed() == 1; });
  EXPECT_TRUE(raw.test.world.opened.empty());
  EXPECT_TRUE(raw.test.world.closed.empty());
  EXPECT_EQ(raw.test.links().upgrading(), 0u);
}

TEST(WebUpgrade, SoManyAtOnceAndNoMore) {
  RawTest raw({}, [](WebSocketConfig& config) { config.upgrades_max = 2; });
  raw.run(
      [](std::uint16_t port) {
        RawClient first(port);
        RawClient second(port);
        RawClient third(port);
        EXPECT_TRUE(third.has_ended());
        first.say(example_request);
        EXPECT_TRUE(first.header().starts_with("HTTP/1.1 101 ")) << "it was not refused";
        second.end();
        RawClient fourth(port);
        fourth.say(example_request);
        EXPECT_TRUE(fourth.header().starts_with("HTTP/1.1 101 ")) << "there is room again";
      },
      [&] { return raw.test.world.closed.size() == 2; });
  EXPECT_EQ(raw.test.reactor.stats().accepts_refused, 1u);
  EXPECT_EQ(raw.test.links().upgrades_failed(), 1u);
}

TEST(WebUpgrade, OneAddressHasNotAllOfThem) {
  RawTest raw({}, [](WebSocketConfig& config) { config.upgrades_per_address_max = 2; });
  raw.run(
      [](std::uint16_t port) {
        RawClient first(port);
        RawClient second(port);
        RawClient third(port);
        EXPECT_TRUE(third.has_ended());
        RawClient other(port, 2);
        other.say(example_request);
        EXPECT_TRUE(other.header().starts_with("HTTP/1.1 101 "));
        first.say(example_request);
        EXPECT_TRUE(first.header().starts_with("HTTP/1.1 101 "));
        RawClient fourth(port);
        fourth.say(example_request);
        EXPECT_TRUE(fourth.header().starts_with("HTTP/1.1 101 ")) << "the first one made room";
      },
      [&] { return raw.test.world.closed.size() == 3 && raw.test.links().upgrading() == 0; });
  EXPECT_EQ(raw.test.reactor.stats().accepts_refused, 1u);
  EXPECT_EQ(raw.test.links().upgrades_failed(), 1u);
}

TEST(WebUpgrade, WhatIsNoUpgradeIsToldSo) {
  RawTest raw;
  raw.run(
      [](std::uint16_t port) {
        RawClient client(port);
        client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_TRUE(client.header().starts_with("HTTP/1.1 4"));
        RawClient old(port);
        std::string request(example_request);
        request.replace(request.find("Version: 13"), 11, "Version: 12");
        old.say(request);
        EXPECT_TRUE(old.header().starts_with("HTTP/1.1 4"));
        RawClient other(port);
        other.say("\x13/multistream/1.0.0\n\r\n\r\n");  // libp2p over plain TCP
        EXPECT_EQ(other.header(), "");
      },
      [&] { return raw.test.links().upgrades_failed() == 3; });
  EXPECT_TRUE(raw.test.world.opened.empty());
}

TEST(WebUpgrade, ABodyAndBytesInAHurryAreRefused) {
  RawTest raw;
  raw.run(
      [](std::uint16_t port) {
        RawClient body(port);
        body.say(request_with("Content-Length: 5") + "Hello");
        EXPECT_FALSE(body.header().starts_with("HTTP/1.1 101 "));
        RawClient hurry(port);
        hurry.say(std::string(example_request) + "\x82\x80\x01\x01\x01\x01");
        EXPECT_EQ(hurry.header(), "");
      },
      [&] { return raw.test.links().upgrades_failed() == 2; });
  EXPECT_TRUE(raw.test.world.opened.empty());
}

TEST(WebUpgrade, AServerThatIsNoneIsReported) {
  WebDial test("/ip4/127.0.0.1/tcp/0/ws");
  const Fd server(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&at), &size);
  std::string asked;
  std::thread thread([&] {
    const Fd client(::accept(server.get(), nullptr, nullptr));
    char text[2048];
    while (!asked.ends_with("\r\n\r\n")) {
      const ssize_t count = ::recv(client.get(), text, sizeof text, 0);
      if (count <= 0) break;
      asked.append(text, static_cast<std::size_t>(count));
    }
    const std::string_view answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  });
  test.target = [&](const Multiaddr& bound) {
    return codec::rebound(bound, Bytes{127, 0, 0, 1}, ntohs(at.sin_port));
  };
  EXPECT_TRUE(run_until(test.reactor, [&] { return !test.world.failed.empty(); }));
  thread.join();
  ASSERT_FALSE(test.world.failed.empty());
  EXPECT_EQ(test.world.failed[0].error.code, Code::refused);
  EXPECT_TRUE(has_text(test.world.failed[0].error.message, "/ws"));
  EXPECT_TRUE(asked.starts_with("GET / HTTP/1.1\r\n")) << asked;
  EXPECT_TRUE(has_text(asked, "Host: 127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "\r\n"));
}

TEST(WebUpgrade, AnEndInTheMiddleLeavesNothing) {
  // A reactor that goes while links are dialled, upgrading and open.
  for (int turns = 0; turns < 12; ++turns) {
    WebDial test("/ip4/127.0.0.1/tcp/0/tls/ws");
    int left = turns;
    test.world.on_opened = [&](const host::LinkOpened& i) { test.world.flood(i.link, 1'000'000); };
    ASSERT_TRUE(run_until(test.reactor, [&] { return left-- == 0; }));
  }
}

}  // namespace
}  // namespace kith::rt
