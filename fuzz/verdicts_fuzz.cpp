// Verdicts by gossip: arbitrary bytes are refused, or encode to the very same bytes again; whatever
// comes to a node that is asked for a verdict is judged once, and without the signatures of two
// thirds nothing is given. The first byte of a piece says whether it is signed.
#include "codec/chain_job_state.h"
#include "codec/chain_key.h"
#include "codec/verdict_message.h"
#include "codec/writer.h"
#include "input.h"
#include "node/verdict_service.h"

namespace {

using namespace kith;

crypto::KeyPair key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}

/// Four validators, and a dispute between nobody.
ledger::Registry make_registry() {
  ledger::Registry registry;
  for (std::uint8_t number = 1; number <= 4; ++number) {
    ledger::ValidatorEntry entry;
    entry.key = codec::chain_key_of(key_of(number));
    entry.weight = 1;
    registry.put(entry);
  }
  Bytes id;
  codec::Writer(id).u64(1);
  codec::JobEntry job;
  job.spec.workload = 2;
  job.spec.tasks = 8;
  job.spec.units = 4;
  job.spec.slices = 2;
  job.spec.region_tasks = 4;
  job.spec.round_blocks = 16;
  job.spec.lease_rounds = 4;
  job.spec.checked_min = 4;
  job.spec.eps_ppm = 100'000;
  job.spec.passes = 1;
  job.spec.bond = 16;
  job.cohorts.resize(job.spec.round_blocks);
  registry.change_by_kind().put(codec::EntryKind::job, id, codec::encode_entry(job));
  codec::DisputeEntry dispute;
  dispute.job = {1};
  dispute.until = {100};
  dispute.stage = codec::DisputeStage::verdict;
  registry.change_by_kind().put(codec::EntryKind::dispute, id, codec::encode_entry(dispute));
  return registry;
}

Bytes message(fuzz::Input& input, std::uint8_t what) {
  if (what % 2 == 0) return base::to_bytes(input.bytes(what));
  codec::SaidVerdict said;
  said.dispute = input.byte() % 3;
  said.digest.fill(input.byte() % 2);
  const crypto::KeyPair pair = key_of(static_cast<std::uint8_t>(1 + input.byte() % 5));
  said.validator = codec::chain_key_of(pair);
  said.signature = pair.sign(codec::verdict_message({}, said.dispute, said.digest));
  said.repeat = input.byte();
  if (what % 8 == 1) said.signature[what % 64] ^= 1;
  return codec::encode(said);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ledger::Registry registry = make_registry();
  const ByteView all(data, size);
  if (const auto said = codec::decode_said_verdict(all)) {
    ASSERT(base::equal(codec::encode(*said), all));
  }
  node::Verdicts verdicts({{}, 50}, std::nullopt);
  fuzz::Input input{all};
  std::uint64_t height = 90;
  for (int pieces = 0; pieces < 12 && !input.rest.empty(); ++pieces) {
    const std::uint8_t what = input.byte();
    height += what % 4 == 3 ? 1 : 0;
    verdicts.on_final({{height}, registry, true, true});
    verdicts.on_message(Token{1}, PeerId(), message(input, what));
    int judged = 0;
    while (auto output = verdicts.poll_output()) {
      if (auto* const work = std::get_if<host::RunJob>(&*output)) {
        work->job->run();
        ASSERT(verdicts.on_job(*work->job));
      } else if (const auto* const give = std::get_if<node::Verdicts::Give>(&*output)) {
        ASSERT(give->order.signatures.size() == 3);
      } else {
        ASSERT(std::holds_alternative<node::Verdicts::Judged>(*output));
        ++judged;
      }
    }
    ASSERT(judged == 1);
  }
  return 0;
}
