#include "rt/local_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "rt/local_client.h"
#include "rt/local_socket.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

/// A reactor in a thread of its own that serves one socket.
class LocalApi : public ::testing::Test {
 protected:
  LocalApi() : reactor(world, {}, base::null_log(), nullptr), path(dir / "api.sock") {}
  ~LocalApi() override { stop(); }

  void serve(LocalServer::Handler handler, LocalServerConfig config = {}) {
    auto opened = LocalServer::open(reactor, path, std::move(handler), base::null_log(), config);
    ASSERT_TRUE(opened) << opened.error().message;
    server = *std::move(opened);
    thread = std::thread([this] { reactor.run(); });
  }
  void stop() {
    reactor.stop();
    if (thread.joinable()) thread.join();
    server.reset();
  }
  LocalClient connect() { return LocalClient::connect(path).value(); }
  static std::string line(LocalClient& client) {
    const auto read = client.read_line(20s);
    if (!read) return "failed: " + read.error().message;
    return read->value_or("end");
  }

  TempDir dir;
  TestWorld world;
  Reactor reactor;
  std::string path;
  std::unique_ptr<LocalServer> server;
  std::thread thread;
};

TEST_F(LocalApi, AnswersRequestsInOrder) {
  serve([](std::string request, LocalReply reply) { reply.done("re: " + request); });
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  LocalClient client = connect();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.send_line(std::to_string(i)));
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(line(client), "re: " + std::to_string(i));
    ASSERT_EQ(line(client), "end");
  }
}

TEST_F(LocalApi, ALargeRequestAndALargeReply) {
  serve([](std::string request, LocalReply reply) { reply.done(request + request); });
  LocalClient client = connect();
  const std::string request(1024 * 1024, 'a');
  ASSERT_TRUE(client.send_line(request));
  EXPECT_EQ(line(client), request + request);
}

TEST_F(LocalApi, RepliesMayComeLaterAndInManyLines) {
  serve([this](std::string, LocalReply reply) {
    reply.send("one\nline");
    reactor.post_after(10ms, [reply]() mutable {
      reply.send("two");
      reply.finish();
      reply.send("never");
    });
  });
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line("go"));
  EXPECT_EQ(line(client), "one line");
  EXPECT_EQ(line(client), "two");
  EXPECT_EQ(line(client), "end");
  const auto nothing = client.read_line(50ms);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::timeout);
}

TEST_F(LocalApi, AForgottenReplyIsFinished) {
  serve([](std::string, LocalReply) {});
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line("go"));
  EXPECT_EQ(line(client), "end");
}

TEST_F(LocalApi, ARequestOverTheLimitIsRefused) {
  serve([](std::string request, LocalReply reply) { reply.done(request); },
        {.request_bytes_max = 1000});
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line(std::string(1000, 'a')));
  EXPECT_EQ(line(client).size(), 1000u);
  EXPECT_EQ(line(client), "end");
  ASSERT_TRUE(client.send_line(std::string(1001, 'a')));
  EXPECT_NE(line(client).find("too_large"), std::string::npos);
  EXPECT_EQ(line(client), "end");
  EXPECT_EQ(client.read_line(20s).error().code, Code::closed);
}

TEST_F(LocalApi, AStreamHearsThatItsClientHasGone) {
  std::atomic<bool> gone = false;
  std::optional<LocalReply> kept;
  serve([&](std::string, LocalReply reply) {
    reply.on_gone([&] {
      gone = true;
      gone.notify_all();
    });
    reply.send("begun");
    kept = reply;
  });
  {
    LocalClient client = connect();
    ASSERT_TRUE(client.send_line("subscribe"));
    EXPECT_EQ(line(client), "begun");
  }
  gone.wait(false);
  stop();
  EXPECT_FALSE(kept->is_open());
  kept->send("to nobody");
}

TEST_F(LocalApi, AClientThatDoesNotReadIsDropped) {
  std::atomic<bool> gone = false;
  std::function<void(LocalReply)> pour = [&](LocalReply reply) {
    reply.send(std::string(10'000, 'x'));
    if (reply.is_open()) reactor.post([&pour, reply] { pour(reply); });
  };
  serve(
      [&](std::string, LocalReply reply) {
        reply.on_gone([&] {
          gone = true;
          gone.notify_all();
        });
        pour(reply);
      },
      {.unsent_bytes_max = 100'000});
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line("go"));
  gone.wait(false);
}

TEST_F(LocalApi, AHalfClosedClientIsStillAnswered) {
  serve([this](std::string request, LocalReply reply) {
    reactor.post_after(20ms, [reply, request]() mutable { reply.done(request); });
  });
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line("a"));
  ASSERT_TRUE(client.send_line("b"));
  ::shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(line(client), "a");
  EXPECT_EQ(line(client), "end");
  EXPECT_EQ(line(client), "b");
  EXPECT_EQ(line(client), "end");
  EXPECT_EQ(client.read_line(20s).error().code, Code::closed);
}

TEST_F(LocalApi, ConnectionsAreBounded) {
  serve([](std::string request, LocalReply reply) { reply.done(request); }, {.connections_max = 2});
  LocalClient one = connect(), two = connect();
  ASSERT_TRUE(one.send_line("1"));
  EXPECT_EQ(line(one), "1");
  ASSERT_TRUE(two.send_line("2"));
  EXPECT_EQ(line(two), "2");
  LocalClient three = connect();
  EXPECT_EQ(three.read_line(20s).error().code, Code::closed);
}

TEST_F(LocalApi, ReplacesAStaleSocketOnly) {
  // A leftover: bound, and its process gone.
  {
    const Fd stale(::socket(AF_UNIX, SOCK_STREAM, 0));
    const LocalAddress address = to_local_address(path).value();
    ASSERT_EQ(::bind(stale.get(), address.get(), sizeof address.address), 0);
  }
  ASSERT_EQ(LocalClient::connect(path).error().code, Code::unreachable);
  serve([](std::string, LocalReply reply) { reply.done("here"); });
  auto second = LocalServer::open(reactor, path, [](std::string, LocalReply) {}, base::null_log());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::locked);
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line("still"));
  EXPECT_EQ(line(client), "here");
  stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(LocalApi, APathLongerThanASocketAddressWorks) {
  const std::string folder = dir / std::string(120, 'd');
  std::filesystem::create_directory(folder);
  path = folder + "/api.sock";
  serve([](std::string, LocalReply reply) { reply.done("far"); });
  LocalClient client = connect();
  ASSERT_TRUE(client.send_line("go"));
  EXPECT_EQ(line(client), "far");
}

TEST(LocalClient, TellsThatNothingListens) {
  TempDir dir;
  for (const std::string& path : {dir / "none.sock", dir / "no/folder.sock"}) {
    const auto refused = LocalClient::connect(path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unreachable);
    EXPECT_NE(refused.error().message.find(path), std::string::npos);
  }
}

}  // namespace
}  // namespace kith::rt
