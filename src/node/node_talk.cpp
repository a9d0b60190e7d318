// Of the node: consensus by gossip, for validators that no stream joins.
#include "node/node.h"

namespace kith::node {

/// What was said to all, or to a validator without a stream.
void Node::talk(Instant now, const Buffer& message) {
  if (talk_ == nullptr || !chain_->validator_key() || !chain_->is_validator()) return;
  const codec::ValidatorSet& validators = *chain_->validators();
  if (consensus_->validators_connected() + 1 >= validators.size()) return;
  std::vector<bool> connected;
  connected.reserve(validators.size());
  for (const codec::Validator& validator : validators.all()) {
    connected.push_back(validator.key == chain_->validator_key() ||
                        consensus_->peer_of(validator.key));
  }
  if (talk_->is_needed(now, connected)) talk_->say(message.view());
}

void Node::reply(const consensus::ReplyTo& said) {
  if (!ConsensusGossip::is_name(said.peer)) return consensus_->send(said.peer, said.message);
  if (talk_ != nullptr) talk_->say(said.message.view());
}

bool Node::pump_talk(Instant now) {
  if (talk_ == nullptr) return false;
  if (const consensus::Engine* const engine = chain_->consensus().engine()) {
    talk_->on_views(engine->last_final().view, engine->view());
  }
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
                 [&](consensus::Heard& heard) { chain_->on_input(now, std::move(heard)); },
                 [&](host::RunJob& work) { outputs_.push_back(std::move(work)); }},
        *output);
  }
  return is_busy;
}

void Node::on_fault(Instant now, const consensus::PeerFault& fault) {
  if (fault.peer.empty() || ConsensusGossip::is_name(fault.peer)) return;  // heard by gossip
  quality_.on_input(
      now, PeerEvent{fault.peer, PeerEventKind::rejected, "consensus", fault.error.message});
}

}  // namespace kith::node
