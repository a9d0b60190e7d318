#include "sim/chain_disk.h"

#include <algorithm>

namespace kith::sim {

Duration ChainDisk::takes(Duration usual, Rng& rng) const {
  const bool is_slow = model_.slow_chance > 0 && rng.unit() < model_.slow_chance;
  return usual + (is_slow ? model_.slow_takes : Duration{0});
}

Instant ChainDisk::append(Instant now, host::AppendLog append, Rng& rng) {
  settle(now);
  const Instant begin = appends_.empty() ? now : std::max(now, appends_.back().at);
  appends_.push_back({begin + takes(model_.append_takes, rng), std::move(append)});
  return appends_.back().at;
}

Instant ChainDisk::write(Instant now, const host::WriteChain& write, Rng& rng) {
  settle(now);
  const Instant begin = writes_.empty() ? now : std::max(now, writes_.back().at);
  writes_.push_back({begin + takes(model_.write_takes, rng), write});
  return writes_.back().at;
}

void ChainDisk::settle(Instant now) {
  const auto is_due = [&](const auto& pending) { return pending.at <= now; };
  apply_first(static_cast<std::size_t>(std::ranges::count_if(appends_, is_due)),
              static_cast<std::size_t>(std::ranges::count_if(writes_, is_due)));
}

void ChainDisk::crash(Instant now, Rng& rng) {
  settle(now);
  // Nothing is drawn where there is no chain: other scenarios keep their traces.
  apply_first(appends_.empty() ? 0 : rng.below(appends_.size() + 1),
              writes_.empty() ? 0 : rng.below(writes_.size() + 1));
  appends_.clear();
  writes_.clear();
}

void ChainDisk::apply_first(std::size_t appends, std::size_t writes) {
  for (; appends > 0; --appends) {
    apply(appends_.front().what);
    appends_.pop_front();
  }
  for (; writes > 0; --writes) {
    store_.write(*writes_.front().what.batch);
    writes_.pop_front();
  }
}

void ChainDisk::apply(host::AppendLog& append) {
  if (append.begins_anew) {
    log_.clear();
    log_damage_.reset();
  }
  auto& segment = log_[append.segment];
  for (Bytes& record : append.records) segment.push_back(std::move(record));
}

}  // namespace kith::sim
