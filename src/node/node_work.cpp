// Of the node: computing jobs. A worker (node/worker.h) looks at each final state; what it says,
// and what peers hand us, a carrier (node/carrier.h) pays for. What takes time or a disk is the
// shell's.
#include "base/format.h"
#include "crypto/ed25519_zip215.h"
#include "node/chain_index.h"
#include "node/node.h"

namespace kith::node {
namespace {

/// So far behind what a peer has, what is due in our state is over.
constexpr std::uint64_t work_behind_max = 8;
/// Peers that are asked for one thing.
constexpr std::size_t asked_at_once = 4;
/// Statements of one peer.
constexpr base::TokenRate carried_rate{1, 64};

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

void Node::on_named(Instant now, Token token, const Result<std::vector<compute::Find>>& finds) {
  worker_->on_named(token, finds);
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
  if (worker_ != nullptr) {
    worker_->on_block(done.txs, done.jobs, chain_->states().tip()->registry().by_kind());
  }
  look_at_work();
}

bool Node::is_long_behind() const {
  return sync_->target().value > chain_->height().value + work_behind_max;
}

/// The state of the last final block, unless it is long past.
void Node::look_at_work() {
  if (worker_ == nullptr || is_long_behind()) return;
  const auto time = static_cast<std::uint64_t>(chain_->tip().time.unix_ms);
  worker_->on_final(chain_->height(), time, chain_->states().tip()->registry().by_kind());
  if (!worker_peers_->is_time() || compute_->speakers().empty()) return;
  if (const auto said = worker_->say_peer(host_.self())) worker_peers_->say(*said);
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
  is_busy = pump_worker_peers(now) || is_busy;
  return pump_compute(now) || is_busy;
}

/// Who answers for whom; our own is said when it is time.
bool Node::pump_worker_peers(Instant now) {
  constexpr Token nobody{0};
  if (worker_peers_ == nullptr) return false;
  bool is_busy = false;
  while (auto output = worker_peers_->poll_output()) {
    is_busy = true;
    if (const auto* const judged = std::get_if<WorkerPeers::Judged>(&*output)) {
      to_router(now, gossip::Validated{judged->token, judged->verdict});
    } else {
      auto& say = std::get<WorkerPeers::Say>(*output);
      to_router(
          now, gossip::Publish{nobody, worker_peers_->topic(), Buffer(std::move(say.message)), {}});
    }
  }
  for (const PeerId& peer : std::exchange(to_dial_, {})) {
    host_.on_input(now, host::Dial{nobody, peer, {}});
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
  std::visit(
      Overload{
          [&](ComputeSlice& slice) { work_asks_.push_back(std::move(slice)); },
          [&](const ForgetTask& task) { work_asks_.push_back(task); },
          [&](KeepRecords& keep) { work_asks_.push_back(std::move(keep)); },
          [&](NameFinds& finds) { work_asks_.push_back(std::move(finds)); },
          [&](SayStatement& say) { carry(std::move(say.statement)); },
          [&](GiveOrder& give) {
            if (carrier_ == nullptr || !carrier_->give(std::move(give.order))) {
              log_.warn("compute", "nobody here pays for an order of the worker's key");
            }
          },
          [&](const AskShow& ask) { ask_show(ask); },
          [&](const AskFirst& ask) { ask_some(codec::WantFirst{ask.job, ask.task}, ask); },
          [&](const RecordMade& made) {
            log_.info("compute", "task {} of job {} has been checked: {}", made.record.task.value,
                      made.record.job.value, codec::cid_of(made.record).to_string());
          },
          [&](const FindMade& made) {
            log_.warn("compute", "task {} of job {} has found {} ({}{}{}), to be claimed",
                      made.task.value, made.job.value, made.find.number,
                      compute::name_of(made.find.kind), made.find.value.empty() ? "" : " of ",
                      made.find.value);
          },
          [&](const NotShown& missing) {
            log_.warn("compute", "slot {} did not show part {} of task {} of job {}{}",
                      missing.target.value, missing.part, missing.task.value, missing.job.value,
                      missing.is_filed ? ": it is asked on the ledger" : "");
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
  if (carrier_ == nullptr) {
    ask_some(codec::CarryThese{{std::move(statement)}}, {});
  } else {
    (void)carrier_->carry(std::move(statement), *until);
  }
}

// --- with peers ----------------------------------------------------------------------------------

/// A few of those that speak the protocol, others each time.
void Node::ask_some(const codec::ComputeRequest& request, WorkAsked why) {
  const std::set<PeerId>& peers = compute_->speakers();
  const std::size_t count = std::min(peers.size(), asked_at_once);
  auto peer = peers.begin();
  if (!peers.empty()) std::advance(peer, last_asked_ % peers.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Token token{++last_asked_};
    if (!compute_->ask(token, *peer, request)) return;
    compute_asked_.emplace(token, why);
    if (++peer == peers.end()) peer = peers.begin();
  }
}

/// Whoever answers for the worker, if it has said so; a few others all the same while it is not
/// connected.
void Node::ask_show(const AskShow& ask) {
  const codec::ComputeRequest request = codec::ShowPart{ask.job, ask.task, ask.pass, ask.part};
  const PeerId* const peer = worker_peers_->peer_of(ask.worker);
  if (peer != nullptr && compute_->speakers().contains(*peer)) {
    const Token token{++last_asked_};
    if (compute_->ask(token, *peer, request)) compute_asked_.emplace(token, ask);
    return;
  }
  if (peer != nullptr && *peer != host_.self()) to_dial_.insert(*peer);
  ask_some(request, ask);
}

bool Node::pump_compute(Instant now) {
  bool is_busy = false;
  while (compute_ != nullptr) {
    auto outcome = compute_->poll_outcome();
    if (!outcome) break;
    is_busy = true;
    if (const auto* asks = std::get_if<ComputeService::PeerAsks>(&*outcome)) {
      compute_->answer(asks->stream, answer_to(now, *asks));
    } else {
      on_answer(std::get<ComputeService::PeerAnswered>(*outcome));
    }
  }
  return is_busy;
}

codec::ComputeAnswer Node::answer_to(Instant now, const ComputeService::PeerAsks& asks) {
  if (const auto* carry = std::get_if<codec::CarryThese>(&asks.request)) {
    return carry_for(now, asks.peer, *carry);
  }
  if (worker_ == nullptr) return codec::ComputeRefused{Code::not_found, "no worker is here"};
  if (const auto* want = std::get_if<codec::WantRecord>(&asks.request)) {
    const codec::Record* record = worker_->record(want->cid);
    if (record != nullptr) return codec::RecordGiven{*record};
    return codec::ComputeRefused{Code::not_found, "no record of this name is here"};
  }
  if (const auto* want = std::get_if<codec::WantFirst>(&asks.request)) {
    auto first = worker_->first_pass(want->job, want->task);
    if (first) return codec::FirstGiven{*std::move(first)};
    return codec::ComputeRefused{first.error().code, first.error().message};
  }
  const auto& show = std::get<codec::ShowPart>(asks.request);
  auto shown = worker_->show(show.job, show.task, show.pass, show.part);
  if (!shown) return codec::ComputeRefused{shown.error().code, shown.error().message};
  return codec::PartShown{std::move(shown->roots), std::move(shown->siblings)};
}

/// What has an effect and is signed; so many of a peer's in a second, for each costs a signature's
/// look and a share of a fee.
codec::ComputeAnswer Node::carry_for(Instant now, const PeerId& peer,
                                     const codec::CarryThese& carry) {
  if (carrier_ == nullptr || !carrier_->serves_others()) {
    return codec::ComputeRefused{Code::refused, "this node pays for its own worker alone"};
  }
  std::erase_if(carried_for_, [&](const auto& one) { return !host_.peer(one.first); });
  auto& bucket = carried_for_.try_emplace(peer, carried_rate, now).first->second;
  const ledger::Entries& entries = chain_->states().tip()->registry().by_kind();
  codec::StatementsTaken taken;
  for (const codec::JobStatement& statement : carry.statements) {
    if (!bucket.take(carried_rate, now)) break;
    const auto until = may_carry(entries, {chain_->height().value + 1}, statement);
    if (!until) continue;
    const Hash message = codec::statement_message(chain_->genesis_hash(), statement);
    if (!crypto::verify_zip215(statement.worker, message, statement.signature)) {
      return codec::ComputeRefused{Code::bad_signature, "a statement that its worker did not sign"};
    }
    if (carrier_->carry(statement, *until)) ++taken.count;
  }
  return taken;
}

void Node::on_answer(const ComputeService::PeerAnswered& answered) {
  const auto asked = compute_asked_.extract(answered.token);
  if (asked.empty() || worker_ == nullptr || !answered.answer) return;
  const auto* const show = std::get_if<AskShow>(&asked.mapped());
  const auto* const shown = std::get_if<codec::PartShown>(&*answered.answer);
  if (show != nullptr && shown != nullptr) {
    worker_->on_shown(*show, Worker::Shown{shown->roots, shown->siblings});
  }
  const auto* const want = std::get_if<AskFirst>(&asked.mapped());
  const auto* const given = std::get_if<codec::FirstGiven>(&*answered.answer);
  if (want != nullptr && given != nullptr) worker_->on_first(*want, given->first);
}

}  // namespace kith::node
