// The public face, over real loopback sockets.
#include <gtest/gtest.h>
#include <kith/host.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <limits>
#include <mutex>

#include <unistd.h>

namespace kith {
namespace {

std::unique_ptr<Host> start(HostOptions options = {.listen = {"/ip4/127.0.0.1/tcp/0"}}) {
  auto host = Host::start(std::move(options));
  EXPECT_TRUE(host.has_value()) << to_string(host.error());
  return host ? std::move(*host) : nullptr;
}

Result<Stream> open(Host& host, const std::string& peer, const std::string& protocol) {
  std::promise<Result<Stream>> opened;
  host.open(peer, protocol, [&](Result<Stream> stream) { opened.set_value(std::move(stream)); });
  return opened.get_future().get();
}

TEST(PublicHost, EchoesOverLoopback) {
  auto server = start();
  auto client = start({});
  ASSERT_TRUE(server
                  ->handle("/echo/1.0.0",
                           [](Stream stream) {
                             stream.on_data([stream](std::span<const std::uint8_t> data) mutable {
                               EXPECT_TRUE(stream.write(data));
                             });
                             stream.on_end([stream]() mutable { stream.finish(); });
                           })
                  .has_value());
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value()) << to_string(peer.error());
  EXPECT_EQ(*peer, server->peer_id());

  auto stream = open(*client, *peer, "/echo/1.0.0");
  ASSERT_TRUE(stream.has_value());
  std::promise<std::string> echoed;
  auto text = std::make_shared<std::string>();
  stream->on_data(
      [text](std::span<const std::uint8_t> data) { text->append(data.begin(), data.end()); });
  stream->on_close([text, &echoed](std::optional<Error> error) {
    EXPECT_FALSE(error.has_value());
    echoed.set_value(*text);
  });
  const std::string message = "hello over yamux over Noise over TCP";
  EXPECT_TRUE(
      stream->write({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()}));
  stream->finish();
  EXPECT_EQ(echoed.get_future().get(), message);
}

TEST(PublicHost, SaysWhyAPeerCannotBeReached) {
  auto client = start({});
  const auto refused = client->connect_wait("/ip4/127.0.0.1/tcp/1");
  ASSERT_FALSE(refused.has_value());
  const auto malformed = client->connect_wait("/ip4/127.0.0.999/tcp/1");
  ASSERT_FALSE(malformed.has_value());
  EXPECT_EQ(malformed.error().code, Code::malformed);
  const auto unknown = client->connect_wait(start()->peer_id());
  ASSERT_FALSE(unknown.has_value());
}

TEST(PublicHost, TellsWhatHappensToPeersAndToItself) {
  std::mutex mutex;
  std::vector<PeerEvent> events;
  std::promise<void> is_gone;
  auto host = start();
  auto other = start();
  host->on_peer([&](const PeerEvent& event) {
    const std::lock_guard lock(mutex);
    events.push_back(event);
    if (event.kind == PeerEvent::Kind::disconnected) is_gone.set_value();
  });
  ASSERT_FALSE(host->connect_wait("/ip4/127.0.0.1/tcp/1/p2p/" + start()->peer_id()).has_value());
  ASSERT_TRUE(host->connect_wait(other->addresses().at(0)).has_value());
  const std::string other_id = other->peer_id();
  other.reset();
  is_gone.get_future().wait();
  const std::lock_guard lock(mutex);
  const auto has = [&](PeerEvent::Kind kind, const std::string& peer) {
    return std::ranges::any_of(
        events, [&](const PeerEvent& e) { return e.kind == kind && e.peer == peer; });
  };
  EXPECT_EQ(events.front().kind, PeerEvent::Kind::unreachable);
  EXPECT_NE(events.front().detail, "");
  EXPECT_TRUE(has(PeerEvent::Kind::connected, other_id));
  EXPECT_EQ(events.back().kind, PeerEvent::Kind::disconnected);
}

TEST(PublicHost, AnAddressInUseIsNamed) {
  auto first = start();
  std::string address = first->addresses().at(0);
  address.resize(address.find("/p2p/"));
  auto second = Host::start({.listen = {address}});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find(address), std::string::npos) << second.error().message;
}

TEST(PublicHost, AnUnknownProtocolClosesTheStream) {
  auto server = start();
  auto client = start({});
  const auto peer = client->connect_wait(server->addresses().at(0));
  auto stream = open(*client, *peer, "/nobody/1.0.0");
  std::promise<std::optional<Error>> closed;
  if (stream) {
    stream->on_close([&](std::optional<Error> error) { closed.set_value(std::move(error)); });
    const auto error = closed.get_future().get();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code, Code::unsupported);
  } else {
    EXPECT_EQ(stream.error().code, Code::unsupported);
  }
}

/// Returns when all that the server sent before has reached the client.
void wait_for_round_trip(Host& client, const std::string& peer) {
  std::promise<bool> ponged;
  client.ping(peer, [&](auto rtt) { ponged.set_value(rtt.has_value()); });
  EXPECT_TRUE(ponged.get_future().get());
}

TEST(PublicHost, ACallbackThatComesLateHearsWhatHasHappened) {
  auto server = start();
  auto client = start({});
  ASSERT_TRUE(server
                  ->handle("/greeter/1.0.0",
                           [](Stream stream) {
                             const std::string_view hello = "hello";
                             EXPECT_TRUE(stream.write(std::span(
                                 reinterpret_cast<const std::uint8_t*>(hello.data()), 5)));
                             stream.finish();
                           })
                  .has_value());
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value());

  auto greeted = open(*client, *peer, "/greeter/1.0.0");
  auto refused = open(*client, *peer, "/nobody/1.0.0");
  ASSERT_TRUE(greeted.has_value() && refused.has_value());
  greeted->finish();
  wait_for_round_trip(*client, *peer);

  std::string text;
  std::promise<void> ended;
  std::promise<std::optional<Error>> closed;
  greeted->on_data([&](auto data) { text.append(data.begin(), data.end()); });
  greeted->on_end([&] { ended.set_value(); });
  greeted->on_close([&](auto error) { closed.set_value(std::move(error)); });
  ended.get_future().get();
  EXPECT_EQ(closed.get_future().get(), std::nullopt);
  EXPECT_EQ(text, "hello");

  std::promise<std::optional<Error>> was_refused;
  refused->on_close([&](auto error) { was_refused.set_value(std::move(error)); });
  const auto error = was_refused.get_future().get();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, Code::unsupported);
}

/// A server that counts what it gets on /sink/1.0.0 and says the count at the end.
std::unique_ptr<Host> start_sink(std::promise<std::size_t>& received) {
  auto server = start();
  EXPECT_TRUE(server
                  ->handle("/sink/1.0.0",
                           [&](Stream stream) {
                             auto count = std::make_shared<std::size_t>(0);
                             stream.on_data([count](auto data) { *count += data.size(); });
                             stream.on_end([count, stream, &received]() mutable {
                               stream.finish();
                               received.set_value(*count);
                             });
                           })
                  .has_value());
  return server;
}

TEST(PublicHost, WhatWasWrittenGoesBeforeTheEndWhoeverSaysIt) {
  // A write from this thread and an end from the host's, which could run at once.
  for (int round = 0; round < 50; ++round) {
    std::promise<std::size_t> received;
    auto server = start_sink(received);
    auto client = start({});
    const auto peer = client->connect_wait(server->addresses().at(0));
    auto stream = open(*client, *peer, "/sink/1.0.0");
    ASSERT_TRUE(stream.has_value());
    std::size_t written = 0;
    std::promise<void> finished;
    client->ping(*peer, [stream = *stream, &finished](auto) mutable {
      stream.finish();
      finished.set_value();
    });
    while (stream->write(std::vector<std::uint8_t>(100))) written += 100;
    finished.get_future().get();
    EXPECT_EQ(received.get_future().get(), written);
    client->stop();
    server->stop();
  }
}

TEST(PublicHost, ConsumingWhatNeverCameIsIgnored) {
  std::promise<std::size_t> received;
  auto server = start_sink(received);
  auto client = start({});
  const auto peer = client->connect_wait(server->addresses().at(0));
  auto stream = open(*client, *peer, "/sink/1.0.0");
  ASSERT_TRUE(stream.has_value());
  stream->consume(1);
  stream->set_manual_consume(true);
  stream->consume(std::numeric_limits<std::size_t>::max());
  EXPECT_TRUE(stream->write(std::vector<std::uint8_t>(7)));
  stream->finish();
  EXPECT_EQ(received.get_future().get(), 7U);
}

TEST(PublicHost, TooManyListenersOrPeersAreRefused) {
  auto first = start();
  std::string taken = first->addresses().at(0);
  taken.resize(taken.find("/p2p/"));
  // An address that is several (one an interface) does not stand for one that cannot be bound.
  const auto half = Host::start({.listen = {"/ip4/0.0.0.0/tcp/0", taken}});
  ASSERT_FALSE(half.has_value());
  const auto odd = Host::start({.peers_min = 9, .peers_max = 8});
  ASSERT_FALSE(odd.has_value());
  EXPECT_EQ(odd.error().code, Code::usage);
}

TEST(PublicHost, ASealedHomeOpensWithItsPassphrase) {
  HostOptions options;
  options.home = testing::TempDir() + "/kith_sealed_" + std::to_string(getpid());
  options.passphrase = "correct horse";
  const std::string id = start(options)->peer_id();
  EXPECT_EQ(start(options)->peer_id(), id);
  options.passphrase = "battery staple";
  const auto wrong = Host::start(options);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, Code::passphrase);
}

TEST(PublicHost, WhatIsAskedOfAStoppedHostIsRefused) {
  auto server = start();
  auto client = start({});
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value());
  auto stream = open(*client, *peer, "/nobody/1.0.0");
  ASSERT_TRUE(stream.has_value());
  client->stop();
  EXPECT_TRUE(client->peers().empty());
  EXPECT_FALSE(client->details(*peer).has_value());
  EXPECT_EQ(client->handle("/x/1.0.0", [](Stream) {}).error().code, Code::closed);
  EXPECT_EQ(client->connect_wait(*peer).error().code, Code::closed);
  EXPECT_EQ(open(*client, *peer, "/x/1.0.0").error().code, Code::closed);
  std::promise<Code> ponged;
  client->ping(*peer, [&](auto rtt) { ponged.set_value(rtt.error().code); });
  EXPECT_EQ(ponged.get_future().get(), Code::closed);

  client.reset();  // a handle may outlive its host
  EXPECT_FALSE(stream->write(std::vector<std::uint8_t>(3)));
  stream->consume(1);
  stream->reset();
  std::promise<void> closed;
  stream->on_close([&](auto) { closed.set_value(); });
  closed.get_future().get();
}

TEST(PublicHost, KeepsItsIdentityInItsHome) {
  const std::string home = testing::TempDir() + "/kith_home_" + std::to_string(getpid());
  HostOptions options;
  options.home = home;
  std::string id;
  {
    auto host = start(options);
    id = host->peer_id();
    auto second = Host::start(options);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, Code::locked);
  }
  EXPECT_EQ(start(options)->peer_id(), id);
}

TEST(PublicHost, APushedMegabyteArrivesUnderBackPressure) {
  std::promise<std::size_t> received;
  auto server = start_sink(received);
  auto client = start({});
  const auto peer = client->connect_wait(server->addresses().at(0));
  auto stream = open(*client, *peer, "/sink/1.0.0");
  ASSERT_TRUE(stream.has_value());

  std::mutex mutex;
  std::condition_variable has_room;
  bool told = false;
  stream->on_room([&](std::size_t) {
    const std::lock_guard lock(mutex);
    told = true;
    has_room.notify_all();
  });
  const std::vector<std::uint8_t> piece(64 * 1024, 7);
  for (int i = 0; i < 160; ++i) {
    while (!stream->write(piece)) {
      std::unique_lock lock(mutex);
      has_room.wait(lock, [&] { return told; });
      told = false;
    }
  }
  stream->finish();
  EXPECT_EQ(received.get_future().get(), 160U * 64 * 1024);
  client->stop();  // before the locals that its callbacks use
}

}  // namespace
}  // namespace kith
