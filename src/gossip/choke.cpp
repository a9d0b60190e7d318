#include "gossip/choke.h"

#include <algorithm>
#include <numeric>

namespace kith::gossip {
namespace {

double to_us(Duration span) { return static_cast<double>(span.count()) / 1000; }

}  // namespace

void Choke::delivered(Instant at, const MessageKey& key, PeerSlot first, bool was_asked_for) {
  ++messages_;
  constexpr double decay = 0.97;  // about the last 33 messages
  recent_ = recent_ * decay + 1;
  late_ = late_ * decay + (was_asked_for ? 1 : 0);
  if (config_.remembered_max == 0 || index_.find(key)) return;
  if (ring_.size() < config_.remembered_max) {
    next_ = ring_.size();
    ring_.emplace_back();
  } else {
    next_ = (next_ + 1) % ring_.size();
    index_.erase(ring_[next_].key);
  }
  ring_[next_] = {key, at, 0, {}};
  index_.insert(key, static_cast<std::uint32_t>(next_));
  heard(at, key, first, true);
}

void Choke::heard(Instant at, const MessageKey& key, PeerSlot peer, bool sent_body) {
  const auto found = index_.find(key);
  if (!found) return;
  Remembered& message = ring_[*found];
  constexpr double most_us = 1e9;
  const auto lag_us =
      static_cast<std::int32_t>(std::clamp(to_us(at - message.at), -most_us, most_us));
  const auto end = message.words.begin() + message.count;
  const auto known =
      std::find_if(message.words.begin(), end, [&](const Word& word) { return word.peer == peer; });
  if (known != end) {
    if (lag_us < known->lag_us) *known = {static_cast<NarrowSlot>(peer), sent_body, lag_us};
  } else if (message.count < speakers_max) {
    message.words[message.count++] = {static_cast<NarrowSlot>(peer), sent_body, lag_us};
  }
}

void Choke::answered(Duration took, std::optional<Duration> rtt) {
  if (!rtt) return;
  constexpr double weight = 0.1;
  const double beyond = std::max(0.0, to_us(took - *rtt));
  body_us_ += weight * (beyond - body_us_);
}

// What it said counts no more, or whoever gets its slot would be taken for it.
void Choke::forget(PeerSlot peer) {
  std::erase(choked_, peer);
  for (Remembered& message : ring_) {
    const auto end = message.words.begin() + message.count;
    const auto kept =
        std::remove_if(message.words.begin(), end, [&](const Word& w) { return w.peer == peer; });
    message.count = static_cast<std::uint8_t>(kept - message.words.begin());
  }
}

bool Choke::is_choked(PeerSlot peer) const {
  return std::binary_search(choked_.begin(), choked_.end(), peer);
}

struct Choke::Lags {
  std::size_t messages = 0;
  std::vector<double> said;    // candidate * messages + message
  std::vector<double> pulled;  // by message: when asking whoever announced it first would bring it
  static double sum(std::span<const double> by_message) {
    return std::accumulate(by_message.begin(), by_message.end(), 0.0);
  }
  /// Of a choice: what comes late in spite of it, and a little of how late each of the chosen is,
  /// so that of two that help alike the one is taken that could stand in for another.
  double cost(std::span<const std::size_t> chosen) const {
    constexpr double own_share = 0.02;
    std::vector<double> best = pulled;
    double own = 0;
    for (const std::size_t i : chosen) {
      const auto by_message = of(i);
      own += sum(by_message);
      for (std::size_t m = 0; m < messages; ++m) best[m] = std::min(best[m], by_message[m]);
    }
    return sum(best) + own_share * own;
  }
  std::span<const double> of(std::size_t candidate) const {
    return std::span(said).subspan(candidate * messages, messages);
  }
};

Choke::Lags Choke::lags_of(std::span<const ChokeCandidate> mesh) const {
  Lags lags;
  lags.messages = ring_.size();
  lags.said.assign(mesh.size() * ring_.size(), to_us(config_.silence));
  lags.pulled.assign(ring_.size(), to_us(config_.silence));
  for (std::size_t m = 0; m < ring_.size(); ++m) {
    const Remembered& message = ring_[m];
    double first = 0;
    for (std::size_t w = 0; w < message.count; ++w) {
      first = std::min(first, static_cast<double>(message.words[w].lag_us));
    }
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      for (std::size_t w = 0; w < message.count; ++w) {
        const Word& word = message.words[w];
        if (word.peer != mesh[i].peer) continue;
        const double lag = word.lag_us - first + (word.is_body ? 0 : body_us_);
        double& said = lags.said[i * ring_.size() + m];
        said = std::min(said, lag);
        const double asked = lag + to_us(mesh[i].rtt.value_or(config_.rtt_unknown));
        lags.pulled[m] = std::min(lags.pulled[m], asked);
      }
    }
  }
  return lags;
}

// The order in which candidates help: each next one lowers the sum of lags the most.
std::vector<std::size_t> Choke::pick(const Lags& lags, std::span<const ChokeCandidate> mesh) const {
  std::vector<std::size_t> picked;
  while (picked.size() < std::min(config_.fastest, mesh.size())) {
    std::optional<std::size_t> chosen;
    double lowest = 0;
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      if (std::find(picked.begin(), picked.end(), i) != picked.end()) continue;
      picked.push_back(i);
      const double cost = lags.cost(picked);
      picked.pop_back();
      if (chosen && cost >= lowest) continue;
      chosen = i;
      lowest = cost;
    }
    picked.push_back(*chosen);
  }
  return picked;
}

std::optional<std::vector<PeerSlot>> Choke::choose(Instant now,
                                                   std::span<const ChokeCandidate> mesh) {
  if (!config_.is_on || now < fallback_until_ || messages_ < config_.training_messages) {
    return std::nullopt;
  }
  if (has_chosen_ && now - chosen_at_ < config_.choice_interval_min) return std::nullopt;
  has_chosen_ = true;
  chosen_at_ = now;
  messages_ = 0;
  if (mesh.size() <= config_.fastest) return std::vector<PeerSlot>();

  const Lags lags = lags_of(mesh);
  std::vector<std::size_t> picked = pick(lags, mesh);
  // Those of now stay unless others are clearly better.
  std::vector<std::size_t> before;
  for (std::size_t i = 0; i < mesh.size(); ++i) {
    if (!is_choked(mesh[i].peer)) before.push_back(i);
  }
  const auto knowing = [&](std::span<const std::size_t> of) {
    return std::count_if(of.begin(), of.end(), [&](std::size_t i) { return mesh[i].knows_choke; });
  };
  // Who does not know the choke sends in any case.
  std::vector<std::size_t> open = picked;
  for (std::size_t i = 0; i < mesh.size(); ++i) {
    const bool is_picked = std::find(picked.begin(), picked.end(), i) != picked.end();
    if (!mesh[i].knows_choke && !is_picked) open.push_back(i);
  }
  const double bearable = lags.cost(open) * config_.loyalty +
                          to_us(config_.lag_bearable) * static_cast<double>(lags.messages);
  if (knowing(before) == knowing(picked) && lags.cost(before) <= bearable) {
    picked = before;  // the best alone first, as pick() has it
    std::sort(picked.begin(), picked.end(), [&](std::size_t a, std::size_t b) {
      return Lags::sum(lags.of(a)) < Lags::sum(lags.of(b));
    });
  }
  const auto is_independent = [&](std::size_t i) {
    const bool is_elsewhere = mesh[i].netgroup == 0 || mesh[i].netgroup != mesh[picked[0]].netgroup;
    return mesh[i].is_outbound && is_elsewhere;
  };
  if (config_.fastest > 1 && std::none_of(picked.begin(), picked.end(), is_independent)) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      const auto lag = [&](std::size_t of) { return Lags::sum(lags.of(of)); };
      if (is_independent(i) && (!found || lag(i) < lag(*found))) found = i;
    }
    if (found) picked.back() = *found;
  }
  std::vector<PeerSlot> choked;
  for (std::size_t i = 0; i < mesh.size(); ++i) {
    const bool is_picked = std::find(picked.begin(), picked.end(), i) != picked.end();
    if (!is_picked && mesh[i].knows_choke) choked.push_back(mesh[i].peer);
  }
  std::sort(choked.begin(), choked.end());
  return choked;
}

bool Choke::begins_fallback(Instant now) {
  if (choked_.empty() || recent_ < static_cast<double>(config_.late_messages_min)) return false;
  if (late_ <= recent_ * config_.late_share_max) return false;
  fallback_until_ = now + config_.fallback;
  recent_ = late_ = 0;
  return true;
}

}  // namespace kith::gossip
