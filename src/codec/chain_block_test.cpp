#include "codec/chain_block.h"

#include <rapidcheck.h>

#include "codec/test_votes.h"

namespace kith::codec {
namespace {

Result<BlockPtr> decode(ByteView bytes) {
  Reader reader(bytes);
  BlockPtr block = TRY(decode_block(reader));
  TRY_VOID(reader.finish());
  return block;
}

/// As in the golden vectors: the parent notarized by validators 0 to 2, the views between nullified
/// by 1 to 3.
Justification justified(const TestValidators& four, Epoch epoch, std::uint64_t view,
                        std::uint64_t parent, const Hash& parent_digest) {
  Justification justification;
  if (parent > 0) {
    const Statement of = notarize(epoch, parent, parent == 1 ? 0 : parent - 1, parent_digest);
    justification.parent = four.certificate(of, {0, 1, 2});
  }
  for (std::uint64_t between = parent + 1; between < view; ++between) {
    justification.nullified.push_back(four.certificate(nullify(epoch, between), {1, 2, 3}));
  }
  return justification;
}

BlockHeader plain_header() {
  BlockHeader header;
  header.height = {2};
  header.epoch = {1};
  header.view = {5};
  header.parent = number_hash(4);
  header.time = {1'700'000'000'000};
  return header;
}

TEST(ChainBlock, GoldenVectors) {
  const TestValidators four(4);
  for (const GoldenLine& line : golden_lines("chain_block.txt")) {
    SCOPED_TRACE("height " + line[0]);
    BlockHeader header;
    header.height = {std::stoull(line[0])};
    header.epoch = {std::stoull(line[1])};
    header.view = {std::stoull(line[2])};
    header.parent = hash_from_hex(line[5]);
    header.time = {std::stoll(line[6])};
    header.validators_root = four.set.root();
    if (line[8] == "1") header.next_validators_root = number_hash(99);
    header.params_hash = number_hash(100);
    header.tx_root = number_hash(101);
    header.utxo_root = number_hash(102);
    header.registry_root = number_hash(103);
    header.receipts_root = number_hash(104);
    header.history_root = number_hash(105);
    header.evidence_root = number_hash(106);
    const std::uint64_t parent = std::stoull(line[3]);
    Justification justification =
        justified(four, header.epoch, header.view.value, parent, header.parent);
    EXPECT_EQ(justification.nullified.size(), std::stoul(line[4]));
    EXPECT_TRUE(check_form(justification, header.epoch, header.view, {parent}, header.parent));
    const BlockPtr block = make_block(header, unhex(line[7]), justification);
    EXPECT_EQ(base::to_hex(encode(block->header())), line[9]);
    EXPECT_EQ(decode_header(unhex(line[9])).value(), block->header());
    EXPECT_EQ(base::to_hex(digest_of(block->header())), line[10]);
    EXPECT_EQ(base::to_hex(block->digest()), line[10]);
    EXPECT_EQ(base::to_hex(encoded(*block)), line[11]);
    const BlockPtr decoded = decode(unhex(line[11])).value();
    EXPECT_EQ(decoded->header(), block->header());
    EXPECT_TRUE(base::equal(decoded->body().view(), block->body().view()));
    EXPECT_EQ(decoded->justification(), justification);
    EXPECT_EQ(decoded->digest(), block->digest());
  }
}

TEST(ChainBlock, EveryByteOfAHeaderCounts) {
  const Bytes good = encode(plain_header());
  ASSERT_EQ(good.size(), header_bytes);
  const Hash digest = digest_of(plain_header());
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes other = good;
    other[i] ^= 1;
    const auto decoded = decode_header(other);
    if (i < 3) {  // version and shard
      EXPECT_EQ(decoded.error().code, Code::unsupported) << i;
    } else if (decoded) {
      EXPECT_EQ(encode(*decoded), other) << i;
      EXPECT_NE(digest_of(*decoded), digest) << i;
    }
    EXPECT_EQ(decode_header(ByteView(good).first(i)).error().code, Code::truncated) << i;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_header(longer).error().code, Code::malformed);
}

TEST(ChainBlock, DatesStayWithinArithmetic) {
  BlockHeader header = plain_header();
  header.time = {std::int64_t{1} << 53};
  EXPECT_TRUE(decode_header(encode(header)));
  header.time = {(std::int64_t{1} << 53) + 1};
  EXPECT_EQ(decode_header(encode(header)).error().code, Code::malformed);
}

TEST(ChainBlock, AHeaderCommitsToBodyAndJustification) {
  const TestValidators four(4);
  const BlockPtr block =
      make_block(plain_header(), Bytes{1, 2, 3}, justified(four, {1}, 5, 4, plain_header().parent));
  const Bytes good = encoded(*block);
  ASSERT_TRUE(decode(good));
  for (std::size_t i = header_bytes; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(decode(bad)) << i;
  }
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(decode(ByteView(good).first(cut)).error().code, Code::truncated) << cut;
  }
  Bytes other_body = good;
  other_body[header_bytes + 1] ^= 1;
  EXPECT_EQ(decode(other_body).error().code, Code::malformed);
  // Another body of the same header, however well formed.
  const Block swapped(block->header(), Buffer(Bytes{1, 2}), block->justification());
  EXPECT_EQ(decode(encoded(swapped)).error().code, Code::malformed);
  const Block unjustified(block->header(), block->body(), {});
  EXPECT_EQ(decode(encoded(unjustified)).error().code, Code::malformed);
}

TEST(ChainBlock, SizesAreCheckedBeforeAnythingElse) {
  Bytes bytes = encode(plain_header());
  Writer(bytes).varint(block_body_bytes_max + 1);
  EXPECT_EQ(decode(bytes).error().code, Code::too_large);
  bytes.resize(header_bytes);
  BlockHeader header = plain_header();
  header.body_hash = body_hash({});
  bytes = encode(header);
  Writer(bytes).varint(0);
  Writer(bytes).varint(justification_bytes_max + 1);
  EXPECT_EQ(decode(bytes).error().code, Code::too_large);
}

TEST(ChainBlock, JustificationsHaveOneEncodingAndLimits) {
  const TestValidators four(4);
  const Justification full = justified(four, {1}, 5, 2, number_hash(1));
  const Bytes good = encode(full);
  EXPECT_EQ(decode_justification(good).value(), full);
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(decode_justification(ByteView(good).first(cut)).error().code, Code::truncated) << cut;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_justification(longer).error().code, Code::malformed);
  Bytes two_parents = good;
  two_parents[0] = 2;
  EXPECT_EQ(decode_justification(two_parents).error().code, Code::malformed);
  Bytes many{0, 3, 0xe9};  // 1001
  EXPECT_EQ(decode_justification(many).error().code, Code::too_large);
  many[2] = 0xe8;
  EXPECT_EQ(decode_justification(many).error().code, Code::truncated);
  EXPECT_EQ(decode_justification(encode(Justification{})).value(), Justification{});
}

TEST(ChainBlock, AJustificationIsForOnePlace) {
  const TestValidators four(4);
  const Hash parent = number_hash(1);
  const Justification good = justified(four, {1}, 6, 3, parent);
  EXPECT_TRUE(check_form(good, {1}, {6}, {3}, parent));
  EXPECT_FALSE(check_form(good, {2}, {6}, {3}, parent));  // of another epoch
  EXPECT_FALSE(check_form(good, {1}, {7}, {3}, parent));  // a view is missing
  EXPECT_FALSE(check_form(good, {1}, {5}, {3}, parent));  // a view too many
  EXPECT_FALSE(check_form(good, {1}, {6}, {2}, parent));
  EXPECT_FALSE(check_form(good, {1}, {6}, {0}, parent));
  EXPECT_FALSE(check_form(good, {1}, {3}, {3}, parent));
  EXPECT_FALSE(check_form(good, {1}, {6}, {3}, number_hash(2)));
  EXPECT_FALSE(check_form(good, {1}, {UINT64_MAX}, {3}, parent));
  Justification other = good;
  std::swap(other.nullified[0], other.nullified[1]);
  EXPECT_FALSE(check_form(other, {1}, {6}, {3}, parent));
  other = good;
  other.nullified[1] = four.certificate(notarize({1}, 5, 3, parent), {0, 1, 2});
  EXPECT_FALSE(check_form(other, {1}, {6}, {3}, parent));
  other = good;
  other.nullified[1] = four.certificate(nullify({0}, 5), {0, 1, 2});  // of the epoch before
  EXPECT_FALSE(check_form(other, {1}, {6}, {3}, parent));
  other = good;
  other.parent->statement.kind = VoteKind::finalize;
  EXPECT_TRUE(check_form(other, {1}, {6}, {3}, parent));
  other.parent = four.certificate(nullify({1}, 3), {0, 1, 2});
  EXPECT_FALSE(check_form(other, {1}, {6}, {3}, {}));
  other.parent.reset();
  EXPECT_FALSE(check_form(other, {1}, {6}, {3}, parent));
  // On the floor there is none.
  const Justification first = justified(four, {1}, 3, 0, parent);
  EXPECT_TRUE(check_form(first, {1}, {3}, {0}, parent));
  Justification with_parent = first;
  with_parent.parent = good.parent;
  EXPECT_FALSE(check_form(with_parent, {1}, {3}, {0}, parent));
}

TEST(ChainBlock, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const TestValidators four(4);
  EXPECT_TRUE(rc::check([&](std::uint64_t height, std::uint64_t time,
                            const std::vector<std::uint8_t>& body, std::uint8_t parent,
                            std::uint8_t between, std::uint16_t at, std::uint8_t flip) {
    BlockHeader header = plain_header();
    header.height = {height};
    header.time = {static_cast<std::int64_t>(time >> 11)};
    const std::uint64_t from = parent % 4U;
    header.view = {from + 1 + between % 4U};
    const BlockPtr block = make_block(
        header, body, justified(four, header.epoch, header.view.value, from, header.parent));
    Bytes bytes = encoded(*block);
    RC_ASSERT(encoded(*decode(bytes).value()) == bytes);
    bytes[at % bytes.size()] ^= flip;
    if (const auto decoded = decode(bytes)) RC_ASSERT(encoded(**decoded) == bytes);
    Bytes justification = encode(block->justification());
    justification[at % justification.size()] ^= flip;
    if (const auto decoded = decode_justification(justification)) {
      RC_ASSERT(encode(*decoded) == justification);
    }
    (void)decode(body);
    (void)decode_justification(body);
  }));
}

}  // namespace
}  // namespace kith::codec
