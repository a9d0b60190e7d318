// Of the chain: transactions on their way into the mempool. Their signatures are verified by jobs;
// then they wait until no job reads the states, for the mempool does too.
#include "base/format.h"
#include "node/chain.h"

namespace kith::node {

/// Those that waited when the program ended, a few at a time.
void Chain::restore_waiting() {
  for (; !restoring_.empty() && submitted_ < restoring_max; restoring_.pop_front()) {
    auto& [tx, since] = restoring_.front();
    submit({nobody, std::move(tx), {}, since});
  }
}

void Chain::submit(SubmitTx submitted) {
  if (submitted_ >= submitted_max || is_halted() || is_suspended_) {
    ledger::MempoolAnswer answer;
    answer.refusal = ledger::Refusal::full;
    if (is_halted()) {
      answer.error = {Code::closed, base::format("the chain is halted: {}", halt_reason_)};
    } else if (is_suspended_) {
      answer.error = {Code::closed, "a snapshot is being taken over: try again"};
    } else {
      answer.error = {Code::limit, "too many transactions are being verified"};
    }
    say(TxAnswered{submitted.token, std::move(submitted.tx), std::move(answer)});
    return;
  }
  ++submitted_;
  const Token token = submitted.token;
  say(host::RunJob{new_token(),
                   std::make_shared<VerifyTxJob>(token, std::move(submitted.tx), submitted.source,
                                                 rules_->genesis, submitted.since)});
}

void Chain::on_tx_verified(const VerifyTxJob& job) {
  if (job.verdict()) {
    verified_.push_back({job.token(), job.tx(), job.source(), job.since()});
    return;
  }
  --submitted_;
  ledger::MempoolAnswer answer;
  answer.error = job.verdict().error();
  say(TxAnswered{job.token(), job.tx(), std::move(answer)});
}

/// The mempool reads the final state too.
void Chain::take_submitted(Instant now) {
  for (; !verified_.empty(); verified_.pop_front()) {
    const SubmitTx& next = verified_.front();
    --submitted_;
    say(TxAnswered{next.token, next.tx,
                   mempool_.add(next.tx, next.source, next.since.value_or(wall_now(now)), *rules_,
                                *states_->tip())});
  }
}

}  // namespace kith::node
