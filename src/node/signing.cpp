#include "node/signing.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "crypto/ed25519_zip215.h"

namespace kith::node {

using codec::RefusalKind;
using codec::SignAsk;
using codec::SignerRequest;

namespace {

Code code_of(RefusalKind kind) {
  switch (kind) {
    case RefusalKind::guard:
    case RefusalKind::silent: return Code::refused;
    case RefusalKind::locked: return Code::locked;
    case RefusalKind::chain: return Code::wrong_peer;
  }
  return Code::refused;
}

}  // namespace

Signing::Signing(const codec::Hash& genesis, const crypto::KeyPair* key)
    : genesis_(genesis), key_(key) {
  if (key_ == nullptr) return;
  public_key_.emplace();
  std::ranges::copy(key_->public_key().data, public_key_->begin());
}

Signing::Signing(SigningConfig config, Log& log)
    : genesis_(config.genesis), config_(std::move(config)), log_(&log), public_key_(config_.key) {
  follow("its signer has not been reached yet");
}

// --- asking --------------------------------------------------------------------------------------

void Signing::ask(Instant now, SignAsk what) {
  const bool is_vote = std::holds_alternative<codec::SignVote>(what);
  if (key_ != nullptr) {
    ++(is_vote ? stats_.signed_votes : stats_.signed_others);
    crypto::Signature signature = key_->sign(codec::signed_bytes(genesis_, *public_key_, what));
    return outputs_.push_back(Answered{std::move(what), signature});
  }
  if (auto may = may_ask(!std::holds_alternative<codec::SignHello>(what), pending_.size()); !may) {
    return outputs_.push_back(Answered{std::move(what), fail(may.error())});
  }
  const std::uint64_t number = tell(what);
  pending_.emplace(number, Pending{std::move(what), now});
}

void Signing::prove(Instant now, codec::ProveHeight what) {
  if (key_ != nullptr) {
    const Token unused;  // the job says whose it is
    return outputs_.push_back(
        host::RunJob{unused, std::make_shared<ProveHeightJob>(*key_, genesis_, what.height)});
  }
  if (auto may = may_ask(true, proving_.size()); !may) {
    return outputs_.push_back(HeightProven{what.height, fail(may.error())});
  }
  proving_.emplace(tell(what), Proving{what.height, now});
}

void Signing::on_proved(const ProveHeightJob& job) {
  ++stats_.signed_others;
  outputs_.push_back(HeightProven{job.height(), job.proof()});
}

/// Of the remote signer, `waiting` requests of the kind being under way.
Result<void> Signing::may_ask(bool needs_lease, std::size_t waiting) {
  if (!is_connected() || (needs_lease && state_ != State::leads)) {
    return fail(Code::unreachable, why_);
  }
  if (waiting < pending_max) return {};
  ++stats_.refused;
  return fail(Code::limit, base::format("{} requests wait for the signer", waiting));
}

std::uint64_t Signing::tell(decltype(SignerRequest::what) what) {
  outputs_.push_back(
      host::TellSigner{codec::encode(SignerRequest{++last_number_, std::move(what)})});
  return last_number_;
}

void Signing::finish(Instant now, std::uint64_t number, Result<crypto::Signature> signature) {
  auto pending = pending_.extract(number);
  if (pending.empty()) return;  // of an epoch that is over
  times_.record(now - pending.mapped().asked);
  const bool is_vote = std::holds_alternative<codec::SignVote>(pending.mapped().what);
  if (!signature) {
    ++stats_.refused;
  } else {
    ++(is_vote ? stats_.signed_votes : stats_.signed_others);
  }
  outputs_.push_back(Answered{std::move(pending.mapped().what), std::move(signature)});
}

void Signing::finish(Instant now, std::uint64_t number, Result<crypto::VrfProof> proof) {
  const auto proving = proving_.extract(number);
  if (proving.empty()) return;
  times_.record(now - proving.mapped().asked);
  ++(proof ? stats_.signed_others : stats_.refused);
  outputs_.push_back(HeightProven{proving.mapped().height, std::move(proof)});
}

/// Of votes and verdicts it is looked at: certificates are made of it, and others would blame this
/// node.
void Signing::on_signature(Instant now, std::uint64_t number, const codec::SignatureGiven& given) {
  const auto pending = pending_.find(number);
  if (pending == pending_.end()) return;
  const SignAsk& what = pending->second.what;
  if (std::holds_alternative<codec::SignVote>(what) ||
      std::holds_alternative<codec::SignVerdict>(what)) {
    const Bytes bytes = codec::signed_bytes(genesis_, *public_key_, what);
    if (!crypto::verify_zip215(*public_key_, bytes, given.signature)) {
      return give_up("its signer gave a signature that does not verify");
    }
  }
  finish(now, number, given.signature);
}

void Signing::fail_all(const Error& error) {
  stats_.refused += pending_.size();
  for (auto& [number, pending] : std::exchange(pending_, {})) {
    outputs_.push_back(Answered{std::move(pending.what), fail(error)});
  }
  stats_.refused += proving_.size();
  for (const auto& [number, proving] : std::exchange(proving_, {})) {
    outputs_.push_back(HeightProven{proving.height, fail(error)});
  }
}

// --- the signer ----------------------------------------------------------------------------------

void Signing::on_input(Instant now, Input input) {
  if (!is_remote()) return;
  std::visit(
      Overload{
          [&](const host::SignerUp&) {
            state_ = State::greeting;
            answered_until_ = now + answer_max;
            tell(codec::SignerHello{
                config_.genesis, codec::signer_text(config_.name, codec::signer_name_bytes_max)});
          },
          [&](const host::SignerDown& down) {
            state_ = State::away;
            ask_lease_at_.reset();
            answered_until_.reset();
            // What made this node give up says more than the end that followed.
            if (!down.was_left) {
              follow(base::format("its signer cannot be reached: {}", down.error.message));
            }
            fail_all({Code::unreachable, why_});
          },
          [&](const host::SignerSaid& said) {
            auto answer = codec::decode_signer_answer(said.frame);
            if (answer) return on_answer(now, *std::move(answer));
            give_up(base::format("its signer said what is no answer: {}", answer.error().message));
          }},
      input);
}

void Signing::on_answer(Instant now, codec::SignerAnswer answer) {
  if (state_ == State::away) return;
  answered_until_ = now + answer_max;
  const std::uint64_t number = answer.number;
  std::visit(
      Overload{[&](const codec::SignerWelcome& welcome) { on_welcome(now, welcome); },
               [&](const codec::LeaseHeld& held) { on_held(held); },
               [&](const codec::LeaseTaken& taken) {
                 follow(base::format("its signer serves another node, {}", taken.holder));
               },
               [&](codec::SaidVotes& votes) { on_votes(std::move(votes)); },
               [&](const codec::SignatureGiven& given) { on_signature(now, number, given); },
               [&](const codec::SignerRefusal& refusal) { on_refusal(now, number, refusal); },
               // Whether it holds the builder of the block finds out, as all who check it do.
               [&](const codec::ProofGiven& given) {
                 finish(now, number, Result<crypto::VrfProof>(given.proof));
               }},
      answer.what);
}

void Signing::on_welcome(Instant now, const codec::SignerWelcome& welcome) {
  if (state_ != State::greeting) return;
  if (welcome.key != config_.key) {
    return give_up(base::format("the signer has the key {}, and chain.signer_key is {}",
                                base::to_hex(welcome.key), base::to_hex(config_.key)));
  }
  state_ = State::follows;
  outputs_.push_back(KeyUsable{});
  ask_lease(now);
}

void Signing::ask_lease(Instant now) {
  ask_lease_at_ = now + lease_every;
  if (!epoch_ || stands_down_) {
    answered_until_ = now + answer_max;  // nothing is asked
  } else {
    tell(codec::LeaseAsk{});
  }
}

void Signing::on_held(const codec::LeaseHeld& held) {
  if (!epoch_) return;
  if (held.epoch > *epoch_) {
    tell(codec::LeaseLeave{});
    return follow(base::format("its signer has voted in epoch {}, and this node is in epoch {}",
                               held.epoch.value, epoch_->value));
  }
  if (held.silent_through && *held.silent_through >= *epoch_) {
    return follow(
        base::format("its signer gives no vote until epoch {}: its log was lost, or is "
                     "older than what it said",
                     held.silent_through->value + 1));
  }
  if (state_ > State::follows && held.lease != held_.lease) {
    // It was over, unnoticed here, and others may have voted meanwhile.
    follow("the lease of its signer had ended");
  }
  if (state_ != State::follows) return;  // the lease goes on
  state_ = State::takes_over;
  held_ = held;
  said_.clear();
  tell(codec::SaidAsk{*epoch_, {}});
}

void Signing::on_votes(codec::SaidVotes votes) {
  if (state_ != State::takes_over) return;
  const bool is_of_epoch =
      std::ranges::all_of(votes.votes, [&](const auto& v) { return v.statement.epoch == *epoch_; });
  constexpr std::size_t said_max = 65'536;
  const bool goes_on = said_.empty() || votes.votes.empty() ||
                       said_.back().statement < votes.votes.front().statement;
  if (!is_of_epoch || !goes_on || said_.size() > said_max ||
      (votes.has_more && votes.votes.empty())) {
    return give_up("its signer gave votes that nobody asked for");
  }
  std::ranges::move(votes.votes, std::back_inserter(said_));
  if (votes.has_more) {
    tell(codec::SaidAsk{*epoch_, said_.back().statement});
    return;
  }
  state_ = State::leads;
  why_.clear();
  ++stats_.leases;
  final_told_ = {};
  is_stale_told_ = false;
  log_->info("signer", "this node votes from now on, with {} votes of epoch {} taken over",
             said_.size(), epoch_->value);
  const bool is_same_epoch = held_.epoch == *epoch_;
  outputs_.push_back(
      consensus::SignerReady{*epoch_, is_same_epoch ? held_.final_view : codec::View{},
                             std::exchange(said_, {}), held_.needs_others, held_.is_lost});
}

void Signing::on_refusal(Instant now, std::uint64_t number, const codec::SignerRefusal& refusal) {
  if (state_ == State::greeting) {
    return give_up(base::format("its signer refuses this node: {}", refusal.why));
  }
  if (refusal.kind == RefusalKind::locked && state_ > State::follows) {
    follow(base::format("its signer does not serve this node: {}", refusal.why));
  }
  const Error error{code_of(refusal.kind), refusal.why};
  finish(now, number, Result<crypto::Signature>(fail(error)));
  finish(now, number, Result<crypto::VrfProof>(fail(error)));
}

/// This node does not vote, and says why once.
void Signing::follow(std::string why) {
  if (state_ > State::follows) state_ = State::follows;
  if (why == why_) return;
  why_ = std::move(why);
  log_->warn("signer", "this node follows: {}", why_);
  outputs_.push_back(consensus::SignerGone{why_});
}

void Signing::give_up(std::string why) {
  follow(std::move(why));
  state_ = State::away;
  ask_lease_at_.reset();
  answered_until_.reset();
  fail_all({Code::unreachable, why_});
  outputs_.push_back(host::LeaveSigner{});
}

// --- the chain -----------------------------------------------------------------------------------

void Signing::on_epoch(Instant now, codec::Epoch epoch) {
  if (!is_remote()) return;
  epoch_ = epoch;
  // The engine that asked for them is gone.
  std::erase_if(pending_, [](const auto& each) {
    return std::holds_alternative<codec::SignVote>(each.second.what);
  });
  if (state_ > State::follows) {
    state_ = State::follows;
    why_ = "its signer is being asked for this epoch's votes";
  }
  outputs_.push_back(consensus::SignerGone{why_});  // a chain that was opened anew has not heard it
  if (state_ == State::follows) ask_lease(now);
}

void Signing::on_view(codec::View final_view, bool is_stale) {
  if (!is_remote() || state_ != State::leads) return;
  if (final_view > final_told_) {
    final_told_ = final_view;
    tell(codec::FinalTold{*epoch_, final_view});
  }
  if (is_stale && !std::exchange(is_stale_told_, true)) tell(codec::StaleTold{*epoch_});
}

void Signing::stand_down(bool stands_down) {
  if (!is_remote() || stands_down == stands_down_) return;
  stands_down_ = stands_down;
  if (!stands_down || state_ <= State::follows) return;
  tell(codec::LeaseLeave{});
  follow("the chain goes no further here");
}

void Signing::on_deadline(Instant now) {
  if (answered_until_ && now >= *answered_until_) {
    give_up(base::format("its signer does not answer for {} s",
                         std::chrono::duration_cast<std::chrono::seconds>(answer_max).count()));
  }
  if (ask_lease_at_ && now >= *ask_lease_at_) ask_lease(now);
}

std::optional<Instant> Signing::next_deadline() const {
  return base::soonest(answered_until_, ask_lease_at_);
}

std::optional<Signing::Output> Signing::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

Signing::Output::Output(Output&&) noexcept = default;
Signing::Output& Signing::Output::operator=(Output&&) noexcept = default;
Signing::Output::~Output() = default;

}  // namespace kith::node
