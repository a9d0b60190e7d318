#include "codec/chain_message.h"

#include <rapidcheck.h>

#include <map>

#include "codec/test_votes.h"

namespace kith::codec {
namespace {

const TestValidators& four() {
  static const TestValidators validators(4);
  return validators;
}

BlockPtr block_at(std::uint64_t view) {
  BlockHeader header;
  header.height = {1};
  header.view = {view};
  header.parent = test_genesis;
  Justification justification;
  for (std::uint64_t i = 1; i < view; ++i) {
    justification.nullified.push_back(four().certificate(nullify({0}, i), {0, 1, 2}));
  }
  return make_block(header, Bytes{1, 2, 3}, std::move(justification));
}

ProposalMessage proposal_at(std::uint64_t view) {
  const BlockPtr block = block_at(view);
  return {four().vote(0, notarize({0}, view, 0, block->digest())), block, std::nullopt};
}

Memory memory_at(std::uint64_t final_view, std::vector<Vote> votes) {
  Memory memory{{0}, 7, {}, std::move(votes)};
  if (final_view > 0) {
    memory.final = four().certificate(finalize({0}, final_view, 0, number_hash(1)), {0, 1, 2});
  }
  return memory;
}

std::optional<Code> code_of(const Memory& memory) {
  const auto decoded = decode_consensus_message(encode(ConsensusMessage(memory)));
  return decoded ? std::optional<Code>() : decoded.error().code;
}

TEST(ChainMessage, GoldenVectors) {
  const std::map<std::string, std::size_t> kinds = {
      {"vote", 0},    {"certificate", 1}, {"proposal", 2},       {"anew", 2},
      {"request", 3}, {"block", 4},       {"memory_request", 5}, {"memory", 6}};
  for (const GoldenLine& line : golden_lines("chain_message.txt")) {
    SCOPED_TRACE(line[0]);
    const Bytes bytes = unhex(line[1]);
    const ConsensusMessage message = decode_consensus_message(bytes).value();
    EXPECT_EQ(message.index(), kinds.at(line[0]));
    EXPECT_EQ(encode(message), bytes);
    if (const auto* const vote = std::get_if<Vote>(&message)) {
      EXPECT_TRUE(verify(*vote, test_genesis, four().set));
    }
    const auto* const proposal = std::get_if<ProposalMessage>(&message);
    if (proposal == nullptr) continue;
    EXPECT_EQ(proposal->anew.has_value(), line[0] == "anew");
    const Statement& statement = proposal->vote.statement;
    EXPECT_TRUE(verify(proposal->vote, test_genesis, four().set));
    EXPECT_TRUE(check_form(
        proposal->justification(), statement.epoch, statement.view(), statement.subject.parent,
        proposal->anew ? proposal->block->digest() : proposal->block->header().parent));
  }
}

TEST(ChainMessage, RefusesWhatIsNoMessage) {
  EXPECT_EQ(decode_consensus_message({}).error().code, Code::truncated);
  for (const int kind : {0, 8, 255}) {
    Bytes bytes(200);
    bytes[0] = static_cast<std::uint8_t>(kind);
    EXPECT_EQ(decode_consensus_message(bytes).error().code, Code::malformed) << kind;
  }
  for (const ConsensusMessage& message :
       {ConsensusMessage(four().vote(1, nullify({0}, 1))),
        ConsensusMessage(four().certificate(nullify({0}, 1), {0, 1, 2})),
        ConsensusMessage(proposal_at(2)), ConsensusMessage(BlockRequest{number_hash(1)}),
        ConsensusMessage(BlockAnswer{block_at(2)}), ConsensusMessage(MemoryRequest{{1}, 2, 3, {4}}),
        ConsensusMessage(memory_at(1, {four().vote(1, nullify({0}, 2))}))}) {
    Bytes bytes = encode(message);
    EXPECT_LE(bytes.size(), consensus_message_bytes_max);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_EQ(decode_consensus_message(ByteView(bytes).first(cut)).error().code, Code::truncated);
    }
    bytes.push_back(0);
    EXPECT_EQ(decode_consensus_message(bytes).error().code, Code::malformed);
  }
}

TEST(ChainMessage, AProposalIsANotarizationOfItsBlock) {
  ProposalMessage finalized = proposal_at(2);
  finalized.vote = four().vote(0, finalize({0}, 2, 0, finalized.block->digest()));
  EXPECT_EQ(decode_consensus_message(encode(ConsensusMessage(finalized))).error().code,
            Code::malformed);
  ProposalMessage other = proposal_at(2);
  other.block = block_at(1);
  EXPECT_EQ(decode_consensus_message(encode(ConsensusMessage(other))).error().code,
            Code::malformed);
  ProposalMessage nullified = proposal_at(2);
  nullified.vote = four().vote(0, nullify({0}, 2));
  EXPECT_EQ(decode_consensus_message(encode(ConsensusMessage(nullified))).error().code,
            Code::malformed);
}

/// Whoever passes a proposal on could add or remove what the leader did not sign.
TEST(ChainMessage, OnlyABlockOfAnEarlierViewIsProposedAnew) {
  const auto code_of = [](const ProposalMessage& message) {
    const auto decoded = decode_consensus_message(encode(ConsensusMessage(message)));
    return decoded ? std::optional<Code>() : decoded.error().code;
  };
  const BlockPtr block = block_at(2);
  const Vote now = four().vote(0, notarize({0}, 2, 0, block->digest()));
  const Vote later = four().vote(0, notarize({0}, 3, 2, block->digest()));
  const Vote before = four().vote(0, notarize({0}, 1, 0, block->digest()));
  EXPECT_EQ(code_of({now, block, std::nullopt}), std::nullopt);
  EXPECT_EQ(code_of({now, block, Justification{}}), Code::malformed);
  EXPECT_EQ(code_of({later, block, Justification{}}), std::nullopt);
  EXPECT_EQ(code_of({later, block, std::nullopt}), Code::malformed);
  EXPECT_EQ(code_of({before, block, std::nullopt}), Code::malformed);
  EXPECT_EQ(code_of({before, block, Justification{}}), Code::malformed);
}

TEST(ChainMessage, AMemoryIsOfOneValidatorAboveOneView) {
  const auto nullified = [](std::uint64_t view) { return four().vote(1, nullify({0}, view)); };
  const Vote notarized = four().vote(1, notarize({0}, 9, 0, number_hash(1)));
  EXPECT_EQ(code_of(memory_at(0, {})), std::nullopt);
  EXPECT_EQ(code_of(memory_at(3, {})), std::nullopt);
  EXPECT_EQ(code_of(memory_at(3, {notarized, nullified(4), nullified(5)})), std::nullopt);
  EXPECT_EQ(code_of(memory_at(3, {nullified(5), nullified(4)})), Code::malformed) << "order";
  EXPECT_EQ(code_of(memory_at(3, {nullified(4), nullified(4)})), Code::malformed) << "twice";
  EXPECT_EQ(code_of(memory_at(3, {nullified(3)})), Code::malformed) << "a view that is final";
  EXPECT_EQ(code_of(memory_at(0, {nullified(4), four().vote(2, nullify({0}, 5))})), Code::malformed)
      << "two signers";
  EXPECT_EQ(code_of(memory_at(0, {four().vote(1, nullify({1}, 4))})), Code::malformed) << "epoch";
  Memory other = memory_at(1, {});
  other.final->statement.epoch = {1};
  EXPECT_EQ(code_of(other), Code::malformed) << "a final view of another epoch";
  other.final = four().certificate(nullify({0}, 1), {0, 1, 2});
  EXPECT_EQ(code_of(other), Code::malformed) << "a final view that was nullified";
  other.final->statement = notarize({0}, 1, 0, number_hash(1));
  EXPECT_EQ(code_of(other), std::nullopt);
  std::vector<Vote> votes;
  for (std::size_t i = 1; i <= memory_votes_max; ++i) votes.push_back(nullified(i));
  EXPECT_EQ(code_of(memory_at(0, votes)), std::nullopt);
  votes.push_back(nullified(memory_votes_max + 1));
  EXPECT_EQ(code_of(memory_at(0, votes)), Code::malformed) << "too many";
}

TEST(ChainMessage, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const std::vector<Bytes> all = {
      encode(ConsensusMessage(four().vote(1, nullify({0}, 1)))),
      encode(ConsensusMessage(four().certificate(nullify({0}, 1), {0, 1, 2}))),
      encode(ConsensusMessage(proposal_at(2))),
      encode(ConsensusMessage(BlockRequest{number_hash(1)})),
      encode(ConsensusMessage(BlockAnswer{block_at(2)})),
      encode(ConsensusMessage(MemoryRequest{{1}, 2, 3, {4}})),
      encode(ConsensusMessage(
          memory_at(2, {four().vote(1, nullify({0}, 3)), four().vote(1, nullify({0}, 4))})))};
  EXPECT_TRUE(rc::check([&](std::uint8_t which, std::uint16_t at, std::uint8_t flip,
                            const std::vector<std::uint8_t>& noise) {
    Bytes bytes = all[which % all.size()];
    bytes[at % bytes.size()] ^= flip;
    if (const auto decoded = decode_consensus_message(bytes)) RC_ASSERT(encode(*decoded) == bytes);
    if (const auto decoded = decode_consensus_message(noise)) RC_ASSERT(encode(*decoded) == noise);
  }));
}

}  // namespace
}  // namespace kith::codec
