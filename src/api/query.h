// Questions that need the chain's store: asked on another thread, answered on the reactor. What is
// read is final and of one moment, whose height goes with the answer: blocks become final between
// two reads, and before the answer. What changes (mempool, blocks that are not final) is looked at
// before or after. Internal to api.
#pragma once

#include <functional>
#include <utility>

#include "api/api.h"
#include "api/call.h"
#include "api/json.h"
#include "host/world_chain.h"
#include "ledger/entries.h"
#include "ledger/store.h"

namespace kith::api {

class Query final : public host::Job {
 public:
  /// Keeps what it finds somewhere that the answer can reach; errors are the store's, or say that
  /// there is no such thing.
  using Ask = std::function<Result<void>(const ledger::Store& store)>;

  Query(const ledger::Store& store, Ask ask) : store_(store), ask_(std::move(ask)) {}
  void run() override;
  const Result<void>& found() const { return found_; }
  /// Of the last block in what was read.
  codec::Height height() const { return height_; }

 private:
  const ledger::Store& store_;
  const Ask ask_;
  Result<void> found_ = fail(Code::internal, "not asked yet");
  codec::Height height_;
};

/// One that waits for its Query.
struct Api::Asked {
  std::uint64_t number = 0;  // of the call
  std::function<void(const Result<void>& found, codec::Height height)> then;
};

/// What a call makes of the entries of the last final state, and of its height.
struct Api::Look {
  std::function<Result<Json>(const ledger::Entries& entries, codec::Height height)> at;
};

/// One that waits for a transaction to be final.
struct Api::Waiting {
  Call call;
  Instant until;
  bool was_here = false;  // in the mempool or in a block that is not final yet
  int missed = 0;         // blocks that became final since, without it
};

/// Hex of exactly `bytes.size()` bytes; `usage` names what it should have been.
template <class Array>
Result<Array> parse_hex(std::string_view name, std::string_view text) {
  Array array{};
  const auto bytes = base::from_hex(text);
  if (!bytes || bytes->size() != array.size()) {
    return fail(Code::usage, std::string(name) + " is " + std::to_string(2 * array.size()) +
                                 " digits of hex, not \"" + std::string(text.substr(0, 100)) +
                                 "\"");
  }
  std::ranges::copy(*bytes, array.begin());
  return array;
}
/// "0123…ef:2"
Result<codec::OutPoint> parse_outpoint(std::string_view name, std::string_view text);

/// What is said of a final transaction.
Json final_view(const codec::Hash& txid, codec::Height height);

}  // namespace kith::api
