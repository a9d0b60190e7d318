// Of the cluster: what engines say, and how the world answers.
#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "crypto/ed25519_zip215.h"
#include "sim/engine_cluster_node.h"

namespace kith::sim {

using codec::BlockHeader;
using codec::BlockPtr;
using codec::ConsensusMessage;
using codec::Epoch;
using codec::Hash;
using codec::Height;
using codec::ProposalMessage;
using codec::Statement;
using codec::ValidatorKey;
using codec::Vote;
using consensus::EngineOutput;
using consensus::Heard;

namespace {

constexpr Duration sync_period = 1s;

std::uint32_t index_of(const PeerId& peer) {
  return static_cast<std::uint32_t>(peer.bytes()[2] << 8 | peer.bytes()[3]);
}

}  // namespace

/// A hash of all that led to it.
Hash EngineCluster::state_after(const Hash& parent_state, ByteView body) {
  return codec::tagged_hash("kith/test-state", {parent_state, body});
}

void EngineCluster::perform(Node& node, EngineOutput output) {
  trace({3, node.index, static_cast<std::uint64_t>((now_ - Instant{}).count()), output.index()});
  const auto key_at = [&](codec::ValidatorIndex index) {
    return node.consensus->engine()->context().validators.at(index).key;
  };
  std::visit(
      Overload{
          [&](const consensus::Broadcast& said) { say(node, std::nullopt, said.message); },
          [&](const consensus::SendTo& said) { say(node, key_at(said.validator), said.message); },
          [&](const consensus::ReplyTo& said) { reply(node, said.peer, said.message); },
          [&](consensus::Verify& work) {
            std::vector<bool> valid;
            for (const auto& job : work.jobs) {
              valid.push_back(is_signed(job.key, *job.message, job.signature));
            }
            answer(node, config_.verify_max, consensus::Verified{work.token, std::move(valid)});
          },
          [&](consensus::Build& work) { build(node, std::move(work)); },
          [&](const consensus::Check& work) { check(node, work.block); },
          [&](const consensus::Sign& work) {
            const Bytes message = codec::signed_bytes(cluster_genesis(), work.statement);
            answer(node, config_.sign_max, consensus::Signed{work.statement, sign(node, message)});
          },
          [&](consensus::Persist& work) {
            write(node, {work.token, std::move(work.records), false, std::nullopt, {}});
          },
          [&](consensus::Compact& work) {
            write(node, {work.token, std::move(work.records), true, std::nullopt, {}});
          },
          [&](const consensus::Commit& work) { commit(node, work); },
          [&](const consensus::FoundEvidence& found) {
            const auto of = node_of_.find(found.evidence.key);
            const bool is_honest = of == node_of_.end() || !is_byzantine(of->second);
            if (!node.is_byzantine) witness_.evidence(found.evidence, is_honest);
          },
          [&](const consensus::Behind&) { node.is_behind = true; },
          [&](const consensus::PeerFault& fault) {
            const std::uint32_t from = index_of(fault.peer);
            if (node.is_byzantine || nodes_[from]->is_byzantine) return;
            report(base::format("honest node {} is blamed by {}: {}", from, node.index,
                                fault.error.message));
          },
          [&](const consensus::Diverged& diverged) {
            if (node.is_byzantine || config_.may_fork) return;
            report(base::format("node {} calls a certified block wrong: {}", node.index,
                                diverged.error.message));
          },
          [&](const consensus::Forked&) {
            if (!node.is_byzantine && !config_.may_fork) {
              report(base::format("node {} sees a fork", node.index));
            }
          }},
      output);
}

// --- words ---------------------------------------------------------------------------------------

void EngineCluster::say(Node& from, const std::optional<ValidatorKey>& to, const Buffer& bytes) {
  auto message = codec::decode_consensus_message(bytes.view());
  if (!message) {
    report(base::format("node {} says what nobody understands: {}", from.index,
                        message.error().message));
    return;
  }
  const Message whole = std::make_shared<const ConsensusMessage>(*std::move(message));
  if (!from.bend) note_said(from, *whole);
  for (auto& node : nodes_) {
    if (node->index == from.index || (to && key_of(node->index) != *to)) continue;
    if (!from.bend) {
      send(from, *node, whole);
      continue;
    }
    for (ConsensusMessage& bent : from.bend(node->index, *whole)) {
      send(from, *node, std::make_shared<const ConsensusMessage>(std::move(bent)));
    }
  }
}

void EngineCluster::reply(Node& from, const PeerId& to, const Buffer& bytes) {
  auto message = codec::decode_consensus_message(bytes.view());
  if (!message) {
    report(base::format("node {} replies what nobody understands", from.index));
    return;
  }
  note_said(from, *message);
  send(from, *nodes_[index_of(to)], std::make_shared<const ConsensusMessage>(*std::move(message)));
}

void EngineCluster::send(const Node& from, Node& to, const Message& message) {
  if (links_ && !links_(from.index, to.index)) return;
  if (filter_ && !filter_(from.index, to.index, *message)) return;
  if (loss_ > 0 && rng_.unit() < loss_) return;
  const int copies = config_.repeat > 0 && rng_.unit() < config_.repeat ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Duration delay = between(config_.delay_min, config_.delay_max);
    if (config_.distance) delay += config_.distance(from.index, to.index);
    Slot& slot = after(delay, What::message, &to);
    slot.from = from.index;
    slot.message = message;
  }
}

void EngineCluster::inject(std::uint32_t from, std::uint32_t to, ConsensusMessage message) {
  send(*nodes_[from], *nodes_[to], std::make_shared<const ConsensusMessage>(std::move(message)));
}

void EngineCluster::deliver(Slot& slot) {
  if (!slot.node->is_up()) return;
  if (slot.node->ear) slot.node->ear(*slot.message);
  const Node& from = *nodes_[slot.from];
  if (from.is_byzantine && !slot.node->is_byzantine) {
    const auto* const proposal = std::get_if<ProposalMessage>(slot.message.get());
    const Vote* const vote =
        proposal != nullptr ? &proposal->vote : std::get_if<Vote>(slot.message.get());
    if (vote != nullptr && vote->signer == place_of(from.index, vote->statement.epoch)) {
      witness_.vote(*vote, false);
    }
  }
  Heard heard{from.peer, *slot.message, key_of(from.index)};
  // A liar is not kept from contradicting itself by what others remember.
  auto* const memory = std::get_if<codec::Memory>(&heard.message);
  if (memory != nullptr && slot.node->is_byzantine) memory->votes.clear();
  turn(*slot.node, std::move(heard));
}

void EngineCluster::note_said(const Node& node, const ConsensusMessage& message) {
  const auto* const proposal = std::get_if<ProposalMessage>(&message);
  const Vote* const vote = proposal != nullptr ? &proposal->vote : std::get_if<Vote>(&message);
  if (proposal != nullptr && !proposal->anew) {
    proposed_at_.try_emplace(vote->statement.subject.digest, now_);
  }
  if (node.is_byzantine) return;
  if (vote != nullptr) {
    if (vote->signer != place_of(node.index, vote->statement.epoch)) {
      report(base::format("node {} votes in another's name", node.index));
    }
    witness_.vote(*vote, true);
  } else if (const auto* const held = std::get_if<codec::Certificate>(&message)) {
    witness_.certificate(*held);
  }
}

// --- signatures ----------------------------------------------------------------------------------

crypto::Signature EngineCluster::sign(const Node& node, ByteView message) {
  constexpr std::size_t signed_max = 100'000;
  if (!config_.is_really_signed) {
    const Hash secret = crypto::sha256({message, key_of(node.index)});
    crypto::Signature signature{};
    std::ranges::copy(secret, signature.begin());
    return signature;
  }
  const crypto::Signature signature = secrets_[node.key].sign(message);
  if (signed_.size() >= signed_max) signed_before_ = std::exchange(signed_, {});
  signed_.insert(crypto::sha256({message, ByteView(signature), ByteView(key_of(node.index))}));
  return signature;
}

bool EngineCluster::is_signed(const ValidatorKey& key, ByteView message,
                              const crypto::Signature& by) {
  if (!config_.is_really_signed) {
    const Hash secret = crypto::sha256({message, ByteView(key)});
    return std::ranges::equal(secret, std::span(by).first(secret.size()));
  }
  const Hash seen = crypto::sha256({message, ByteView(by), ByteView(key)});
  if (signed_.contains(seen) || signed_before_.contains(seen)) return true;
  return crypto::verify_zip215(key, message, by).has_value();
}

bool EngineCluster::is_valid(const codec::Certificate& certificate) {
  const codec::ValidatorSet& set = set_of(certificate.statement.epoch);
  const Bytes message = codec::signed_bytes(cluster_genesis(), certificate.statement);
  std::size_t at = 0;
  for (std::size_t i = 0; i < certificate.signers.size(); ++i) {
    if (!certificate.signers[i]) continue;
    const ValidatorKey& key = set.at(static_cast<codec::ValidatorIndex>(i)).key;
    if (!is_signed(key, message, certificate.signatures[at++])) return false;
  }
  return true;
}

Vote EngineCluster::vote_of(std::uint32_t node, const Statement& statement) {
  const Bytes message = codec::signed_bytes(cluster_genesis(), statement);
  return {statement, place_of(node, statement.epoch).value_or(0), sign(*nodes_[node], message)};
}

// --- blocks --------------------------------------------------------------------------------------

void EngineCluster::build(Node& node, consensus::Build work) {
  Bytes body(8);
  node.rng->fill(body);
  BlockHeader header = work.header;
  header.body_hash = codec::body_hash(body);
  header.utxo_root = state_after(node.states.at(header.parent), body);
  if (header.height.value % config_.epoch_length == 0) {
    header.next_validators_root = set_of(codec::next(header.epoch)).root();
  }
  auto block = std::make_shared<const codec::Block>(header, Buffer(ByteView(body)),
                                                    std::move(work.justification));
  node.states[block->digest()] = header.utxo_root;
  answer(node, config_.check_max, consensus::Built{work.token, BlockPtr(std::move(block))});
}

void EngineCluster::check(Node& node, const BlockPtr& block) {
  const BlockHeader& header = block->header();
  const auto parent = node.states.find(header.parent);
  const bool is_last = header.height.value % config_.epoch_length == 0;
  Result<void> verdict;
  if (parent == node.states.end()) {
    report(base::format("node {} is to check a block on a state it has not", node.index));
  } else if (state_after(parent->second, block->body().view()) != header.utxo_root) {
    verdict = fail(Code::malformed, "another state");
  } else if (is_last && header.next_validators_root != set_of(codec::next(header.epoch)).root()) {
    verdict = fail(Code::malformed, "other validators come next");
  } else {
    node.states[block->digest()] = header.utxo_root;
  }
  answer(node, config_.check_max, consensus::Checked{block->digest(), verdict});
}

// --- the disk ------------------------------------------------------------------------------------

void EngineCluster::write(Node& node, Write write) {
  write.epoch = node.log_epoch;
  const bool is_store = write.commit.has_value();
  WriteQueue& queue = is_store ? node.store_writes : node.log_writes;
  queue.writes.push_back(std::move(write));
  const Duration longest =
      is_store ? std::max(config_.disk_max, config_.store_max) : config_.disk_max;
  queue.free = std::max(queue.free, now_) + between(config_.disk_min, longest);
  after(queue.free - now_, is_store ? What::stored : What::logged, &node);
}

void EngineCluster::logged(Node& node) {
  Write write = std::move(node.log_writes.writes.front());
  node.log_writes.writes.pop_front();
  apply(node, write, write.records.size());
  turn(node, consensus::Persisted{write.token});
}

void EngineCluster::stored(Node& node) {
  Write write = std::move(node.store_writes.writes.front());
  node.store_writes.writes.pop_front();
  const std::uint64_t epoch_before = node.height() / config_.epoch_length;
  apply(node, write, 0);
  if (node.height() / config_.epoch_length != epoch_before) {
    begin_epoch(node);
  } else {
    turn(node, consensus::Committed{write.commit->blocks.back()->header().height});
  }
}

/// The power fails: a random part of what was under way is there, in order.
void EngineCluster::tear(Node& node, WriteQueue& queue) {
  const std::size_t whole = rng_.below(queue.writes.size() + 1);
  for (std::size_t i = 0; i <= whole && i < queue.writes.size(); ++i) {
    Write& write = queue.writes[i];
    const std::size_t records = write.records.size();
    if (i < whole) {
      apply(node, write, records);
    } else if (!write.is_anew && !write.commit) {
      // Torn. What takes another file's place does so at once.
      apply(node, write, rng_.below(records + 1));
    }
  }
  queue = {{}, now_};
}

void EngineCluster::apply(Node& node, Write& write, std::size_t records) {
  if (write.commit) {
    store(node, *write.commit);
    return;
  }
  if (write.epoch != node.log_epoch) return;
  if (write.is_anew) node.log.clear();
  for (std::size_t i = 0; i < records; ++i) node.log.push_back(std::move(write.records[i]));
}

void EngineCluster::commit(Node& node, const consensus::Commit& work) {
  const Epoch epoch = work.finalization->statement.epoch;
  if (!node.is_byzantine) {
    witness_.certificate(*work.finalization);
    for (const BlockPtr& block : work.blocks) {
      const std::uint64_t height = block->header().height.value;
      witness_.block_final(node.index, epoch, height, block->digest());
      if (final_at_.try_emplace(height, now_).second) {
        block_times_[height] = block->header().time.unix_ms;
      }
      const auto proposed = proposed_at_.find(block->digest());
      if (proposed == proposed_at_.end()) continue;
      finality_ms_.push_back(static_cast<double>((now_ - proposed->second).count()) / 1e6);
    }
  }
  // What is beside the final chain cannot be executed any more.
  for (const BlockPtr& block : work.blocks) node.states.erase(block->header().parent);
  // Durable a little later; until then the log holds what is needed.
  write(node, {{}, {}, false, work, epoch});
}

/// What no block may be that is final (A4).
void EngineCluster::check_final(const Node& node, const codec::Block& block,
                                const BlockHeader* parent) {
  const BlockHeader& header = block.header();
  const std::int64_t before =
      parent == nullptr ? cluster_genesis_time.unix_ms : parent->time.unix_ms;
  const Hash& state = parent == nullptr ? cluster_genesis() : parent->utxo_root;
  const bool is_last = header.height.value % config_.epoch_length == 0;
  // Of the honest no clock is further off than ten seconds.
  const std::int64_t latest = cluster_genesis_time.unix_ms + base::to_ms(now_ - Instant{}) +
                              10'000 + base::to_ms(config_.engine.drift_max);
  const char* wrong = nullptr;
  if (header.time.unix_ms <= before) wrong = "is not later than its parent";
  if (header.time.unix_ms > latest) wrong = "is dated far ahead";
  if (header.epoch.value != (header.height.value - 1) / config_.epoch_length)
    wrong = "has its epoch wrong";
  if (header.validators_root != set_of(header.epoch).root()) wrong = "names other validators";
  const Hash next = is_last ? set_of(codec::next(header.epoch)).root() : Hash{};
  if (header.next_validators_root != next) wrong = "names other validators to come";
  if (header.params_hash != Hash{}) wrong = "names other parameters";
  if (header.utxo_root != state_after(state, block.body().view())) wrong = "has a wrong state";
  if (wrong == nullptr) return;
  report(base::format("node {}: final block {} {}", node.index, header.height.value, wrong));
}

void EngineCluster::store(Node& node, const consensus::Commit& work) {
  for (const BlockPtr& block : work.blocks) {
    const BlockHeader& header = block->header();
    if (header.height.value <= node.height()) continue;  // by sync, meanwhile
    if (header.height.value != node.height() + 1 || header.parent != node.final.back().digest) {
      if (!node.is_byzantine) {
        report(base::format("node {}: height {} after {}", node.index, header.height.value,
                            node.height()));
      }
      return;
    }
    if (!node.is_byzantine) {
      check_final(node, *block, node.height() == 0 ? nullptr : &node.blocks.back()->header());
    }
    node.final.push_back({work.finalization->statement.view(), header.height, block->digest(),
                          header.time, work.finalization});
    node.blocks.push_back(block);
  }
}

/// What the sync service of a whole node does: takes certified blocks from somebody ahead.
void EngineCluster::sync(Node& node) {
  after(sync_period, What::sync, &node);
  const Node& from = *nodes_[rng_.below(nodes_.size())];
  const bool is_reached =
      from.is_up() && !from.is_byzantine && !from.is_paused && !node.is_paused &&
      (!links_ || (links_(from.index, node.index) && links_(node.index, from.index)));
  const std::uint64_t length = config_.epoch_length;
  const bool is_of_later_epoch = from.height() / length > node.height() / length;
  if (!is_reached || from.height() <= node.height()) return;
  if (!node.is_behind && !is_of_later_epoch) return;
  node.is_behind = false;
  const std::uint64_t epoch_before = node.height() / length;
  for (std::uint64_t i = node.height() + 1; i <= from.height(); ++i) {
    if (from.blocks[i]->header().parent != node.final.back().digest) return;  // a fork
    node.final.push_back(from.final[i]);
    node.blocks.push_back(from.blocks[i]);
    node.states[from.blocks[i]->digest()] = from.blocks[i]->header().utxo_root;
  }
  if (node.height() / length != epoch_before) {
    begin_epoch(node);
  } else {
    turn(node, consensus::Synced{node.final.back()});
  }
}

}  // namespace kith::sim
