// Byzantine validators among whole nodes, by the lie they live by: each is a node with all that
// belongs to one, so that it knows what goes on, and of what its consensus says to each of the
// others something else is said. What engines alone are told is sim/cluster_liars.h.
//
// Followers hear nothing from it but answers to what they ask.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "codec/chain_message.h"
#include "node/chain.h"

namespace kith::sim {

enum class ValidatorLie : std::uint8_t {
  equivocator,  // two blocks for each of its views, one for each half; votes that contradict
  nuller,       // nullifies every view
  withholder,   // proposes to nobody
  selective,    // proposes to one half, and votes before the other
  flooder,      // false votes, certificates and requests without end
  forger,       // certificates of all kinds that nobody signed
  builder,      // proposes blocks that break one rule each
  ahead,        // its clock is ahead by up to an hour: the scenario sets it
  silent,       // says nothing
};
inline constexpr std::uint8_t validator_lies_count = 9;
std::string_view name_of(ValidatorLie lie);

class LyingValidator {
 public:
  /// `key` outlives it.
  LyingValidator(ValidatorLie lie, const crypto::KeyPair& key, std::uint64_t seed);

  /// The tongue of its chain (node::Chain::set_tongue).
  std::vector<consensus::SendTo> speak(const node::Chain& chain, const Buffer& message,
                                       std::optional<codec::ValidatorIndex> to);

 private:
  using Messages = std::vector<codec::ConsensusMessage>;

  Messages lie(const node::Chain& chain, codec::ValidatorIndex to,
               const codec::ConsensusMessage& message);
  Messages equivocate(bool is_in_half, const codec::ConsensusMessage& message);
  Messages flood(const codec::ConsensusMessage& message);
  Messages forge(const codec::ConsensusMessage& message);
  codec::ConsensusMessage other_face(const codec::ProposalMessage& said);
  codec::ConsensusMessage broken(const codec::ProposalMessage& said);
  codec::ConsensusMessage with_header(const codec::ProposalMessage& said,
                                      const codec::BlockHeader& header);
  codec::Vote vote_of(const codec::Statement& statement) const;
  codec::Statement some_statement(const codec::Statement& near);
  codec::Certificate some_certificate(const codec::Statement& statement);

  const ValidatorLie lie_;
  const crypto::KeyPair& key_;
  SeededRng rng_;
  // Of the chain and the set that it speaks in.
  codec::Hash genesis_{};
  codec::ValidatorIndex self_ = 0;
  std::size_t validators_ = 0;
  codec::Statement last_vote_;
  // The same to all of whom it is said to, however often.
  std::map<codec::Hash, codec::ConsensusMessage> faces_;
};

}  // namespace kith::sim
