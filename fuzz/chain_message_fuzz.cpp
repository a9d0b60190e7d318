// Messages of consensus: what decodes encodes to the same bytes. A proposal is also put together
// around a block that fits its hashes, which random bytes never do.
#include <cstdint>

#include "codec/chain_message.h"
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  if (const auto message = decode_consensus_message(bytes)) {
    ASSERT(size <= consensus_message_bytes_max);
    ASSERT(base::equal(encode(*message), bytes));
  }
  fuzz::Input input{bytes};
  BlockHeader header;
  header.height = {input.byte()};
  header.view = {input.byte()};
  ProposalMessage proposal;
  proposal.vote.statement.kind = static_cast<VoteKind>(1 + input.byte() % 3);
  proposal.vote.statement.subject = {{1U + input.byte()}, {0}, {}};
  const bool is_anew = input.byte() % 2 == 0;
  const bool is_other = input.byte() % 8 == 0;
  header.body_hash = body_hash(input.rest);
  header.justification_root = root_of({});
  proposal.block = std::make_shared<const Block>(header, Buffer(input.rest), Justification{});
  if (proposal.vote.statement.kind != VoteKind::nullify) {
    proposal.vote.statement.subject.digest = is_other ? Hash{} : proposal.block->digest();
  }
  if (is_anew) proposal.anew = Justification{};
  const Bytes encoded = encode(ConsensusMessage(proposal));
  const auto decoded = decode_consensus_message(encoded);
  const View view = proposal.vote.statement.view();
  const bool is_right = proposal.vote.statement.kind == VoteKind::notarize && !is_other &&
                        (is_anew ? header.view < view : header.view == view);
  ASSERT(decoded.has_value() == is_right);
  if (decoded) ASSERT(encode(*decoded) == encoded);
  return 0;
}
