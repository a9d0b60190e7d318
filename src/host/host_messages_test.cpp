// Messages and datagrams between hosts: over packets and over TCP, what is given up, what is
// refused, and what comes without a name or for nobody.
#include <gtest/gtest.h>

#include "host/test_host.h"

namespace kith::host {
namespace {

using Came = std::tuple<PeerId, std::string, Bytes>;

class HostMessages : public testing::Test, protected HostWorld {
 protected:
  static codec::Multiaddr loopback_of(const char* protocol, std::size_t index) {
    return *codec::Multiaddr::parse("/ip4/127.0.0.1/" + std::string(protocol) + "/" +
                                    std::to_string(1000 + index) + "/kith");
  }
  static HostConfig with_packets() {
    HostConfig config = quiet();
    config.listen.push_back(*codec::Multiaddr::parse("/ip4/127.0.0.1/udp/0/kith"));
    return config;
  }
  /// Two hosts, of which 0 has dialled 1.
  void connect(const char* protocol = "udp", const HostConfig& config = with_packets()) {
    const std::size_t first = hosts.size();
    add(config);
    add(config);
    tell(first, Dial{Token{99}, hosts[first + 1]->id(), {loopback_of(protocol, first + 1)}});
    world.run_for(1s);
    ASSERT_TRUE(are_connected(first, first + 1));
  }
  void send(std::size_t from, std::size_t to, SendMessage message) {
    message.token = Token{++token_};
    message.peer = hosts[to]->id();
    tell(from, FromService{1, std::move(message)});
  }
  void send(std::size_t from, std::size_t to, ByteView data, std::string_view protocol = "/echo") {
    send(from, to, SendMessage{.token = {}, .peer = {}, .data = named_message(protocol, data)});
  }
  void send_datagram(std::size_t from, std::size_t to, Buffer data) {
    tell(from, FromService{1, SendDatagram{hosts[to]->id(), std::move(data)}});
  }
  /// What became of the last message, or of the one before it by `back`.
  const MessageDone* answer(std::size_t host = 0, std::uint64_t back = 0) {
    const auto found = hosts[host]->answers.find(Token{token_ - back});
    return found == hosts[host]->answers.end() ? nullptr : &found->second;
  }
  void expect_refused(Code code, std::size_t host = 0) {
    ASSERT_NE(answer(host), nullptr);
    EXPECT_FALSE(answer(host)->was_delivered);
    ASSERT_TRUE(answer(host)->error.has_value());
    EXPECT_EQ(answer(host)->error->code, code) << answer(host)->error->message;
  }
  void expect_given_up() {
    ASSERT_NE(answer(), nullptr);
    EXPECT_FALSE(answer()->was_delivered);
    EXPECT_FALSE(answer()->error.has_value());
  }
  std::uint64_t unclaimed(std::size_t at, std::size_t of) {
    return hosts[at]->host.peer(hosts[of]->id())->connections.front().session->messages_unclaimed;
  }
  static Bytes some_bytes(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 29 >> 3);
    return bytes;
  }

  std::uint64_t token_ = 0;
};

TEST_F(HostMessages, TheyArriveWholeOverPacketsAndOverTcp) {
  for (const char* protocol : {"udp", "tcp"}) {
    const std::size_t from = hosts.size(), to = from + 1;
    connect(protocol);
    std::size_t count = 0;
    for (const std::size_t size : {0UZ, 1UZ, 1300UZ, 1400UZ, 70'000UZ, 3'000'000UZ}) {
      const Bytes data = some_bytes(size);
      send(from, to, data);
      ASSERT_TRUE(world.run_until([&] { return answer(from) != nullptr; })) << size;
      EXPECT_TRUE(answer(from)->was_delivered);
      EXPECT_FALSE(answer(from)->error.has_value());
      // Over packets it is the peer's acknowledgement; over TCP it has only gone out.
      EXPECT_TRUE(std::string_view(protocol) == "tcp" || hosts[to]->messages.size() == count + 1);
      world.run_for(1s);
      ASSERT_EQ(hosts[to]->messages.size(), ++count);
      EXPECT_TRUE(hosts[to]->messages.back() == Came(hosts[from]->id(), "/echo", data)) << size;
    }
    // A window would be used up by these, and the 1,024 of the first credit, were it not given
    // back.
    for (int wave = 0; wave < 40; ++wave) {
      for (int i = 0; i < 100; ++i) send(from, to, some_bytes(2'000));
      ASSERT_TRUE(world.run_until([&] { return answer(from) != nullptr; })) << wave;
      world.run_for(100ms);
    }
    EXPECT_EQ(hosts[to]->messages.size(), count + 4'000) << protocol;
  }
}

TEST_F(HostMessages, DatagramsArriveOverPacketsAndOverTcpAndTooLargeOnesAreLost) {
  for (const char* protocol : {"udp", "tcp"}) {
    const std::size_t from = hosts.size(), to = from + 1;
    connect(protocol);
    for (const std::size_t size : {0UZ, 1000UZ, 65'500UZ}) {
      send_datagram(from, to, named_message("/echo", some_bytes(size)));
      world.run_for(100ms);
    }
    ASSERT_EQ(hosts[to]->datagrams.size(), 2U) << protocol;
    EXPECT_EQ(hosts[to]->datagrams[0], Came(hosts[from]->id(), "/echo", {}));
    EXPECT_EQ(hosts[to]->datagrams[1], Came(hosts[from]->id(), "/echo", some_bytes(1000)));
    EXPECT_TRUE(hosts[from]->answers.empty() && hosts[to]->messages.empty());
    EXPECT_TRUE(are_connected(from, to));
  }
}

TEST_F(HostMessages, ADeadlineGivesUpWhatIsLostAndWithoutOneItArrives) {
  connect();
  world.on_datagram_batch = [](std::size_t, std::size_t, Bytes&) { return false; };
  const Bytes data = some_bytes(3'000);
  send(0, 1, data);
  send(0, 1, {.token = {}, .peer = {}, .data = named_message("/echo", data), .deadline = 200ms});
  world.run_for(190ms);
  EXPECT_EQ(answer(), nullptr);
  world.run_for(20ms);
  expect_given_up();
  EXPECT_EQ(answer(0, 1), nullptr) << "the other one waits for as long as it takes";
  world.on_datagram_batch = nullptr;
  ASSERT_TRUE(world.run_until([&] { return answer(0, 1) != nullptr; }));
  EXPECT_TRUE(answer(0, 1)->was_delivered);
  world.run_for(5s);
  EXPECT_EQ(hosts[1]->messages.size(), 1U);
}

TEST_F(HostMessages, AttemptsGiveUpWhatWasLostAsOften) {
  connect();
  world.on_datagram_batch = [](std::size_t from, std::size_t, Bytes&) { return from != 0; };
  send(0, 1,
       {.token = {}, .peer = {}, .data = named_message("/echo", some_bytes(100)), .attempts = 1});
  world.run_for(10ms);
  world.on_datagram_batch = nullptr;
  // It is acknowledgements of later ones that tell of a loss.
  for (int i = 0; i < 20; ++i) {
    send_datagram(0, 1, named_message("/echo", some_bytes(10)));
    world.run_for(50ms);
  }
  expect_given_up();
  EXPECT_TRUE(hosts[1]->messages.empty());
  send(0, 1,
       {.token = {}, .peer = {}, .data = named_message("/echo", some_bytes(100)), .attempts = 1});
  world.run_for(1s);
  ASSERT_NE(answer(), nullptr);
  EXPECT_TRUE(answer()->was_delivered) << "one attempt that arrives is enough";
}

TEST_F(HostMessages, OverYamuxTheyAreUnsupportedAndWithoutAConnectionClosed) {
  add();
  add();
  send(0, 1, some_bytes(10));
  expect_refused(Code::closed);
  dial(0, 1, 1);
  world.run_for(1s);
  ASSERT_TRUE(are_connected(0, 1));
  send(0, 1, some_bytes(10));
  expect_refused(Code::unsupported);
  send_datagram(0, 1, named_message("/echo", some_bytes(10)));
  world.run_for(1s);
  EXPECT_TRUE(hosts[1]->messages.empty() && hosts[1]->datagrams.empty());
  EXPECT_TRUE(are_connected(0, 1));
}

TEST_F(HostMessages, BesideYamuxTheSessionIsTaken) {
  connect();
  dial(1, 0, 1);  // is there already
  add(with_packets());
  add(with_packets());
  dial(2, 3, 2);
  tell(3, Dial{Token{3}, hosts[2]->id(), {loopback_of("udp", 2)}});
  world.run_for(2s);
  ASSERT_TRUE(are_connected(2, 3));
  for (const auto& [from, to] : {std::pair(2UZ, 3UZ), std::pair(3UZ, 2UZ)}) {
    const auto connections = hosts[from]->host.peer(hosts[to]->id())->connections;
    const bool has_session =
        std::ranges::any_of(connections, [](const auto& c) { return c.session.has_value(); });
    send(from, to, some_bytes(10));
    world.run_for(1s);
    ASSERT_NE(answer(from), nullptr);
    EXPECT_EQ(answer(from)->was_delivered, has_session);
  }
}

TEST_F(HostMessages, ForAProtocolThatNobodyHasTheyAreDroppedAndCounted) {
  connect();
  send(0, 1, some_bytes(10), "/unknown");
  send(0, 1, some_bytes(5'000), "/unknown");
  send_datagram(0, 1, named_message("/unknown", some_bytes(10)));
  send(0, 1, some_bytes(10), "/ech");  // no name of another's beginning
  world.run_for(1s);
  EXPECT_TRUE(hosts[1]->messages.empty() && hosts[1]->datagrams.empty());
  EXPECT_EQ(unclaimed(1, 0), 4U);
  ASSERT_NE(answer(), nullptr);
  EXPECT_TRUE(answer()->was_delivered) << "to the peer, which is all that can be known";
  send(0, 1, some_bytes(10));
  world.run_for(1s);
  EXPECT_EQ(hosts[1]->messages.size(), 1U);
  EXPECT_EQ(unclaimed(1, 0), 4U);
}

TEST_F(HostMessages, TheLongestNameIsTakenAndOneThatIsNoneIsAFault) {
  const auto raw = [](std::uint8_t length, std::size_t bytes) {
    Bytes data(1 + bytes, 'a');
    data[0] = length;
    return Buffer(ByteView(data));
  };
  struct Case {
    Buffer data;
    bool is_fault;
  };
  const Case cases[] = {{raw(100, 100), false}, {raw(1, 1), false}, {raw(101, 200), true},
                        {raw(0, 10), true},     {raw(10, 9), true}, {raw(10, 10), false},
                        {raw(0x81, 200), true}, {raw(100, 0), true}};
  for (const Case& each : cases) {
    for (const bool is_datagram : {false, true}) {
      const std::size_t from = hosts.size(), to = from + 1;
      connect();
      if (is_datagram) {
        send_datagram(from, to, each.data);
      } else {
        send(from, to, {.token = {}, .peer = {}, .data = each.data});
      }
      world.run_for(2s);
      EXPECT_EQ(are_connected(from, to), !each.is_fault) << +each.data.view()[0];
      EXPECT_EQ(hosts[to]->host.stats().protocol_faults, each.is_fault ? 1U : 0U);
    }
  }
}

TEST_F(HostMessages, BeyondALimitTheyFailAtOnceAndNothingIsKept) {
  HostConfig config = with_packets();
  config.session.packet.services.messages_sent_max = 4;
  config.session.packet.services.message_bytes_max = 1'006;  // "/echo" and its length are six
  connect("udp", config);
  for (int i = 0; i < 4; ++i) {
    send(0, 1, some_bytes(10));
    EXPECT_EQ(answer(), nullptr);
  }
  send(0, 1, some_bytes(10));
  expect_refused(Code::limit);
  world.run_for(1s);
  EXPECT_EQ(hosts[1]->messages.size(), 4U);
  send(0, 1, some_bytes(1'001));
  expect_refused(Code::too_large);
  send(0, 1, some_bytes(1'000));
  world.run_for(1s);
  ASSERT_NE(answer(), nullptr);
  EXPECT_TRUE(answer()->was_delivered);
  EXPECT_EQ(hosts[1]->messages.size(), 5U);
}

TEST_F(HostMessages, TheConnectionsEndAnswersAllThatWait) {
  for (const char* protocol : {"udp", "tcp"}) {
    const std::size_t from = hosts.size(), to = from + 1;
    connect(protocol);
    world.on_datagram_batch = [](std::size_t, std::size_t, Bytes&) { return false; };
    world.on_wire = [](std::size_t, std::size_t, Bytes& bytes) { bytes.clear(); };
    for (int i = 0; i < 3; ++i) send(from, to, some_bytes(10));
    tell(from, Disconnect{hosts[to]->id()});
    send(from, to, some_bytes(10));
    expect_refused(Code::closed, from);
    world.run_for(15s);
    for (std::uint64_t back = 1; back < 4; ++back) {
      ASSERT_NE(answer(from, back), nullptr) << protocol;
      EXPECT_FALSE(answer(from, back)->was_delivered && std::string_view(protocol) == "udp");
    }
    world.on_datagram_batch = nullptr;
    world.on_wire = nullptr;
  }
}

TEST_F(HostMessages, BothEndsExportTheSameKeyAndNoOtherSessionHasIt) {
  connect();
  connect("tcp");
  const auto key = [&](std::size_t at, std::size_t of, std::string_view label, std::size_t size) {
    Bytes out(size);
    const auto made = hosts[at]->host.export_key(hosts[of]->id(), label, out);
    return made ? Result<Bytes>(out) : Result<Bytes>(fail(made.error()));
  };
  const Bytes ours = key(0, 1, "video", 32).value();
  EXPECT_EQ(ours, key(1, 0, "video", 32).value());
  EXPECT_NE(ours, key(0, 1, "audio", 32).value());
  EXPECT_NE(ours, key(2, 3, "video", 32).value());
  EXPECT_EQ(key(2, 3, "video", 32).value(), key(3, 2, "video", 32).value());
  EXPECT_EQ(key(0, 1, "video", 8160).value().size(), 8160U);
  EXPECT_EQ(key(0, 1, "video", 8161).error().code, Code::usage);
  EXPECT_EQ(key(0, 1, "video", 0).error().code, Code::usage);
  EXPECT_EQ(key(0, 3, "video", 32).error().code, Code::closed);
  EXPECT_EQ(key(0, 1, std::string(65'535, 'l'), 32).value().size(), 32U);
  EXPECT_EQ(key(0, 1, std::string(65'536, 'l'), 32).error().code, Code::usage);
  add();
  add();
  dial(4, 5, 1);
  world.run_for(1s);
  EXPECT_EQ(key(4, 5, "video", 32).error().code, Code::unsupported);
}

TEST_F(HostMessages, SocketsOfPacketsCountAsListeners) {
  EXPECT_EQ(add().host.listener_count(), 1U);
  EXPECT_EQ(add(with_packets()).host.listener_count(), 2U);
  // One that is opened to dial from does not.
  tell(0, Dial{Token{1}, hosts[1]->id(), {loopback_of("udp", 1)}});
  world.run_for(1s);
  ASSERT_TRUE(are_connected(0, 1));
  EXPECT_EQ(hosts[0]->host.listener_count(), 1U);
}

}  // namespace
}  // namespace kith::host
