// For tests only: four validators of weight 1, unless told otherwise, the blocks that they make and
// the certificates that they sign; one of them is the engine of test_engine.h, the leader of
// view 4.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "codec/test_votes.h"
#include "consensus/engine.h"

namespace kith::consensus::test {

using codec::BlockHeader;
using codec::Certificate;
using codec::ConsensusMessage;
using codec::finalize;
using codec::Justification;
using codec::notarize;
using codec::nullify;
using codec::ProposalMessage;
using codec::Vote;

inline constexpr WallTime genesis_time{1'700'000'000'000};

inline EngineConfig fast() {
  EngineConfig config;
  config.block_interval = 0s;
  return config;
}

/// A block with the certificate of its view, or the floor.
struct Tip {
  Hash digest = codec::test_genesis;
  Height height;
  WallTime time = genesis_time;
  View view;
  std::optional<Certificate> certificate;
};

struct Scene {
  std::vector<codec::Weight> weights = {1, 1, 1, 1};
  EngineConfig config = fast();
  Height floor_height{0};
  Height last_height{1000};
  Epoch epoch{0};
  std::uint64_t leads = 4;  // the engine's validator leads this view
  bool follows = false;     // it is no validator
  bool is_silent = false;   // its process has just started
  bool has_signer = false;  // elsewhere, which says when it votes
};

class World {
 public:
  explicit World(Scene given)
      : scene(std::move(given)),
        validators(scene.weights),
        leaders_(validators.set, codec::test_genesis, scene.epoch),
        me(leaders_.leader({scene.leads})) {
    for (std::size_t i = 0; i < validators.set.size(); ++i) {
      if (i != me) others.push_back(static_cast<ValidatorIndex>(i));
    }
  }

  const Scene scene;
  const codec::TestValidators validators;

 private:
  LeaderSchedule leaders_;

 public:
  const ValidatorIndex me;
  std::vector<ValidatorIndex> others;

  ValidatorIndex leader(std::uint64_t view) { return leaders_.leader({view}); }
  /// By all others.
  Certificate certificate(const codec::Statement& statement) const {
    return validators.certificate(statement, others);
  }
  Epoch epoch() const { return scene.epoch; }
  Justification justification(const Tip& on, std::uint64_t view) const {
    Justification justification{on.certificate, {}};
    for (std::uint64_t between = on.view.value + 1; between < view; ++between) {
      justification.nullified.push_back(certificate(nullify(epoch(), between)));
    }
    return justification;
  }
  BlockHeader header(const Tip& on, std::uint64_t view) const {
    BlockHeader header;
    header.height = next(on.height);
    header.epoch = epoch();
    header.view = {view};
    header.parent = on.digest;
    header.time = {on.time.unix_ms + 1};
    header.validators_root = validators.set.root();
    if (header.height == scene.last_height) header.next_validators_root = codec::number_hash(1);
    return header;
  }
  BlockPtr block(const Tip& on, std::uint64_t view, std::string_view body = "",
                 const std::function<void(BlockHeader&)>& bend = {}) const {
    BlockHeader made = header(on, view);
    if (bend) bend(made);
    return codec::make_block(made, base::as_bytes(body), justification(on, view));
  }
  ProposalMessage proposal(const BlockPtr& block, const Tip& on) {
    const std::uint64_t view = block->header().view.value;
    return {validators.vote(leader(view), notarize(epoch(), view, on.view.value, block->digest())),
            block, std::nullopt};
  }
  codec::Statement notarization(const BlockPtr& block, const Tip& on) const {
    return notarize(epoch(), block->header().view.value, on.view.value, block->digest());
  }
  codec::Statement finalization(const BlockPtr& block, const Tip& on) const {
    return finalize(epoch(), block->header().view.value, on.view.value, block->digest());
  }
  Tip tip(const BlockPtr& block, const Tip& on) const {
    const BlockHeader& header = block->header();
    return {block->digest(), header.height, header.time, header.view,
            certificate(notarization(block, on))};
  }
  FinalBlock final_block(const BlockPtr& block, const Tip& on) const {
    const BlockHeader& header = block->header();
    return {header.view, header.height, block->digest(), header.time,
            std::make_shared<const Certificate>(certificate(finalization(block, on)))};
  }
};

}  // namespace kith::consensus::test
