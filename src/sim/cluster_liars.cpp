#include "sim/cluster_liars.h"

#include <array>
#include <map>
#include <memory>

namespace kith::sim {

using codec::BlockHeader;
using codec::Certificate;
using codec::ConsensusMessage;
using codec::ProposalMessage;
using codec::Statement;
using codec::View;
using codec::Vote;
using codec::VoteKind;

namespace {

using Messages = std::vector<ConsensusMessage>;

const Vote* vote_in(const ConsensusMessage& message) {
  const auto* const proposal = std::get_if<ProposalMessage>(&message);
  return proposal != nullptr ? &proposal->vote : std::get_if<Vote>(&message);
}

bool is_proposal(const ConsensusMessage& message) {
  return std::holds_alternative<ProposalMessage>(message);
}

/// Whether a node belongs to the half that hears, in a span of time.
bool is_in_half(const EngineCluster& cluster, std::uint32_t node, std::uint64_t salt) {
  const auto span = static_cast<std::uint64_t>((cluster.now() - Instant{}) / Duration(3s));
  std::uint64_t hash = (span * 31 + salt) * 0x9e3779b97f4a7c15 ^ node * 0xc2b2ae3d27d4eb4f;
  hash ^= hash >> 29;
  return ((hash * 0xbf58476d1ce4e5b9) >> 40 & 1) != 0;
}

Statement of_kind(Statement statement, VoteKind kind) {
  statement.kind = kind;
  if (kind == VoteKind::nullify) statement.subject = {statement.view(), {}, {}};
  return statement;
}

void two_faced(EngineCluster& cluster, std::uint32_t node) {
  const std::uint32_t twin = cluster.add_twin(node);
  const auto face = [&cluster, node](bool half) {
    return [&cluster, node, half](std::uint32_t to, const ConsensusMessage& message) {
      return is_in_half(cluster, to, node) == half ? Messages{message} : Messages{};
    };
  };
  cluster.set_byzantine(node, face(true));
  cluster.set_byzantine(twin, face(false));
}

void yes_to_all(EngineCluster& cluster, std::uint32_t node) {
  cluster.set_byzantine(node, [&cluster, node](std::uint32_t, const ConsensusMessage& message) {
    Messages said{message};
    const Vote* const vote = vote_in(message);
    if (vote == nullptr) return said;
    Statement other = of_kind(vote->statement, VoteKind::notarize);
    cluster.rng().fill(other.subject.digest);
    if (other.subject.parent >= other.view()) other.subject.parent = {other.view().value - 1};
    for (const VoteKind kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
      const bool is_subject_known = vote->statement.kind != VoteKind::nullify;
      if (!is_subject_known && kind != VoteKind::nullify) continue;
      if (cluster.rng().unit() < 0.6) {
        said.emplace_back(cluster.vote_of(node, of_kind(vote->statement, kind)));
      }
    }
    if (cluster.rng().unit() < 0.2) said.emplace_back(cluster.vote_of(node, other));
    return said;
  });
}

void nuller(EngineCluster& cluster, std::uint32_t node) {
  cluster.set_byzantine(
      node, [&cluster, node](std::uint32_t, const ConsensusMessage& message) -> Messages {
        const Vote* const vote = vote_in(message);
        if (vote == nullptr) return {message};
        return {cluster.vote_of(node, of_kind(vote->statement, VoteKind::nullify))};
      });
}

void selective(EngineCluster& cluster, std::uint32_t node, bool is_for_nobody) {
  cluster.set_byzantine(
      node, [&cluster, node, is_for_nobody](std::uint32_t to, const ConsensusMessage& message) {
        const bool is_heard = !is_for_nobody && is_in_half(cluster, to, node);
        const bool is_spoken = is_proposal(message) ? is_heard : is_for_nobody || !is_heard;
        return is_spoken ? Messages{message} : Messages{};
      });
}

void late(EngineCluster& cluster, std::uint32_t node, Duration delta) {
  cluster.set_byzantine(
      node, [&cluster, node, delta](std::uint32_t to, const ConsensusMessage& message) -> Messages {
        if (!is_proposal(message)) return {message};
        const auto wait = std::chrono::duration_cast<Duration>(delta * 3 * cluster.rng().unit());
        cluster.at(cluster.now() - Instant{} + wait,
                   [&cluster, node, to, message] { cluster.inject(node, to, message); });
        return {};
      });
}

// --- the flooder ---------------------------------------------------------------------------------

Vote some_vote(EngineCluster& cluster, std::uint32_t node, consensus::Engine& engine) {
  Rng& rng = cluster.rng();
  const auto kind = static_cast<VoteKind>(1 + rng.below(3));
  const std::uint64_t view = engine.view().value + rng.below(6);
  Statement statement{engine.context().epoch, kind, {{view > 2 ? view - 2 : 1}, {0}, {}}};
  if (kind != VoteKind::nullify) rng.fill(statement.subject.digest);
  if (rng.below(8) == 0) statement.epoch.value += rng.below(3);
  return cluster.vote_of(node, statement);
}

/// Everybody's signature, and none of them right but its own; or too few of them, all right.
Certificate some_certificate(EngineCluster& cluster, std::uint32_t node,
                             consensus::Engine& engine) {
  const Vote own = some_vote(cluster, node, engine);
  Certificate certificate{own.statement, {}, {}};
  const std::size_t count = engine.context().validators.size();
  certificate.signers.assign(count, false);
  const bool is_alone = cluster.rng().below(4) == 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_alone && i != own.signer) continue;
    certificate.signers[i] = true;
    certificate.signatures.push_back(own.signature);
  }
  return certificate;
}

void flood(EngineCluster& cluster, std::uint32_t node, Duration period) {
  cluster.at(cluster.now() - Instant{} + period,
             [&cluster, node, period] { flood(cluster, node, period); });
  consensus::Engine* const engine = cluster.engine(node);
  if (engine == nullptr || !cluster.place_of(node, engine->context().epoch)) return;
  Rng& rng = cluster.rng();
  for (std::uint32_t to = 0; to < cluster.nodes(); ++to) {
    if (to == node) continue;
    for (int i = 0; i < 4; ++i) {
      Vote vote = some_vote(cluster, node, *engine);
      if (rng.below(3) == 0) {  // in another's name
        vote.signer =
            static_cast<codec::ValidatorIndex>(rng.below(engine->context().validators.size() + 1));
      }
      cluster.inject(node, to, vote);
    }
    cluster.inject(node, to, some_certificate(cluster, node, *engine));
    codec::BlockRequest request;
    rng.fill(request.digest);
    cluster.inject(node, to, request);
  }
}

void flooder(EngineCluster& cluster, std::uint32_t node, Duration delta) {
  cluster.set_byzantine(node);
  const Duration period = delta / 5;
  cluster.at(period, [&cluster, node, period] { flood(cluster, node, period); });
}

// --- blocks that break a rule --------------------------------------------------------------------

ConsensusMessage broken(EngineCluster& cluster, std::uint32_t node, const ProposalMessage& said) {
  Rng& rng = cluster.rng();
  BlockHeader header = said.block->header();
  codec::Justification why = said.block->justification();
  Statement statement = said.vote.statement;
  switch (rng.below(11)) {
    case 0: ++header.height.value; break;
    case 1: header.time.unix_ms = 1'600'000'000'000; break;  // before its parent
    case 2: header.time.unix_ms += 86'400'000; break;
    case 3: rng.fill(header.utxo_root); break;
    case 4: rng.fill(header.validators_root); break;
    case 5: rng.fill(header.next_validators_root); break;
    case 6: rng.fill(header.params_hash); break;
    case 7: ++header.view.value; break;
    case 8: rng.fill(header.parent); break;
    case 9:  // views are jumped over without their nullifications
      if (why.nullified.empty()) {
        why.parent.reset();
        statement.subject.parent = {0};
      } else {
        why.nullified.pop_back();
      }
      header.justification_root = root_of(why);
      break;
    default:  // certificates that nobody signed
      for (Certificate& held : why.nullified) held.signatures[0][0] ^= 1;
      if (why.parent) why.parent->signatures[0][0] ^= 1;
      header.justification_root = root_of(why);
      break;
  }
  auto block = std::make_shared<const codec::Block>(header, said.block->body(), std::move(why));
  statement.subject.digest = block->digest();
  return ProposalMessage{cluster.vote_of(node, statement), std::move(block), std::nullopt};
}

/// A block, right in all but that it stands on the last one of an epoch.
ConsensusMessage beyond_the_end(EngineCluster& cluster, std::uint32_t node,
                                const ProposalMessage& said) {
  BlockHeader header = said.block->header();
  Bytes body(8);
  cluster.rng().fill(body);
  ++header.height.value;
  ++header.time.unix_ms;
  header.view = said.vote.statement.view();
  header.parent = said.block->digest();
  header.next_validators_root = {};
  header.body_hash = codec::body_hash(body);
  header.justification_root = root_of(*said.anew);
  header.utxo_root = EngineCluster::state_after(header.utxo_root, body);
  auto block = std::make_shared<const codec::Block>(header, Buffer(ByteView(body)), *said.anew);
  Statement statement = said.vote.statement;
  statement.subject.digest = block->digest();
  return ProposalMessage{cluster.vote_of(node, statement), std::move(block), std::nullopt};
}

/// The same to all: a block that breaks a rule must not fail for want of votes.
void builder(EngineCluster& cluster, std::uint32_t node) {
  struct Last {
    Statement of;
    ConsensusMessage said;
  };
  const auto last = std::make_shared<std::optional<Last>>();
  cluster.set_byzantine(
      node, [&cluster, node, last](std::uint32_t, const ConsensusMessage& message) -> Messages {
        const auto* const proposal = std::get_if<ProposalMessage>(&message);
        if (proposal == nullptr) return {message};
        if (*last && (*last)->of == proposal->vote.statement) return {(*last)->said};
        ConsensusMessage said = message;
        if (cluster.rng().below(4) != 0) {
          said = proposal->anew ? beyond_the_end(cluster, node, *proposal)
                                : broken(cluster, node, *proposal);
        }
        *last = Last{proposal->vote.statement, said};
        return {std::move(said)};
      });
}

// --- the skipper ---------------------------------------------------------------------------------

using Blocks = std::map<codec::Hash, codec::BlockPtr>;

ConsensusMessage skipping(EngineCluster& cluster, std::uint32_t node, const ProposalMessage& said,
                          const Blocks& heard) {
  const auto parent = heard.find(said.block->header().parent);
  if (said.anew || parent == heard.end() || !parent->second->justification().parent) return said;
  const auto older = heard.find(parent->second->header().parent);
  if (older == heard.end()) return said;
  // Over the end of an epoch views begin anew: no bytes can say that.
  if (parent->second->justification().parent->statement.view() >= said.vote.statement.view()) {
    return said;
  }
  BlockHeader header = said.block->header();
  codec::Justification why = parent->second->justification();
  header.height = parent->second->header().height;
  header.parent = older->first;
  header.next_validators_root = parent->second->header().next_validators_root;
  header.utxo_root =
      EngineCluster::state_after(older->second->header().utxo_root, said.block->body().view());
  header.justification_root = root_of(why);
  Statement statement = said.vote.statement;
  statement.subject.parent = why.parent->statement.view();
  auto block = std::make_shared<const codec::Block>(header, said.block->body(), std::move(why));
  statement.subject.digest = block->digest();
  return ProposalMessage{cluster.vote_of(node, statement), std::move(block), std::nullopt};
}

void skipper(EngineCluster& cluster, std::uint32_t node) {
  const auto heard = std::make_shared<Blocks>();
  const auto ear = [heard](const ConsensusMessage& message) {
    constexpr std::size_t heard_max = 1000;
    const auto* const proposal = std::get_if<ProposalMessage>(&message);
    if (proposal == nullptr) return;
    if (heard->size() >= heard_max) heard->clear();
    heard->emplace(proposal->block->digest(), proposal->block);
  };
  cluster.set_byzantine(
      node,
      [&cluster, node, heard](std::uint32_t, const ConsensusMessage& message) -> Messages {
        const auto* const proposal = std::get_if<ProposalMessage>(&message);
        if (proposal == nullptr) return {message};
        heard->emplace(proposal->block->digest(), proposal->block);
        return {skipping(cluster, node, *proposal, *heard)};
      },
      ear);
}

void replayer(EngineCluster& cluster, std::uint32_t node) {
  const auto memory = std::make_shared<Messages>();
  cluster.set_byzantine(node, [&cluster, memory](std::uint32_t, const ConsensusMessage& message) {
    constexpr std::size_t memory_max = 500;
    Messages said{message};
    Rng& rng = cluster.rng();
    if (memory->size() < memory_max) {
      memory->push_back(message);
    } else if (rng.below(4) == 0) {
      (*memory)[rng.below(memory->size())] = message;
    }
    for (int i = 0; i < 3; ++i) said.push_back((*memory)[rng.below(memory->size())]);
    return said;
  });
}

}  // namespace

std::string_view name_of(ClusterLie lie) {
  static constexpr std::array<std::string_view, cluster_lies_count> names{
      "two_faced", "yes_to_all", "nuller",  "withholder", "selective", "late",
      "flooder",   "builder",    "skipper", "ahead",      "replayer",  "silent"};
  return names[static_cast<std::size_t>(lie)];
}

void make_liar(EngineCluster& cluster, std::uint32_t node, ClusterLie lie, Duration delta) {
  switch (lie) {
    case ClusterLie::two_faced: two_faced(cluster, node); break;
    case ClusterLie::yes_to_all: yes_to_all(cluster, node); break;
    case ClusterLie::nuller: nuller(cluster, node); break;
    case ClusterLie::withholder: selective(cluster, node, true); break;
    case ClusterLie::selective: selective(cluster, node, false); break;
    case ClusterLie::late: late(cluster, node, delta); break;
    case ClusterLie::flooder: flooder(cluster, node, delta); break;
    case ClusterLie::builder: builder(cluster, node); break;
    case ClusterLie::skipper: skipper(cluster, node); break;
    case ClusterLie::ahead:
      cluster.set_byzantine(node);
      cluster.set_clock_offset(node, std::chrono::seconds(1 + cluster.rng().below(3600)));
      break;
    case ClusterLie::replayer: replayer(cluster, node); break;
    case ClusterLie::silent:
      cluster.set_byzantine(node,
                            [](std::uint32_t, const ConsensusMessage&) { return Messages{}; });
      break;
  }
}

}  // namespace kith::sim
