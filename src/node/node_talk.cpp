// Of the node: consensus by gossip, for validators that no stream joins.
#include "node/node.h"

namespace kith::node {

namespace {

/// While consensus is said by gossip: a block and what justifies it have to fit into a message.
constexpr std::size_t body_bytes_by_gossip = 700 * 1024;
constexpr Duration said_lately = 60s;
/// So long without a final block, beside the interval: then it is said by gossip too, whatever the
/// streams seem to reach. Who has one need not be heard by it.
constexpr Duration stand_still = 20s;

}  // namespace

/// What was said to all, or to a validator without a stream.
void Node::talk(Instant now, const Buffer& message) {
  const auto& own = chain_->validator_key();
  if (talk_ == nullptr || !own || !chain_->is_validator()) return;
  const codec::ValidatorSet& validators = *chain_->validators();
  std::vector<bool> connected;
  connected.reserve(validators.size());
  bool are_all = true;
  for (const codec::Validator& validator : validators.all()) {
    connected.push_back(validator.key == own || consensus_->peer_of(validator.key));
    are_all = are_all && connected.back();
  }
  if (are_all) return;
  const Duration interval = std::chrono::milliseconds(chain_->genesis().params.block_interval_ms);
  const bool stands = now >= final_at_ + stand_still + 2 * interval;
  if (!stands && !talk_->is_needed(now, connected)) return;
  said_at_ = now;
  talk_->say(message.view());
}

/// A stream is there by now, perhaps: it costs less.
void Node::reply(const consensus::ReplyTo& said) {
  const auto key = ConsensusGossip::named(said.peer);
  if (!key) return consensus_->send(said.peer, said.message);
  if (consensus_->peer_of(*key)) return consensus_->send(*key, said.message);
  if (talk_ != nullptr) talk_->say(said.message.view());
}

bool Node::pump_talk(Instant now) {
  if (talk_ == nullptr) return false;
  if (const consensus::Engine* const engine = chain_->consensus().engine()) {
    talk_->on_views(engine->last_final().view, engine->view());
  }
  const bool is_talking = said_at_ != Instant{} && now < said_at_ + said_lately;
  chain_->limit_bodies(is_talking ? body_bytes_by_gossip : codec::block_body_bytes_max);
  bool is_busy = false;
  while (auto output = talk_->poll_output()) {
    is_busy = true;
    std::visit(
        Overload{[&](const ConsensusGossip::Judged& judged) {
                   to_router(now, gossip::Validated{judged.token, judged.verdict});
                 },
                 [&](ConsensusGossip::Say& said) {
                   constexpr Token nobody{0};
                   to_router(now, gossip::Publish{
                                      nobody, talk_->topic(), Buffer(std::move(said.message)), {}});
                 },
                 [&](ConsensusGossip::Ask& ask) { signing_->ask(now, std::move(ask.what)); },
                 [&](consensus::Heard& heard) { chain_->on_input(now, std::move(heard)); },
                 [&](host::RunJob& work) { outputs_.push_back(std::move(work)); }},
        *output);
  }
  return is_busy;
}

void Node::on_fault(Instant now, const consensus::PeerFault& fault) {
  if (fault.peer.empty() || ConsensusGossip::named(fault.peer)) return;  // heard by gossip
  quality_.on_input(
      now, PeerEvent{fault.peer, PeerEventKind::rejected, "consensus", fault.error.message});
}

}  // namespace kith::node
