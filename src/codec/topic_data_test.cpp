#include "codec/topic_data.h"

#include <rapidcheck.h>
#include <zstd.h>

#include "base/rng.h"
#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

constexpr WallTime day{1'700'000'000'000};

TopicDataRules rules_of(const std::string& letters) {
  TopicDataRules rules;
  rules.has_expiry = letters.find('e') != std::string::npos;
  rules.is_compressed = letters.find('z') != std::string::npos;
  return rules;
}

Result<Bytes> payload_of(ByteView data, const TopicDataRules& rules) {
  const TopicData read = TRY(read_topic_data(data, rules));
  if (!read.is_compressed) return base::to_bytes(read.body);
  TopicDataCodec codec;
  return codec.unpack(read);
}

Code refused(ByteView data, const TopicDataRules& rules) {
  const auto payload = payload_of(data, rules);
  return payload ? Code::internal : payload.error().code;
}

Bytes zstd(ByteView payload, bool tells_size = true) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, tells_size ? 1 : 0);
  Bytes frame(ZSTD_compressBound(payload.size()));
  frame.resize(
      ZSTD_compress2(context.get(), frame.data(), frame.size(), payload.data(), payload.size()));
  return frame;
}

Bytes with_header(std::uint8_t flags, ByteView body) {
  Bytes data = {TopicData::version, flags};
  base::append(data, body);
  return data;
}

// rules (e: expiry, z: zstd, 0: neither), data, expiry in ms or "-", payload or the error's name.
// What is not compressed also encodes to the same bytes; zstd may write others in a later version.
TEST(TopicData, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("topic_data.txt")) {
    SCOPED_TRACE(line.at(1));
    const TopicDataRules rules = rules_of(line.at(0));
    const Bytes data = unhex(line.at(1));
    const auto payload = payload_of(data, rules);
    if (!payload) {
      EXPECT_EQ(name_of(payload.error().code), line.at(3));
      continue;
    }
    EXPECT_EQ(base::to_hex(*payload), line.at(3) == "-" ? "" : line.at(3));
    const TopicData read = read_topic_data(data, rules).value();
    EXPECT_EQ(read.expires ? std::to_string(read.expires->unix_ms) : "-", line.at(2));
    TopicDataCodec codec;
    if (!read.is_compressed) {
      TopicDataRules plain = rules;
      plain.is_compressed = false;
      EXPECT_EQ(base::to_hex(codec.write(*payload, read.expires, plain)), line.at(1));
    }
  }
}

TEST(TopicData, WhatIsWrittenIsRead) {
  TopicDataCodec codec;
  EXPECT_TRUE(rc::check([&](const Bytes& seed, bool has_expiry, bool is_compressed) {
    Bytes payload;
    for (std::size_t i = 0; i < 1 + seed.size() % 7; ++i) base::append(payload, seed);
    const TopicDataRules rules{has_expiry, is_compressed};
    const auto expires = has_expiry ? std::optional(day) : std::nullopt;
    const Bytes data = codec.write(payload, expires, rules);
    RC_ASSERT(data.size() <= payload.size() + TopicData::header_bytes_max);
    const auto read = read_topic_data(data, rules);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->expires == expires);
    RC_ASSERT(read->payload_bytes == payload.size());
    RC_ASSERT(payload_of(data, rules).value() == payload);
  }));
}

TEST(TopicData, CompressesWhatShrinksAndNothingElse) {
  TopicDataCodec codec;
  Bytes text;
  for (int i = 0; i < 1000; ++i) base::append(text, base::as_bytes("line " + std::to_string(i)));
  const TopicDataRules rules{false, true};
  const Bytes data = codec.write(text, {}, rules);
  EXPECT_LT(data.size(), text.size() / 2);
  EXPECT_TRUE(read_topic_data(data, rules)->is_compressed);
  Bytes noise(1000);
  SeededRng(1).fill(noise);
  EXPECT_EQ(codec.write(noise, {}, rules).size(), noise.size() + 2);
  EXPECT_EQ(codec.write(base::as_bytes("short"), {}, rules).size(), 7u);
  // Over the ratio that a reader takes: as it is.
  EXPECT_EQ(codec.write(Bytes(1 << 20), {}, rules).size(), (1u << 20) + 2);
}

TEST(TopicData, TheTopicsRulesHold) {
  TopicDataCodec codec;
  const Bytes payload(200, 7);
  for (const bool has_expiry : {false, true}) {
    const auto expires = has_expiry ? std::optional(day) : std::nullopt;
    const Bytes packed = codec.write(payload, expires, {has_expiry, true});
    EXPECT_EQ(refused(packed, {!has_expiry, true}), Code::malformed);
    EXPECT_EQ(refused(packed, {has_expiry, false}), Code::malformed);
    const Bytes plain = codec.write(payload, expires, {has_expiry, false});
    EXPECT_EQ(payload_of(plain, {has_expiry, true}), payload);  // it need not be compressed
    for (std::size_t cut = 0; cut < 2 + (has_expiry ? 8u : 0u); ++cut) {
      EXPECT_EQ(refused(ByteView(plain).first(cut), {has_expiry, false}), Code::truncated) << cut;
    }
  }
  EXPECT_EQ(refused(base::as_bytes("hello"), {}), Code::unsupported);
}

TEST(TopicData, NothingIsMadeOutOfALie) {
  const Bytes payload(5000, 7);
  const TopicDataRules rules{false, true, 5000};
  EXPECT_EQ(payload_of(with_header(2, zstd(Bytes(5000, 7))), {false, true}).error().code,
            Code::too_large);  // over the ratio
  Bytes text;
  for (int i = 0; text.size() < 5000; ++i) base::append(text, base::as_bytes(std::to_string(i)));
  text.resize(5000);
  const Bytes good = zstd(text);
  EXPECT_EQ(payload_of(with_header(2, good), rules).value(), text);
  EXPECT_EQ(refused(with_header(2, good), {false, true, 4999}), Code::too_large);
  EXPECT_EQ(refused(with_header(2, zstd(text, false)), rules), Code::malformed);
  // Empty and skippable frames would be other bytes for the same payload.
  for (const Bytes& more : {zstd({}), Bytes{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, Bytes{0}}) {
    Bytes two = good;
    base::append(two, more);
    EXPECT_EQ(refused(with_header(2, two), rules), Code::malformed);
    Bytes before = more;
    base::append(before, good);
    EXPECT_EQ(refused(with_header(2, before), rules), Code::malformed);
  }
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(payload_of(with_header(2, ByteView(good).first(cut)), rules)) << cut;
  }
  EXPECT_EQ(refused(with_header(0, Bytes(5001)), rules), Code::too_large);
}

}  // namespace
}  // namespace kith::codec
