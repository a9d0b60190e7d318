#include "sim/engine_cluster.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "crypto/ed25519_zip215.h"

namespace kith::sim {

using codec::BlockHeader;
using codec::BlockPtr;
using codec::ConsensusMessage;
using codec::Epoch;
using codec::Hash;
using codec::Height;
using codec::ProposalMessage;
using codec::Statement;
using codec::ValidatorIndex;
using codec::View;
using codec::Vote;
using consensus::CertificatePtr;
using consensus::Engine;
using consensus::EngineInput;
using consensus::EngineOutput;
using consensus::FinalBlock;

namespace {

constexpr WallTime genesis_time{1'700'000'000'000};
constexpr Duration sync_period = 1s;
const Hash genesis_hash = codec::tagged_hash("kith/test-genesis", {});

PeerId peer_of(std::uint32_t node) {
  const std::array<std::uint8_t, 4> bytes{1, 2, static_cast<std::uint8_t>(node >> 8),
                                          static_cast<std::uint8_t>(node)};
  return *PeerId::from_multihash(bytes);
}

/// What the state of a block is, here: a hash of all that led to it.
Hash state_after(const Hash& parent_state, ByteView body) {
  return codec::tagged_hash("kith/test-state", {parent_state, body});
}

}  // namespace

struct EngineCluster::Node {
  std::uint32_t index = 0;
  ValidatorIndex validator = 0;
  bool is_byzantine = false;
  Bend bend;
  Duration clock_offset{0};
  // Durable.
  std::vector<Bytes> log;
  Epoch log_epoch;
  std::vector<FinalBlock> final;  // by height, from genesis
  std::vector<BlockPtr> blocks;   // likewise; null for genesis
  // Of this incarnation.
  std::uint64_t incarnation = 0;
  std::unique_ptr<SeededRng> rng;
  std::unique_ptr<consensus::Consensus> consensus;
  std::map<Hash, Hash> states;  // of blocks, by digest
  base::Queue<EngineInput> inputs;
  bool is_draining = false;
  bool is_behind = false;
  Instant disk_free;  // one write after the other
  std::uint64_t armed = 0;

  bool is_up() const { return consensus != nullptr; }
  std::uint64_t height() const { return final.size() - 1; }
};

EngineCluster::EngineCluster(const ClusterConfig& config) : config_(config), rng_(config.seed) {
  std::vector<codec::Validator> validators;
  std::map<codec::ValidatorKey, crypto::KeyPair> keys;
  for (const codec::Weight weight : config.weights) {
    crypto::KeyPair key = crypto::KeyPair::generate(rng_);
    codec::Validator validator{{}, weight};
    std::ranges::copy(key.public_key().data, validator.key.begin());
    keys.emplace(validator.key, std::move(key));
    validators.push_back(validator);
  }
  validators_ = *codec::ValidatorSet::make(std::move(validators));
  for (auto& [bytes, key] : keys) keys_.push_back(std::move(key));
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    auto node = std::make_unique<Node>();
    node->index = static_cast<std::uint32_t>(i);
    node->validator = static_cast<ValidatorIndex>(i);
    if (i < config.clock_offsets.size()) node->clock_offset = config.clock_offsets[i];
    nodes_.push_back(std::move(node));
  }
}

EngineCluster::~EngineCluster() = default;

std::uint32_t EngineCluster::add_twin(std::uint32_t of) {
  auto twin = std::make_unique<Node>();
  twin->index = nodes();
  twin->validator = nodes_[of]->validator;
  twin->is_byzantine = nodes_[of]->is_byzantine = true;
  nodes_.push_back(std::move(twin));
  return nodes() - 1;
}

void EngineCluster::set_byzantine(std::uint32_t node, Bend bend) {
  nodes_[node]->is_byzantine = true;
  nodes_[node]->bend = std::move(bend);
}

void EngineCluster::start() {
  for (auto& node : nodes_) {
    node->final = {FinalBlock{{0}, {0}, genesis_hash, genesis_time, nullptr}};
    node->blocks = {nullptr};
    restart(node->index);
  }
}

void EngineCluster::crash(std::uint32_t index) {
  Node& node = *nodes_[index];
  ++node.incarnation;
  node.consensus.reset();
  node.inputs = {};
  node.disk_free = now_;
  trace({1, index});
}

void EngineCluster::restart(std::uint32_t index) {
  Node& node = *nodes_[index];
  ++node.incarnation;
  node.rng = std::make_unique<SeededRng>(rng_.next());
  node.states.clear();
  node.states[genesis_hash] = genesis_hash;
  if (node.height() > 0) {
    const BlockPtr& last = node.blocks.back();
    node.states[last->digest()] = last->header().utxo_root;
  }
  node.is_behind = true;  // it may be: sync finds out
  node.consensus = std::make_unique<consensus::Consensus>(config_.engine, key_of(index), *node.rng,
                                                          base::null_log());
  node.consensus->on_input(now_, consensus::WallClockRead{wall_now(node)});
  begin_epoch(node);
  std::function<void()> again = [this, &node] { sync(node); };
  after(between(0ms, sync_period), &node, again);
  trace({2, index});
}

/// Of the block after the last final one.
void EngineCluster::begin_epoch(Node& node) {
  const std::uint64_t length = config_.epoch_length;
  const Epoch epoch{node.height() / length};
  if (node.log_epoch != epoch) {
    node.log.clear();
    node.log_epoch = epoch;
  }
  FinalBlock floor = node.final[epoch.value * length];
  floor.view = {0};
  floor.finalization = nullptr;
  const FinalBlock last = node.height() == floor.height.value ? floor : node.final.back();
  consensus::EpochContext context{
      genesis_hash, epoch, *validators_, floor, {(epoch.value + 1) * length}, {}};
  auto begun = node.consensus->begin(now_, std::move(context), last, node.log);
  if (!begun) report(base::format("node {}: its own log: {}", node.index, begun.error().message));
  drain(node);
}

// --- time ----------------------------------------------------------------------------------------

void EngineCluster::after(Duration delay, const Node* node, std::function<void()> run) {
  queue_.push(
      {now_ + delay, ++order_, node, node == nullptr ? 0 : node->incarnation, std::move(run)});
}

void EngineCluster::at(Duration from_start, std::function<void()> action) {
  after(Instant{} + from_start - now_, nullptr, std::move(action));
}

void EngineCluster::run_for(Duration duration) {
  const Instant end = now_ + duration;
  while (!queue_.empty() && queue_.top().at <= end) {
    const Event event = queue_.top();
    queue_.pop();
    now_ = event.at;
    if (event.node != nullptr && event.node->incarnation != event.incarnation) continue;
    ++events_;
    event.run();
  }
  now_ = end;
}

void EngineCluster::turn(Node& node, EngineInput input) {
  node.inputs.push_back(std::move(input));
  drain(node);
}

void EngineCluster::drain(Node& node) {
  if (node.is_draining) return;
  node.is_draining = true;
  while (node.is_up()) {
    if (auto output = node.consensus->poll_output(now_)) {
      perform(node, std::move(*output));
    } else if (!node.inputs.empty()) {
      node.consensus->on_input(now_, node.inputs.pop_front());
    } else {
      break;
    }
  }
  node.is_draining = false;
  if (node.is_up()) arm(node);
}

void EngineCluster::arm(Node& node) {
  const std::optional<Instant> deadline = node.consensus->next_deadline();
  const std::uint64_t armed = ++node.armed;
  if (!deadline) return;
  after(std::max(Duration{0}, *deadline - now_), &node, [this, &node, armed] {
    if (node.armed != armed) return;
    node.consensus->on_deadline(now_);
    drain(node);
  });
}

WallTime EngineCluster::wall_now(const Node& node) const {
  return {genesis_time.unix_ms + base::to_ms(now_ - Instant{} + node.clock_offset)};
}

void EngineCluster::set_clock_offset(std::uint32_t index, Duration offset) {
  Node& node = *nodes_[index];
  node.clock_offset = offset;
  if (node.is_up()) turn(node, consensus::WallClockRead{wall_now(node)});
}

// --- what an engine says -------------------------------------------------------------------------

void EngineCluster::perform(Node& node, EngineOutput output) {
  trace({3, node.index, static_cast<std::uint64_t>((now_ - Instant{}).count()), output.index()});
  const auto persist = [&](Token token, std::vector<Bytes> records, bool is_anew) {
    auto shared = std::make_shared<std::vector<Bytes>>(std::move(records));
    after(write_takes(node), &node, [this, &node, token, shared, is_anew, epoch = node.log_epoch] {
      if (node.log_epoch != epoch) return;
      if (is_anew) node.log.clear();
      for (Bytes& record : *shared) node.log.push_back(std::move(record));
      turn(node, consensus::Persisted{token});
    });
  };
  std::visit(
      Overload{
          [&](const consensus::Broadcast& said) { say(node, std::nullopt, said.message); },
          [&](const consensus::SendTo& said) { say(node, said.validator, said.message); },
          [&](const consensus::ReplyTo& said) {
            const auto to =
                static_cast<std::uint32_t>(said.peer.bytes()[2] << 8 | said.peer.bytes()[3]);
            auto message = codec::decode_consensus_message(said.message.view());
            send(node, *nodes_[to], std::make_shared<const ConsensusMessage>(std::move(*message)));
          },
          [&](consensus::Verify& work) {
            std::vector<bool> valid;
            for (const auto& job : work.jobs) valid.push_back(verify(job));
            node.inputs.push_back(consensus::Verified{work.token, std::move(valid)});
          },
          [&](consensus::Build& work) { build(node, std::move(work)); },
          [&](const consensus::Check& work) { check(node, work.block); },
          [&](const consensus::Sign& work) { sign(node, work.statement); },
          [&](consensus::Persist& work) { persist(work.token, std::move(work.records), false); },
          [&](consensus::Compact& work) { persist(work.token, std::move(work.records), true); },
          [&](const consensus::Commit& work) { commit(node, work); },
          [&](const consensus::FoundEvidence& found) { note_evidence(node, found.evidence); },
          [&](const consensus::Behind&) { node.is_behind = true; },
          [&](const consensus::PeerFault& fault) {
            const auto from =
                static_cast<std::uint32_t>(fault.peer.bytes()[2] << 8 | fault.peer.bytes()[3]);
            if (node.is_byzantine || nodes_[from]->is_byzantine) return;
            report(base::format("honest node {} is blamed by {}: {}", from, node.index,
                                fault.error.message));
          },
          [&](const consensus::Diverged& diverged) {
            if (node.is_byzantine) return;
            report(base::format("node {} calls a certified block wrong: {}", node.index,
                                diverged.error.message));
          },
          [&](const consensus::Forked&) {
            if (!node.is_byzantine) report(base::format("node {} sees a fork", node.index));
          }},
      output);
}

void EngineCluster::say(Node& from, std::optional<ValidatorIndex> to, const Buffer& bytes) {
  Message whole;
  for (auto& node : nodes_) {
    if (node->index == from.index || (to && node->validator != *to)) continue;
    if (from.bend) {
      for (const Buffer& bent : from.bend(node->index, bytes)) {
        auto message = codec::decode_consensus_message(bent.view());
        if (message) send(from, *node, std::make_shared<const ConsensusMessage>(*message));
      }
      continue;
    }
    if (whole == nullptr) {
      auto message = codec::decode_consensus_message(bytes.view());
      if (!message) {
        report(base::format("node {} says what nobody understands: {}", from.index,
                            message.error().message));
        return;
      }
      whole = std::make_shared<const ConsensusMessage>(std::move(*message));
      note_said(from, *whole);
    }
    send(from, *node, whole);
  }
}

void EngineCluster::send(const Node& from, Node& to, const Message& message) {
  if (links_ && !links_(from.index, to.index)) return;
  if (config_.loss > 0 && rng_.unit() < config_.loss) return;
  const int copies = config_.repeat > 0 && rng_.unit() < config_.repeat ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    after(between(config_.delay_min, config_.delay_max), nullptr,
          [this, &to, message, from = from.index] {
            if (to.is_up()) turn(to, consensus::Heard{peer_of(from), *message});
          });
  }
}

Duration EngineCluster::write_takes(Node& node) {
  node.disk_free = std::max(node.disk_free, now_) + between(config_.disk_min, config_.disk_max);
  return node.disk_free - now_;
}

/// No honest node contradicts itself, whatever befell it (E1 to E4).
void EngineCluster::note_said(const Node& node, const ConsensusMessage& message) {
  constexpr std::size_t said_max = 20'000;
  const auto* const proposal = std::get_if<ProposalMessage>(&message);
  const Vote* const vote = proposal != nullptr ? &proposal->vote : std::get_if<Vote>(&message);
  if (vote == nullptr) return;
  const Statement& statement = vote->statement;
  if (proposal != nullptr && !proposal->anew) {
    proposed_at_.try_emplace(statement.subject.digest, now_);
  }
  if (node.is_byzantine) return;
  auto& said = said_[{vote->signer, statement.epoch, statement.view()}];
  if (std::ranges::count(said, statement) > 0) return;
  for (const Statement& before : said) {
    if (const auto offence = codec::offence_of(before, statement)) {
      report(base::format("honest node {} contradicts itself in view {}: {}", node.index,
                          statement.view().value, codec::name_of(*offence)));
    }
  }
  said.push_back(statement);
  if (said_.size() > said_max * nodes_.size()) said_.erase(said_.begin());
}

void EngineCluster::sign(Node& node, const Statement& statement) {
  constexpr std::size_t signed_max = 100'000;
  const Bytes message = codec::signed_bytes(genesis_hash, statement);
  const crypto::Signature signature = keys_[node.validator].sign(message);
  if (signed_.size() >= signed_max) signed_before_ = std::exchange(signed_, {});
  signed_.insert(crypto::sha256(
      {ByteView(message), ByteView(signature), ByteView(validators_->at(node.validator).key)}));
  node.inputs.push_back(consensus::Signed{statement, signature});
}

bool EngineCluster::verify(const consensus::VerifyJob& job) {
  const Hash key =
      crypto::sha256({ByteView(*job.message), ByteView(job.signature), ByteView(job.key)});
  if (signed_.contains(key) || signed_before_.contains(key)) return true;
  return crypto::verify_zip215(job.key, *job.message, job.signature).has_value();
}

void EngineCluster::build(Node& node, consensus::Build work) {
  Bytes body(8);
  node.rng->fill(body);
  BlockHeader header = work.header;
  header.body_hash = codec::body_hash(body);
  header.utxo_root = state_after(node.states.at(header.parent), body);
  if (header.height.value % config_.epoch_length == 0) {
    header.next_validators_root = validators_->root();
  }
  auto block = std::make_shared<const codec::Block>(header, Buffer(ByteView(body)),
                                                    std::move(work.justification));
  node.states[block->digest()] = header.utxo_root;
  after(between(0ms, config_.check_max), &node, [this, &node, token = work.token, block] {
    turn(node, consensus::Built{token, BlockPtr(block)});
  });
}

void EngineCluster::check(Node& node, const BlockPtr& block) {
  const BlockHeader& header = block->header();
  const auto parent = node.states.find(header.parent);
  Result<void> verdict;
  if (parent == node.states.end()) {
    report(base::format("node {} is to check a block on a state it has not", node.index));
  } else if (state_after(parent->second, block->body().view()) != header.utxo_root) {
    verdict = fail(Code::malformed, "another state");
  } else {
    node.states[block->digest()] = header.utxo_root;
  }
  after(between(0ms, config_.check_max), &node, [this, &node, digest = block->digest(), verdict] {
    turn(node, consensus::Checked{digest, verdict});
  });
}

// --- finality ------------------------------------------------------------------------------------

void EngineCluster::commit(Node& node, const consensus::Commit& work) {
  for (const BlockPtr& block : work.blocks) {
    const std::uint64_t height = block->header().height.value;
    const auto [known, is_new] = final_.try_emplace(height, block->digest());
    if (node.is_byzantine) continue;
    if (known->second != block->digest()) {
      report(
          base::format("FORK at height {}: node {} finalizes another block", height, node.index));
    }
    if (is_new) block_times_[height] = block->header().time.unix_ms;
    const auto proposed = proposed_at_.find(block->digest());
    if (proposed != proposed_at_.end()) {
      finality_ms_.push_back(static_cast<double>((now_ - proposed->second).count()) / 1e6);
    }
  }
  if (auto valid = codec::check_form(*work.finalization, *validators_); !valid) {
    report(base::format("node {} commits without a quorum", node.index));
  }
  // Durable a little later; until then the log holds what is needed.
  after(write_takes(node), &node, [this, &node, work] { store(node, work); });
}

void EngineCluster::store(Node& node, const consensus::Commit& work) {
  for (const BlockPtr& block : work.blocks) {
    const BlockHeader& header = block->header();
    if (header.height.value <= node.height()) continue;  // by sync, meanwhile
    if (header.height.value != node.height() + 1) {
      report(base::format("node {}: height {} after {}", node.index, header.height.value,
                          node.height()));
      return;
    }
    node.final.push_back({work.finalization->statement.view(), header.height, block->digest(),
                          header.time, work.finalization});
    node.blocks.push_back(block);
  }
  const Height last = work.blocks.back()->header().height;
  if (last.value % config_.epoch_length == 0 && node.height() == last.value) {
    begin_epoch(node);
  } else {
    turn(node, consensus::Committed{last});
  }
}

/// What the sync service of a whole node does: takes certified blocks from somebody ahead.
void EngineCluster::sync(Node& node) {
  after(sync_period, &node, [this, &node] { sync(node); });
  const Node& from = *nodes_[rng_.below(nodes_.size())];
  const bool is_reached =
      from.is_up() && !from.is_byzantine &&
      (!links_ || (links_(from.index, node.index) && links_(node.index, from.index)));
  const std::uint64_t length = config_.epoch_length;
  const bool is_of_later_epoch = from.height() / length > node.height() / length;
  if (!is_reached || from.height() <= node.height()) return;
  if (!node.is_behind && !is_of_later_epoch) return;
  node.is_behind = false;
  const std::uint64_t epoch_before = node.height() / length;
  for (std::uint64_t i = node.height() + 1; i <= from.height(); ++i) {
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

void EngineCluster::note_evidence(const Node& node, const codec::Evidence& evidence) {
  accused_.insert(evidence.key);
  const auto index = validators_->index_of(evidence.key);
  const bool is_true = index && std::ranges::any_of(nodes_, [&](const auto& each) {
                         return each->validator == *index && each->is_byzantine;
                       });
  if (!is_true) {
    report(base::format("node {} has evidence against an honest one: {}", node.index,
                        codec::name_of(evidence.offence())));
  }
}

// --- looking -------------------------------------------------------------------------------------

bool EngineCluster::is_up(std::uint32_t node) const { return nodes_[node]->is_up(); }
bool EngineCluster::is_byzantine(std::uint32_t node) const { return nodes_[node]->is_byzantine; }
void EngineCluster::set_links(std::function<bool(std::uint32_t, std::uint32_t)> links) {
  links_ = std::move(links);
}
Engine* EngineCluster::engine(std::uint32_t node) {
  return is_up(node) ? nodes_[node]->consensus->engine() : nullptr;
}
std::uint64_t EngineCluster::height(std::uint32_t node) const { return nodes_[node]->height(); }
codec::ValidatorKey EngineCluster::key_of(std::uint32_t node) const {
  return validators_->at(nodes_[node]->validator).key;
}

std::uint64_t EngineCluster::height_min() const {
  std::uint64_t least = UINT64_MAX;
  for (const auto& node : nodes_) {
    if (node->is_up() && !node->is_byzantine) least = std::min(least, node->height());
  }
  return least;
}

std::uint64_t EngineCluster::height_max() const {
  std::uint64_t most = 0;
  for (const auto& node : nodes_) {
    if (!node->is_byzantine) most = std::max(most, node->height());
  }
  return most;
}

void EngineCluster::report(std::string violation) {
  constexpr std::size_t violations_max = 20;
  if (violations_.size() < violations_max) {
    violations_.push_back(base::format("at {} ms: {}", base::to_ms(now_ - Instant{}), violation));
  }
}

void EngineCluster::trace(std::initializer_list<std::uint64_t> words) {
  for (const std::uint64_t word : words) {
    trace_ = (trace_ ^ word) * 0x100000001b3;
    trace_ ^= trace_ >> 29;
  }
}

Duration EngineCluster::between(Duration low, Duration high) {
  if (high <= low) return low;
  return low + Duration(static_cast<std::int64_t>(
                   rng_.below(static_cast<std::uint64_t>((high - low).count()))));
}

}  // namespace kith::sim
