// Of the node: computing jobs. A worker (node/worker.h) looks at each final state; what it says,
// and what peers hand us, a carrier (node/carrier.h) pays for. What takes time or a disk is the
// shell's.
#include "base/format.h"
#include "node/chain_index.h"
#include "node/node.h"

namespace kith::node {
namespace {

/// So far behind what a peer has, what is due in our state is over.
constexpr std::uint64_t work_behind_max = 8;

/// Up to Carrier::coins_max final outputs of a lock.
class FindCoinsJob final : public host::Job {
 public:
  FindCoinsJob(const ledger::Store& store, const Hash& lock) : store_(store), lock_(lock) {}
  void run() override { found_ = find(); }
  Result<std::vector<Coin>> take() { return std::move(found_); }

 private:
  Result<std::vector<Coin>> find() const {
    std::vector<Coin> coins;
    for (const codec::OutPoint& from :
         TRY(read_owned(store_, lock_, std::nullopt, Carrier::coins_max))) {
      const auto utxo = TRY(ledger::find_utxo(store_, from));
      if (utxo) coins.push_back({from, utxo->output.value});
    }
    return coins;
  }

  const ledger::Store& store_;
  const Hash lock_;
  Result<std::vector<Coin>> found_;
};

}  // namespace

void Node::begin_work(std::unique_ptr<Worker> worker, std::unique_ptr<Carrier> carrier) {
  ASSERT(chain_ != nullptr && worker_ == nullptr && carrier_ == nullptr);
  worker_ = std::move(worker);
  carrier_ = std::move(carrier);
}

std::optional<WorkAsk> Node::poll_work() {
  if (work_asks_.empty()) return std::nullopt;
  return work_asks_.pop_front();
}

void Node::on_computed(Instant now, Token token, Result<compute::SliceResult> result) {
  worker_->on_computed(token, std::move(result));
  pump(now);
}

void Node::on_kept(Instant now, Token token) {
  worker_->on_kept(token);
  pump(now);
}

void Node::pause_work(Instant now, bool is_paused) {
  worker_->pause(is_paused);
  pump(now);
}

void Node::work_on(Instant, const BlockFinalized& done) {
  if (carrier_ != nullptr) {
    carrier_->on_final(done.block->header().height, done.txs);
    carrier_->look_for([&](const Hash& txid) { return chain_->mempool().find(txid) != nullptr; });
  }
  look_at_work();
}

/// The state of the last final block, unless it is long past.
void Node::look_at_work() {
  if (worker_ == nullptr || sync_->target().value > chain_->height().value + work_behind_max) {
    return;
  }
  const auto time = static_cast<std::uint64_t>(chain_->tip().time.unix_ms);
  worker_->on_final(chain_->height(), time, chain_->states().tip()->registry().by_kind());
}

bool Node::pump_work(Instant now) {
  bool is_busy = false;
  while (worker_ != nullptr) {
    auto output = worker_->poll_output();
    if (!output) break;
    is_busy = true;
    on_work(*std::move(output));
  }
  while (carrier_ != nullptr && !chain_->is_suspended()) {
    auto output = carrier_->poll_output();
    if (!output) break;
    is_busy = true;
    if (const auto* find = std::get_if<Carrier::FindCoins>(&*output)) {
      coins_asked_ = std::make_shared<FindCoinsJob>(chain_->states().store(), find->lock);
      outputs_.push_back(host::RunJob{Token{}, coins_asked_});
      continue;
    }
    const Token token{++last_submitted_};
    submitted_.emplace(token, Submitted{{}, false, false, true});
    chain_->on_input(now, SubmitTx{token, std::get<Carrier::SubmitCarried>(*output).tx, {}});
  }
  return is_busy;
}

bool Node::on_coins(host::Job& job) {
  if (coins_asked_.get() != &job) return false;
  const auto asked = std::exchange(coins_asked_, nullptr);
  auto coins = static_cast<FindCoinsJob&>(job).take();
  if (!coins) {
    log_.warn("compute", "the coins that pay for statements: {}", coins.error().message);
    coins = std::vector<Coin>();
  }
  carrier_->on_coins(*std::move(coins));
  return true;
}

void Node::on_work(WorkerOutput output) {
  std::visit(Overload{[&](ComputeSlice& slice) { work_asks_.push_back(std::move(slice)); },
                      [&](const ForgetTask& task) { work_asks_.push_back(task); },
                      [&](KeepRecords& keep) { work_asks_.push_back(std::move(keep)); },
                      [&](SayStatement& say) { carry(std::move(say.statement)); },
                      [&](GiveOrder& give) {
                        if (carrier_ == nullptr || !carrier_->give(std::move(give.order))) {
                          log_.warn("compute", "nobody here pays for an order of the worker's key");
                        }
                      },
                      [&](const AskShow&) {},
                      [&](const RecordMade& made) {
                        log_.info("compute", "task {} of job {} has been checked: {}",
                                  made.record.task.value, made.record.job.value,
                                  codec::cid_of(made.record).to_string());
                      },
                      [&](const NotShown& missing) {
                        log_.warn("compute", "slot {} did not show part {} of task {} of job {}",
                                  missing.target.value, missing.part, missing.task.value,
                                  missing.job.value);
                      },
                      [&](const DisputeLooked& looked) {
                        log_.warn("compute", "dispute {}: computed once more, {}", looked.dispute,
                                  looked.was_wrong ? "we were wrong" : "the same came out");
                      }},
             output);
}

/// Our worker's own.
void Node::carry(codec::JobStatement statement) {
  const ledger::Entries& entries = chain_->states().tip()->registry().by_kind();
  const auto until = may_carry(entries, {chain_->height().value + 1}, statement);
  if (!until) return;  // its round has ended meanwhile
  if (carrier_ != nullptr) (void)carrier_->carry(std::move(statement), *until);
}

}  // namespace kith::node
