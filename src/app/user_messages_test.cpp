// Messages, datagrams and what is told of sessions, by the public face over real loopback sockets.
#include "app/user_messages.h"

#include <gtest/gtest.h>

#include <future>

#include "app/user_streams.h"

namespace kith {
namespace {

using Span = std::span<const std::uint8_t>;
using Data = std::vector<std::uint8_t>;
constexpr auto limit = std::chrono::seconds(20);
constexpr const char* video = "/video/1.0.0";

std::unique_ptr<Host> start(std::vector<std::string> listen, SessionOptions sessions = {}) {
  auto host = Host::start({.listen = std::move(listen), .sessions = std::move(sessions)});
  EXPECT_TRUE(host.has_value()) << to_string(host.error());
  return host ? std::move(*host) : nullptr;
}
Data some_data(std::size_t size) {
  Data data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(i * 31 >> 4);
  return data;
}
/// With /kith behind a TCP or WebSocket address: a session is asked for.
std::string as_session(std::string address) {
  const auto at = address.find("/p2p/");
  return address.find("/kith/") != std::string::npos ? address : address.insert(at, "/kith");
}
Result<void> answer(Host& host, const std::string& peer, Span data, MessageOptions options = {}) {
  auto done = std::make_shared<std::promise<Result<void>>>();
  auto future = done->get_future();
  const auto sent = host.send_message(peer, video, data, options, [done](Result<void> result) {
    done->set_value(std::move(result));
  });
  if (!sent) return sent;
  if (future.wait_for(limit) != std::future_status::ready) {
    return fail(Code::internal, "no answer");
  }
  return future.get();
}

TEST(UserMessages, GoBothWaysOverEveryTransportAndDetailsSayWhich) {
  const std::pair<const char*, const char*> transports[] = {
      {"/ip4/127.0.0.1/udp/0/kith", "udp/kith"},
      {"/ip4/127.0.0.1/tcp/0", "tcp/kith"},
      {"/ip4/127.0.0.1/tcp/0/ws", "ws/kith"}};
  for (const auto& [listen, transport] : transports) {
    auto server = start({listen});
    auto client = start({});
    ASSERT_EQ(server->addresses().size(), 1U);
    // What comes goes back, from inside the callback.
    ASSERT_TRUE(server->on_message(video, [&](const std::string& peer, Span data) {
      EXPECT_TRUE(server->send_message(peer, video, data).has_value());
    }));
    std::promise<Data> echoed;
    ASSERT_TRUE(client->on_message(video, [&](const std::string& peer, Span data) {
      EXPECT_EQ(peer, server->peer_id());
      echoed.set_value(Data(data.begin(), data.end()));
    }));
    const auto peer = client->connect_wait(as_session(server->addresses()[0]));
    ASSERT_TRUE(peer.has_value()) << transport << to_string(peer.error());
    const Data data = some_data(100'000);
    const auto sent = answer(*client, *peer, data);
    EXPECT_TRUE(sent.has_value()) << transport << to_string(sent.error());
    auto future = echoed.get_future();
    ASSERT_EQ(future.wait_for(limit), std::future_status::ready) << transport;
    EXPECT_EQ(future.get(), data);
    const auto details = client->details(*peer);
    ASSERT_TRUE(details && details->session) << transport;
    EXPECT_EQ(details->transport, transport);
    EXPECT_EQ(details->session->state, "ESTABLISHED");
    EXPECT_FALSE(details->session->cipher.empty());
    EXPECT_EQ(details->session->messages_unclaimed, 0U);
    if (details->transport == "udp/kith") {
      EXPECT_GT(details->session->packets_sent, 70U);
      EXPECT_GT(details->session->rtt_least.count(), 0);
      EXPECT_GE(details->session->mtu, 1200U);
      EXPECT_GT(details->session->window, 0U);
    }
    const auto ours = client->export_key(*peer, "video", 32);
    ASSERT_TRUE(ours.has_value()) << to_string(ours.error());
    EXPECT_EQ(*ours, server->export_key(client->peer_id(), "video", 32).value());
    EXPECT_NE(*ours, client->export_key(*peer, "audio", 32).value());
    EXPECT_EQ(client->export_key(*peer, "video", 8161).error().code, Code::usage);
    client->stop();  // before what its callbacks look at
    server->stop();
  }
}

TEST(UserMessages, DatagramsArriveAndOnesTooLargeDoNot) {
  auto server = start({"/ip4/127.0.0.1/udp/0/kith"});
  auto client = start({});
  std::promise<Data> came;
  ASSERT_TRUE(server->on_datagram(video, [&](const std::string& peer, Span data) {
    EXPECT_EQ(peer, client->peer_id());
    came.set_value(Data(data.begin(), data.end()));
  }));
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value()) << to_string(peer.error());
  EXPECT_TRUE(client->send_datagram(*peer, video, some_data(60'000)).has_value());
  EXPECT_TRUE(client->send_datagram(*peer, video, some_data(1'000)).has_value());
  auto future = came.get_future();
  ASSERT_EQ(future.wait_for(limit), std::future_status::ready);
  EXPECT_EQ(future.get(), some_data(1'000));
  server->stop();
}

TEST(UserMessages, WhatCannotBeSentIsSaidAtOnceOrToTheCallback) {
  auto server = start({"/ip4/127.0.0.1/tcp/0"});
  auto client = start({});
  const Data data = some_data(10);
  const auto code = [&](const std::string& peer, const std::string& protocol, Span bytes) {
    const auto sent = client->send_message(peer, protocol, bytes);
    return sent ? Code::internal : sent.error().code;
  };
  EXPECT_EQ(code("nobody", video, data), client->send_datagram("nobody", video, data).error().code);
  EXPECT_EQ(code(server->peer_id(), "", data), Code::usage);
  EXPECT_EQ(code(server->peer_id(), std::string(101, 'p'), data), Code::usage);
  EXPECT_EQ(code(server->peer_id(), std::string(100, 'p'), data), Code::internal) << "taken";
  EXPECT_EQ(code(server->peer_id(), video, some_data(16 * 1024 * 1024)), Code::too_large);
  EXPECT_EQ(answer(*client, server->peer_id(), data).error().code, Code::closed);
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(answer(*client, *peer, data).error().code, Code::unsupported);
  EXPECT_EQ(client->export_key(*peer, "video", 32).error().code, Code::unsupported);
  EXPECT_EQ(client->details(*peer)->transport, "tcp");
  EXPECT_FALSE(client->details(*peer)->session.has_value());
  client->stop();
  EXPECT_EQ(code(*peer, video, data), Code::closed);
}

TEST(UserMessages, AProtocolMayHaveStreamsMessagesAndDatagramsAndEachOnce) {
  auto host = start({"/ip4/127.0.0.1/udp/0/kith"});
  const auto ignore = [](const std::string&, Span) {};
  EXPECT_TRUE(host->on_message(video, ignore).has_value());
  EXPECT_TRUE(host->handle(video, [](Stream) {}).has_value());
  EXPECT_TRUE(host->on_datagram(video, ignore).has_value());
  EXPECT_EQ(host->on_message(video, ignore).error().code, Code::exists);
  EXPECT_EQ(host->on_datagram(video, ignore).error().code, Code::exists);
  EXPECT_EQ(host->handle(video, [](Stream) {}).error().code, Code::exists);
  EXPECT_EQ(host->on_message("/ipfs/ping/1.0.0", ignore).error().code, Code::exists);
  EXPECT_EQ(host->on_message(std::string(101, 'p'), ignore).error().code, Code::usage);
  host->stop();
  EXPECT_EQ(host->on_message("/other", ignore).error().code, Code::closed);
}

TEST(UserMessages, AProtocolOfMessagesAloneRefusesStreams) {
  auto server = start({"/ip4/127.0.0.1/udp/0/kith"});
  auto client = start({});
  ASSERT_TRUE(server->on_message(video, [](const std::string&, Span) {}).has_value());
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value());
  std::promise<void> closed;
  client->open(*peer, video, [&](Result<Stream> stream) {
    ASSERT_TRUE(stream.has_value());
    stream->on_close([&](std::optional<Error> error) {
      EXPECT_TRUE(error.has_value());
      closed.set_value();
    });
  });
  EXPECT_EQ(closed.get_future().wait_for(limit), std::future_status::ready);
  client->stop();
}

TEST(UserMessages, TheHostsEndAnswersAndOptionsOutOfBoundsAreUsage) {
  auto server = start({"/ip4/127.0.0.1/udp/0/kith"});
  for (const SessionOptions& options :
       {SessionOptions{.mtu = 1199}, SessionOptions{.mtu = 8953, .mtu_max = 9000},
        SessionOptions{.mtu = 1400, .mtu_max = 1399}, SessionOptions{.congestion = "reno"},
        SessionOptions{.rotate_bytes = 999'999}, SessionOptions{.rotate_messages = 999},
        SessionOptions{.rotate_interval = std::chrono::seconds(9)},
        SessionOptions{.ciphers = {"rot13"}},
        SessionOptions{.ciphers = {"aes-256-gcm", "aes-256-gcm"}},
        SessionOptions{.idle_timeout = std::chrono::seconds(4)},
        SessionOptions{.idle_timeout = std::chrono::milliseconds::max()},
        SessionOptions{.keep_alive = std::chrono::milliseconds::min()},
        SessionOptions{.keep_alive = std::chrono::milliseconds(999)},
        SessionOptions{.keep_alive = std::chrono::seconds(31)},
        SessionOptions{.spin = std::chrono::microseconds(1001)}}) {
    const auto host = Host::start({.sessions = options});
    ASSERT_FALSE(host.has_value());
    EXPECT_EQ(host.error().code, Code::usage) << host.error().message;
  }
  auto client = start({}, {.mtu = 1200,
                           .mtu_max = 8952,
                           .congestion = "cubic",
                           .rotate_bytes = 1'000'000,
                           .rotate_messages = 1000,
                           .rotate_interval = std::chrono::seconds(10),
                           .ciphers = {"chacha20-poly1305"},
                           .compresses = true,
                           .idle_timeout = std::chrono::seconds(5),
                           .keep_alive = std::chrono::seconds(1),
                           .spin = std::chrono::microseconds(0)});
  ASSERT_TRUE(server->on_message(video, [](const std::string&, Span) {}).has_value());
  const auto peer = client->connect_wait(server->addresses().at(0));
  ASSERT_TRUE(peer.has_value()) << to_string(peer.error());
  EXPECT_EQ(client->details(*peer)->session->cipher, "chacha20-poly1305");
  // A rotation is offered, answered and taken beside the messages: as many as it takes.
  const auto until = std::chrono::steady_clock::now() + limit;
  while (client->details(*peer)->session->rotations == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "no rotation";
    ASSERT_TRUE(answer(*client, *peer, some_data(100'000)).has_value());
  }
  std::atomic<int> answers = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(
        client
            ->send_message(*peer, video, some_data(1'000'000), {}, [&](Result<void>) { ++answers; })
            .has_value());
  }
  client->stop();
  EXPECT_EQ(answers, 20);
}

/// Without a host: what is set aside comes back with each answer.
TEST(UserMessages, BytesOnTheirWayAreBounded) {
  std::vector<host::SendMessage> said;
  app::UserMessages messages([&](host::ServiceCommand command) {
    if (auto* send = std::get_if<host::SendMessage>(&command)) said.push_back(std::move(*send));
  });
  // Four of them are all: with one byte of length, one of name and what each costs beside.
  constexpr std::size_t quarter = app::UserMessages::bytes_max / 4;
  const Data data = some_data(quarter - 2 - app::UserMessages::entry_bytes);
  std::vector<Code> answers;
  for (int i = 0; i < 4; ++i) {
    auto begun = messages.begin("p", data);
    ASSERT_TRUE(begun.has_value());
    messages.send({}, std::move(*begun), {}, [&](Result<void> done) {
      answers.push_back(done ? Code::internal : done.error().code);
    });
  }
  EXPECT_EQ(messages.begin("p", {}).error().code, Code::limit);
  messages.on_event(host::MessageDone{said.at(2).token, true});
  messages.on_event(host::MessageDone{said.at(2).token, true});  // once is all
  auto again = messages.begin("p", data);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(messages.begin("p", {}).error().code, Code::limit);
  messages.cancel(*again);
  EXPECT_TRUE(messages.begin("p", {}).has_value());
  messages.on_event(host::MessageDone{said.at(0).token, false});
  messages.on_event(host::MessageDone{said.at(1).token, false, Error{Code::limit, "many"}});
  messages.end_all({Code::closed, "over"});
  EXPECT_EQ(answers, (std::vector{Code::internal, Code::timeout, Code::limit, Code::closed}));
}

}  // namespace
}  // namespace kith
