#include "node/verdict_service.h"

#include <algorithm>
#include <tuple>

#include "base/format.h"
#include "compute/verdict.h"
#include "crypto/ed25519_zip215.h"

namespace kith::node {

using codec::ChainKey;
using codec::Hash;
using codec::SaidVerdict;
using gossip::Verdict;

namespace {

constexpr std::size_t peers_at_least = 8;  // share what is being verified

bool is_find(const ledger::AskedVerdict& asked) { return asked.kind == codec::DisputeKind::find; }

Result<Hash> answer_to(const ledger::AskedVerdict& asked) {
  const compute::VerdictPlace place{
      asked.workload, asked.params, {asked.task.value}, asked.unit, asked.slice};
  if (!is_find(asked)) return compute::verdict_on_slice(place);
  const auto kind = static_cast<compute::Find::Kind>(asked.what);
  const bool is_one = TRY(compute::verdict_on_find(place, asked.number, kind));
  return is_one ? asked.find : Hash{};
}

}  // namespace

void AnswerVerdictJob::run() { answer_ = answer_to(asked_); }

void VerifyVerdictJob::run() {
  verdict_ = crypto::verify_zip215(said_.validator,
                                   codec::verdict_message(genesis_, said_.dispute, said_.digest),
                                   said_.signature);
}

Verdicts::Verdicts(const VerdictConfig& config, std::optional<ChainKey> key)
    : config_(config), me_(key) {
  constexpr std::size_t name_bytes = 8;
  topic_ = "/kith/verdict/1/" + base::to_hex(ByteView(config_.genesis).first(name_bytes));
}

std::optional<std::size_t> Verdicts::place_of(const ChainKey& key) const {
  const auto at = std::ranges::lower_bound(jury_, key, {}, &ledger::Juror::key);
  if (at == jury_.end() || at->key != key) return std::nullopt;
  return static_cast<std::size_t>(at - jury_.begin());
}

// --- the state -----------------------------------------------------------------------------------

void Verdicts::on_final(const View& view) {
  height_ = view.height;
  can_sign_ = view.can_sign;
  can_pay_ = view.can_pay;
  take_questions(view.registry);
  begin_answer();
  speak();
  for (auto& [dispute, question] : questions_) give(question);
}

/// What is not asked any more has been decided, or never will be.
void Verdicts::take_questions(const ledger::Registry& registry) {
  auto asked = ledger::verdicts_asked(registry.by_kind());
  const auto due = [](const auto& one) { return std::tuple(one.until, one.dispute); };
  std::ranges::sort(asked, {}, due);
  if (asked.size() > disputes_max) asked.resize(disputes_max);
  std::map<std::uint64_t, Question> questions;
  for (ledger::AskedVerdict& one : asked) {
    const std::uint64_t dispute = one.dispute;
    auto known = questions_.extract(dispute);
    Question question;
    question.since = height_;
    if (!known.empty()) question = std::move(known.mapped());
    question.asked = std::move(one);
    questions.emplace(dispute, std::move(question));
  }
  questions_ = std::move(questions);
  jury_ = questions_.empty() ? ledger::Jury{} : ledger::jury_of(registry);
  for (auto& [dispute, question] : questions_) {
    std::erase_if(question.heard, [&](const auto& one) { return !place_of(one.first); });
  }
}

// --- answering -----------------------------------------------------------------------------------

/// What is due first; one at a time, for other work shares the threads.
void Verdicts::begin_answer() {
  if (answering_ || !can_sign_ || !is_juror()) return;
  const Question* next = nullptr;
  for (const auto& [dispute, question] : questions_) {
    // Perhaps another node with this key has said it, or this one before it was started anew.
    if (question.answer || question.is_beyond_us || question.heard.contains(*me_)) continue;
    if (next == nullptr || question.asked.until < next->asked.until) next = &question;
  }
  if (next == nullptr) return;
  answering_ = next->asked.dispute;
  const Token unused;  // the job says whose it is
  outputs_.push_back(host::RunJob{unused, std::make_shared<AnswerVerdictJob>(next->asked)});
}

bool Verdicts::on_job(const host::Job& job) {
  if (const auto* const answered = dynamic_cast<const AnswerVerdictJob*>(&job)) {
    on_answered(*answered);
    return true;
  }
  const auto* const verified = dynamic_cast<const VerifyVerdictJob*>(&job);
  if (verified == nullptr) return false;
  on_verified(*verified);
  return true;
}

void Verdicts::on_answered(const AnswerVerdictJob& job) {
  answering_.reset();
  ++(job.answer() ? stats_.answered : stats_.unanswered);
  if (const auto found = questions_.find(job.dispute()); found != questions_.end()) {
    if (job.answer()) {
      found->second.answer = *job.answer();
    } else {
      found->second.is_beyond_us = true;
    }
  }
  begin_answer();
  speak();
}

/// Asked for once in a while until there is a signature, then said once in a while.
void Verdicts::speak() {
  if (!can_sign_ || !is_juror()) return;
  const auto is_over = [&](codec::Height since) {
    return height_.value >= since.value + repeat_blocks;
  };
  for (auto& [dispute, question] : questions_) {
    if (!question.answer || height_ <= question.since) continue;
    const auto own = question.heard.find(*me_);
    if (own == question.heard.end()) {
      if (question.signing_since && !is_over(*question.signing_since)) continue;
      question.signing_since = height_;
      outputs_.push_back(Ask{codec::SignVerdict{dispute, *question.answer}});
    } else if (is_over(own->second.at)) {
      own->second.at = height_;
      say(question, own->second);
    }
  }
}

void Verdicts::on_signed(const codec::SignVerdict& asked,
                         const Result<crypto::Signature>& signature) {
  const auto found = questions_.find(asked.dispute);
  if (!signature || found == questions_.end()) return;
  Question& question = found->second;
  const auto [own, is_new] =
      question.heard.try_emplace(*me_, Heard{asked.digest, *signature, height_});
  if (!is_new) return;
  ++stats_.said;
  say(question, own->second);
  give(question);
}

/// Who says the same again says it in other bytes: else nobody would hand it on.
void Verdicts::say(const Question& question, const Heard& own) {
  const SaidVerdict said{question.asked.dispute, own.digest, *me_, own.signature,
                         static_cast<std::uint32_t>(height_.value)};
  outputs_.push_back(Say{codec::encode(said)});
}

// --- hearing -------------------------------------------------------------------------------------

bool Verdicts::has_room(const PeerId& from, const SaidVerdict& said) const {
  std::size_t of_peer = 0;
  for (const auto& [token, waiting] : verifying_) {
    of_peer += waiting.from == from ? 1 : 0;
    SaidVerdict same = waiting.said;
    same.repeat = said.repeat;
    if (same == said) return false;
  }
  return verifying_.size() < verifying_max && of_peer < verifying_max / peers_at_least;
}

/// Of who has been heard: the very same words once in a while, for whoever has missed them.
Verdict Verdicts::judge_again(const SaidVerdict& said, Heard& known) const {
  const bool is_same = known.digest == said.digest && known.signature == said.signature;
  if (!is_same || said.validator == me_ || height_.value < known.at.value + again_blocks) {
    return Verdict::ignore;
  }
  known.at = height_;
  return Verdict::accept;
}

void Verdicts::on_message(Token token, const PeerId& from, ByteView bytes) {
  const auto judge = [&](Verdict verdict) { outputs_.push_back(Judged{token, verdict}); };
  const auto said = codec::decode_said_verdict(bytes);
  if (!said) return judge(Verdict::reject);
  // Nobody is to blame: states and epochs differ by a block.
  const auto found = questions_.find(said->dispute);
  if (found == questions_.end() || !place_of(said->validator)) return judge(Verdict::ignore);
  Question& question = found->second;
  if (is_find(question.asked) && said->digest != question.asked.find && said->digest != Hash{}) {
    return judge(Verdict::ignore);
  }
  const auto known = question.heard.find(said->validator);
  const bool is_same_digest = known != question.heard.end() && known->second.digest == said->digest;
  if (is_same_digest) return judge(judge_again(*said, known->second));
  if (!has_room(from, *said)) return judge(Verdict::ignore);
  const Token ours{++last_token_};
  verifying_.emplace(ours, Verifying{token, from, *said});
  outputs_.push_back(
      host::RunJob{ours, std::make_shared<VerifyVerdictJob>(ours, config_.genesis, *said)});
}

void Verdicts::on_verified(const VerifyVerdictJob& job) {
  const auto done = verifying_.extract(job.token());
  if (done.empty()) return;
  const auto judge = [&](Verdict verdict) {
    outputs_.push_back(Judged{done.mapped().gossip, verdict});
  };
  const SaidVerdict& said = done.mapped().said;
  if (!job.verdict()) return judge(Verdict::reject);
  // What came in between may have made it old.
  const auto found = questions_.find(said.dispute);
  if (found == questions_.end() || !place_of(said.validator)) return judge(Verdict::ignore);
  const auto [known, is_new] =
      found->second.heard.try_emplace(said.validator, Heard{said.digest, said.signature, height_});
  if (!is_new) {
    // Whoever says two things has said the first one.
    stats_.differing += known->second.digest == said.digest ? 0 : 1;
    return judge(Verdict::ignore);
  }
  ++stats_.heard;
  judge(Verdict::accept);
  give(found->second);
}

// --- giving --------------------------------------------------------------------------------------

bool Verdicts::is_turn(const Question& question) const {
  const std::uint64_t left =
      question.asked.until.value - std::min(question.asked.until, height_).value;
  const std::uint64_t passed =
      config_.answer_blocks - std::min<std::uint64_t>(left, config_.answer_blocks);
  if (passed >= config_.answer_blocks / 2) return true;
  const auto place = me_ ? place_of(*me_) : std::nullopt;
  return place && (question.asked.dispute + passed / turn_blocks) % jury_.size() == *place;
}

/// By as few as are needed.
std::optional<codec::GiveVerdict> Verdicts::order_of(const Question& question) const {
  std::map<Hash, codec::Weight> weights;
  for (const auto& [key, heard] : question.heard) {
    weights[heard.digest] += jury_[*place_of(key)].weight;
  }
  const codec::Weight quorum = ledger::quorum_of(jury_);
  const auto decided =
      std::ranges::find_if(weights, [&](const auto& one) { return one.second >= quorum; });
  if (decided == weights.end()) return std::nullopt;
  std::vector<std::size_t> places;
  for (const auto& [key, heard] : question.heard) {
    if (heard.digest == decided->first) places.push_back(*place_of(key));
  }
  std::ranges::sort(places, [&](std::size_t a, std::size_t b) {
    return jury_[a].weight != jury_[b].weight ? jury_[a].weight > jury_[b].weight : a < b;
  });
  codec::GiveVerdict order{question.asked.dispute, decided->first, {}};
  codec::Weight weight = 0;
  for (const std::size_t place : places) {
    if (weight >= quorum) break;
    weight += jury_[place].weight;
    order.signatures.push_back(
        {static_cast<std::uint16_t>(place), question.heard.at(jury_[place].key).signature});
  }
  std::ranges::sort(order.signatures, {}, &codec::VerdictSignature::validator);
  return order;
}

void Verdicts::give(Question& question) {
  const bool is_given = question.given_at && height_.value < question.given_at->value + turn_blocks;
  if (!can_pay_ || is_given || !is_turn(question)) return;
  auto order = order_of(question);
  if (!order) return;
  question.given_at = height_;
  ++stats_.given;
  outputs_.push_back(Give{*std::move(order)});
}

std::optional<Verdicts::Output> Verdicts::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

}  // namespace kith::node
