// Of the engine: what comes from peers, up to the point where its signatures are known to be right.
#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "consensus/engine.h"

namespace kith::consensus {

using codec::Certificate;
using codec::ProposalMessage;
using codec::Statement;
using codec::Vote;

namespace {

/// About what it takes in memory while it waits.
std::size_t bytes_of(const CertificatePtr& certificate) {
  return 256 + certificate->signatures.size() * sizeof(crypto::Signature);
}
std::size_t bytes_of(const codec::Block& block) {
  std::size_t bytes = 1024 + block.body().size();
  const codec::Justification& justification = block.justification();
  if (justification.parent) bytes += justification.parent->signatures.size() * 64;
  for (const Certificate& each : justification.nullified) {
    bytes += 128 + each.signatures.size() * 64;
  }
  return bytes;
}
std::size_t bytes_of(
    const std::variant<Vote, CertificatePtr, ProposalMessage, BlocksHeard, MemoryHeard>& what) {
  if (const auto* const heard = std::get_if<MemoryHeard>(&what)) {
    const std::size_t signatures = heard->memory.final ? heard->memory.final->signatures.size() : 0;
    return 512 + heard->memory.votes.size() * sizeof(Vote) + signatures * 64;
  }
  if (const auto* const heard = std::get_if<BlocksHeard>(&what)) {
    std::size_t bytes = 256;
    for (const BlockPtr& block : heard->blocks) bytes += bytes_of(*block);
    return bytes;
  }
  if (const auto* const certificate = std::get_if<CertificatePtr>(&what)) {
    return bytes_of(*certificate);
  }
  const auto* const proposal = std::get_if<ProposalMessage>(&what);
  if (proposal == nullptr) return 256;
  std::size_t bytes = bytes_of(*proposal->block);
  if (proposal->anew) {
    for (const Certificate& each : proposal->anew->nullified) {
      bytes += 128 + each.signatures.size() * 64;
    }
    if (proposal->anew->parent) bytes += proposal->anew->parent->signatures.size() * 64;
  }
  return bytes;
}

}  // namespace

void Engine::hear(Instant now, Heard heard) {
  std::visit(Overload{[&](const Vote& vote) { hear_vote(now, heard.from, vote); },
                      [&](Certificate& certificate) {
                        hear_certificate(now, heard.from, std::move(certificate));
                      },
                      [&](ProposalMessage& message) {
                        hear_proposal(now, heard.from, std::move(message));
                      },
                      [&](const codec::BlockRequest& request) {
                        hear_request(now, heard.from, request.digest);
                      },
                      [&](const codec::BlockAnswer& answer) { hear_block(now, answer.block); },
                      [&](const codec::MemoryRequest& request) {
                        hear_memory_request(now, heard.from, request);
                      },
                      [&](codec::Memory& memory) {
                        hear_memory(now, heard.from, heard.proven, std::move(memory));
                      }},
             heard.message);
}

void Engine::hear_vote(Instant now, const PeerId& from, const Vote& vote) {
  const View view = vote.statement.view();
  if (vote.statement.epoch != context_.epoch || view > next(view_) ||
      view.value + views_kept <= last_final_.view.value) {
    ++stats_.dropped;
    if (vote.statement.epoch == context_.epoch && view <= last_final_.view) {
      help_lagging(now, from, view);
    }
    return;
  }
  if (vote.signer >= context_.validators.size()) {
    say(PeerFault{from,
                  {Code::malformed, base::format("a vote of validator {} of {}", vote.signer,
                                                 context_.validators.size())}});
    return;
  }
  // A vote for a view that is over tells that its sender has not seen the end of it; a late
  // finalization is everyday.
  const bool is_past = view <= last_final_.view || next(view) < view_;
  if (is_past && vote.statement.kind != VoteKind::finalize) help_lagging(now, from, view);
  const ViewState* const state = find(view);
  if (state != nullptr && !state->votes.wants(vote)) {
    ++stats_.useless;
    return;
  }
  std::vector<VerifyJob> jobs;
  add_job(jobs, vote);
  verify(now, {from, vote, 0}, std::move(jobs));
}

void Engine::hear_certificate(Instant now, const PeerId& from, Certificate certificate) {
  const Statement& statement = certificate.statement;
  if (statement.epoch != context_.epoch) {
    ++stats_.dropped;
    return;
  }
  if (statement.view() <= last_final_.view && statement.kind != VoteKind::finalize) {
    ++stats_.useless;
    return;
  }
  if (statement.view().value + views_kept <= last_final_.view.value || holds(statement)) {
    ++stats_.useless;
    return;
  }
  if (auto formed = check_form(certificate, context_.validators); !formed) {
    say(PeerFault{from, std::move(formed).error()});
    return;
  }
  verify_certificate(now, from, std::make_shared<const Certificate>(std::move(certificate)));
}

/// Of equal certificates one is verified at a time; the others wait for its verdict, of each peer
/// one, so that a false one delays a true one and never displaces it.
void Engine::verify_certificate(Instant now, const PeerId& from, CertificatePtr certificate) {
  const auto waiting = certificates_waiting_.find(certificate->statement);
  if (waiting != certificates_waiting_.end()) {
    const bool is_there = std::ranges::any_of(
        waiting->second, [&](const auto& other) { return other.first == from; });
    if (is_there || !charge(from, bytes_of(certificate))) {
      ++stats_.dropped;
      return;
    }
    waiting->second.emplace_back(from, certificate);
    return;
  }
  std::vector<VerifyJob> jobs;
  add_jobs(jobs, *certificate);
  if (!jobs.empty()) certificates_waiting_[certificate->statement];
  verify(now, {from, std::move(certificate), 0}, std::move(jobs));
}

void Engine::hear_proposal(Instant now, const PeerId& from, ProposalMessage message) {
  const Vote& vote = message.vote;
  const View view = vote.statement.view();
  // A justification may carry us ahead, but not further than a lagging node can need.
  constexpr std::uint64_t ahead_max = 1000;
  if (vote.statement.epoch != context_.epoch || view <= last_final_.view ||
      view.value > view_.value + ahead_max) {
    ++stats_.dropped;
    return;
  }
  if (vote.signer != leaders_.leader(view)) {
    say(PeerFault{from,
                  {Code::protocol, base::format("validator {} proposes in view {}, which is "
                                                "led by {}",
                                                vote.signer, view.value, leaders_.leader(view))}});
    return;
  }
  ViewState* const state = find(view);
  const bool is_known =
      state != nullptr && ((state->proposal && state->proposal->vote.statement == vote.statement) ||
                           (state->is_proposal_wrong && !state->votes.wants(vote)));
  const bool is_crowded = blocks_.bytes() >= bodies_max && view != view_;
  if (is_known || is_crowded) {
    ++(is_known ? stats_.useless : stats_.dropped);
    return;
  }
  const auto formed = check_justification(message);
  std::vector<VerifyJob> jobs;
  if (state == nullptr || !state->votes.holds(vote)) add_job(jobs, vote);
  if (formed) {
    const codec::Justification& justification = message.justification();
    if (justification.parent) add_jobs(jobs, *justification.parent);
    for (const Certificate& certificate : justification.nullified) add_jobs(jobs, certificate);
  } else if (message.anew) {
    // That one the leader did not sign: it may be the work of whoever passed this on.
    say(PeerFault{from, formed.error()});
    return;
  } else {
    // If the leader signed it nevertheless, the view need not be waited for (A2).
    log_.info("consensus", "the proposal of view {}: {}", view.value, formed.error().message);
  }
  verify(now, {from, std::move(message), 0}, std::move(jobs));
}

void Engine::hear_request(Instant now, const PeerId& from, const Hash& digest) {
  constexpr std::size_t given_max = 4096;
  const BlockPool::Entry* const entry = blocks_.find(digest);
  if (entry == nullptr) return;
  if (given_.size() >= given_max) given_.clear();
  base::TokenBucket& bucket = given_.try_emplace(from, given_rate, now).first->second;
  Buffer answer(codec::encode(codec::ConsensusMessage(codec::BlockAnswer{entry->block})));
  if (!bucket.take(given_rate, now, answer.size())) {
    ++stats_.dropped;
    return;
  }
  say(ReplyTo{from, std::move(answer)});
}

void Engine::hear_block(Instant now, const BlockPtr& block) {
  if (fetches_.erase(block->digest()) == 0) {
    ++stats_.useless;
    return;
  }
  // The digest was certified, or stands in a block that was: no signature is needed.
  BlockPool::Entry& entry = blocks_.add(block);
  if (!entry.is_logged) {
    entry.is_logged = true;
    log_record(HeldBlock{block});
  }
  check_when_possible(now, block);
  progress(now);
}

/// One certificate vouches for all of them, since each names its parent by digest.
void Engine::hear_blocks(Instant now, BlocksHeard heard) {
  const Statement& statement = heard.finalization.statement;
  if (statement.epoch != context_.epoch || heard.blocks.empty() || is_over()) return;
  if (heard.blocks.back()->header().height <= last_final_.height) return;
  Hash digest = statement.subject.digest;
  bool is_chain = statement.kind == VoteKind::finalize;
  for (auto at = heard.blocks.rbegin(); at != heard.blocks.rend() && is_chain; ++at) {
    is_chain = (*at)->digest() == digest;
    digest = (*at)->header().parent;
  }
  if (!is_chain) {
    say(PeerFault{heard.from, {Code::protocol, "blocks that are not what the certificate says"}});
    return;
  }
  if (auto formed = check_form(heard.finalization, context_.validators); !formed) {
    say(PeerFault{heard.from, std::move(formed).error()});
    return;
  }
  std::vector<VerifyJob> jobs;
  add_jobs(jobs, heard.finalization);
  verify(now, {heard.from, std::move(heard), 0}, std::move(jobs));
}

void Engine::accept(Instant now, const BlocksHeard& heard) {
  for (const BlockPtr& block : heard.blocks) {
    if (block->header().height > last_final_.height) blocks_.add(block);
    fetches_.erase(block->digest());
  }
  const codec::Certificate& finalization = heard.finalization;
  if (!holds(finalization.statement)) {
    hold(now, std::make_shared<const codec::Certificate>(finalization));
  }
  for (const BlockPtr& block : heard.blocks) check_when_possible(now, block);
  progress(now);
}

/// R9, at most now and then to each peer.
void Engine::help_lagging(Instant now, const PeerId& from, View view) {
  constexpr Duration pause = 200ms;
  constexpr std::size_t helped_max = 4096;
  if (helped_.size() >= helped_max) helped_.clear();
  Instant& last = helped_[from];
  if (last != Instant{} && now - last < pause) return;
  last = now;
  const auto reply = [&](const CertificatePtr& certificate) {
    if (certificate == nullptr) return;
    say(ReplyTo{from, Buffer(codec::encode(codec::ConsensusMessage(*certificate)))});
  };
  if (view <= last_final_.view) {
    reply(last_final_.finalization);
    return;
  }
  const ViewState* const state = find(view);
  if (state == nullptr) return;
  reply(state->finalization != nullptr   ? state->finalization
        : state->notarization != nullptr ? state->notarization
                                         : state->nullification);
}

/// Whether so much more may wait for its check; if so, it is counted. Many peers together cannot
/// take the place of one that has little waiting.
bool Engine::charge(const PeerId& from, std::size_t bytes) {
  const auto found = pending_of_.find(from);
  const Load of = found == pending_of_.end() ? Load{} : found->second;
  const bool is_crowded = pending_load_.count >= pending_max / 2;
  if (pending_load_.count >= pending_max) return false;
  if (of.count >= (is_crowded ? pending_fair : pending_per_peer_max)) return false;
  if (of.bytes + bytes > pending_bytes_per_peer_max) return false;
  if (bytes > small_bytes && pending_load_.bytes + bytes > pending_bytes_max) return false;
  for (Load* const load : {&pending_of_[from], &pending_load_}) {
    ++load->count;
    load->bytes += bytes;
  }
  return true;
}

void Engine::discharge(const PeerId& from, std::size_t bytes) {
  const auto of = pending_of_.find(from);
  for (Load* const load : {&of->second, &pending_load_}) {
    --load->count;
    load->bytes -= bytes;
  }
  if (of->second.count == 0) pending_of_.erase(of);
}

bool Engine::holds(const Statement& statement) const {
  const ViewState* const state = find(statement.view());
  if (state == nullptr) return false;
  const CertificatePtr& held = statement.kind == VoteKind::notarize  ? state->notarization
                               : statement.kind == VoteKind::nullify ? state->nullification
                                                                     : state->finalization;
  return held != nullptr && held->statement == statement;
}

void Engine::add_job(std::vector<VerifyJob>& jobs, const Vote& vote) const {
  jobs.push_back(
      {context_.validators.at(vote.signer).key,
       std::make_shared<const Bytes>(codec::signed_bytes(context_.genesis, vote.statement)),
       vote.signature});
}

/// Signatures that were already verified, as votes or in the very same certificate, are not
/// verified again. Another certificate of the same statement is: whether a proposal is justified
/// must not depend on what one happens to hold.
void Engine::add_jobs(std::vector<VerifyJob>& jobs, const Certificate& certificate) const {
  const ViewState* const state = find(certificate.statement.view());
  if (state != nullptr) {
    for (const auto& held : {state->notarization, state->nullification, state->finalization}) {
      if (held != nullptr && *held == certificate) return;
    }
  }
  const auto message =
      std::make_shared<const Bytes>(codec::signed_bytes(context_.genesis, certificate.statement));
  std::size_t at = 0;
  for (std::size_t i = 0; i < certificate.signers.size(); ++i) {
    if (!certificate.signers[i]) continue;
    const auto signer = static_cast<ValidatorIndex>(i);
    const crypto::Signature& signature = certificate.signatures[at++];
    const bool is_known =
        state != nullptr && state->votes.holds({certificate.statement, signer, signature});
    if (!is_known) jobs.push_back({context_.validators.at(signer).key, message, signature});
  }
}

void Engine::verify(Instant now, Pending pending, std::vector<VerifyJob> jobs) {
  if (jobs.empty()) {
    verified(now, pending);
    return;
  }
  if (!charge(pending.from, bytes_of(pending.what))) {
    ++stats_.dropped;
    if (const auto* const certificate = std::get_if<CertificatePtr>(&pending.what)) {
      certificates_waiting_.erase((*certificate)->statement);
    }
    return;
  }
  pending.jobs = jobs.size();
  stats_.signatures_checked += jobs.size();
  const Token token = new_token();
  pending_.emplace(token, std::move(pending));
  say(Verify{token, std::move(jobs)});
}

void Engine::on_verified(Instant now, const Verified& answer) {
  const auto at = pending_.find(answer.token);
  if (at == pending_.end()) return;
  Pending pending = std::move(at->second);
  pending_.erase(at);
  discharge(pending.from, bytes_of(pending.what));

  ASSERT(answer.valid.size() == pending.jobs);
  const bool is_valid = std::ranges::all_of(answer.valid, [](bool valid) { return valid; });
  std::vector<std::pair<PeerId, CertificatePtr>> waiting;
  if (const auto* const certificate = std::get_if<CertificatePtr>(&pending.what)) {
    const auto others = certificates_waiting_.find((*certificate)->statement);
    waiting = std::move(others->second);
    certificates_waiting_.erase(others);
    for (const auto& [from, other] : waiting) discharge(from, bytes_of(other));
  }
  if (is_valid) {
    verified(now, pending);
    return;
  }
  say(PeerFault{pending.from, {Code::bad_signature, "a consensus message with a false signature"}});
  for (auto& [from, certificate] : waiting) {
    if (!holds(certificate->statement)) verify_certificate(now, from, std::move(certificate));
  }
}

void Engine::verified(Instant now, Pending& pending) {
  std::visit(Overload{[&](const Vote& vote) {
                        record(now, vote);
                        progress(now);
                      },
                      [&](const CertificatePtr& certificate) {
                        hold(now, certificate);
                        progress(now);
                      },
                      [&](ProposalMessage& message) { accept(now, std::move(message)); },
                      [&](const BlocksHeard& heard) { accept(now, heard); },
                      [&](MemoryHeard& heard) { accept(now, std::move(heard)); }},
             pending.what);
}

/// That the certificates are the right ones (A2), and quorums; not their signatures.
Result<void> Engine::check_justification(const ProposalMessage& message) const {
  const codec::Justification& justification = message.justification();
  const codec::BlockHeader& header = message.block->header();
  const Statement& statement = message.vote.statement;
  TRY_VOID(check_form(justification, context_.epoch, statement.view(), statement.subject.parent,
                      message.anew ? message.block->digest() : header.parent));
  if (justification.parent) TRY_VOID(check_form(*justification.parent, context_.validators));
  for (const Certificate& certificate : justification.nullified) {
    TRY_VOID(check_form(certificate, context_.validators));
  }
  return {};
}

void Engine::accept(Instant now, ProposalMessage message) {
  const Statement statement = message.vote.statement;
  if (statement.view() <= last_final_.view) return;  // checking took too long
  const bool is_justified = check_justification(message).has_value();
  if (is_justified) {
    const codec::Justification& justification = message.justification();
    const auto import = [&](const Certificate& certificate) {
      if (certificate.statement.view() > last_final_.view && !holds(certificate.statement)) {
        hold(now, std::make_shared<const Certificate>(certificate));
      }
    };
    if (justification.parent) import(*justification.parent);
    for (const Certificate& certificate : justification.nullified) import(certificate);
  }
  if (views_[statement.view()].votes.wants(message.vote)) record(now, message.vote);
  ViewState& state = views_[statement.view()];
  if (!state.proposal && !state.is_proposal_wrong) {
    state.is_proposal_wrong = !is_justified;
    if (is_justified) {
      check_when_possible(now, blocks_.add(message.block).block);
      state.proposal = std::move(message);
    }
  }
  progress(now);
}

}  // namespace kith::consensus
