#include "packet/services.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/machine.h"
#include "packet/services_pair_test_util.h"

namespace kith::packet {
namespace {

using testing::CarrierFaults;
using testing::Packet;
using testing::ServicesPair;

/// What one side heard, by stream and in all.
struct Heard {
  std::vector<StreamNumber> accepted;
  std::map<StreamNumber, Bytes> bytes;
  std::map<StreamNumber, int> finished, closed, stopped;
  std::map<StreamNumber, std::optional<Error>> errors;
  std::map<StreamNumber, std::size_t> room;
  std::map<MessageNumber, Bytes> messages;
  std::map<MessageNumber, bool> done;
  std::vector<Bytes> datagrams;
};

class ServicesBoth {
 public:
  explicit ServicesBoth(const ServicesConfig& config = {}) : pair(config) {}
  ServicesBoth(const ServicesConfig& initiator, const ServicesConfig& responder)
      : pair(initiator, responder) {}

  void drain(std::size_t side) {
    while (auto output = pair[side].poll_output()) take(side, *output);
  }
  /// Until nothing is under way.
  void run(const CarrierFaults& faults = {}) {
    for (int i = 0; i < 10'000; ++i) {
      if (!pair.turn(faults, [this](std::size_t side) { drain(side); })) return;
    }
    FAIL() << "no end";
  }
  Services& operator[](std::size_t side) { return pair[side]; }

  ServicesPair pair;
  Heard heard[2];
  bool consumes = true;

 private:
  void take(std::size_t side, ServicesOutput& output) {
    Heard& h = heard[side];
    std::visit(Overload{[&](StreamAccepted& o) {
                          h.accepted.push_back(o.stream);
                          h.room[o.stream] = o.room;
                        },
                        [&](StreamBytes& o) {
                          base::append(h.bytes[o.stream], o.data);
                          if (consumes) pair[side].consume(pair.now, o.stream, o.data.size());
                        },
                        [&](StreamWritable& o) { h.room[o.stream] = o.room; },
                        [&](StreamFinished& o) { ++h.finished[o.stream]; },
                        [&](StreamStopped& o) { h.stopped[o.stream] = o.code; },
                        [&](StreamClosed& o) {
                          ++h.closed[o.stream];
                          h.errors[o.stream] = copy_of(o.error);
                        },
                        [&](MessageArrived& o) {
                          EXPECT_FALSE(h.messages.contains(o.number));
                          Bytes& all = h.messages[o.number];
                          for (const ByteView piece : o.pieces) base::append(all, piece);
                          if (consumes) pair[side].consume_message(o.number);
                        },
                        [&](MessageDone& o) {
                          EXPECT_FALSE(h.done.contains(o.number));
                          h.done[o.number] = o.was_delivered;
                        },
                        [&](DatagramArrived& o) { h.datagrams.push_back(base::to_bytes(o.data)); }},
               output);
  }
};

Bytes services_pattern(std::size_t size, std::uint8_t seed = 1) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 251 + seed);
  }
  return bytes;
}

TEST(Services, IdleOnesAreSmallAndSilent) {
  EXPECT_LE(sizeof(Services), 48U);
  ServicesBoth both;
  EXPECT_FALSE(both[0].has_pending());
  EXPECT_TRUE(both[0].is_all_acknowledged());
  EXPECT_FALSE(both[0].next_deadline());
  EXPECT_EQ(both[0].window(), wire_window(1024 * 1024));
}

TEST(Services, AStreamCarriesBytesBothWaysAndEnds) {
  ServicesBoth both;
  const auto stream = both[0].open_stream(importance_default);
  ASSERT_TRUE(stream);
  EXPECT_EQ(*stream, 1U);
  const Bytes there = services_pattern(100'000), back = services_pattern(5000, 9);
  both[0].write(*stream, Buffer(there));
  both[0].finish(*stream);
  both.run();
  EXPECT_EQ(both.heard[1].accepted, std::vector<StreamNumber>{1});
  EXPECT_EQ(both.heard[1].bytes[1], there);
  EXPECT_EQ(both.heard[1].finished[1], 1);
  EXPECT_FALSE(both.heard[1].closed.contains(1));  // half of it is open
  both[1].write(1, Buffer(back));
  both[1].finish(1);
  both.run();
  EXPECT_EQ(both.heard[0].bytes[1], back);
  for (std::size_t side = 0; side < 2; ++side) {
    EXPECT_EQ(both.heard[side].closed[1], 1);
    EXPECT_FALSE(both.heard[side].errors[1]);
    EXPECT_EQ(both[side].held().streams, 0U);
    EXPECT_TRUE(both[side].is_all_acknowledged());
    EXPECT_FALSE(both[side].has_pending());
  }
}

TEST(Services, MessagesAndDatagramsArriveWhole) {
  ServicesBoth both;
  std::map<MessageNumber, Bytes> said;
  for (const std::size_t size : {1U, 64U, 1180U, 1195U, 1200U, 4096U, 100000U, 700000U}) {
    const Bytes bytes = services_pattern(size);
    const auto number = both[0].send_message(both.pair.now, Buffer(bytes), {});
    ASSERT_TRUE(number);
    said[*number] = bytes;
  }
  ASSERT_TRUE(both[0].send_datagram(Buffer("now")));
  both.run();
  EXPECT_EQ(both.heard[1].messages, said);
  ASSERT_EQ(both.heard[1].datagrams.size(), 1U);
  EXPECT_EQ(base::as_text(both.heard[1].datagrams[0]), "now");
  EXPECT_EQ(both.heard[0].done.size(), said.size());
  for (const auto& [number, was_delivered] : both.heard[0].done) EXPECT_TRUE(was_delivered);
}

TEST(Services, AnEmptyStreamIsAnnouncedAndEndsEmpty) {
  ServicesBoth both;
  ASSERT_TRUE(both[1].open_stream(500));
  both.run();
  EXPECT_EQ(both.heard[0].accepted, std::vector<StreamNumber>{2});
  both[0].finish(2);
  both[1].finish(2);
  both.run({.lost = 300});
  EXPECT_EQ(both.heard[0].closed[2] + both.heard[1].closed[2], 2);
}

TEST(Services, AResetEndsBothDirectionsAndReturnsAllCredit) {
  ServicesBoth both;
  both.consumes = false;
  ASSERT_TRUE(both[0].open_stream(500));
  both[0].write(1, Buffer::zeros(100'000));
  both.run();
  both[1].write(1, Buffer::zeros(5000));
  both[1].reset(1, 42);
  EXPECT_TRUE(both[1].has_pending());
  EXPECT_FALSE(both[1].is_all_acknowledged());
  both.run();
  EXPECT_EQ(both.heard[1].errors[1]->code, Code::canceled);
  EXPECT_EQ(both.heard[0].errors[1], (Error{Code::reset, "the peer reset stream 1 with code 42"}));
  for (std::size_t side = 0; side < 2; ++side) {
    EXPECT_EQ(both[side].held().streams, 0U);
    EXPECT_EQ(both[side].held().sent, both[1 - side].held().received);
    EXPECT_EQ(both[side].held().returned, both[side].held().received);
  }
  both[0].write(1, Buffer("nobody"));  // ignored, as all that names it
  both[0].consume(both.pair.now, 1, 7);
  EXPECT_FALSE(both[0].has_pending());
}

TEST(Services, WhoWantsNoMoreStopsOneDirectionOnly) {
  ServicesBoth both;
  ASSERT_TRUE(both[0].open_stream(500));
  both[0].write(1, Buffer::zeros(10));
  both.run();
  both[1].stop_sending(1, 9);
  both.run();
  EXPECT_EQ(both.heard[0].stopped[1], 9);
  both[0].write(1, Buffer("ignored"));
  both[1].write(1, Buffer("still heard"));
  both[1].finish(1);
  both.run();
  EXPECT_EQ(base::as_text(both.heard[0].bytes[1]), "still heard");
  EXPECT_EQ(both.heard[1].bytes[1].size(), 10U);
  EXPECT_FALSE(both.heard[0].errors[1]);
  EXPECT_EQ(both.heard[0].closed[1] + both.heard[1].closed[1], 2);
}

TEST(Services, AResetStreamIsNotSentAgain) {
  ServicesBoth both;
  ASSERT_TRUE(both[0].open_stream(500));
  both[0].write(1, Buffer::zeros(3000));
  const Packet first = both.pair.make(0);
  ASSERT_FALSE(first.payload.empty());
  both[0].reset(1, 1);
  both.pair.lost(first);
  const Packet second = both.pair.make(0);
  ASSERT_EQ(second.notes.size(), 2U);  // RESET_STREAM and STOP_SENDING
  EXPECT_LT(second.payload.size(), 20U);
  EXPECT_TRUE(both.pair.make(0).payload.empty());
  both.pair.lost(second);
  EXPECT_EQ(both.pair.make(0).notes.size(), 2U);
}

TEST(Services, RoomIsToldWhenHalfOfTheQueueIsFree) {
  ServicesConfig config;
  config.stream_queue_bytes_max = 10'000;
  ServicesBoth both(config);
  ASSERT_TRUE(both[0].open_stream(500));
  EXPECT_EQ(both[0].room(1), 10'000U);
  both[0].write(1, Buffer::zeros(10'000));
  EXPECT_EQ(both[0].room(1), 0U);
  int packets = 0;
  while (both.heard[0].room.empty()) {
    ASSERT_FALSE(both.pair.make(0).payload.empty());
    both.drain(0);
    ++packets;
  }
  EXPECT_EQ(packets, 5);  // of 1,200 bytes
  EXPECT_GE(both.heard[0].room[1], 5000U);
}

TEST(Services, AMessageIsGivenUpAfterItsAttemptsOrDeadline) {
  ServicesBoth both;
  const auto at = both.pair.now;
  ASSERT_TRUE(both[0].send_message(at, Buffer::zeros(5000), {.attempts = 2}));
  ASSERT_TRUE(both[0].send_message(at, Buffer::zeros(5000), {.deadline = at + 1ms}));
  EXPECT_EQ(both[0].next_deadline(), at + 1ms);
  for (int i = 0; i < 2; ++i) {
    std::vector<Packet> packets;
    for (Packet p = both.pair.make(0); !p.payload.empty(); p = both.pair.make(0)) {
      packets.push_back(p);
    }
    ASSERT_GE(packets.size(), 5U);
    for (const Packet& packet : packets) both.pair.lost(packet);
    both.drain(0);
    EXPECT_EQ(both.heard[0].done.contains(0), i == 1) << i;
  }
  both[0].on_deadline(at + 1ms - 1ns);
  EXPECT_EQ(both[0].held().messages_out, 2U);
  both[0].on_deadline(at + 1ms);
  both.run({.lost = 300});
  EXPECT_EQ(both.heard[0].done, (std::map<MessageNumber, bool>{{0, false}, {1, false}}));
  EXPECT_TRUE(both.heard[1].messages.empty());
  EXPECT_EQ(both[0].held().messages_out, 0U);
  EXPECT_EQ(both[0].held().sent, 10'000U);
  EXPECT_EQ(both[1].held().returned, 10'000U);
  EXPECT_FALSE(both[0].next_deadline());
}

TEST(Services, AMessageNeverSentIsGoneWithoutCredit) {
  ServicesBoth both;
  const auto at = both.pair.now;
  ASSERT_TRUE(both[0].send_message(at, Buffer::zeros(5000), {.deadline = at}));
  both[0].on_deadline(at);
  both.run();
  EXPECT_FALSE(both.heard[0].done.at(0));
  EXPECT_EQ(both[1].held().received, 0U);
  ASSERT_TRUE(both[0].send_message(at, Buffer("next"), {}));
  both.run();
  EXPECT_TRUE(both.heard[1].messages.contains(1));
}

TEST(Services, AMessageLargerThanTheWindowGetsItsCredit) {
  ServicesConfig config;
  config.window_initial = 64 * 1024;
  ServicesBoth both(config);
  const Bytes bytes = services_pattern(16 * 1024 * 1024);
  ASSERT_TRUE(both[0].open_stream(500));
  both[0].write(1, Buffer::zeros(200'000));
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer(bytes), {}));
  both.pair.packets_a_turn = 1000;
  both.run();
  EXPECT_TRUE(both.heard[1].messages[0] == bytes);
  EXPECT_EQ(both.heard[1].bytes[1].size(), 200'000U);
  EXPECT_EQ(both[0].send_message(both.pair.now, Buffer::zeros(bytes.size() + 1), {}).error().code,
            Code::too_large);
}

TEST(Services, LimitsOfTheApplication) {
  ServicesConfig config;
  config.streams_max = 3;
  config.messages_sent_max = 4;
  ServicesBoth both(config);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(both[0].open_stream(500));
  EXPECT_EQ(both[0].open_stream(500).error().code, Code::limit);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer("x"), {}));
  EXPECT_EQ(both[0].send_message(both.pair.now, Buffer("x"), {}).error().code, Code::limit);
  EXPECT_EQ(both[0].send_message(both.pair.now, {}, {}).error().code, Code::usage);
  ASSERT_TRUE(both[0].send_datagram(Buffer::zeros(both.pair.room - 16)));
  EXPECT_EQ(both[0].send_datagram(Buffer::zeros(both.pair.room - 15)).error().code,
            Code::too_large);
  both.run();
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer("x"), {}));
  both.consumes = false;  // credit for numbers ends with what nobody consumes
  both.run();
  int taken = 0;
  while (both[0].send_message(both.pair.now, Buffer("x"), {})) {
    ++taken;
    both.run();
  }
  EXPECT_GE(taken, 1);
  EXPECT_LE(both[1].held().messages_unconsumed, 4U);
}

TEST(Services, TheOldestDatagramsGoFirst) {
  ServicesConfig config;
  config.datagram_queue_bytes_max = 3000;
  ServicesBoth both(config);
  for (std::uint8_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(both[0].send_datagram(Buffer(Bytes(1000, i))));
  }
  both.run();
  ASSERT_EQ(both.heard[1].datagrams.size(), 3U);
  for (std::uint8_t i = 0; i < 3; ++i) EXPECT_EQ(both.heard[1].datagrams[i][0], i + 2);
}

TEST(Services, WhatFitsOnlyALongerPacketWaitsForOne) {
  ServicesBoth both;
  const std::size_t shorter = 900;
  ASSERT_TRUE(both[0].send_datagram(Buffer(Bytes(1000, 1))));
  EXPECT_TRUE(both.pair.make(0, shorter).payload.empty());
  both.run();
  EXPECT_EQ(both.heard[1].datagrams, std::vector<Bytes>{Bytes(1000, 1)});
  // A message that one packet holds does not go in pieces, and one in pieces goes in few.
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer(Bytes(1000, 2)), {}));
  EXPECT_TRUE(both.pair.make(0, shorter).payload.empty());
  both.run();
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer(Bytes(2000, 3)), {}));
  EXPECT_TRUE(both.pair.make(0, shorter).payload.empty());
  const Packet packet = both.pair.make(0, both.pair.room);
  EXPECT_EQ(packet.header.fragment_total, 2U);
  EXPECT_EQ(packet.payload.size(), 1004U);
}

TEST(Services, HeldCreditIsTheOwnersToGive) {
  ServicesConfig holding;
  holding.holds_credit = true;
  ServicesBoth both({}, holding);
  const std::uint64_t window = holding.window_initial;
  const auto stream = both[0].open_stream(500);
  ASSERT_TRUE(stream);
  // More than the window, in what the queue takes.
  auto send_on = [&, sent = std::uint64_t{0}](std::uint64_t total) mutable {
    for (std::uint64_t before = ~std::uint64_t{0}; sent < total && sent != before;) {
      before = sent;
      const auto size = std::min<std::uint64_t>(both[0].room(*stream), total - sent);
      both[0].write(*stream, Buffer::zeros(static_cast<std::size_t>(size)));
      sent += size;
      both.run();
    }
  };
  send_on(2 * window);
  EXPECT_EQ(both.heard[1].bytes[*stream].size(), window);
  EXPECT_EQ(both[1].held_credit(), window);
  both[1].give_credit(both.pair.now, 10'000);
  both.run();
  send_on(2 * window);
  EXPECT_GE(both.heard[1].bytes[*stream].size(), window + 10'000);
  EXPECT_LE(both.heard[1].bytes[*stream].size(), window + 10'000 + window_unit_bytes);
  // A message takes its credit as a whole; a claim does not get what is held.
  both[0].reset(*stream, 0);
  both.run();
  const std::uint64_t held = both[1].held_credit();
  EXPECT_GE(held, window);
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer::zeros(100'000), {}));
  both.run();
  EXPECT_TRUE(both.heard[1].messages.empty());
  for (int i = 0; i < 10 && both.heard[1].messages.empty(); ++i) {
    both[1].give_credit(both.pair.now, 20'000);
    both.run();
  }
  EXPECT_EQ(both.heard[1].messages.size(), 1U);
  EXPECT_GE(both[1].held_credit() + 200'000, held);
}

TEST(Services, WhereNoneIsKeptBackTheWindowGrows) {
  ServicesConfig holding;
  holding.holds_credit = true;
  ServicesBoth both({}, holding);
  both[1].set_round_trip(100ms);
  const auto stream = both[0].open_stream(500);
  ASSERT_TRUE(stream);
  for (int i = 0; i < 16; ++i) {
    both[0].write(*stream, Buffer::zeros(both[0].room(*stream)));
    both.run();
    both[1].give_credit(both.pair.now, both[1].held_credit());
  }
  const Services::Held held = both[1].held();
  EXPECT_GT(held.received_limit - held.returned, 2 * holding.window_initial);
}

TEST(Services, TheMoreImportantGoesFirst) {
  ServicesBoth both;
  ASSERT_TRUE(both[0].open_stream(100));
  ASSERT_TRUE(both[0].open_stream(900));
  both[0].write(1, Buffer::zeros(100'000));
  both[0].write(3, Buffer::zeros(100'000));
  int of_low = 0, of_high = 0;
  for (int i = 0; i < 64; ++i) {
    const Packet packet = both.pair.make(0);
    ASSERT_FALSE(packet.notes.empty());
    ++(packet.notes[0].id == 1 ? of_low : of_high);
  }
  EXPECT_EQ(of_low, 4);
  EXPECT_EQ(of_high, 60);
  both[0].set_importance(1, 1000);
  EXPECT_EQ(both.pair.make(0).notes[0].id, 1U);
}

TEST(Services, SmallMessagesShareAPacket) {
  ServicesBoth both;
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer::zeros(64), {}));
  }
  EXPECT_EQ(both.pair.make(0).notes.size(), 16U);
  EXPECT_FALSE(both[0].has_pending());
}

TEST(Services, WindowsGrowWhenTheyAreUsedFast) {
  for (const Duration round_trip : {Duration(1us), Duration(100ms)}) {
    ServicesBoth both;
    both[0].set_round_trip(round_trip);
    ASSERT_TRUE(both[0].open_stream(500));
    both.heard[0].room[1] = both[0].room(1);
    both.run();
    both[1].set_round_trip(round_trip);
    for (int i = 0; i < 40; ++i) {
      const std::size_t room = both[0].room(1);
      both[0].write(1, Buffer::zeros(room));
      both.run();
    }
    const std::uint64_t window = both[1].held().received_limit - both[1].held().returned;
    if (round_trip == 1us) {
      EXPECT_LE(window, (1U << 20) + 4096);
    } else {
      EXPECT_GT(window, 4U << 20);
    }
  }
}

TEST(Services, CompressedOnesArriveAsTheyWere) {
  ServicesConfig config;
  config.compresses = true;
  ServicesBoth both(config);
  Bytes text(50'000);
  SeededRng(3).fill(text);
  for (std::uint8_t& letter : text) letter = letter % 16U + 'a';
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer(text), {}));
  both.run({.lost = 200});
  EXPECT_EQ(both.heard[1].messages[0], text);
  EXPECT_LT(both[0].held().sent, 30'000U);
}

TEST(Services, NothingIsCompressedForAPeerThatDoesNot) {
  ServicesConfig config;
  config.compresses = true;
  ServicesBoth both(config, ServicesConfig{});
  const Bytes text(50'000, 'a');
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer(text), {}));
  both.run();
  EXPECT_EQ(both.heard[1].messages[0], text);
  EXPECT_EQ(both[0].held().sent, text.size());
}

TEST(Services, APathThatShrinksGetsParts) {
  ServicesBoth both;
  const Bytes bytes = services_pattern(20'000);
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer(bytes), {}));
  const Packet first = both.pair.make(0), second = both.pair.make(0);
  EXPECT_EQ(first.header.type, PacketType::fragment);
  ASSERT_TRUE(both.pair.deliver(first));
  both.pair.acked(first);
  both.pair.lost(second);
  both.pair.room = 600;
  const Packet third = both.pair.make(0);
  EXPECT_EQ(third.header.type, PacketType::data);
  both.pair.lost(third);
  both.run({.lost = 200});
  EXPECT_EQ(both.heard[1].messages[0], bytes);
  EXPECT_TRUE(both.heard[0].done.at(0));
}

TEST(Services, ShutDownEndsEverythingOnce) {
  ServicesBoth both;
  ASSERT_TRUE(both[0].open_stream(500));
  both[0].write(1, Buffer::zeros(1000));
  ASSERT_TRUE(both[0].send_message(both.pair.now, Buffer("x"), {.deadline = both.pair.now + 1s}));
  ASSERT_TRUE(both[0].send_datagram(Buffer("x")));
  both[0].shut_down({Code::timeout, "silence"});
  both[0].shut_down({Code::timeout, "again"});
  both.drain(0);
  EXPECT_EQ(both.heard[0].errors[1], (Error{Code::timeout, "silence"}));
  EXPECT_FALSE(both.heard[0].done.at(0));
  EXPECT_FALSE(both[0].has_pending());
  EXPECT_FALSE(both[0].next_deadline());
  EXPECT_EQ(both[0].open_stream(500).error().code, Code::closed);
}

}  // namespace
}  // namespace kith::packet
