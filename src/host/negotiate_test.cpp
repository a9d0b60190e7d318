#include "host/negotiate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "codec/multistream.h"

namespace kith::host {
namespace {

std::function<bool(std::string_view)> knows(std::vector<std::string> protocols) {
  return [protocols = std::move(protocols)](std::string_view asked) {
    return std::ranges::find(protocols, asked) != protocols.end();
  };
}

Bytes messages(const std::vector<std::string>& texts) {
  Bytes bytes;
  for (const auto& text : texts) codec::append_multistream(bytes, text);
  return bytes;
}

constexpr auto header = "/multistream/1.0.0";

// The examples of libp2p specs/connections, "multistream-select".
TEST(Negotiate, ADialerSendsTheHeaderAndItsProposalTogether) {
  auto dialer = Negotiator::dialer({"/noise"});
  EXPECT_EQ(base::to_hex(dialer.take_output()),
            "132f6d756c746973747265616d2f312e302e300a"
            "072f6e6f6973650a");
  EXPECT_TRUE(dialer.take_output().empty());
}

TEST(Negotiate, AListenerAnswersHeaderAndProtocol) {
  auto listener = Negotiator::listener();
  const auto progress = listener.on_bytes(messages({header, "/noise"}), knows({"/noise"}));
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->agreed, "/noise");
  EXPECT_EQ(listener.take_output(), messages({header, "/noise"}));
}

TEST(Negotiate, WhatFollowsTheAgreementIsNotTaken) {
  auto listener = Negotiator::listener();
  Bytes bytes = messages({header, "/noise"});
  const std::size_t size = bytes.size();
  base::append(bytes, base::as_bytes("payload"));
  const auto progress = listener.on_bytes(bytes, knows({"/noise"}));
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->taken, size);
}

TEST(Negotiate, ALazyDialerNeedsOnlyTheEcho) {
  auto dialer = Negotiator::dialer({"/a"});
  const auto progress = dialer.on_bytes(messages({header, "/a"}));
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->agreed, "/a");
}

TEST(Negotiate, NaIs0x036e610a) {
  auto listener = Negotiator::listener();
  ASSERT_TRUE(listener.on_bytes(messages({header}), knows({})).has_value());
  listener.take_output();
  EXPECT_FALSE(listener.has_refused());
  ASSERT_TRUE(listener.on_bytes(messages({"/unknown"}), knows({})).has_value());
  EXPECT_EQ(base::to_hex(listener.take_output()), "036e610a");
  EXPECT_TRUE(listener.has_refused());
}

TEST(Negotiate, LsIsAnsweredWithNa) {
  auto listener = Negotiator::listener();
  const auto progress = listener.on_bytes(messages({header, "ls"}), knows({"ls"}));
  ASSERT_TRUE(progress.has_value());
  EXPECT_FALSE(progress->agreed.has_value());
  EXPECT_EQ(listener.take_output(), messages({header, "na"}));
}

TEST(Negotiate, ADialerFallsBackThroughItsProposals) {
  auto dialer = Negotiator::dialer({"/a/3", "/a/2", "/a/1"});
  auto listener = Negotiator::listener();
  std::optional<std::string> dialed, listened;
  for (int turn = 0; turn < 8 && !dialed; ++turn) {
    if (const Bytes sent = dialer.take_output(); !sent.empty() && !listened) {
      listened = listener.on_bytes(sent, knows({"/a/1"}))->agreed;
    }
    dialed = dialer.on_bytes(listener.take_output())->agreed;
  }
  EXPECT_EQ(dialed, "/a/1");
  EXPECT_EQ(listened, "/a/1");
}

TEST(Negotiate, ADialerWhoseLastProposalIsRefusedSaysUnsupported) {
  auto dialer = Negotiator::dialer({"/a", "/b"});
  const auto progress = dialer.on_bytes(messages({header, "na", "na"}));
  ASSERT_FALSE(progress.has_value());
  EXPECT_EQ(progress.error().code, Code::unsupported);
}

TEST(Negotiate, AnEchoOfSomethingElseIsAFault) {
  auto dialer = Negotiator::dialer({"/a"});
  const auto progress = dialer.on_bytes(messages({header, "/b"}));
  ASSERT_FALSE(progress.has_value());
  EXPECT_EQ(progress.error().code, Code::protocol);
}

TEST(Negotiate, AnotherHeaderIsAFault) {
  auto listener = Negotiator::listener();
  const auto progress = listener.on_bytes(messages({"/multistream/2.0.0"}), knows({}));
  ASSERT_FALSE(progress.has_value());
  EXPECT_EQ(progress.error().code, Code::protocol);
}

TEST(Negotiate, APeersTextIsPrintableInTheError) {
  auto listener = Negotiator::listener();
  const auto progress = listener.on_bytes(messages({"\x1b[31m\n\xff"}), knows({}));
  ASSERT_FALSE(progress.has_value());
  for (const char c : progress.error().message) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
}

TEST(Negotiate, MoreProposalsThanTheLimitAreAFault) {
  auto listener = Negotiator::listener();
  ASSERT_TRUE(listener.on_bytes(messages({header}), knows({})).has_value());
  for (std::size_t i = 0; i < Negotiator::proposals_max; ++i) {
    ASSERT_TRUE(listener.on_bytes(messages({"/no"}), knows({})).has_value()) << i;
  }
  const auto progress = listener.on_bytes(messages({"/no"}), knows({}));
  ASSERT_FALSE(progress.has_value());
  EXPECT_EQ(progress.error().code, Code::limit);
}

TEST(Negotiate, BrokenMessagesAreFaultsAtOnce) {
  const std::vector<std::pair<Bytes, Code>> cases = {
      {{0x81, 0x08}, Code::too_large},           // 1025 bytes announced
      {{0xff, 0xff}, Code::too_large},           // a varint that goes on and on
      {{0x80, 0x00}, Code::malformed},           // not minimal
      {{0x00}, Code::malformed},                 // empty
      {{0x03, 'n', 'a', 'x'}, Code::malformed},  // no newline
  };
  for (const auto& [bytes, code] : cases) {
    auto listener = Negotiator::listener();
    const auto progress = listener.on_bytes(bytes, knows({}));
    ASSERT_FALSE(progress.has_value()) << base::to_hex(bytes);
    EXPECT_EQ(progress.error().code, code) << base::to_hex(bytes);
  }
}

// The bytes of a whole negotiation may come in any pieces; each piece belongs to it wholly, but for
// what follows the agreement.
TEST(Negotiate, AnyChunkingGivesTheSameAgreement) {
  ASSERT_TRUE(rc::check("any chunking", [](const std::vector<std::uint8_t>& cuts) {
    Bytes bytes = messages({header, "/x", "ls", "/y", "/noise"});
    const std::size_t negotiation = bytes.size();
    base::append(bytes, base::as_bytes("payload"));
    auto listener = Negotiator::listener();
    Bytes output, left;
    std::optional<std::string> agreed;
    std::size_t at = 0, taken = 0;
    for (std::size_t i = 0; at < bytes.size(); ++i) {
      const std::size_t size =
          std::min<std::size_t>(bytes.size() - at, i < cuts.size() ? 1 + cuts[i] % 16 : 1);
      const ByteView piece = ByteView(bytes).subspan(at, size);
      at += size;
      if (agreed) continue;
      const auto progress = listener.on_bytes(piece, knows({"/noise"}));
      RC_ASSERT(progress.has_value());
      RC_ASSERT(progress->agreed || progress->taken == size);
      taken += progress->taken;
      agreed = progress->agreed;
      base::append(output, listener.take_output());
    }
    RC_ASSERT(agreed == "/noise");
    RC_ASSERT(taken == negotiation);
    RC_ASSERT(output == messages({header, "na", "na", "na", "/noise"}));
  }));
}

}  // namespace
}  // namespace kith::host
