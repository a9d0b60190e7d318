// The record of a fork, as a node keeps it in a file when it finds one: two certificates of one
// epoch that cannot both be, and the validators that they are of. Each of the two holds; together
// they show that a third of the weight lied. What light clients are shown is another: ForkProof of
// codec/chain_proof.h. Grammar: docs/protocol/sync.md, "Proof of a fork".
#pragma once

#include "codec/chain_vote.h"

namespace kith::codec {

struct ForkRecord {
  Hash genesis{};
  Height height;  // of the last block that was final before
  ValidatorSet validators;
  /// Empty when what the second contradicts is the block before the epoch, which is `floor`.
  std::optional<Certificate> first;
  Hash floor{};
  Certificate second;
};

Bytes encode(const ForkRecord& proof);
Result<ForkRecord> decode_fork_record(ByteView bytes);
/// Whether the certificates hold.
Result<void> verify(const ForkRecord& proof);
/// "fork-12.proof".
std::string fork_file_name(Height height);

}  // namespace kith::codec
