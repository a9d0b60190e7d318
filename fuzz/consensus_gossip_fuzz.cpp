// Consensus by gossip: whatever bytes come are judged once, in any order of epochs' views, and of
// votes only those are heard that are signed: the first byte of a piece says whether ours is.
#include <algorithm>
#include <cstdint>

#include "codec/writer.h"
#include "input.h"
#include "node/consensus_gossip.h"

namespace {

using namespace kith;

crypto::KeyPair key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}

std::shared_ptr<const codec::ValidatorSet> one_validator(const crypto::KeyPair& pair) {
  codec::Validator validator{{}, 1};
  std::ranges::copy(pair.public_key().data, validator.key.begin());
  return std::make_shared<const codec::ValidatorSet>(*codec::ValidatorSet::make({validator}));
}

Bytes signed_vote(const crypto::KeyPair& pair, std::uint64_t view) {
  const codec::Statement statement{{0}, codec::VoteKind::nullify, {{view}, {}, {}}};
  const codec::Vote vote{statement, 0, pair.sign(codec::signed_bytes({}, statement))};
  Bytes bytes{1};
  codec::Writer(bytes).u32(0);
  base::append(bytes, codec::encode(codec::ConsensusMessage(vote)));
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const crypto::KeyPair key = key_of(1);
  static const auto set = one_validator(key);
  node::ConsensusGossip talk(node::ConsensusGossipConfig{}, set->at(0).key);
  talk.begin_epoch({0}, set, {});
  talk.on_views({0}, {1});
  fuzz::Input input{ByteView(data, size)};
  Instant now{};
  for (int pieces = 0; pieces < 8 && !input.rest.empty(); ++pieces) {
    const std::uint8_t what = input.byte();
    now += Duration(std::chrono::milliseconds(what * 20));
    const bool is_ours = what % 2 == 0;
    const std::uint64_t view = 1U + input.byte();  // 0 is no view
    const Bytes bytes = is_ours ? signed_vote(key, view) : base::to_bytes(input.bytes(what * 4U));
    talk.on_message(now, Token{1}, PeerId(), bytes);
    int judged = 0;
    while (auto output = talk.poll_output()) {
      if (auto* const work = std::get_if<host::RunJob>(&*output)) {
        work->job->run();
        talk.on_verified(now, dynamic_cast<node::VerifySaidJob&>(*work->job));
      } else if (std::holds_alternative<node::ConsensusGossip::Judged>(*output)) {
        ++judged;
      } else {
        ASSERT(is_ours && std::holds_alternative<consensus::Heard>(*output));
      }
    }
    ASSERT(judged == 1);
  }
  return 0;
}
