#include "secure/noise.h"

#include <rapidcheck.h>

#include "secure/noise_testing.h"

namespace kith::secure {
namespace {

using testing::framed;
using testing::hex;
using testing::identity_key;
using testing::listen_to;
using testing::Listened;
using testing::now;
using testing::Pair;
using testing::Side;
using testing::vector_static;

constexpr std::size_t header = noise_frame_header_bytes;

TEST(Noise, ShakesHandsAndCarriesBytesBothWays) {
  Pair pair;
  pair.shake_hands();
  ASSERT_TRUE(pair.dialler.established && pair.listener.established);
  EXPECT_EQ(pair.dialler.established->peer, codec::peer_id_of(pair.listener_key.public_key()));
  EXPECT_EQ(pair.listener.established->peer, codec::peer_id_of(pair.dialler_key.public_key()));
  EXPECT_EQ(pair.listener.established->key, pair.dialler_key.public_key());
  EXPECT_EQ(pair.dialler.established->handshake, pair.listener.established->handshake);
  EXPECT_EQ(pair.dialler.established->muxer, "");

  pair.listener.hear(pair.dialler.seal(base::as_bytes("hello")));
  pair.dialler.hear(pair.listener.seal(base::as_bytes("welcome")));
  EXPECT_EQ(base::as_text(pair.listener.received), "hello");
  EXPECT_EQ(base::as_text(pair.dialler.received), "welcome");
}

TEST(Noise, TheFramesHaveTheSpecifiedSizes) {
  Pair pair;
  const Bytes first = pair.dialler.transmit();
  EXPECT_EQ(first.size(), header + 32);
  EXPECT_EQ(base::to_hex(ByteView(first).first(2)), "0020");
  pair.listener.hear(first);
  const Bytes second = pair.listener.transmit();
  // Payload: a 36-byte key in 38, a 64-byte signature in 66.
  EXPECT_EQ(second.size(), header + 96 + 104);
  pair.dialler.hear(second);
  EXPECT_EQ(pair.dialler.transmit().size(), header + 64 + 104);
}

TEST(Noise, IsEstablishedOnceTheHandshakeHasGoneOut) {
  Pair pair;
  pair.listener.hear(pair.dialler.transmit());
  pair.dialler.hear(pair.listener.transmit());
  EXPECT_TRUE(pair.dialler.established.has_value());
  EXPECT_FALSE(pair.dialler.machine.is_established());  // message 3 must come before any frame
  Bytes room(10);
  EXPECT_EQ(pair.dialler.machine.poll_transmit(now, room), room.size());
  EXPECT_FALSE(pair.dialler.machine.is_established());
  Bytes third = room;
  base::append(third, pair.dialler.transmit());
  EXPECT_TRUE(pair.dialler.machine.is_established());
  EXPECT_FALSE(pair.listener.machine.is_established());
  pair.listener.hear(third);
  EXPECT_TRUE(pair.listener.machine.is_established());
}

TEST(Noise, AMachineWithoutASharedStaticKeyMakesItsOwn) {
  SeededRng rng(4);
  const auto key = identity_key(1);
  Pair pair;
  pair.dialler.machine = Noise(Direction::outbound, NoiseIdentity{.key = &key, .muxers = {}},
                               codec::peer_id_of(pair.listener_key.public_key()), rng);
  pair.shake_hands();
  ASSERT_TRUE(pair.listener.established.has_value());
  EXPECT_EQ(pair.listener.established->key, key.public_key());
}

// The whole life of a connection, cut anywhere, in any order of the two sides.
TEST(Noise, AnyChunkingGivesTheSame) {
  ASSERT_TRUE(rc::check([] {
    SeededRng chance(*rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>()));
    Pair pair;
    Side* const sides[] = {&pair.dialler, &pair.listener};
    Bytes wires[2];  // from that side
    Bytes sent[2];
    int frames_left[2] = {5, 5};
    for (int turn = 0; turn < 4000; ++turn) {
      const auto i = chance.below(2);
      Side& side = *sides[i];
      base::append(wires[i], side.transmit(1 + chance.below(300)));
      if (side.machine.is_established() && side.established && frames_left[i] > 0) {
        --frames_left[i];
        const Bytes text(chance.below(400), static_cast<std::uint8_t>(turn));
        base::append(sent[i], text);
        base::append(wires[i], side.seal(text));
      }
      // Move some bytes across, then let the other side look at what it has.
      const std::size_t count = std::min(wires[i].size(), std::size_t{chance.below(500)});
      Side& other = *sides[1 - i];
      const auto cut = wires[i].begin() + static_cast<std::ptrdiff_t>(count);
      other.inbox.insert(other.inbox.end(), wires[i].begin(), cut);
      wires[i].erase(wires[i].begin(), cut);
      other.take_all();
      RC_ASSERT(!other.fault);
      const bool done = frames_left[0] + frames_left[1] == 0 && wires[0].empty() &&
                        wires[1].empty() && pair.dialler.inbox.empty() &&
                        pair.listener.inbox.empty();
      if (done) break;
    }
    RC_ASSERT(frames_left[0] + frames_left[1] == 0);
    RC_ASSERT(pair.listener.received == sent[0]);
    RC_ASSERT(pair.dialler.received == sent[1]);
  }));
}

TEST(Noise, ManyFramesInOneReadComeInOrder) {
  Pair pair;
  pair.shake_hands();
  Bytes wire;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = std::to_string(i);
    expected += text;
    base::append(wire, pair.dialler.seal(base::as_bytes(text)));
    if (i % 10 == 0) base::append(wire, pair.dialler.seal({}));  // empty frames are no news
  }
  base::append(wire, hex("0100"));  // and the beginning of another
  pair.listener.hear(wire);
  EXPECT_EQ(base::as_text(pair.listener.received), expected);
  EXPECT_EQ(pair.listener.inbox, hex("0100"));
}

TEST(Noise, FramesThatFollowTheHandshakeInOneReadComeAfterIt) {
  Pair pair;
  pair.listener.hear(pair.dialler.transmit());
  pair.dialler.hear(pair.listener.transmit());
  Bytes wire = pair.dialler.transmit();
  base::append(wire, pair.dialler.seal(base::as_bytes("early")));
  pair.listener.hear(wire);
  EXPECT_TRUE(pair.listener.established.has_value());
  EXPECT_EQ(base::as_text(pair.listener.received), "early");
}

TEST(Noise, TheLargestFrameFits) {
  Pair pair;
  pair.shake_hands();
  const Bytes text(noise_plaintext_bytes_max, 0x5c);
  const Bytes frame = pair.dialler.seal(text);
  EXPECT_EQ(frame.size(), header + noise_message_bytes_max);
  pair.listener.hear(frame);
  EXPECT_EQ(pair.listener.received, text);
  Bytes too_long(noise_plaintext_bytes_max + 1 + noise_overhead_bytes);
  EXPECT_DEATH(pair.dialler.machine.seal_frame(too_long, noise_plaintext_bytes_max + 1),
               "noise_plaintext_bytes_max");
}

TEST(Noise, SealingBeforeTheHandshakeIsOurBug) {
  Pair pair;
  Bytes frame(100);
  EXPECT_DEATH(pair.dialler.machine.seal_frame(frame, 10), "is_established");
}

// Early muxer negotiation.

std::string agreed(std::vector<std::string> dialler, std::vector<std::string> listener) {
  Pair pair(std::move(dialler), std::move(listener));
  pair.shake_hands();
  EXPECT_TRUE(pair.dialler.established && pair.listener.established);
  if (!pair.dialler.established || !pair.listener.established) return "(none)";
  EXPECT_EQ(pair.dialler.established->muxer, pair.listener.established->muxer);
  return pair.dialler.established->muxer;
}

TEST(NoiseMuxers, TheInitiatorsFirstThatTheResponderHas) {
  EXPECT_EQ(agreed({"/yamux/1.0.0"}, {"/yamux/1.0.0"}), "/yamux/1.0.0");
  EXPECT_EQ(agreed({"/yamux/1.0.0", "/mplex/6.7.0"}, {"/mplex/6.7.0", "/yamux/1.0.0"}),
            "/yamux/1.0.0");
  EXPECT_EQ(agreed({"/new/1.0.0", "/mplex/6.7.0"}, {"/yamux/1.0.0", "/mplex/6.7.0"}),
            "/mplex/6.7.0");
}

TEST(NoiseMuxers, WithoutAListItIsNegotiatedLater) {
  EXPECT_EQ(agreed({}, {}), "");
  EXPECT_EQ(agreed({"/yamux/1.0.0"}, {}), "");
  EXPECT_EQ(agreed({}, {"/yamux/1.0.0"}), "");
}

TEST(NoiseMuxers, NothingInCommonEndsTheHandshake) {
  Pair pair({"/yamux/1.0.0"}, {"/mplex/6.7.0"});
  pair.shake_hands();
  ASSERT_TRUE(pair.dialler.fault.has_value());
  EXPECT_EQ(pair.dialler.fault->code, Code::protocol);
  EXPECT_EQ(pair.dialler.transmit(), Bytes());
}

// Peers that lie.

TEST(NoiseFault, AnotherPeerThanTheOneDialled) {
  Pair pair;
  SeededRng rng(8);
  pair.dialler.machine = Noise(Direction::outbound, make_noise_identity(pair.dialler_key, {}, rng),
                               codec::peer_id_of(identity_key(3).public_key()), rng);
  pair.shake_hands();
  ASSERT_TRUE(pair.dialler.fault.has_value());
  EXPECT_EQ(pair.dialler.fault->code, Code::wrong_peer);
  EXPECT_FALSE(pair.dialler.established.has_value());
  EXPECT_FALSE(pair.listener.established.has_value());
}

/// Runs the handshake with bit `bit` of byte `at` of message `which` turned over; true when one
/// side calls it a fault and that side never calls itself established.
void expect_tampering_is_noticed(int which, std::size_t at, int bit) {
  Pair pair;
  Side* sides[] = {&pair.listener, &pair.dialler, &pair.listener};
  for (int i = 0; i < 3; ++i) {
    Bytes message = (i % 2 == 0 ? pair.dialler : pair.listener).transmit();
    if (i == which) message[at] ^= static_cast<std::uint8_t>(1 << bit);
    sides[i]->hear(message);
  }
  // A flipped length may leave a side waiting for a longer frame: then nobody goes on.
  const bool both = pair.dialler.established && pair.listener.established;
  EXPECT_FALSE(both) << "message " << which << ", byte " << at << ", bit " << bit;
  if (at >= header) {
    const bool noticed = pair.dialler.fault || pair.listener.fault;
    EXPECT_TRUE(noticed) << "message " << which << ", byte " << at << ", bit " << bit;
  }
}

TEST(NoiseFault, TamperingWithAnyByteOfTheHandshake) {
  const std::size_t sizes[] = {header + 32, header + 96 + 104, header + 64 + 104};
  for (int which = 0; which < 3; ++which) {
    for (std::size_t at = 0; at < sizes[which]; ++at) {
      // X25519 ignores the top bit of a point, but the handshake hash does not.
      expect_tampering_is_noticed(which, at, static_cast<int>(at % 8));
    }
    expect_tampering_is_noticed(which, header + 31, 7);
  }
}

TEST(NoiseFault, HandshakeFramesOfBadLengthAreNotWaitedFor) {
  for (const char* length : {"0000", "001f", "0021", "2000", "ffff"}) {
    Pair pair;
    pair.listener.hear(hex(length));
    ASSERT_TRUE(pair.listener.fault.has_value()) << length;
  }
  for (const char* length : {"0000", "005f", "1061", "ffff"}) {
    Pair pair;
    pair.dialler.transmit();
    pair.dialler.hear(hex(length));
    ASSERT_TRUE(pair.dialler.fault.has_value()) << length;
  }
  for (const char* length : {"0000", "003f", "1041", "ffff"}) {
    Pair pair;
    pair.listener.hear(pair.dialler.transmit());
    pair.listener.hear(hex(length));
    ASSERT_TRUE(pair.listener.fault.has_value()) << length;
  }
}

TEST(NoiseFault, AfterAFaultNothingGoesInOrOut) {
  Pair pair;
  const Bytes first = pair.dialler.transmit();
  pair.listener.hear(hex("ffff"));
  ASSERT_TRUE(pair.listener.fault.has_value());
  Bytes more = first;
  EXPECT_EQ(pair.listener.machine.on_bytes(now, more), 0u);
  EXPECT_EQ(pair.listener.transmit(), Bytes());
  EXPECT_FALSE(pair.listener.machine.poll_output(now).has_value());
  EXPECT_FALSE(pair.listener.machine.is_established());
}

TEST(NoiseFault, ReplayedReorderedAndDamagedFrames) {
  for (int kind = 0; kind < 4; ++kind) {
    Pair pair;
    pair.shake_hands();
    const Bytes one = pair.dialler.seal(base::as_bytes("one"));
    Bytes two = pair.dialler.seal(base::as_bytes("two"));
    if (kind == 0) {  // replayed
      pair.listener.hear(one);
      pair.listener.hear(one);
    } else if (kind == 1) {  // in the wrong order
      pair.listener.hear(two);
    } else if (kind == 2) {  // damaged
      two.back() ^= 1;
      pair.listener.hear(one);
      pair.listener.hear(two);
    } else {  // sent back to its author
      pair.dialler.hear(one);
    }
    Side& victim = kind == 3 ? pair.dialler : pair.listener;
    ASSERT_TRUE(victim.fault.has_value()) << kind;
    EXPECT_EQ(victim.fault->code, Code::bad_signature) << kind;
    EXPECT_EQ(base::as_text(victim.received), kind == 0 || kind == 2 ? "one" : "") << kind;
    EXPECT_FALSE(victim.machine.is_established());
  }
}

TEST(NoiseFault, WhatCameBeforeABadFrameStillArrives) {
  Pair pair;
  pair.shake_hands();
  Bytes wire = pair.dialler.seal(base::as_bytes("good"));
  base::append(wire, hex("0010"));
  base::append(wire, Bytes(16));
  pair.listener.hear(wire);
  EXPECT_EQ(base::as_text(pair.listener.received), "good");
  EXPECT_TRUE(pair.listener.fault.has_value());
}

TEST(NoiseFault, AFrameTooShortForATag) {
  for (const char* length : {"0000", "0001", "000f"}) {
    Pair pair;
    pair.shake_hands();
    pair.listener.hear(hex(length));
    ASSERT_TRUE(pair.listener.fault.has_value()) << length;
    EXPECT_EQ(pair.listener.fault->code, Code::malformed);
  }
}

TEST(NoiseFault, AFourthHandshakeMessage) {
  Pair pair;
  const Bytes first = pair.dialler.transmit();
  pair.listener.hear(first);
  pair.dialler.hear(pair.listener.transmit());
  const Bytes third = pair.dialler.transmit();
  pair.listener.hear(third);
  pair.listener.hear(third);
  EXPECT_TRUE(pair.listener.fault.has_value());
}

// RFC 7748 leaves points of low order to us: all of them, and their twins over the prime.
constexpr std::string_view low_order_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};

TEST(NoiseFault, LowOrderKeys) {
  for (const std::string_view point : low_order_points) {
    Pair pair;
    pair.listener.hear(framed(hex(point)));
    ASSERT_TRUE(pair.listener.fault.has_value()) << point;
    EXPECT_EQ(pair.listener.fault->code, Code::bad_key);

    pair.dialler.transmit();
    Bytes second = hex(point);
    second.resize(96 + 104);
    pair.dialler.hear(framed(second));
    ASSERT_TRUE(pair.dialler.fault.has_value()) << point;
    EXPECT_EQ(pair.dialler.fault->code, Code::bad_key);
  }
}

// Payloads of a dialler made of the bare pattern.

Bytes payload_of(std::string_view key, std::string_view signature) {
  return testing::payload_of(hex(key), hex(signature));
}

// Keys of the peer-ids specification's test vectors; each signed
// "noise-libp2p-static-key:" and the public key of vector_static(), by OpenSSL.
constexpr std::string_view rsa_key =
    "080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1beab071d08"
    "200bde24eef00d049449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0f29986db"
    "b645dae9880089704a94e5066d594162ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa1a23c3825b85"
    "c6620a2bc3f82f9b0c309bc0ab3aeb1873282bebd3da03c33e76c21e9beb172fd44c9e43be32e2c99827033c"
    "f8d0f0c606f4579326c930eb4e854395ad941256542c793902185153c474bed109d6ff5141ebf9cd256cf588"
    "93a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e20561da08885ef0abbf8e2fb48d6a5487047a9ecb"
    "1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822add5612a2df83bcee814cf50973e8"
    "0d7ef38111b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761dbc13b5c086d6b64bf7ae7dacc1462237"
    "5d92a8ff9af7eb962162bbddebf90acb32adb5e4e4029f1c96019949ecfbfeffd7ac1e3fbcc6b6168c34be3d"
    "5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa4b93411f4cc175e70c0a083e96bfaefb04a9580b4753c173"
    "8a6a760ae1afd851a1a4bdad231cf56e9284d832483df215a46c1c21bdf0c6cfe951c18f1ee4078c79c13d63"
    "edb6e14feaeffabc90ad317e4875fe648101b0864097e998f0ca3025ef9638cd2b0caecd3770ab54a1d9c6ca"
    "959b0f5dcbc90caeefc4135baca6fd475224269bbe1b0203010001";
constexpr std::string_view rsa_signature =
    "1f17705465addb0aaf70541d6768d9be186bc6f883297c479304b50ffa0d355b42c8adaf5d6c2c34d253c60e"
    "92a36b1a2bb0386b18f683c62dce83f267137a83423aa4139e8cee0f04e1a17e4ccca1ad2e4ecce538d34f11"
    "a95efe60a0dd7718ae9dac0ec6638ac2e0337494d6b298a726f5d586e404b2cd6dfb1a1c5ca1e255922cf696"
    "b78cf85f937fae09e4e298725c1d113ee2a9503b766287d3a258dcaa221be135509481bff9c2331a41c81c2a"
    "59944965929a6ee66960f9460d9820894f188ca1e57cf1987594548796475510a26dfc779535669996c0c6e7"
    "e19b69b5fb77bb3acc8eab184a6857def6c9c36add265cd3cea5d4be93ee983b06d8e455e71bb0d10371c9c5"
    "1de1ed65214b6aba753a4ba64a537f8d8b961f27d33b7b9c057b3830d73ab9e4c213f5464e43072e0091c236"
    "22aa75c27df15e48b8c002e3e703d72e080bca8a619b05b2866b984fafc3df4a32c86d4d90bd101bc34772be"
    "f2ec753b014de9b4e37d7719d93692312e374df81477adc6c8610f9458ccd9276d304daddfcd3fafe05467d2"
    "10dc31616febf295db7a3c5923ce46f2e66feac175f8c0a5d04f8a4a8bf42503861365781f31fb5baa059bdb"
    "242e12a0d34439c8133ed5dbedee72fc99af82d363b41b0eefc43f70b44bc1ccdf4969e9b30f38268360bcc4"
    "787c6b0b570c70842aad89a87473d78b82c0a32753994e9e36962c12";
constexpr std::string_view ecdsa_key =
    "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d"
    "83abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec0"
    "34e9f77c409e62";
constexpr std::string_view ecdsa_signature =
    "3045022100ac3af04c5ba34f68f5d987a0acaf02145eed895309876254fcf68f0c3713810502201f9b26efc7"
    "9edc1e2c6724a8fc1ca4c8ce8495122c8a960950440ca0db823b47";
constexpr std::string_view secp256k1_key =
    "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99";
constexpr std::string_view secp256k1_signature =
    "3045022076f5695ad93edd75cb0587428bfce0adde277e2c0377a468a4e4654fd743f175022100aa8a15f65c"
    "761cb828925428601d6851f81d9aa2cb2ab05c65298c74004cbccc";

TEST(Noise, TakesIdentitiesOfEveryKind) {
  const std::pair<std::string_view, std::string_view> identities[] = {
      {rsa_key, rsa_signature}, {ecdsa_key, ecdsa_signature}, {secp256k1_key, secp256k1_signature}};
  for (const auto& [key, signature] : identities) {
    const Listened heard = listen_to(vector_static(), payload_of(key, signature));
    ASSERT_TRUE(heard.established.has_value())
        << (heard.fault ? base::to_string(*heard.fault) : "no fault");
    EXPECT_EQ(heard.established->peer, codec::peer_id_of(heard.established->key));
  }
}

TEST(NoiseFault, ASignatureOverAnotherStaticKey) {
  SeededRng rng(12);
  const auto other = crypto::X25519KeyPair::generate(rng);
  for (const auto& [key, signature] :
       {std::pair(rsa_key, rsa_signature), std::pair(ecdsa_key, ecdsa_signature),
        std::pair(secp256k1_key, secp256k1_signature)}) {
    const Listened heard = listen_to(other, payload_of(key, signature));
    ASSERT_TRUE(heard.fault.has_value());
    EXPECT_EQ(heard.fault->code, Code::bad_signature);
    EXPECT_FALSE(heard.established.has_value());
  }
}

TEST(NoiseFault, PayloadsThatAreNone) {
  const auto key = vector_static();
  for (const Bytes& payload : {Bytes(), Bytes(100, 0xff), payload_of(ecdsa_key, ""),
                               payload_of("0803120101", ecdsa_signature)}) {
    const Listened heard = listen_to(key, payload);
    EXPECT_TRUE(heard.fault.has_value());
    EXPECT_FALSE(heard.established.has_value());
  }
  // The limit itself is judged by the frame's length.
  const Listened heard = listen_to(key, Bytes(codec::noise_payload_bytes_max + 1));
  ASSERT_TRUE(heard.fault.has_value());
  EXPECT_EQ(heard.fault->code, Code::too_large);
}

}  // namespace
}  // namespace kith::secure
