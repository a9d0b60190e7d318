#include "consensus/signer.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "codec/chain_beacon.h"

namespace kith::consensus {

using codec::LeaseHeld;
using codec::RefusalKind;
using codec::SaidVote;
using codec::SignerAnswer;
using codec::SignerRequest;

Signer::Signer(const SignerConfig& config, const crypto::KeyPair& key, Log& log)
    : config_(config), key_(key), log_(log) {
  std::ranges::copy(key.public_key().data, public_key_.begin());
  guard_.emplace(epoch_, View{0});
}

// --- the log -------------------------------------------------------------------------------------

Result<void> Signer::recover(const std::vector<Bytes>& records) {
  bool has_begun = false;
  for (const Bytes& bytes : records) {
    const SignerRecord record = TRY(decode_signer_record(bytes));
    has_begun = has_begun || std::holds_alternative<LogBegun>(record) ||
                std::holds_alternative<LogLost>(record) ||
                std::holds_alternative<SilentThrough>(record) ||
                std::holds_alternative<FinalKnown>(record);
    if (!has_begun) return fail(Code::malformed, "the signer's log does not begin where it should");
    restore(record);
    log_bytes_ += bytes.size();
  }
  if (!has_begun) return fail(Code::malformed, "the signer's log is empty");
  return {};
}

void Signer::restore(const SignerRecord& record) {
  std::visit(
      Overload{[](const LogBegun&) {}, [&](const LogLost&) { is_lost_ = true; },
               [&](const SignsFor& chain) { genesis_ = chain.genesis; },
               [&](const SilentThrough& silent) {
                 is_lost_ = false;
                 silent_through_ = std::max(silent_through_.value_or(silent.epoch), silent.epoch);
               },
               [&](const FinalKnown& known) {
                 if (known.epoch > epoch_) begin_epoch(known.epoch);
                 if (known.epoch != epoch_) return;
                 guard_->advance(known.view);
                 std::erase_if(said_,
                               [&](const auto& each) { return each.first.view() <= known.view; });
               },
               [&](const SaidVote& said) {
                 const Epoch epoch = said.statement.epoch;
                 if (epoch > epoch_) begin_epoch(epoch);
                 guard_->restore(said.statement);
                 if (epoch == epoch_ && said.statement.view() > guard_->final_view()) {
                   said_.insert_or_assign(said.statement, said.signature);
                 }
               },
               [&](const VerdictGiven& given) { note_verdict(given.dispute, given.digest); }},
      record);
  begins_anew_ = false;
}

void Signer::begin_lost() {
  genesis_.reset();
  silent_through_.reset();
  begin_epoch({0});
  is_lost_ = true;
  begins_anew_ = must_log_ = true;
}

void Signer::begin_epoch(Epoch epoch) {
  epoch_ = epoch;
  guard_.emplace(epoch, View{0});
  said_.clear();
  begins_anew_ = true;
}

std::vector<Bytes> Signer::state_records() const {
  std::vector<Bytes> records = {encode(SignerRecord(FinalKnown{epoch_, guard_->final_view()}))};
  if (is_lost_) records.push_back(encode(SignerRecord(LogLost{})));
  if (genesis_) records.push_back(encode(SignerRecord(SignsFor{*genesis_})));
  if (silent_through_) records.push_back(encode(SignerRecord(SilentThrough{*silent_through_})));
  for (const auto& [statement, signature] : said_) {
    records.push_back(encode(SignerRecord(SaidVote{statement, signature})));
  }
  for (const auto& [dispute, digest] : verdicts_) {
    records.push_back(encode(SignerRecord(VerdictGiven{dispute, digest})));
  }
  return records;
}

void Signer::log_record(const SignerRecord& record, bool is_urgent) {
  // Of what need not be durable the last one stands for those before it.
  if (is_final_last_ && !is_urgent && !unlogged_.empty()) unlogged_.pop_back();
  is_final_last_ = !is_urgent;
  unlogged_.push_back(encode(record));
  must_log_ = must_log_ || is_urgent;
}

/// What a turn says is written at once, and said when it is durable.
void Signer::flush_log() {
  if (!must_log_) {
    // Said behind what is being written now.
    for (SayToClient& say : std::exchange(undurable_, {})) {
      if (logging_.empty()) {
        outputs_.push_back(std::move(say));
      } else {
        logging_.rbegin()->second.push_back(std::move(say));
      }
    }
    return;
  }
  must_log_ = false;
  for (const Bytes& record : unlogged_) log_bytes_ += record.size();
  const bool anew = begins_anew_ || log_bytes_ > config_.log_bytes_max;
  std::vector<Bytes> records = std::exchange(unlogged_, {});
  if (anew) {
    records = state_records();
    begins_anew_ = false;
    log_bytes_ = 0;
    for (const Bytes& record : records) log_bytes_ += record.size();
    // What lives must leave room, or each vote would begin it anew.
    log_bytes_ = std::min(log_bytes_, config_.log_bytes_max / 2);
  }
  const Token token{++last_token_};
  logging_.emplace(token, std::exchange(undurable_, {}));
  outputs_.push_back(SignerAppend{token, epoch_.value, std::move(records), anew});
}

// --- turns ---------------------------------------------------------------------------------------

void Signer::on_input(Instant now, Input input) {
  std::visit(Overload{[&](const ClientSaid& said) { on_said(now, said); },
                      [&](const ClientLeft& left) {
                        on_leave(left.client);
                        clients_.erase(left.client);
                      },
                      [&](const SignerLogged& logged) {
                        const auto done = logging_.extract(logged.token);
                        if (done.empty()) return;
                        for (SayToClient& say : done.mapped()) outputs_.push_back(std::move(say));
                      }},
             input);
}

std::optional<Signer::Output> Signer::poll_output(Instant) {
  if (outputs_.empty()) flush_log();
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

/// Nothing overtakes what is not durable yet.
void Signer::answer(ClientId client, SignerAnswer answer) {
  SayToClient say{client, codec::encode(answer)};
  if (must_log_ || !logging_.empty()) {
    undurable_.push_back(std::move(say));
  } else {
    outputs_.push_back(std::move(say));
  }
}

void Signer::refuse(ClientId client, std::uint64_t number, RefusalKind kind, std::string why) {
  ++(kind == RefusalKind::locked ? stats_.locked : stats_.refused);
  answer(client, {number, codec::SignerRefusal{
                              kind, codec::signer_text(why, codec::signer_why_bytes_max)}});
}

void Signer::on_said(Instant now, const ClientSaid& said) {
  const auto request = codec::decode_signer_request(said.frame);
  if (!request) return outputs_.push_back(DropClient{said.client, request.error()});
  const auto* const hello = std::get_if<codec::SignerHello>(&request->what);
  if (hello == nullptr && clients_.contains(said.client)) {
    return on_request(now, said.client, *request);
  }
  if (hello == nullptr) {
    return outputs_.push_back(DropClient{said.client, {Code::protocol, "it said no hello"}});
  }
  if (auto taken = on_hello(said.client, request->number, *hello); !taken) {
    outputs_.push_back(DropClient{said.client, std::move(taken).error()});
  }
}

Result<void> Signer::on_hello(ClientId client, std::uint64_t number,
                              const codec::SignerHello& hello) {
  if (clients_.contains(client)) return fail(Code::protocol, "a second hello");
  if (clients_.size() >= clients_max) {
    return fail(Code::limit, base::format("{} nodes are connected already", clients_max));
  }
  if (genesis_ && *genesis_ != hello.genesis) {
    const std::string why = base::format("this key signs for the chain {}, not {}",
                                         base::to_hex(*genesis_), base::to_hex(hello.genesis));
    // Said at once: nothing of it depends on the log.
    outputs_.push_back(SayToClient{
        client,
        codec::encode(SignerAnswer{number, codec::SignerRefusal{RefusalKind::chain, why}})});
    return fail(Code::wrong_peer, why);
  }
  if (!genesis_) {
    genesis_ = hello.genesis;
    log_record(SignsFor{hello.genesis}, true);
  }
  clients_.emplace(client, Client{hello.name});
  answer(client, {number, codec::SignerWelcome{public_key_}});
  return {};
}

void Signer::on_request(Instant now, ClientId client, const SignerRequest& request) {
  const std::uint64_t number = request.number;
  if (std::holds_alternative<codec::LeaseAsk>(request.what)) return on_lease(now, client, number);
  if (const auto* const ask = std::get_if<codec::SignAsk>(&request.what)) {
    return on_ask(now, client, number, *ask);
  }
  if (const auto* const prove = std::get_if<codec::ProveHeight>(&request.what)) {
    return on_prove(now, client, number, *prove);
  }
  if (!holds_lease(now, client)) {
    if (std::holds_alternative<codec::SaidAsk>(request.what)) {
      refuse(client, number, RefusalKind::locked, "another node has the lease, or nobody");
    }
    return;  // nobody whose word counts
  }
  std::visit(
      Overload{[&](const codec::LeaseLeave&) { on_leave(client); },
               [&](const codec::SaidAsk& ask) { on_said_ask(client, number, ask); },
               [&](const codec::FinalTold& told) { on_final(told); },
               [&](const codec::StaleTold& told) { on_stale(told.epoch); }, [](const auto&) {}},
      request.what);
}

// --- the lease -----------------------------------------------------------------------------------

bool Signer::holds_lease(Instant now, ClientId client) const {
  return holder_ == client && now < lease_until_;
}

std::optional<std::string> Signer::holder(Instant now) const {
  if (!holder_ || now >= lease_until_) return std::nullopt;
  return clients_.at(*holder_).name;
}

void Signer::on_lease(Instant now, ClientId client, std::uint64_t number) {
  const std::string& name = clients_.at(client).name;
  if (holder_ && holder_ != client && now < lease_until_) {
    return answer(client, {number, codec::LeaseTaken{clients_.at(*holder_).name}});
  }
  if (!holds_lease(now, client)) ++lease_;
  if (holder_ != client) {
    ++stats_.leases;
    log_.info("signer", "{} has the lease{}", name,
              last_holder_.empty() ? "" : base::format("; before it {} had it", last_holder_));
    last_holder_ = name;
  }
  holder_ = client;
  lease_until_ = now + config_.lease;
  answer(client, {number, LeaseHeld{epoch_, guard_->final_view(), lease_, is_fresh_, is_lost_,
                                    silent_through_}});
}

/// A connection that has ended gives it back too: whoever stands by need not wait.
void Signer::on_leave(ClientId client) {
  if (holder_ == client) holder_.reset();
}

void Signer::silence_through(Epoch epoch) {
  is_lost_ = false;
  silent_through_ = std::max(silent_through_.value_or(epoch), epoch);
  log_record(SilentThrough{*silent_through_}, true);
}

void Signer::on_said_ask(ClientId client, std::uint64_t number, const codec::SaidAsk& ask) {
  codec::SaidVotes page;
  if (ask.epoch == epoch_) {
    auto at = ask.after ? said_.upper_bound(*ask.after) : said_.begin();
    for (; at != said_.end() && page.votes.size() < codec::signer_votes_max; ++at) {
      page.votes.push_back({at->first, at->second});
    }
    page.has_more = at != said_.end();
  }
  answer(client, {number, std::move(page)});
}

void Signer::on_final(const codec::FinalTold& told) {
  if (told.epoch < epoch_ || told.view.value == 0) return;
  if (told.epoch > epoch_) begin_epoch(told.epoch);
  if (told.view <= guard_->final_view()) return;
  guard_->advance(told.view);
  std::erase_if(said_, [&](const auto& said) { return said.first.view() <= told.view; });
  // Need not be durable by itself: until it is, what was said below stands in the log.
  log_record(FinalKnown{epoch_, told.view}, false);
}

void Signer::on_stale(Epoch epoch) {
  log_.error("signer", "{}: no vote until epoch {}",
             is_lost_ ? "what was said with this key is not known"
                      : "others hold votes of this key that its log does not know",
             epoch.value + 1);
  is_fresh_ = true;  // in the next one too others are asked first
  silence_through(epoch);
}

// --- signing -------------------------------------------------------------------------------------

void Signer::refuse_locked(Instant now, ClientId client, std::uint64_t number) {
  const auto other = holder(now);
  refuse(client, number, RefusalKind::locked,
         other ? base::format("{} has the lease", *other) : "the lease is over");
}

void Signer::on_ask(Instant now, ClientId client, std::uint64_t number, const codec::SignAsk& ask) {
  // Who proves the key on a channel need not be the one that votes: it hears what validators hear.
  const bool needs_lease = !std::holds_alternative<codec::SignHello>(ask);
  if (needs_lease && !holds_lease(now, client)) return refuse_locked(now, client, number);
  if (const auto* const vote = std::get_if<codec::SignVote>(&ask)) {
    return sign_vote(client, number, *vote);
  }
  if (const auto* const verdict = std::get_if<codec::SignVerdict>(&ask)) {
    return sign_verdict(client, number, *verdict);
  }
  ++stats_.others;
  answer(
      client,
      {number, codec::SignatureGiven{key_.sign(codec::signed_bytes(*genesis_, public_key_, ask))}});
}

/// There is one proof of a height, so that no rule of the guard is about it: whoever would build
/// the block may have it, in whatever epoch and were the log lost.
void Signer::on_prove(Instant now, ClientId client, std::uint64_t number,
                      const codec::ProveHeight& prove) {
  if (!holds_lease(now, client)) return refuse_locked(now, client, number);
  ++stats_.others;
  answer(client, {number, codec::ProofGiven{crypto::vrf_prove(
                              key_, codec::beacon_input(*genesis_, prove.height))}});
}

void Signer::sign_vote(ClientId client, std::uint64_t number, const codec::SignVote& vote) {
  const Statement& statement = vote.statement;
  if (is_lost_) {
    return refuse(client, number, RefusalKind::silent,
                  "no vote: what was said before is not known, nor in which epochs");
  }
  if (silent_through_ && statement.epoch <= *silent_through_) {
    return refuse(client, number, RefusalKind::silent,
                  base::format("no vote until epoch {}: what was said before is not known",
                               silent_through_->value + 1));
  }
  if (statement.epoch < epoch_) {
    return refuse(client, number, RefusalKind::guard,
                  base::format("G4: epoch {} is over, the last vote was of epoch {}",
                               statement.epoch.value, epoch_.value));
  }
  if (const auto said = said_.find(statement); said != said_.end()) {
    return answer(client, {number, codec::SignatureGiven{said->second}});
  }
  // An epoch begins with the first vote that is good in it: none that is refused ends the last one.
  const bool is_first = statement.epoch > epoch_;
  SafetyGuard first(statement.epoch, View{0});
  SafetyGuard& guard = is_first ? first : *guard_;
  if (auto approved = guard.approve(statement, vote.holds_notarization); !approved) {
    log_.warn("signer", "{} is refused: {}", codec::describe(vote), approved.error().message);
    return refuse(client, number, RefusalKind::guard, approved.error().message);
  }
  if (is_first) {
    begin_epoch(statement.epoch);
    guard_.emplace(std::move(first));
  }
  is_fresh_ = false;
  ++stats_.votes;
  const crypto::Signature signature = key_.sign(codec::signed_bytes(*genesis_, statement));
  said_.emplace(statement, signature);
  log_record(SaidVote{statement, signature}, true);
  answer(client, {number, codec::SignatureGiven{signature}});
}

/// One verdict a dispute. What made room for later ones is not known any more: nothing is said so
/// far back.
Result<void> Signer::may_give(const codec::SignVerdict& verdict) const {
  const auto known = verdicts_.find(verdict.dispute);
  if (known != verdicts_.end()) {
    if (known->second == verdict.digest) return {};
    return fail(Code::refused,
                base::format("another verdict was given in dispute {}", verdict.dispute));
  }
  if (verdicts_.size() < verdicts_max || verdict.dispute > verdicts_.begin()->first) return {};
  return fail(Code::refused,
              base::format("dispute {} is older than the {} whose verdicts are remembered",
                           verdict.dispute, verdicts_max));
}

void Signer::note_verdict(std::uint64_t dispute, const codec::Hash& digest) {
  verdicts_.emplace(dispute, digest);
  if (verdicts_.size() > verdicts_max) verdicts_.erase(verdicts_.begin());
}

void Signer::sign_verdict(ClientId client, std::uint64_t number,
                          const codec::SignVerdict& verdict) {
  // What was said in the time of a log that was lost, nobody knows.
  if (is_silent()) {
    return refuse(client, number, RefusalKind::silent,
                  "no verdict while no vote: what was said before is not known");
  }
  if (auto may = may_give(verdict); !may) {
    log_.warn("signer", "{} is refused: {}", codec::describe(verdict), may.error().message);
    return refuse(client, number, RefusalKind::guard, may.error().message);
  }
  ++stats_.others;
  if (!verdicts_.contains(verdict.dispute)) {
    note_verdict(verdict.dispute, verdict.digest);
    log_record(VerdictGiven{verdict.dispute, verdict.digest}, true);
  }
  answer(client, {number, codec::SignatureGiven{
                              key_.sign(codec::signed_bytes(*genesis_, public_key_, verdict))}});
}

}  // namespace kith::consensus
