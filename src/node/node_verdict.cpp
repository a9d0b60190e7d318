// Of the node: verdicts on contested disputes (node/verdict_service.h), said by gossip on a topic
// of the chain's and paid for by the carrier.
#include "node/node.h"

namespace kith::node {

/// The state of the last final block, unless it is long past.
void Node::look_at_verdicts() {
  if (verdicts_ == nullptr || is_long_behind()) return;
  verdicts_->on_final({chain_->height(), chain_->states().tip()->registry(), signing_->leads(),
                       carrier_ != nullptr && !carrier_->is_poor()});
}

bool Node::pump_verdicts(Instant now) {
  bool is_busy = false;
  while (verdicts_ != nullptr) {
    auto output = verdicts_->poll_output();
    if (!output) break;
    is_busy = true;
    std::visit(
        Overload{[&](const Verdicts::Judged& judged) {
                   to_router(now, gossip::Validated{judged.token, judged.verdict});
                 },
                 [&](Verdicts::Say& said) {
                   constexpr Token nobody{0};
                   to_router(now,
                             gossip::Publish{
                                 nobody, verdicts_->topic(), Buffer(std::move(said.message)), {}});
                 },
                 [&](Verdicts::Ask& ask) { signing_->ask(now, std::move(ask.what)); },
                 [&](Verdicts::Give& give) {
                   log_.info("compute", "a verdict in dispute {}, of {} validators, is paid for",
                             give.order.dispute, give.order.signatures.size());
                   (void)carrier_->give_verdict(std::move(give.order));
                 },
                 [&](host::RunJob& work) { outputs_.push_back(std::move(work)); }},
        *output);
  }
  return is_busy;
}

}  // namespace kith::node
