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

std::vector<ledger::Mempool::Waiting> Chain::waiting(Instant now) const {
  std::vector<ledger::Mempool::Waiting> all = mempool_.all();
  for (const std::deque<SubmitTx>* const queue : {&verified_, &unverified_}) {
    for (const SubmitTx& next : *queue) {
      if (next.is_question) continue;
      all.push_back({next.tx, next.since.value_or(wall_now(now))});
    }
  }
  all.insert(all.end(), restoring_.begin(), restoring_.end());
  return all;
}

void Chain::submit(SubmitTx submitted) {
  const bool is_full =
      submitted_ >= submitted_max || submitted_bytes_ + submitted.tx->bytes > submitted_bytes_max;
  if (is_full || is_halted() || is_suspended_) {
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
  // It came another way: its signatures are verified once.
  if (const auto waiting = mempool_.find(submitted.tx->txid);
      (waiting != nullptr && waiting->wtxid == submitted.tx->wtxid) ||
      mempool_.orphans().contains(submitted.tx->txid)) {
    ledger::MempoolAnswer answer;
    answer.refusal = ledger::Refusal::known;
    answer.error = {Code::exists, base::format("{} is here", base::to_hex(submitted.tx->txid))};
    say(TxAnswered{submitted.token, std::move(submitted.tx), std::move(answer)});
    return;
  }
  ++submitted_;
  submitted_bytes_ += submitted.tx->bytes;
  if (submitted.is_question) {
    verified_.push_back(std::move(submitted));
    return;
  }
  unverified_.push_back(std::move(submitted));
  verify_submitted();
}

void Chain::verify_submitted() {
  while (!unverified_.empty() && verify_jobs_ < verify_jobs_max && !is_suspended_) {
    std::vector<SubmitTx> next;
    std::size_t signatures = 0;
    for (; !unverified_.empty() && next.size() < VerifyTxsJob::size_max; unverified_.pop_front()) {
      signatures += codec::signatures_of(unverified_.front().tx->tx);
      if (!next.empty() && signatures > VerifyTxsJob::signatures_max) break;
      next.push_back(std::move(unverified_.front()));
    }
    ++verify_jobs_;
    say(host::RunJob{new_token(), std::make_shared<VerifyTxsJob>(std::move(next), rules_->genesis,
                                                                 states_->tip())});
  }
}

void Chain::on_txs_verified(VerifyTxsJob& job) {
  --verify_jobs_;
  std::vector<SubmitTx> submitted = job.take_submitted();
  for (std::size_t i = 0; i < submitted.size(); ++i) {
    if (job.verdicts()[i]) {
      verified_.push_back(std::move(submitted[i]));
      continue;
    }
    --submitted_;
    submitted_bytes_ -= submitted[i].tx->bytes;
    ledger::MempoolAnswer answer;
    answer.error = job.verdicts()[i].error();
    say(TxAnswered{submitted[i].token, std::move(submitted[i].tx), std::move(answer)});
  }
  verify_submitted();
}

/// The mempool reads the final state too.
void Chain::take_submitted(Instant now) {
  for (; !verified_.empty(); verified_.pop_front()) {
    const SubmitTx& next = verified_.front();
    --submitted_;
    submitted_bytes_ -= next.tx->bytes;
    ledger::MempoolAnswer answer;
    if (!next.is_question) {
      answer = mempool_.add(next.tx, next.source, next.since.value_or(wall_now(now)), *rules_,
                            *states_->tip());
    } else if (auto refusal = mempool_.refuses(next.tx, next.source, *rules_, *states_->tip())) {
      answer = *std::move(refusal);
    } else {
      answer.kind = ledger::MempoolAnswer::Kind::accepted;
    }
    say(TxAnswered{next.token, next.tx, std::move(answer)});
  }
}

}  // namespace kith::node
