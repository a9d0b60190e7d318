#include "consensus/guard.h"

#include "base/format.h"

namespace kith::consensus {
namespace {

auto refuse(const char* rule, const Statement& statement, const char* why) {
  return fail(Code::refused,
              base::format("{}: no {} of view {}: {}", rule, codec::name_of(statement.kind),
                           statement.view().value, why));
}

}  // namespace

const SafetyGuard::Said* SafetyGuard::said(View view) const {
  const auto at = said_.find(view);
  return at == said_.end() ? nullptr : &at->second;
}

Result<void> SafetyGuard::would_approve(const Statement& statement, bool holds_notarization) const {
  if (statement.epoch != epoch_) return refuse("G4", statement, "it is of another epoch");
  if (statement.view() <= final_view_) return refuse("G4", statement, "a later one is final");
  static const Said nothing;
  const Said* const found = said(statement.view());
  if (found == nullptr && said_.size() >= views_max) {
    return refuse("G4", statement, "too many views without a final one");
  }
  const Said& before = found == nullptr ? nothing : *found;
  const bool finalized_other = before.finalize && *before.finalize != statement.subject;
  switch (statement.kind) {
    case VoteKind::notarize:
      if (before.nullify) return refuse("G1", statement, "the view was nullified");
      if (before.notarize && *before.notarize != statement.subject) {
        return refuse("G1", statement, "another proposal was notarized");
      }
      if (finalized_other) return refuse("G1", statement, "another proposal was finalized");
      break;
    case VoteKind::nullify:
      if (before.finalize) return refuse("G2", statement, "a proposal was finalized");
      break;
    case VoteKind::finalize:
      if (before.nullify) return refuse("G3", statement, "the view was nullified");
      if (before.notarize != statement.subject) {
        return refuse("G3", statement, "this proposal was not notarized");
      }
      if (!holds_notarization) return refuse("G3", statement, "no notarization is held");
      if (finalized_other) return refuse("G3", statement, "another proposal was finalized");
      break;
  }
  return {};
}

Result<void> SafetyGuard::approve(const Statement& statement, bool holds_notarization) {
  TRY_VOID(would_approve(statement, holds_notarization));
  note(statement);
  return {};
}

void SafetyGuard::restore(const Statement& statement) {
  if (statement.epoch == epoch_ && statement.view() > final_view_) note(statement);
}

void SafetyGuard::note(const Statement& statement) {
  Said& now = said_[statement.view()];
  switch (statement.kind) {
    case VoteKind::notarize: now.notarize = statement.subject; break;
    case VoteKind::nullify: now.nullify = true; break;
    case VoteKind::finalize: now.finalize = statement.subject; break;
  }
}

void SafetyGuard::advance(View final_view) {
  if (final_view <= final_view_) return;
  final_view_ = final_view;
  said_.erase(said_.begin(), said_.upper_bound(final_view));
}

std::optional<Proposal> SafetyGuard::notarized(View view) const {
  const Said* const found = said(view);
  return found == nullptr ? std::nullopt : found->notarize;
}

std::optional<Proposal> SafetyGuard::finalized(View view) const {
  const Said* const found = said(view);
  return found == nullptr ? std::nullopt : found->finalize;
}

bool SafetyGuard::remembers(const Statement& statement) const {
  const View view = statement.view();
  if (view <= final_view_) return true;
  switch (statement.kind) {
    case VoteKind::notarize: return notarized(view) == statement.subject;
    case VoteKind::nullify: return nullified(view);
    case VoteKind::finalize: break;
  }
  return finalized(view) == statement.subject;
}

bool SafetyGuard::nullified(View view) const {
  const Said* const found = said(view);
  return found != nullptr && found->nullify;
}

}  // namespace kith::consensus
