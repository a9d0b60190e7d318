#include "consensus/describe.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "consensus/engine.h"

namespace kith::consensus {
namespace {

constexpr std::size_t short_bytes = 8;

std::string short_of(const codec::Hash& digest) {
  return base::to_hex(ByteView(digest).first(short_bytes));
}

std::string describe(const codec::ProposalMessage& message) {
  const codec::BlockHeader& header = message.block->header();
  return base::format("block {} of height {} at view {}{}, {} bytes",
                      short_of(message.block->digest()), header.height.value,
                      message.vote.statement.view().value, message.anew ? " anew" : "",
                      message.block->body().size());
}

}  // namespace

std::string describe(const codec::Statement& statement) {
  const codec::Proposal& subject = statement.subject;
  if (statement.kind == codec::VoteKind::nullify) {
    return base::format("nullify view {}", subject.view.value);
  }
  return base::format("{} {} at view {} on view {}", codec::name_of(statement.kind),
                      short_of(subject.digest), subject.view.value, subject.parent.value);
}

std::string describe(const codec::Certificate& certificate, const codec::ValidatorSet* validators) {
  std::string text =
      base::format("a quorum says: {} ({} of {} signed", describe(certificate.statement),
                   std::ranges::count(certificate.signers, true), certificate.signers.size());
  if (validators != nullptr && certificate.signers.size() == validators->size()) {
    text +=
        base::format(", weight {} of {}", weight_of(certificate, *validators), validators->total());
  }
  return text + ")";
}

std::string describe(const LogRecord& record) {
  return std::visit(
      Overload{[](const OwnVote& own) { return "said: " + describe(own.vote.statement); },
               [](const HeldCertificate& held) { return describe(held.certificate, nullptr); },
               [](const HeldBlock& held) {
                 const codec::BlockHeader& header = held.block->header();
                 return base::format("block {} of height {}, first proposed at view {}, {} bytes",
                                     short_of(held.block->digest()), header.height.value,
                                     header.view.value, held.block->body().size());
               },
               [](const OwnProposal& own) { return "proposed: " + describe(own.message); },
               [](const StaleLog& stale) {
                 return base::format(
                     "the log was found to be older than what was said in epoch {}: silent there",
                     stale.epoch.value);
               }},
      record);
}

// Of the engine, here so that what is only for people is in one place.

EngineReport Engine::report(Instant now) {
  EngineReport report;
  report.epoch = context_.epoch;
  report.view = view_;
  report.leader = leaders_.leader(view_);
  report.in_view = now - entered_;
  report.final_view = last_final_.view;
  report.final_height = last_final_.height;
  report.pending = pending_.size();
  report.is_halted = is_halted_;
  for (auto at = views_.upper_bound(last_final_.view); at != views_.end(); ++at) {
    const ViewState& state = at->second;
    ViewReport& view = report.views.emplace_back();
    view.view = at->first;
    view.leader = leaders_.leader(at->first);
    if (state.proposal) view.proposed = state.proposal->block->digest();
    view.is_proposal_wrong = state.is_proposal_wrong;
    view.votes = state.votes.all();
    std::ranges::sort(view.votes, {}, [](const codec::Vote& vote) {
      return std::pair(vote.signer, vote.statement.kind);
    });
    for (const CertificatePtr& held :
         {state.notarization, state.nullification, state.finalization}) {
      if (held) view.certificates.push_back(held);
    }
  }
  const std::pair<const char*, const std::optional<Instant>*> timers[] = {
      {"the leader's proposal (t_l)", &leader_timeout_},
      {"the end of the view (t_a)", &view_timeout_},
      {"its own proposal", &propose_at_},
      {"a block dated ahead", &judge_at_},
      {"saying everything again (standstill)", &standstill_at_}};
  for (const auto& [what, at] : timers) {
    if (*at) report.timers.push_back({what, **at - now});
  }
  for (const auto& [digest, fetch] : fetches_) report.missing.push_back(digest);
  report.waits_for = waits_for();
  return report;
}

std::string Engine::waits_for() {
  if (is_halted_) return "nothing: it is halted, see the log";
  if (is_over()) return "the next epoch, once the last block of this one is stored";
  const codec::ValidatorSet& set = context_.validators;
  const ViewState* const state = find(view_);
  if (state == nullptr || !state->proposal) {
    const ValidatorIndex leader = leaders_.leader(view_);
    if (leader == me_) {
      return propose_at_ ? "its own time to propose" : "its own block, which is being built";
    }
    return base::format("the proposal of validator {}", leader);
  }
  const codec::Hash& digest = state->proposal->block->digest();
  if (const Fetch* const missing = fetches_.contains(digest) ? &fetches_.at(digest) : nullptr;
      missing != nullptr) {
    return base::format("block {} from those who have it", short_of(digest));
  }
  const codec::Weight votes = state->votes.weight(state->proposal->vote.statement);
  return base::format("votes for block {}: weight {} of the {} that are a quorum", short_of(digest),
                      votes, set.quorum());
}

}  // namespace kith::consensus
