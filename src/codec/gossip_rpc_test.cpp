#include "codec/gossip_rpc.h"

#include <rapidcheck.h>

#include <map>

#include "codec/golden_test_util.h"
#include "codec/pb_wire.h"
#include "codec/peer_id.h"
#include "codec/public_key.h"
#include "codec/varint.h"

namespace kith::codec {
namespace {

std::map<std::string, Bytes> vectors() {
  std::map<std::string, Bytes> all;
  for (const GoldenLine& line : golden_lines("gossip_rpc.txt")) all[line[0]] = unhex(line[1]);
  return all;
}

Bytes vector(const std::string& name) { return vectors().at(name); }

GossipRpc decoded(ByteView bytes) {
  GossipRpc rpc;
  const auto result = decode_gossip_rpc(bytes, {}, rpc);
  EXPECT_TRUE(result.has_value()) << (result ? "" : base::to_string(result.error()));
  return rpc;
}

Code error_of(ByteView bytes, const GossipLimits& limits = {}) {
  GossipRpc rpc;
  const auto result = decode_gossip_rpc(bytes, limits, rpc);
  EXPECT_FALSE(result.has_value());
  return result ? Code::internal : result.error().code;
}

Bytes body_of(const GossipRpc& rpc) {
  Bytes frame;
  append_gossip_frame(frame, rpc);
  const Varint length = read_varint(frame).value();
  EXPECT_EQ(length.value, frame.size() - length.size);
  return {frame.begin() + static_cast<std::ptrdiff_t>(length.size), frame.end()};
}

crypto::KeyPair spec_key() {
  const Bytes seed = unhex("7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d");
  return crypto::KeyPair::from_seed(std::span<const std::uint8_t, 32>(seed));
}

std::string text(const std::optional<ByteView>& view) {
  return view ? std::string(base::as_text(*view)) : "(absent)";
}

// What protoc wrote we write byte for byte, once we have read it.
TEST(GossipRpc, WritesTheGoldenBytes) {
  for (const auto& [name, bytes] : vectors()) {
    if (name == "foreign_partial") continue;  // has fields that we leave out
    EXPECT_EQ(base::to_hex(body_of(decoded(bytes))), base::to_hex(bytes)) << name;
  }
}

TEST(GossipRpc, ReadsEveryField) {
  const Bytes subscribe = vector("subscribe");
  const GossipRpc subscriptions = decoded(subscribe);
  ASSERT_EQ(subscriptions.subscriptions.size(), 2u);
  EXPECT_TRUE(subscriptions.subscriptions[0].is_subscribed);
  EXPECT_EQ(base::as_text(subscriptions.subscriptions[0].topic), "news");
  EXPECT_FALSE(subscriptions.subscriptions[1].is_subscribed);

  const Bytes all_bytes = vector("all");
  const GossipRpc all = decoded(all_bytes);
  EXPECT_EQ(text(all.publish.at(0).data), "d");
  EXPECT_EQ(base::as_text(all.ids_of(all.ihave.at(0).ids)[0]), "i");
  EXPECT_EQ(base::as_text(all.ids_of(all.iwant.at(0))[0]), "j");
  EXPECT_EQ(base::as_text(all.graft.at(0)), "t");
  EXPECT_EQ(all.prune.at(0).backoff_seconds, 10u);
  EXPECT_EQ(base::as_text(all.ids_of(all.idontwant.at(0))[0]), "k");
  EXPECT_FALSE(all.extensions.has_value());

  const Bytes px_bytes = vector("prune_px");
  const GossipRpc px = decoded(px_bytes);
  ASSERT_EQ(px.peers_of(px.prune.at(0)).size(), 2u);
  EXPECT_EQ(base::as_text(px.peers_of(px.prune[0])[0].record), "rec");
  EXPECT_EQ(px.prune[0].backoff_seconds, ~std::uint64_t{0});

  const Bytes choke_bytes = vector("choke");
  const GossipRpc choke = decoded(choke_bytes);
  EXPECT_EQ(base::as_text(choke.choke.at(0)), "news");
  EXPECT_EQ(base::as_text(choke.unchoke.at(0)), "b");
  EXPECT_TRUE(decoded(vector("extensions_choke")).extensions->has_choke);
  EXPECT_FALSE(decoded(vector("extensions_none")).extensions->has_choke);
}

TEST(GossipRpc, PassesOverWhatOthersExtend) {
  const GossipRpc rpc = decoded(vector("foreign_partial"));
  ASSERT_TRUE(rpc.extensions.has_value());
  EXPECT_FALSE(rpc.extensions->has_choke);
}

TEST(GossipRpc, ViewsPointIntoTheInput) {
  const Bytes bytes = vector("publish_signed");
  const GossipRpc rpc = decoded(bytes);
  const ByteView data = *rpc.publish.at(0).data;
  EXPECT_GE(data.data(), bytes.data());
  EXPECT_LE(data.data() + data.size(), bytes.data() + bytes.size());
}

TEST(GossipRpc, TellsAbsentFromEmpty) {
  const Bytes empty = vector("publish_empty_fields");
  const GossipRpc rpc = decoded(empty);
  const GossipMessage& message = rpc.publish.at(0);
  ASSERT_TRUE(message.from && message.data && message.seqno && message.signature && message.key);
  EXPECT_TRUE(message.seqno->empty());
  const Bytes unsigned_bytes = vector("publish_unsigned");
  const GossipRpc anonymous = decoded(unsigned_bytes);
  EXPECT_FALSE(anonymous.publish.at(0).from || anonymous.publish[0].seqno ||
               anonymous.publish[0].signature || anonymous.publish[0].key);
}

// Row A25.
TEST(GossipRpc, AnonymousMeansAbsentNotEmpty) {
  const Bytes empty_bytes = vector("publish_empty_fields");
  const Bytes unsigned_bytes = vector("publish_unsigned");
  const GossipRpc empty = decoded(empty_bytes);
  const GossipRpc anonymous = decoded(unsigned_bytes);
  const auto policy = SignaturePolicy::strict_no_sign;
  EXPECT_TRUE(check_gossip_policy(anonymous.publish[0], policy).has_value());
  EXPECT_EQ(check_gossip_policy(empty.publish[0], policy).error().code, Code::protocol);
  for (int field = 0; field < 4; ++field) {
    GossipMessage message = anonymous.publish[0];
    (field == 0   ? message.from
     : field == 1 ? message.seqno
     : field == 2 ? message.signature
                  : message.key) = ByteView();
    EXPECT_FALSE(check_gossip_policy(message, policy).has_value()) << field;
  }
}

TEST(GossipRpc, VerifiesAForeignSignature) {
  for (const char* name : {"publish_signed", "publish_signed_with_key"}) {
    const Bytes bytes = vector(name);
    const GossipRpc rpc = decoded(bytes);
    const GossipMessage& message = rpc.publish.at(0);
    const auto key = check_gossip_policy(message, SignaturePolicy::strict_sign);
    ASSERT_TRUE(key.has_value()) << name;
    EXPECT_EQ(**key, spec_key().public_key());
    const GossipFrame frame(message);
    EXPECT_TRUE(verify_gossip_signature(**key, frame.signed_part().view(), *message.signature));
    Bytes other = base::to_bytes(frame.signed_part().view());
    other.back() ^= 1;
    EXPECT_EQ(verify_gossip_signature(**key, other, *message.signature).error().code,
              Code::bad_signature);
  }
}

TEST(GossipRpc, SignsAsOthersDo) {
  const Bytes bytes = vector("publish_signed");
  const GossipRpc rpc = decoded(bytes);
  GossipMessage message = rpc.publish.at(0);
  const Bytes expected = base::to_bytes(*message.signature);
  message.signature.reset();
  EXPECT_EQ(base::to_hex(sign_gossip_message(spec_key(), message)), base::to_hex(expected));
  EXPECT_EQ(gossip_seqno(*message.seqno), 0x102u);
}

// A message in another field order, with unknown fields and a field that stands twice, is signed
// and handed on as every other implementation re-encodes it.
TEST(GossipRpc, HandsOnTheCanonicalMessage) {
  Bytes odd;
  append_pb_bytes(odd, 4, std::string_view("old"));
  append_pb_bytes(odd, 9, std::string_view("unknown"));
  append_pb_bytes(odd, 2, std::string_view("data"));
  append_pb_bytes(odd, 4, std::string_view("news"));
  Bytes bytes;
  append_pb_bytes(bytes, 2, odd);
  const GossipRpc rpc = decoded(bytes);
  const GossipFrame frame(rpc.publish.at(0));
  EXPECT_EQ(base::to_hex(frame.bytes().view()),
            "0e120c1204646174612204"
            "6e657773");
  EXPECT_EQ(base::as_text(frame.data_view()), "data");
  EXPECT_EQ(base::to_hex(frame.signed_part().view()),
            "1204646174612204"
            "6e657773");
}

TEST(GossipRpc, StrictSignWantsEveryField) {
  const Bytes bytes = vector("publish_signed");
  const GossipRpc rpc = decoded(bytes);
  const auto code_without = [&](auto change) {
    GossipMessage message = rpc.publish.at(0);
    change(message);
    const auto result = check_gossip_policy(message, SignaturePolicy::strict_sign);
    EXPECT_FALSE(result.has_value());
    return result ? Code::internal : result.error().code;
  };
  const Bytes seven(7), nine(9), junk(20), long_signature(2000);
  using M = GossipMessage;
  EXPECT_EQ(code_without([](M& m) { m.from.reset(); }), Code::protocol);
  EXPECT_EQ(code_without([](M& m) { m.seqno.reset(); }), Code::protocol);
  EXPECT_EQ(code_without([&](M& m) { m.seqno = seven; }), Code::protocol);  // A28
  EXPECT_EQ(code_without([&](M& m) { m.seqno = nine; }), Code::protocol);
  EXPECT_EQ(code_without([](M& m) { m.signature.reset(); }), Code::bad_signature);
  EXPECT_EQ(code_without([](M& m) { m.signature = ByteView(); }), Code::bad_signature);
  EXPECT_EQ(code_without([&](M& m) { m.signature = long_signature; }), Code::bad_signature);
  EXPECT_EQ(code_without([&](M& m) { m.from = junk; }), Code::malformed);
  EXPECT_EQ(code_without([](M& m) { m.key = ByteView(); }), Code::malformed);
  EXPECT_EQ(code_without([&](M& m) { m.key = junk; }), Code::malformed);  // A24
}

// Row A23, for ids that hold their key and for those that are hashes.
TEST(GossipRpc, TheKeyIsTheAuthors) {
  const Bytes bytes = vector("publish_signed_with_key");
  const GossipRpc rpc = decoded(bytes);
  GossipMessage message = rpc.publish.at(0);
  std::array<std::uint8_t, 32> seed{1};
  const auto other = crypto::KeyPair::from_seed(seed);
  const Bytes other_key = encode_public_key(other.public_key());
  message.key = other_key;
  EXPECT_EQ(check_gossip_policy(message, SignaturePolicy::strict_sign).error().code,
            Code::wrong_peer);
  Bytes hashed_id = {0x12, 0x20};
  hashed_id.resize(34, 7);
  message.from = hashed_id;
  EXPECT_EQ(check_gossip_policy(message, SignaturePolicy::strict_sign).error().code,
            Code::wrong_peer);
  message.key.reset();  // a hash holds no key
  EXPECT_EQ(check_gossip_policy(message, SignaturePolicy::strict_sign).error().code, Code::bad_key);
}

// Row A04.
TEST(GossipRpc, RefusesMoreThanAHundredSubscriptions) {
  GossipRpc rpc;
  const Bytes topic(10, 'x');
  rpc.subscriptions.assign(100, {true, topic});
  GossipRpc read;
  EXPECT_TRUE(decode_gossip_rpc(body_of(rpc), {}, read));
  rpc.subscriptions.push_back({true, topic});
  EXPECT_EQ(error_of(body_of(rpc)), Code::limit);
  const Bytes long_topic(257, 'x');
  rpc.subscriptions.assign(1, {true, long_topic});
  EXPECT_EQ(error_of(body_of(rpc)), Code::too_large);
}

// Row A06: a million tiny ids are refused before any is kept, in one list or in many.
TEST(GossipRpc, RefusesControlOverItsBudgetBeforeDecoding) {
  for (const std::uint32_t kind : {2u, 5u}) {
    Bytes entry;
    for (int i = 0; i < 300'000; ++i) append_pb_bytes(entry, 1, std::string_view("a"));
    Bytes control;
    append_pb_bytes(control, kind, entry);
    Bytes bytes;
    append_pb_bytes(bytes, 3, control);
    GossipRpc rpc;
    EXPECT_EQ(decode_gossip_rpc(bytes, {}, rpc).error().code, Code::too_large) << kind;
    EXPECT_EQ(rpc.ids.capacity(), 0u);
  }
  Bytes bytes;  // many small control messages
  Bytes control;
  append_pb_bytes(control, 3, std::string_view("\n\x01t"));
  for (int i = 0; i < 4000; ++i) append_pb_bytes(bytes, 3, control);
  EXPECT_EQ(error_of(bytes), Code::too_large);
}

// What go sends at a high rate is read: 5,000 ids at once.
TEST(GossipRpc, ReadsAnIHaveOfFiveThousandIds) {
  const Bytes id(52, 'i');
  const std::vector<ByteView> ids(5100, id);
  GossipRpc rpc;
  rpc.ihave.push_back({base::as_bytes("t"), rpc.add_ids(ids)});
  const Bytes bytes = body_of(rpc);
  const GossipRpc read = decoded(bytes);
  EXPECT_EQ(read.ids.size(), 5000u);
  EXPECT_EQ(read.ids_left_out, 100u);
}

// Row A07: every repeated field has an end.
TEST(GossipRpc, RefusesTooManyEntriesOfAKind) {
  GossipLimits limits;
  limits.control_entries_max = 3;
  limits.messages_max = 3;
  const ByteView topic = base::as_bytes("t");
  std::vector<GossipRpc> rpcs(8);
  for (int i = 0; i < 4; ++i) {
    rpcs[0].graft.push_back(topic);
    rpcs[1].prune.push_back({topic, 0, 0, 1});
    rpcs[2].ihave.push_back({topic, {}});
    rpcs[3].iwant.push_back({});
    rpcs[4].idontwant.push_back({});
    rpcs[5].choke.push_back(topic);
    rpcs[6].unchoke.push_back(topic);
    rpcs[7].publish.push_back({});
  }
  for (std::size_t i = 0; i < rpcs.size(); ++i) {
    EXPECT_EQ(error_of(body_of(rpcs[i]), limits), Code::too_large) << i;
  }
}

TEST(GossipRpc, KeepsSixteenPeersOfAPrune) {
  GossipRpc rpc;
  rpc.px_peers.assign(100, {base::as_bytes("p"), base::as_bytes("r")});
  rpc.prune.push_back({base::as_bytes("t"), 0, 100, std::nullopt});
  const Bytes bytes = body_of(rpc);
  const GossipRpc read = decoded(bytes);
  EXPECT_EQ(read.px_peers.size(), 16u);
  EXPECT_FALSE(read.prune.at(0).backoff_seconds.has_value());
}

// Row A40, and groups.
TEST(GossipRpc, RefusesWhatIsNotProtobuf) {
  EXPECT_EQ(error_of(unhex("f8ffffffff7f01")), Code::malformed);  // field number over 2^29 - 1
  EXPECT_EQ(error_of(unhex("0b")), Code::malformed);              // a group
  EXPECT_EQ(error_of(unhex("1205")), Code::truncated);
  EXPECT_EQ(error_of(unhex("1001")), Code::malformed);  // publish as a varint
  EXPECT_EQ(error_of(Bytes((1 << 20) + 1025)), Code::too_large);
}

TEST(GossipRpc, CutAnywhereItIsRefusedOrShorter) {
  const Bytes whole = vector("all");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    GossipRpc rpc;
    const ByteView cut = ByteView(whole).first(size);
    if (decode_gossip_rpc(cut, {}, rpc)) EXPECT_EQ(body_of(rpc).size(), size);
  }
}

TEST(GossipRpc, AnyRpcComesBack) {
  ASSERT_TRUE(rc::check([] {
    const auto texts = *rc::gen::container<std::vector<std::string>>(
        6, rc::gen::nonEmpty(rc::gen::string<std::string>()));
    const auto view = [&](std::size_t i) {
      return base::as_bytes(texts[i]).first(std::min<std::size_t>(texts[i].size(), 100));
    };
    GossipRpc rpc;
    rpc.subscriptions.push_back({*rc::gen::arbitrary<bool>(), view(0)});
    GossipMessage message;
    if (*rc::gen::arbitrary<bool>()) message.from = view(1);
    if (*rc::gen::arbitrary<bool>()) message.data = view(2);
    if (*rc::gen::arbitrary<bool>()) message.seqno = ByteView();
    if (*rc::gen::arbitrary<bool>()) message.key = view(3);
    message.topic = view(0);
    rpc.publish.push_back(message);
    const std::vector<ByteView> ids = {view(4), view(5)};
    rpc.ihave.push_back({view(0), rpc.add_ids(ids)});
    rpc.iwant.push_back(rpc.add_ids(ids));
    rpc.idontwant.push_back(rpc.add_ids(std::span(ids).first(1)));
    rpc.prune.push_back({view(2), 0, 0, *rc::gen::arbitrary<std::uint64_t>()});
    const Bytes bytes = body_of(rpc);
    GossipRpc read;
    RC_ASSERT(decode_gossip_rpc(bytes, {}, read).has_value());
    RC_ASSERT(body_of(read) == bytes);
    const GossipFrame frame(read.publish[0]);
    RC_ASSERT(base::equal(frame.data_view(), message.data.value_or(ByteView())));
  }));
}

TEST(GossipRpc, ADamagedRpcIsReadOrRefused) {
  ASSERT_TRUE(rc::check([] {
    Bytes bytes = vector("all");
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    GossipRpc rpc;
    if (!decode_gossip_rpc(bytes, {}, rpc)) return;
    GossipRpc again;
    RC_ASSERT(decode_gossip_rpc(body_of(rpc), {}, again).has_value());
    RC_ASSERT(again.ids.size() == rpc.ids.size());
  }));
}

}  // namespace
}  // namespace kith::codec
