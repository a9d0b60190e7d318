// For tests only: the proofs of tests/golden/chain_proof.txt, true ones and false ones, as
// LightTestChain makes them. The file was made by this and is read by web/light too, which was
// written from docs/protocol/light.md: the two have to agree on every line.
#pragma once

#include <string>
#include <vector>

#include "codec/test_light_chain.h"
#include "light/client.h"

namespace kith::light {

struct Vector {
  std::string name;
  Trust trust;
  Duration period = 24h;
  WallTime now;
  bool holds = false;
  codec::ChainProof proof;
};

class Vectors {
 public:
  using Chain = codec::LightTestChain;

  static std::vector<Vector> all() {
    Vectors made;
    made.make_true();
    made.make_false();
    made.make_entries();
    return std::move(made.all_);
  }

 private:
  static Chain chain_of(std::uint8_t salt, bool has_entries = false) {
    Chain chain({.first = {1, 2, 3, 4},
                 .of_epoch =
                     [](std::uint64_t epoch) {
                       const auto first = static_cast<std::uint32_t>(epoch);
                       return Chain::Numbers{first + 1, first + 2, first + 3, first + 4};
                     },
                 .salt = salt,
                 .salt_from = 2,
                 .has_entries = has_entries});
    chain.grow(15);
    return chain;
  }

  codec::ChainProof proof_of(std::vector<codec::EpochStep> steps, std::uint64_t height,
                             std::vector<codec::Claim> claims) const {
    return {chain_.genesis(), std::move(steps), chain_.finality(height), std::move(claims)};
  }
  void add(std::string name, bool holds, std::uint64_t height, codec::ChainProof proof) {
    all_.push_back({std::move(name),
                    {chain_.genesis_hash(), {}},
                    24h,
                    {chain_.header(height).time.unix_ms + 1'000},
                    holds,
                    std::move(proof)});
  }

  void make_true() {
    add("finality", true, 2, proof_of({}, 2, {}));
    add("block", true, 3, proof_of({}, 3, {chain_.block_claim(1, 3)}));
    add("tx", true, 3, proof_of({}, 3, {chain_.tx_claim(3, 3), chain_.tx_claim(2, 3)}));
    add("unspent", true, 3, proof_of({}, 3, {chain_.output_claim(1, 3)}));
    add("spent", true, 3, proof_of({}, 3, {chain_.output_claim(0, 3)}));
    add("unspent-before", true, 2, proof_of({}, 2, {chain_.output_claim(0, 2)}));
    add("validator", true, 5, proof_of({chain_.step(0)}, 5, {chain_.validator_claim(5, 5)}));
    add("no-validator", true, 5, proof_of({chain_.step(0)}, 5, {chain_.validator_claim(1, 5)}));
    add("steps", true, 11,
        proof_of({chain_.step(0), chain_.step(1)}, 11,
                 {chain_.tx_claim(1, 11), chain_.output_claim(2, 11)}));
    add("skip", true, 11, proof_of({chain_.skip(0, 10)}, 11, {chain_.block_claim(4, 11)}));
    auto whole = chain_.step(0);
    whole.validators = {true, chain_.set(1).all(), {}};
    add("whole-set", true, 5, proof_of({whole}, 5, {}));
    add("last-step", true, 12, {chain_.genesis(), {chain_.skip(0, 8), chain_.skip(1, 12)}, {}, {}});
    add("checkpoint", true, 11,
        {chain_.checkpoint(9), {}, chain_.finality(11), {chain_.output_claim(1, 11)}});
    all_.back().trust.checkpoint = {{9}, chain_.digest(9)};
  }

  void make_false() {
    add("few-signers", false, 2, {chain_.genesis(), {}, chain_.finality(2, 2), {}});
    auto twice = chain_.finality(2);
    twice.signatures[1] = twice.signatures[0];
    add("signature-twice", false, 2, {chain_.genesis(), {}, twice, {}});
    auto wrong = chain_.finality(2);
    wrong.signatures[2][5] ^= 1;
    add("wrong-signature", false, 2, {chain_.genesis(), {}, wrong, {}});
    add("no-step", false, 5, proof_of({}, 5, {}));
    add("wrong-epoch", false, 9, proof_of({chain_.step(1)}, 9, {}));
    auto others = chain_.step(0);
    others.validators = codec::set_change_of(chain_.set(0), chain_.set(2));
    add("other-validators", false, 5, proof_of({others}, 5, {}));
    add("skip-too-weak", false, 14, {chain_.genesis(), {chain_.skip(0, 14)}, {}, {}});
    add("too-old", false, 11, proof_of({chain_.skip(0, 10)}, 11, {}));
    all_.back().period = 1min;
    add("ahead-of-clock", false, 3, proof_of({}, 3, {}));
    all_.back().now.unix_ms -= 120'000;
    add("another-genesis", false, 2, proof_of({}, 2, {}));
    all_.back().trust.genesis[0] ^= 1;
    add("fork", false, 3, {chain_.genesis(), {}, other_.finality(3), {chain_.block_claim(2, 3)}});
    auto spent = chain_.output_claim(0, 3);
    codec::set_bit(spent.proof.bitmap, 0, true);
    add("spent-as-unspent", false, 3, proof_of({}, 3, {spent}));
    auto moved = chain_.output_claim(1, 3);
    moved.outpoint.index = 2;
    add("another-outpoint", false, 3, proof_of({}, 3, {moved}));
    add("stale-output", false, 3, proof_of({}, 3, {chain_.output_claim(0, 2)}));
    auto shown = chain_.block_claim(1, 4);
    shown.header.height = {2};
    shown.history.index = 2;
    add("height-lie", false, 4, proof_of({}, 4, {shown}));
    auto denied = chain_.validator_claim(4, 3);
    denied.entry.reset();
    add("validator-denied", false, 3, proof_of({}, 3, {denied}));
    add("checkpoint-of-another", false, 11, {other_.checkpoint(9), {}, other_.finality(11), {}});
    all_.back().trust.checkpoint = {{9}, chain_.digest(9)};
    add("nothing", false, 2, {chain_.genesis(), {}, {}, {}});
  }

  /// Claims of entries, on a chain of the same genesis whose registry has one.
  void add_entry(std::string name, bool holds, codec::EntryClaim claim) {
    add(std::move(name), holds, 6,
        {computing_.genesis(), {computing_.step(0)}, computing_.finality(6), {std::move(claim)}});
  }
  void make_entries() {
    const auto job = computing_.job_claim(Chain::job, 6);
    add_entry("entry", true, job);
    const auto none = computing_.job_claim(Chain::job + 1, 6);
    add_entry("no-entry", true, none);
    auto lie = job;
    lie.entry.reset();
    add_entry("entry-denied", false, lie);
    lie = none;
    lie.entry = job.entry;
    add_entry("entry-made-up", false, lie);
    add_entry("stale-entry", false, computing_.job_claim(Chain::job, 4));
    lie = job;
    lie.entry->back() ^= 1;
    add_entry("another-entry", false, lie);
    lie = job;
    lie.kind = codec::EntryKind::dispute;  // ids of as many bytes
    add_entry("entry-of-another-kind", false, lie);
    lie = job;
    lie.id = none.id;
    add_entry("entry-of-another-id", false, lie);
  }

  const Chain chain_ = chain_of(0);
  const Chain other_ = chain_of(1);
  const Chain computing_ = chain_of(0, true);
  std::vector<Vector> all_;
};

/// name, genesis, checkpoint or "-", trusting period and clock in ms, yes or no, proof.
inline std::string line_of(const Vector& vector) {
  const auto& checkpoint = vector.trust.checkpoint;
  return vector.name + " " + base::to_hex(vector.trust.genesis) + " " +
         (checkpoint
              ? std::to_string(checkpoint->height.value) + ":" + base::to_hex(checkpoint->digest)
              : std::string("-")) +
         " " + std::to_string(base::to_ms(vector.period)) + " " +
         std::to_string(vector.now.unix_ms) + " " + (vector.holds ? "yes" : "no") + " " +
         base::to_hex(codec::encode_chain_proof(vector.proof));
}

}  // namespace kith::light
