// Transactions that came before what they spend: kept for a while until their parents come. Nothing
// is known of them but their form and their signatures, so they have a small room of their own.
//
// Limits: transactions and bytes in all, transactions of one peer, and an age. When the room is
// full the oldest goes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "codec/chain_tx.h"
#include "ledger/outpoint_hash.h"

namespace kith::ledger {

/// The peer that brought a transaction; empty: it is our own.
using Source = std::optional<PeerId>;

struct OrphanLimits {
  std::size_t count = 1'000;
  std::size_t bytes = 4 * 1024 * 1024;
  std::size_t per_peer = 100;
  std::int64_t age_ms = 20 * 60 * 1000;
};

class OrphanPool {
 public:
  struct Item {
    codec::TxPtr tx;
    Source source;
    WallTime since;
    std::vector<codec::Hash> missing;  // txids, without repeats
  };

  OrphanPool(const OrphanLimits& limits, std::uint64_t seed);

  /// False when its peer has too many.
  bool add(Item item);
  bool contains(const codec::Hash& txid) const { return places_.contains(txid); }
  /// Takes out those that wait for this one, in the order in which they came.
  std::vector<Item> take_waiting_for(const codec::Hash& txid);
  void erase(const codec::Hash& txid);
  void expire(WallTime now);

  std::size_t size() const { return items_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Order = std::uint64_t;
  Item take(Order order);

  OrphanLimits limits_;
  Order next_ = 0;
  std::size_t bytes_ = 0;
  std::map<Order, Item> items_;
  std::unordered_map<codec::Hash, Order, OutPointHash> places_;  // lookup only
  std::map<codec::Hash, std::set<Order>> waiting_;               // by what is missing
  std::map<PeerId, std::size_t> of_peer_;
};

}  // namespace kith::ledger
