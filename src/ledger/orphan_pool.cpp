#include "ledger/orphan_pool.h"

namespace kith::ledger {

OrphanPool::OrphanPool(const OrphanLimits& limits, std::uint64_t seed)
    : limits_(limits), places_(16, OutPointHash{seed}) {}

bool OrphanPool::add(Item item) {
  ASSERT(!contains(item.tx->txid));
  if (item.source) {
    const auto count = of_peer_.find(*item.source);
    if (count != of_peer_.end() && count->second >= limits_.per_peer) return false;
    ++of_peer_[*item.source];
  }
  const Order order = next_++;
  bytes_ += item.tx->bytes;
  places_.emplace(item.tx->txid, order);
  for (const codec::Hash& missing : item.missing) waiting_[missing].insert(order);
  items_.emplace(order, std::move(item));
  while (items_.size() > limits_.count || bytes_ > limits_.bytes) take(items_.begin()->first);
  return true;
}

OrphanPool::Item OrphanPool::take(Order order) {
  auto node = items_.extract(order);
  Item& item = node.mapped();
  bytes_ -= item.tx->bytes;
  places_.erase(item.tx->txid);
  for (const codec::Hash& missing : item.missing) {
    const auto waiting = waiting_.find(missing);
    waiting->second.erase(order);
    if (waiting->second.empty()) waiting_.erase(waiting);
  }
  if (item.source) {
    const auto count = of_peer_.find(*item.source);
    if (--count->second == 0) of_peer_.erase(count);
  }
  return std::move(item);
}

std::vector<OrphanPool::Item> OrphanPool::take_waiting_for(const codec::Hash& txid) {
  const auto waiting = waiting_.find(txid);
  if (waiting == waiting_.end()) return {};
  const std::set<Order> orders = waiting->second;
  std::vector<Item> taken;
  taken.reserve(orders.size());
  for (const Order order : orders) taken.push_back(take(order));
  return taken;
}

void OrphanPool::erase(const codec::Hash& txid) {
  const auto place = places_.find(txid);
  if (place != places_.end()) take(place->second);
}

void OrphanPool::expire(WallTime now) {
  // They came in the order of their numbers; a clock that was set back only keeps them longer.
  while (!items_.empty() && items_.begin()->second.since.unix_ms + limits_.age_ms < now.unix_ms) {
    take(items_.begin()->first);
  }
}

}  // namespace kith::ledger
