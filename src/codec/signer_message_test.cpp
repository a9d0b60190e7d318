#include "codec/signer_message.h"

#include <rapidcheck.h>

#include <map>
#include <numeric>
#include <set>

#include "codec/chain_beacon.h"
#include "codec/golden_test_util.h"
#include "codec/peer_id.h"
#include "codec/test_votes.h"

namespace kith::codec {
namespace {

template <std::size_t n>
std::array<std::uint8_t, n> bytes_from(std::uint8_t first) {
  std::array<std::uint8_t, n> bytes;
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

const Hash digest = bytes_from<32>(0);
const Hash channel = bytes_from<32>(32);
const ValidatorKey key = bytes_from<32>(200);

PeerId sender() {
  Bytes bytes = {0, 36, 8, 1, 18, 32};
  base::append(bytes, bytes_from<32>(100));
  return peer_id_from_bytes(bytes).value();
}

std::map<std::string, SignerRequest> requests() {
  const auto vote = [](const Statement& statement, bool holds) {
    return SignAsk(SignVote{statement, holds});
  };
  return {
      {"hello", {1, SignerHello{test_genesis, "node-a"}}},
      {"hello_without_name", {0, SignerHello{test_genesis, ""}}},
      {"lease", {2, LeaseAsk{}}},
      {"leave", {3, LeaseLeave{}}},
      {"said", {4, SaidAsk{{9}, {}}}},
      {"said_after", {5, SaidAsk{{9}, nullify({9}, 12)}}},
      {"final", {6, FinalTold{{9}, {11}}}},
      {"stale", {UINT64_MAX, StaleTold{{9}}}},
      {"notarize", {7, vote(notarize({9}, 12, 10, digest), false)}},
      {"nullify", {8, vote(nullify({9}, 12), false)}},
      {"finalize", {9, vote(finalize({9}, 12, 10, digest), true)}},
      {"channel", {10, SignAsk(SignHello{channel, sender()})}},
      {"heartbeat", {11, SignAsk(SignHeartbeat{340000000, {77}, digest})}},
      {"attestation", {12, SignAsk(SignAttestation{channel})}},
      {"said_by", {13, SignAsk(SignSaid{channel})}},
      {"prove", {14, ProveHeight{{77}}}},
      {"verdict", {15, SignAsk(SignVerdict{80, digest})}},
  };
}

std::map<std::string, SignerAnswer> answers() {
  const SaidVotes votes{
      true,
      {{notarize({9}, 12, 10, digest), bytes_from<64>(0)}, {nullify({9}, 13), bytes_from<64>(64)}}};
  return {
      {"welcome", {1, SignerWelcome{key}}},
      {"held", {2, LeaseHeld{{9}, {11}, 12, false, false, {}}}},
      {"held_new", {2, LeaseHeld{{0}, {0}, 1, true, false, {}}}},
      {"held_lost", {2, LeaseHeld{{0}, {0}, 1, true, true, {}}}},
      {"held_silent", {2, LeaseHeld{{9}, {11}, 13, true, false, Epoch{10}}}},
      {"taken", {2, LeaseTaken{"node-b"}}},
      {"votes_none", {4, SaidVotes{}}},
      {"votes", {4, votes}},
      {"signature", {7, SignatureGiven{bytes_from<64>(0)}}},
      {"proof", {14, ProofGiven{bytes_from<80>(0)}}},
      {"refused_guard", {7, SignerRefusal{RefusalKind::guard, "G1: the view was nullified"}}},
      {"refused_locked", {7, SignerRefusal{RefusalKind::locked, ""}}},
      {"refused_silent", {7, SignerRefusal{RefusalKind::silent, "x"}}},
      {"refused_chain", {7, SignerRefusal{RefusalKind::chain, std::string(256, '~')}}},
  };
}

TEST(SignerMessage, GoldenVectors) {
  const auto asked = requests();
  const auto given = answers();
  const std::map<std::string, SignAsk> signs = {
      {"signs_notarize", SignVote{notarize({9}, 12, 10, digest), true}},
      {"signs_channel", SignHello{channel, sender()}},
      {"signs_heartbeat", SignHeartbeat{340000000, {77}, digest}},
      {"signs_attestation", SignAttestation{channel}},
      {"signs_said_by", SignSaid{channel}},
      {"signs_verdict", SignVerdict{80, digest}},
  };
  std::size_t seen = 0;
  for (const GoldenLine& line : golden_lines("signer_message.txt")) {
    SCOPED_TRACE(line[0]);
    const Bytes bytes = unhex(line[1]);
    if (const auto at = asked.find(line[0]); at != asked.end()) {
      ++seen;
      EXPECT_EQ(base::to_hex(encode(at->second)), line[1]);
      EXPECT_EQ(decode_signer_request(bytes).value(), at->second);
    }
    if (const auto at = given.find(line[0]); at != given.end()) {
      ++seen;
      EXPECT_EQ(base::to_hex(encode(at->second)), line[1]);
      EXPECT_EQ(decode_signer_answer(bytes).value(), at->second);
    }
    if (const auto at = signs.find(line[0]); at != signs.end()) {
      ++seen;
      EXPECT_EQ(base::to_hex(signed_bytes(test_genesis, key, at->second)), line[1]);
    }
    if (line[0] == "proves") {
      ++seen;
      EXPECT_EQ(base::to_hex(beacon_input(test_genesis, {77})), line[1]);
    }
  }
  EXPECT_EQ(seen, asked.size() + given.size() + signs.size() + 1);
}

TEST(SignerMessage, RefusesWhatIsNone) {
  for (const auto& [name, request] : requests()) {
    SCOPED_TRACE(name);
    Bytes bytes = encode(request);
    EXPECT_FALSE(decode_signer_answer(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_signer_request(ByteView(bytes).first(size))) << size;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_signer_request(bytes));
  }
  for (const auto& [name, answer] : answers()) {
    SCOPED_TRACE(name);
    Bytes bytes = encode(answer);
    EXPECT_FALSE(decode_signer_request(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_signer_answer(ByteView(bytes).first(size))) << size;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_signer_answer(bytes));
  }
}

TEST(SignerMessage, NamesWhatIsWrong) {
  Bytes other = encode(SignerRequest{1, SignerHello{test_genesis, "a"}});
  other[9] = 2;
  EXPECT_EQ(decode_signer_request(other).error().code, Code::unsupported);
  other[9] = signer_version;
  other.back() = '\n';
  EXPECT_EQ(decode_signer_request(other).error().code, Code::malformed);
  // Two votes in the wrong order, the same one twice, more than a page.
  const SaidVote first{nullify({1}, 1), {}}, second{nullify({1}, 2), {}};
  EXPECT_TRUE(decode_signer_answer(encode(SignerAnswer{1, SaidVotes{false, {first, second}}})));
  EXPECT_FALSE(decode_signer_answer(encode(SignerAnswer{1, SaidVotes{false, {second, first}}})));
  EXPECT_FALSE(decode_signer_answer(encode(SignerAnswer{1, SaidVotes{false, {first, first}}})));
  SaidVotes page;
  for (std::size_t i = 1; i <= signer_votes_max; ++i) page.votes.push_back({nullify({1}, i), {}});
  Bytes full = encode(SignerAnswer{1, page});
  EXPECT_TRUE(decode_signer_answer(full));
  full[10] = signer_votes_max + 1;
  EXPECT_EQ(decode_signer_answer(full).error().code, Code::too_large);
}

TEST(SignerMessage, ThePageThatIsLargestFitsAFrame) {
  SaidVotes page;
  for (std::size_t i = 1; i <= signer_votes_max; ++i) {
    page.votes.push_back({notarize({1}, i, 0, digest), {}});
  }
  EXPECT_LE(encode(SignerAnswer{1, page}).size(), signer_frame_bytes_max);
}

TEST(SignerMessage, TextsArePrintable) {
  EXPECT_EQ(signer_text("a\nb\x80", 64), "a?b?");
  EXPECT_EQ(signer_text("abcdef", 3), "abc");
}

TEST(SignerMessage, WhatIsSignedNamesItsKind) {
  std::set<Bytes> all;
  const std::vector<SignAsk> asks = {SignVote{notarize({9}, 12, 10, digest), true},
                                     SignVote{finalize({9}, 12, 10, digest), true},
                                     SignVote{nullify({9}, 12), true},
                                     SignHello{digest, sender()},
                                     SignHeartbeat{1, {1}, digest},
                                     SignAttestation{digest},
                                     SignSaid{digest},
                                     SignVerdict{1, digest},
                                     SignVerdict{2, digest}};
  for (const SignAsk& ask : asks) {
    all.insert(signed_bytes(test_genesis, key, ask));
    all.insert(signed_bytes(channel, key, ask));  // another chain
  }
  EXPECT_EQ(all.size(), 2 * asks.size());
  // Whether a notarization is held is for the guard, not signed.
  EXPECT_EQ(signed_bytes(test_genesis, key, SignVote{nullify({9}, 12), false}),
            signed_bytes(test_genesis, key, SignVote{nullify({9}, 12), true}));
}

TEST(SignerMessage, BytesDecodeToWhatEncodesToThem) {
  rc::check("noise, and known frames with a byte changed", [] {
    std::vector<Bytes> known;
    for (const auto& [name, request] : requests()) known.push_back(encode(request));
    for (const auto& [name, answer] : answers()) known.push_back(encode(answer));
    Bytes bytes = known[*rc::gen::inRange<std::size_t>(0, known.size())];
    const auto changes = *rc::gen::inRange<std::size_t>(0, 4);
    for (std::size_t i = 0; i < changes; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    }
    if (const auto request = decode_signer_request(bytes)) RC_ASSERT(encode(*request) == bytes);
    if (const auto answer = decode_signer_answer(bytes)) RC_ASSERT(encode(*answer) == bytes);
  });
}

}  // namespace
}  // namespace kith::codec
