// Real sockets on loopback, with clients that are slow, large, rude or gone.
#include "rt/http_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "codec/ip_text.h"
#include "rt/os.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using namespace std::string_literals;

/// A blocking client that says exactly what it is told.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int small = 4096;  // what is not read must not vanish in buffers
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void end() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  /// Reads until `count` occurrences of `what` came, or the end.
  std::string& read_until(std::string_view what, std::size_t count = 1) {
    while (occurrences(what) < count && read_some()) {
    }
    return received;
  }
  std::string& read_all() {
    while (read_some()) {
    }
    return received;
  }
  std::size_t occurrences(std::string_view what) const {
    std::size_t count = 0;
    for (std::size_t at = received.find(what); at != std::string::npos;
         at = received.find(what, at + what.size())) {
      ++count;
    }
    return count;
  }
  /// The next WebSocket frame's first byte and payload; it must have come whole, or comes.
  std::pair<int, std::string> frame() {
    const auto need = [&](std::size_t size) {
      while (received.size() < size && read_some()) {
      }
      return received.size() >= size;
    };
    if (!need(2)) return {-1, ""};
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(received[i]); };
    std::size_t head = 2;
    std::size_t size = byte(1) & 0x7fU;
    const std::size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (!need(head + extra)) return {-1, ""};
    if (extra > 0) size = 0;
    for (std::size_t i = 0; i < extra; ++i) size = size << 8U | byte(head + i);
    head += extra;
    if (!need(head + size)) return {-1, ""};
    const int first = byte(0);
    std::string payload = received.substr(head, size);
    received.erase(0, head + size);
    return {first, payload};
  }

  std::string received;

 private:
  bool read_some() {
    pollfd state{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&state, 1, 20'000) != 1) return false;
    char chunk[4096];
    const ssize_t count = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (count <= 0) return false;
    received.append(chunk, static_cast<std::size_t>(count));
    return true;
  }

  Fd fd_;
};

/// A client's frame, masked with zeros: which is a mask.
std::string frame_of(std::string_view payload, int opcode = 1) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(payload.size() >> 8U);
    frame += static_cast<char>(payload.size() & 0xffU);
  }
  frame += "\0\0\0\0"s;
  return frame + std::string(payload);
}

const std::string handshake =
    "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Said on one thread, waited for on another.
class Flag {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  bool is_set() {
    const std::lock_guard lock(mutex_);
    return is_set_;
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

/// A server in a thread of its own. "/later" is answered after a while, "/never" not at all, and
/// "/held" when the test does it.
class HttpServing : public ::testing::Test {
 protected:
  HttpServing() : reactor(world, {}, base::null_log(), nullptr) {}
  ~HttpServing() override { stop(); }

  void serve(HttpServerConfig config = {}) {
    HttpServer::Handlers handlers;
    handlers.on_request = [this](codec::HttpRequest request, HttpReply reply) {
      answer(std::move(request), std::move(reply));
    };
    handlers.on_socket = [this](const codec::HttpRequest&, WebSocket socket) {
      if (on_socket) on_socket(std::move(socket));
    };
    auto opened = HttpServer::open(reactor, {TestWorld::address("/ip4/127.0.0.1/tcp/0")},
                                   std::move(handlers), base::null_log(), config);
    ASSERT_TRUE(opened) << opened.error().message;
    server = *std::move(opened);
    port = codec::as_tcp(server->addresses().at(0))->port;
    thread = std::thread([this] { reactor.run(); });
  }
  void stop() {
    reactor.stop();
    if (thread.joinable()) thread.join();
    server.reset();
  }
  void answer(codec::HttpRequest request, HttpReply reply) {
    if (request.target == "/never") return;
    if (request.target == "/held") {
      reply.on_gone([this] { is_gone.set(); });
      held.push_back(std::move(reply));
      return is_held.set();
    }
    if (request.target == "/later") {
      return reactor.post_after(20ms,
                                [reply]() mutable { reply.send({200, "text/plain", "late"}); });
    }
    if (request.target == "/none") return reply.send({204, "", ""});
    if (request.is_websocket && request.target != "/refused") {
      return reply.send({101, "", "", {{"Sec-WebSocket-Protocol", "chosen"}}});
    }
    codec::HttpResponse response{200, "text/plain",
                                 request.method + " " + request.target + " " + request.body};
    response.closes = request.target == "/close";
    reply.send(std::move(response));
  }
  static std::string get(const std::string& target, const std::string& more = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
  }
  /// What `get` gives, on the reactor's thread.
  std::uint64_t stat(std::uint64_t HttpServerStats::* member) {
    std::promise<std::uint64_t> value;
    reactor.post([&] { value.set_value(server->stats().*member); });
    return value.get_future().get();
  }

  TestWorld world;
  Reactor reactor;
  std::function<void(WebSocket)> on_socket;
  std::vector<HttpReply> held;  // the reactor's thread
  Flag is_held;
  Flag is_gone;
  Flag is_dropped;
  std::unique_ptr<HttpServer> server;
  std::uint16_t port = 0;
  std::thread thread;
};

TEST_F(HttpServing, AnswersOneAfterTheOther) {
  serve();
  Client client(port);
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(client.send(get("/" + std::to_string(i))));
    client.read_until("GET /" + std::to_string(i) + " ");
  }
  EXPECT_EQ(client.occurrences("HTTP/1.1 200 OK\r\n"), 3u);
  EXPECT_EQ(client.occurrences("Date: "), 3u);
  ASSERT_TRUE(client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"));
  client.read_until("POST /p body");
  ASSERT_TRUE(
      client.send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n"));
  client.read_until("POST /c abc");
  ASSERT_TRUE(client.send(get("/close")));
  client.read_all();
  EXPECT_EQ(client.occurrences("Connection: close"), 1u);
}

TEST_F(HttpServing, AnswersAllThatCameAtOnceInTheirOrder) {
  serve();
  Client client(port);
  std::string all = get("/later");
  for (int i = 0; i < 50; ++i) all += get("/n" + std::to_string(i));
  ASSERT_TRUE(client.send(all + get("/close")));
  client.read_all();
  EXPECT_EQ(client.occurrences("HTTP/1.1 200 OK\r\n"), 52u);
  std::size_t at = client.received.find("late");
  for (int i = 0; i < 50; ++i) {
    const std::size_t next = client.received.find("GET /n" + std::to_string(i) + " ", at);
    ASSERT_NE(next, std::string::npos) << i;
    at = next;
  }
}

TEST_F(HttpServing, SomeResponsesHaveNoBody) {
  serve();
  Client client(port);
  ASSERT_TRUE(client.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" + get("/none") + get("/close")));
  client.read_all();
  EXPECT_EQ(client.occurrences("Content-Length: 10\r\n"), 1u) << "HEAD: " << client.received;
  EXPECT_EQ(client.occurrences("HEAD /abc"), 0u);
  EXPECT_EQ(client.occurrences("HTTP/1.1 204 No Content\r\n"), 1u);
  EXPECT_EQ(client.occurrences("GET /close"), 1u);
}

TEST_F(HttpServing, AHalfClosedClientIsStillAnswered) {
  serve();
  Client client(port);
  ASSERT_TRUE(client.send(get("/later") + get("/b")));
  client.end();
  client.read_all();
  EXPECT_EQ(client.occurrences("late"), 1u);
  EXPECT_EQ(client.occurrences("GET /b"), 1u);
  Client half(port);
  ASSERT_TRUE(half.send("GET /x HT"));
  half.end();
  EXPECT_EQ(half.read_all(), "") << "half a request is none";
}

TEST_F(HttpServing, ASlowRequestEndsInTime) {
  serve({.request_max = 300ms});
  Client client(port);
  ASSERT_TRUE(client.send(get("/a")));
  client.read_until("GET /a");
  ASSERT_TRUE(client.send("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"));
  client.read_all();
  EXPECT_EQ(client.occurrences("HTTP/1.1 408 "), 1u);
  EXPECT_EQ(client.occurrences("\"code\":\"timeout\""), 1u);
  Client header(port);
  ASSERT_TRUE(header.send("G"));
  EXPECT_TRUE(header.read_all().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(stat(&HttpServerStats::timed_out), 2u);
}

// When its time is over a part of it has just been read, as often as not.
TEST_F(HttpServing, ARequestThatNeverPausesEndsInTimeToo) {
  serve({.body_bytes_max = 1 << 30, .request_max = 20ms, .close_max = 20ms});
  constexpr std::uint64_t count = 10;
  for (std::uint64_t i = 0; i < count; ++i) {
    Client client(port);
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"));
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (client.send("x")) ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  }
  EXPECT_EQ(stat(&HttpServerStats::timed_out), count);
}

TEST_F(HttpServing, AFirstRequestMustComeSoon) {
  serve({.first_max = 50ms});
  Client silent(port);
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(stat(&HttpServerStats::timed_out), 0u);
}

TEST_F(HttpServing, AnIdleConnectionIsClosedWithoutAWord) {
  serve({.idle_max = 50ms});
  Client client(port);
  ASSERT_TRUE(client.send(get("/a")));
  client.read_all();
  EXPECT_EQ(client.occurrences("HTTP/1.1 "), 1u);
}

TEST_F(HttpServing, WhatIsTooLargeIsRefusedWithItsStatus) {
  serve({.header_bytes_max = 1000, .body_bytes_max = 1000});
  Client header(port);
  ASSERT_TRUE(header.send(get("/" + std::string(3000, 'a'))));
  EXPECT_TRUE(header.read_all().starts_with("HTTP/1.1 431 "));
  Client endless(port);
  while (endless.send("GET / HTTP/1.1\r\n" + std::string(50'000, 'x'))) {
  }
  Client declared(port);
  ASSERT_TRUE(declared.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" +
                            std::string(1001, 'x')));
  EXPECT_TRUE(declared.read_all().starts_with("HTTP/1.1 413 "));
  Client chunked(port);
  ASSERT_TRUE(
      chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" +
                   std::string(0x400, 'x') + "\r\n"));
  EXPECT_TRUE(chunked.read_all().starts_with("HTTP/1.1 413 "));
  Client right(port);
  ASSERT_TRUE(right.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" +
                         std::string(1000, 'x') + get("/close")));
  EXPECT_EQ(right.read_all().find("HTTP/1.1 200 OK"), 0u);
}

TEST_F(HttpServing, WhatIsNoHttpIsRefused) {
  serve();
  for (const std::string& bad :
       {"\r\n\r\n"s, "GET\r\n\r\n"s, "GET / HTTP/2.0\r\n\r\n"s, "\x16\x03\x01\x02"s + "\r\n\r\n",
        "GET / HTTP/1.1\r\nA B: c\r\n\r\n"s,
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"s,
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"s}) {
    Client client(port);
    ASSERT_TRUE(client.send(bad));
    EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 400 ")) << bad;
  }
}

TEST_F(HttpServing, AClientThatAsksFirstIsToldToGoOn) {
  serve();
  Client client(port);
  ASSERT_TRUE(client.send(
      "POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  client.read_until("HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.send("abc"));
  client.read_until("POST /e abc");
  EXPECT_EQ(client.occurrences("HTTP/1.1 200 OK"), 1u);
}

TEST_F(HttpServing, OneTooManyIsToldSo) {
  serve({.connections_max = 2, .close_max = 50ms});
  Client one(port), two(port);
  ASSERT_TRUE(one.send(get("/1")) && two.send(get("/2")));
  one.read_until("GET /1");
  two.read_until("GET /2");
  Client three(port);
  ASSERT_TRUE(three.send(get("/3")));
  EXPECT_TRUE(three.read_all().starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(stat(&HttpServerStats::refused), 1u);
  one.close();
  two.close();
  while (stat(&HttpServerStats::connections) > 0) std::this_thread::yield();
  Client four(port);
  ASSERT_TRUE(four.send(get("/4")));
  four.read_until("GET /4");
  EXPECT_EQ(four.occurrences("HTTP/1.1 200 OK"), 1u);
}

TEST_F(HttpServing, AForgottenReplyEndsTheConnection) {
  serve();
  Client client(port);
  ASSERT_TRUE(client.send(get("/never")));
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(HttpServing, WhoeverWorksOnAnAnswerHearsThatNobodyWaits) {
  serve({.half_closed_max = 20ms});
  Client client(port);
  ASSERT_TRUE(client.send(get("/held")));
  ASSERT_TRUE(is_held.wait());
  client.close();
  EXPECT_TRUE(is_gone.wait());
  EXPECT_EQ(stat(&HttpServerStats::connections), 0u);
}

TEST_F(HttpServing, AClientThatWaitsOrHasItsAnswerIsNotGone) {
  serve({.idle_max = 300ms, .half_closed_max = 20ms});
  Client client(port);
  ASSERT_TRUE(client.send(get("/held") + get("/more")));
  ASSERT_TRUE(is_held.wait());
  reactor.post([this] {
    reactor.post_after(100ms, [this] { held.front().send({200, "text/plain", "at last"}); });
  });
  client.read_until("GET /more");
  EXPECT_EQ(client.occurrences("at last"), 1u);
  client.read_all();
  stop();
  EXPECT_FALSE(is_gone.is_set());
}

TEST_F(HttpServing, AnAnswerToOneThatHasGoneIsNoTrouble) {
  serve();
  for (int i = 0; i < 20; ++i) {
    Client client(port);
    ASSERT_TRUE(client.send(get("/later")));
  }
  Client last(port);
  ASSERT_TRUE(last.send(get("/later")));
  last.read_until("late");
}

TEST_F(HttpServing, ItsEndIsNoTroubleEither) {
  serve();
  on_socket = [](WebSocket socket) { socket.send("hello"); };
  Client waiting(port), half(port), open(port);
  ASSERT_TRUE(half.send("GET /"));
  ASSERT_TRUE(waiting.send(get("/later")));
  ASSERT_TRUE(open.send(handshake));
  open.read_until("hello");
  stop();
  EXPECT_EQ(half.read_all(), "");
}

TEST_F(HttpServing, ATakenPortIsNamed) {
  Reactor other(world, {}, base::null_log(), nullptr);
  serve();
  const auto again = HttpServer::open(other, server->addresses(), {}, base::null_log());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::locked);
  EXPECT_NE(again.error().message.find(std::to_string(port)), std::string::npos);
  const auto named =
      HttpServer::open(other, {TestWorld::address("/dns4/localhost/tcp/1")}, {}, base::null_log());
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, Code::config);
}

TEST_F(HttpServing, AWebSocketSpeaksBothWays) {
  on_socket = [&](WebSocket socket) {
    socket.on_text([socket](const std::string& text) mutable {
      if (text == "bye") return socket.close(1000, "as you like");
      socket.send("re: " + text);
    });
    socket.on_gone([this] { is_gone.set(); });
    socket.send("hello");
  };
  serve();
  Client client(port);
  ASSERT_TRUE(client.send(handshake));
  client.read_until("\r\n\r\n");
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 101 "));
  EXPECT_EQ(client.occurrences("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), 1u) << "RFC 6455, section 1.3";
  EXPECT_EQ(client.occurrences("Sec-WebSocket-Protocol: chosen"), 1u);
  client.received.erase(0, client.received.find("\r\n\r\n") + 4);
  EXPECT_EQ(client.frame().second, "hello");
  ASSERT_TRUE(client.send(frame_of("one") + frame_of(std::string(1000, 'x')) + frame_of("p", 9)));
  EXPECT_EQ(client.frame().second, "re: one");
  EXPECT_EQ(client.frame().second, "re: " + std::string(1000, 'x'));
  EXPECT_EQ(client.frame(), (std::pair<int, std::string>(0x8a, "p"))) << "a pong";
  ASSERT_TRUE(client.send(frame_of("bye")));
  EXPECT_EQ(client.frame(), (std::pair<int, std::string>(0x88,
                                                         "\x03\xe8"
                                                         "as you like")));
  ASSERT_TRUE(client.send(frame_of("\x03\xe8", 8)));
  client.read_all();
  client.close();
  EXPECT_TRUE(is_gone.wait());
  EXPECT_EQ(stat(&HttpServerStats::sockets), 0u);
}

TEST_F(HttpServing, ARefusedUpgradeIsAnAnswerLikeOthers) {
  serve();
  Client client(port);
  std::string refused = handshake;
  refused.replace(refused.find("/v1/events"), 10, "/refused");
  ASSERT_TRUE(client.send(refused + get("/close")));
  client.read_all();
  EXPECT_EQ(client.occurrences("HTTP/1.1 200 OK"), 2u);
  Client eager(port);
  ASSERT_TRUE(eager.send(handshake + frame_of("too soon")));
  EXPECT_TRUE(eager.read_all().starts_with("HTTP/1.1 400 "));
  Client wrong(port);
  std::string version = handshake;
  version.replace(version.find("Version: 13"), 11, "Version: 12");
  ASSERT_TRUE(wrong.send(version));
  EXPECT_EQ(wrong.read_all().find("HTTP/1.1 101"), std::string::npos);
}

TEST_F(HttpServing, RudeWebSocketsAreClosed) {
  serve({.body_bytes_max = 100});
  on_socket = [](WebSocket) {};
  const auto closing_code = [&](const std::string& frames) {
    Client client(port);
    EXPECT_TRUE(client.send(handshake));
    client.read_until("\r\n\r\n");
    client.received.clear();
    EXPECT_TRUE(client.send(frames));
    const auto [first, payload] = client.frame();
    EXPECT_EQ(first, 0x88);
    return payload.size() < 2 ? 0
                              : static_cast<unsigned char>(payload[0]) * 256 +
                                    static_cast<unsigned char>(payload[1]);
  };
  EXPECT_EQ(closing_code(frame_of(std::string(101, 'x'))), 1009) << "too big";
  EXPECT_EQ(closing_code(frame_of("x", 2)), 1003) << "binary";
  EXPECT_EQ(closing_code("\x81\x01x"), 1002) << "not masked";
  EXPECT_EQ(closing_code(frame_of("\xff\xfe")), 1007) << "not UTF-8";
  EXPECT_EQ(closing_code(frame_of("x", 5)), 1002) << "no such opcode";
}

TEST_F(HttpServing, AWebSocketThatIsNotReadIsClosedWithTheReason) {
  std::function<void(WebSocket)> pour = [&](WebSocket socket) {
    socket.send(std::string(10'000, 'x'));
    if (server->stats().sockets_dropped == 0) {
      return reactor.post([&pour, socket] { pour(socket); });
    }
    is_dropped.set();
  };
  on_socket = [&](WebSocket socket) {
    socket.on_gone([this] { is_gone.set(); });
    pour(std::move(socket));
  };
  serve({.close_max = 20s, .unread_messages_max = 50, .send_buffer_bytes = 4096});
  Client client(port);
  ASSERT_TRUE(client.send(handshake));
  ASSERT_TRUE(is_dropped.wait());
  client.read_until("\r\n\r\n");
  client.received.erase(0, client.received.find("\r\n\r\n") + 4);
  std::pair<int, std::string> last;
  std::size_t messages = 0;
  for (last = client.frame(); last.first == 0x81; last = client.frame()) ++messages;
  EXPECT_EQ(last.first, 0x88);
  EXPECT_EQ(last.second,
            "\x03\xf0"
            "too slow: events were not read");
  EXPECT_LT(messages, 100u);
  client.close();
  EXPECT_TRUE(is_gone.wait());
  EXPECT_EQ(stat(&HttpServerStats::sockets), 0u);
}

TEST_F(HttpServing, AWebSocketThatNeverReadsIsCutOff) {
  on_socket = [&](WebSocket socket) {
    socket.on_gone([this] { is_gone.set(); });
    for (int i = 0; i < 1000; ++i) socket.send(std::string(10'000, 'x'));
  };
  serve({.close_max = 20ms, .unread_messages_max = 50, .send_buffer_bytes = 4096});
  Client client(port);
  ASSERT_TRUE(client.send(handshake));
  EXPECT_TRUE(is_gone.wait());
  EXPECT_EQ(stat(&HttpServerStats::sockets_dropped), 1u);
}

TEST_F(HttpServing, ADeadWebSocketIsNoticed) {
  on_socket = [&](WebSocket socket) { socket.on_gone([this] { is_gone.set(); }); };
  serve({.idle_max = 100ms});
  Client client(port);
  ASSERT_TRUE(client.send(handshake));
  EXPECT_TRUE(is_gone.wait());  // its pings were not answered
}

}  // namespace
}  // namespace kith::rt
