#include "node/first_passes.h"

#include "base/format.h"

namespace kith::node {

std::uint32_t region_of(const codec::JobSpec& spec, codec::TaskIndex task) {
  return static_cast<std::uint32_t>(task.value / spec.region_tasks);
}

Result<codec::Record> check_first(const codec::FirstPass& first, JobId job, codec::TaskIndex task,
                                  const Hash& root) {
  codec::Record record = TRY(codec::decode_record(first.record));
  if (record.job != job || record.task != task || record.pass != 1) {
    return fail(Code::malformed,
                base::format("a record of task {} of job {}, not of {} of {}", record.task.value,
                             record.job.value, task.value, job.value));
  }
  const codec::MerkleProof proof = TRY(codec::decode_merkle_proof(first.proof));
  TRY_VOID(codec::verify_merkle_proof(root, codec::record_hash(record), proof));
  return record;
}

void FirstPasses::on_settled(const FirstSettled& settled) {
  const Key key{settled.record.job, settled.record.task};
  if (!has_room() && !records_.contains(key)) return;
  records_.insert_or_assign(key,
                            One{settled.record, codec::record_hash(settled.record), std::nullopt});
}

void FirstPasses::on_placed(const FirstPlaced& placed) {
  const auto at = records_.find({placed.job, placed.task});
  if (at != records_.end()) at->second.place = placed.place;
}

void FirstPasses::forget_region(JobId job, const codec::JobSpec& spec, std::uint32_t region) {
  const std::uint64_t begin = std::uint64_t{region} * spec.region_tasks;
  records_.erase(records_.lower_bound({job, {begin}}),
                 records_.lower_bound({job, {begin + spec.region_tasks}}));
  if (tree_ && tree_->job == job && tree_->region == region) tree_.reset();
}

/// False when the list is not here as a whole.
bool FirstPasses::plant(JobId job, const codec::JobSpec& spec, std::uint32_t region,
                        const codec::Mmr& list) {
  if (is_planted(job, region) && tree_->root == list.root()) return true;
  if (list.count() > records_max) return false;
  const std::uint64_t begin = std::uint64_t{region} * spec.region_tasks;
  std::vector<Hash> leaves(list.count());
  std::uint64_t known = 0;
  for (auto at = records_.lower_bound({job, {begin}});
       at != records_.end() && at->first.job == job &&
       at->first.task.value < begin + spec.region_tasks;
       ++at) {
    if (!at->second.place || *at->second.place >= leaves.size()) continue;
    leaves[*at->second.place] = at->second.hash;
    ++known;
  }
  if (known != list.count()) return false;
  for (Hash& leaf : leaves) leaf = codec::merkle_leaf(leaf);
  Tree tree{job, region, list.root(), {std::move(leaves)}};
  while (tree.levels.back().size() > 1) {
    const std::vector<Hash>& below = tree.levels.back();
    std::vector<Hash> level(below.size() / 2);
    for (std::size_t i = 0; i < level.size(); ++i) {
      level[i] = codec::merkle_node(below[2 * i], below[2 * i + 1]);
    }
    tree.levels.push_back(std::move(level));
  }
  tree_ = std::move(tree);
  return true;
}

Result<codec::FirstPass> FirstPasses::find(JobId job, const codec::JobSpec& spec,
                                           codec::TaskIndex task, const codec::Mmr& list) {
  const auto at = records_.find({job, task});
  if (at == records_.end() || !at->second.place || !plant(job, spec, region_of(spec, task), list)) {
    return fail(Code::not_found, base::format("the first pass of task {} of job {} is not here",
                                              task.value, job.value));
  }
  const auto node = [this](std::size_t level, std::uint64_t index) -> Result<Hash> {
    return tree_->levels.at(level).at(index);
  };
  const codec::MerkleProof proof = TRY(codec::prove_mmr(*at->second.place, list.count(), node));
  codec::FirstPass first{codec::encode_record(at->second.record),
                         codec::encode_merkle_proof(proof)};
  TRY_VOID(check_first(first, job, task, list.root()));
  return first;
}

}  // namespace kith::node
