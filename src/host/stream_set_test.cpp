// The streams of a connection over a muxer that only writes down what it is asked for.
#include "host/stream_set.h"

#include <gtest/gtest.h>

#include "codec/multistream.h"
#include "host/test_connections.h"

namespace kith::host {
namespace {

Bytes proposal(std::string_view protocol) {
  Bytes bytes;
  codec::append_multistream(bytes, codec::multistream_header);
  codec::append_multistream(bytes, protocol);
  return bytes;
}

class NotedMuxer final : public StreamMuxer {
 public:
  Result<Opened> open(Instant) override {
    if (is_full) return fail(Code::limit, "no more streams");
    next += 2;
    return Opened{next, 1000};
  }
  void write(Instant, LocalStream stream, Buffer data) override {
    base::append(written[stream], data.view());
  }
  void finish(Instant, LocalStream stream) override { finished.push_back(stream); }
  void reset(Instant, LocalStream stream) override { resets.push_back(stream); }
  void consume(Instant, LocalStream stream, std::size_t bytes) override {
    consumed[stream] += bytes;
  }

  bool is_full = false;
  LocalStream next = 1;
  std::map<LocalStream, Bytes> written;
  std::map<LocalStream, std::size_t> consumed;
  std::vector<LocalStream> finished, resets;
};

struct Fixture {
  Fixture() {
    config.negotiate_timeout = 5s;
    config.streams_negotiating_max = 3;
    table.emplace("/echo", OwnerId{7});
    set.set_peer(test_peer(2), {9});
  }
  /// The next event, of type E and of owner 7; nothing when there is another one.
  template <class E>
  std::optional<E> next() {
    if (outbox.empty()) return std::nullopt;
    Routed routed = std::get<Routed>(outbox.pop_front());
    EXPECT_EQ(routed.owner, 7);
    if (auto* event = std::get_if<E>(&routed.event)) return std::move(*event);
    return std::nullopt;
  }
  void open(std::vector<std::string> protocols, std::uint64_t token = 1) {
    set.open(now, mux, OpenFor{7, Open{Token{token}, test_peer(2), std::move(protocols)}});
  }

  Instant now{};
  SeededRng rng{1};
  ConnectionConfig config;
  ProtocolTable table;
  ConnectionOutbox outbox;
  ConnectionContext context{config, table, rng, outbox};
  NotedMuxer mux;
  StreamSet set{context, LinkId{4}};
};

TEST(StreamSet, AnInboundStreamIsItsOwnersOnceItsProtocolIsAgreed) {
  Fixture f;
  f.set.on_accepted(f.now, f.mux, 2, 500);
  EXPECT_TRUE(f.outbox.empty());
  Bytes bytes = proposal("/echo");
  const std::size_t said = bytes.size();
  base::append(bytes, base::as_bytes("hi"));
  f.set.on_bytes(f.now, f.mux, 2, bytes);
  const auto up = f.next<StreamUp>();
  ASSERT_TRUE(up);
  EXPECT_EQ(up->stream, (StreamId{std::uint64_t{4} << 32 | 2}));
  EXPECT_EQ(up->peer, test_peer(2));
  EXPECT_EQ(up->channel, (crypto::Hash256{9}));
  EXPECT_EQ(f.mux.written[2], proposal("/echo"));
  EXPECT_EQ(up->room, 500 - f.mux.written[2].size());
  EXPECT_EQ(f.mux.consumed[2], said) << "what was said behind it is the owner's to consume";
  const auto data = f.next<StreamData>();
  ASSERT_TRUE(data);
  EXPECT_EQ(base::to_bytes(data->data), base::to_bytes("hi"));
  EXPECT_FALSE(f.set.next_deadline().has_value());
}

TEST(StreamSet, OneProposalIsUpAtOnceAndSeveralWhenOneIsAgreed) {
  Fixture f;
  f.open({"/echo"}, 1);
  const auto lazy = f.next<StreamUp>();
  ASSERT_TRUE(lazy);
  EXPECT_EQ(lazy->token, Token{1});
  EXPECT_EQ(f.mux.written[3], proposal("/echo"));
  f.open({"/other", "/echo"}, 2);
  EXPECT_TRUE(f.outbox.empty());
  f.set.on_bytes(f.now, f.mux, 5, proposal("na"));
  EXPECT_TRUE(f.outbox.empty());
  Bytes agreed;
  codec::append_multistream(agreed, "/echo");
  f.set.on_bytes(f.now, f.mux, 5, agreed);
  const auto up = f.next<StreamUp>();
  ASSERT_TRUE(up);
  EXPECT_EQ(up->protocol, "/echo");
  EXPECT_EQ(up->token, Token{2});
}

TEST(StreamSet, WhatTheMuxerRefusesIsToldToWhoAsked) {
  Fixture f;
  f.mux.is_full = true;
  f.open({"/echo"}, 3);
  const auto failed = f.next<StreamOpenFailed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->token, Token{3});
  EXPECT_EQ(failed->error.code, Code::limit);
  EXPECT_EQ(f.set.size(), 0U);
}

TEST(StreamSet, AnUnknownProtocolIsRefusedInOrderAndTheRestThrownAway) {
  Fixture f;
  f.set.on_accepted(f.now, f.mux, 2, 500);
  f.set.on_bytes(f.now, f.mux, 2, proposal("/unknown"));
  EXPECT_EQ(f.mux.written[2], proposal("na"));
  EXPECT_TRUE(f.mux.finished.empty()) << "it may propose another";
  f.set.on_bytes(f.now, f.mux, 2, Bytes(100, 0xff));
  EXPECT_EQ(f.mux.finished, std::vector<LocalStream>{2});
  const std::size_t before = f.mux.consumed[2];
  f.set.on_bytes(f.now, f.mux, 2, Bytes(50));
  EXPECT_EQ(f.mux.consumed[2], before + 50);
  EXPECT_TRUE(f.mux.resets.empty());
  EXPECT_TRUE(f.outbox.empty());
}

TEST(StreamSet, ThreeMayNegotiateAtOnceAndAFourthIsReset) {
  Fixture f;
  for (const LocalStream id : {2U, 4U, 6U}) f.set.on_accepted(f.now, f.mux, id, 500);
  EXPECT_TRUE(f.mux.resets.empty());
  f.set.on_accepted(f.now, f.mux, 8, 500);
  EXPECT_EQ(f.mux.resets, std::vector<LocalStream>{8});
  f.set.on_bytes(f.now, f.mux, 4, proposal("/echo"));
  f.set.on_accepted(f.now, f.mux, 10, 500);
  EXPECT_EQ(f.mux.resets.size(), 1U);
  EXPECT_EQ(f.set.size(), 4U);
}

TEST(StreamSet, ANegotiationHasADeadlineAndWhatIsAgreedHasNone) {
  Fixture f;
  f.set.on_accepted(f.now, f.mux, 2, 500);
  f.open({"/x", "/y"}, 1);
  EXPECT_EQ(f.set.next_deadline(), Instant{5s});
  f.set.on_bytes(f.now, f.mux, 2, proposal("/echo"));
  ASSERT_TRUE(f.next<StreamUp>());
  f.set.on_deadline(Instant{5s} - 1ms, f.mux);
  EXPECT_TRUE(f.mux.resets.empty());
  f.set.on_deadline(Instant{5s}, f.mux);
  EXPECT_EQ(f.mux.resets, std::vector<LocalStream>{3});
  const auto failed = f.next<StreamOpenFailed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error.code, Code::timeout);
  EXPECT_FALSE(f.set.next_deadline().has_value());
  EXPECT_EQ(f.set.size(), 1U);
}

TEST(StreamSet, RoomIsTakenByWritesAndReplacedByTheMuxer) {
  Fixture f;
  f.open({"/echo"});
  const std::size_t room = f.next<StreamUp>()->room;
  EXPECT_EQ(room, 1000 - proposal("/echo").size());
  EXPECT_TRUE(f.set.take_room(3, room));
  EXPECT_FALSE(f.set.take_room(5, 1)) << "there is no such stream";
  f.set.on_writable(3, 200);
  const auto told = f.next<StreamRoom>();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->room, 200U);
  EXPECT_TRUE(f.set.take_room(3, 200));
}

TEST(StreamSet, TheEndOfTheConnectionIsTheEndOfEachStream) {
  Fixture f;
  f.open({"/echo"}, 1);
  ASSERT_TRUE(f.next<StreamUp>());
  f.open({"/x", "/echo"}, 2);
  f.set.on_accepted(f.now, f.mux, 2, 500);  // nobody knows of this one
  f.set.end_all({Code::io, "the cable"});
  const auto down = f.next<StreamDown>();
  ASSERT_TRUE(down && down->error);
  EXPECT_EQ(down->error->code, Code::io);
  const auto failed = f.next<StreamOpenFailed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->token, Token{2});
  EXPECT_TRUE(f.outbox.empty());
  EXPECT_EQ(f.set.size(), 0U);
  EXPECT_FALSE(f.set.next_deadline().has_value());
}

}  // namespace
}  // namespace kith::host
