#include "packet/paths.h"

#include <algorithm>
#include <limits>

namespace kith::packet {
namespace {

/// Where this side moves by itself counts as if so much had come from there: enough for questions.
constexpr std::uint64_t own_move_bytes = 200;

}  // namespace

void Paths::on_received(const Path& path, std::uint64_t bytes) {
  if (Known* known = find(path); known != nullptr && !known->is_proved) known->received += bytes;
}

void Paths::on_sent(const Path& path, std::uint64_t bytes) {
  if (Known* known = find(path); known != nullptr && !known->is_proved) known->sent += bytes;
}

std::uint64_t Paths::allowance(const Path& path) const {
  const Known* known = find(path);
  if (known == nullptr) return 0;
  if (known->is_proved) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t allowed = known->received * amplification;
  return allowed > known->sent ? allowed - known->sent : 0;
}

void Paths::on_newest_from(Instant now, const Path& path, std::uint64_t bytes, Rng& rng) {
  if (Known* known = find(path)) {
    known->path = as_kept(path);
    return;
  }
  if (candidates_.size() == candidates_max) candidates_.erase(candidates_.begin());
  Known known{.path = as_kept(path), .received = bytes, .ask_at = now};
  rng.fill(known.question);
  candidates_.push_back(known);
}

void Paths::move_to(Instant now, const Path& path, Rng& rng) {
  on_newest_from(now, path, own_move_bytes, rng);
}

void Paths::on_ping(const Path& path, const PingData& data) {
  if (answers_.size() == answers_max) answers_.erase(answers_.begin());
  answers_.push_back({as_kept(path), data});
}

std::optional<Paths::Answer> Paths::take_answer() {
  if (answers_.empty()) return std::nullopt;
  const Answer answer = answers_.front();
  answers_.erase(answers_.begin());
  return answer;
}

bool Paths::on_pong(const Path& path, const PingData& data) {
  const auto known = std::ranges::find_if(candidates_, [&](const Known& candidate) {
    return candidate.path == path && candidate.question == data && candidate.tries > 0;
  });
  if (known == candidates_.end()) return false;
  current_ = *known;
  current_.is_proved = true;
  candidates_.erase(known);
  return true;
}

std::optional<Paths::Answer> Paths::take_question(Instant now, Duration wait) {
  std::erase_if(candidates_, [&](const Known& candidate) {
    return candidate.tries >= tries_max && candidate.ask_at <= now;
  });
  for (Known& candidate : candidates_) {
    if (candidate.ask_at > now) continue;
    candidate.ask_at = now + wait * (1 << candidate.tries);
    ++candidate.tries;
    return Answer{candidate.path, candidate.question};
  }
  return std::nullopt;
}

bool Paths::has_question(Instant now) const {
  return std::ranges::any_of(candidates_,
                             [&](const Known& candidate) { return candidate.ask_at <= now; });
}

std::optional<Instant> Paths::next_deadline() const {
  std::optional<Instant> soonest;
  for (const Known& candidate : candidates_) {
    soonest = base::soonest(soonest, candidate.ask_at);
  }
  return soonest;
}

/// Who was dialled has an address to answer from at the start, and then at each time.
Path Paths::as_kept(const Path& path) const {
  const bool has_local = current_.path.local != base::LocalIp{};
  return {path.socket, path.remote, has_local ? path.local : base::LocalIp{}};
}

Paths::Known* Paths::find(const Path& path) {
  if (current_.path == path) return &current_;
  const auto known = std::ranges::find(candidates_, path, &Known::path);
  return known == candidates_.end() ? nullptr : &*known;
}

const Paths::Known* Paths::find(const Path& path) const {
  return const_cast<Paths*>(this)->find(path);
}

}  // namespace kith::packet
