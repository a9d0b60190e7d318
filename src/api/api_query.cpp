// Asking the store, and waiting for what becomes final.
#include <algorithm>

#include "api/call.h"
#include "api/query.h"
#include "base/format.h"
#include "ledger/state.h"
#include "node/config_text.h"

namespace kith::api {

Json final_view(const codec::Hash& txid, codec::Height height) {
  return Json{{"txid", base::to_hex(txid)}, {"status", "final"}, {"height", to_json(height.value)}};
}

Result<codec::OutPoint> parse_outpoint(std::string_view name, std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto wrong = [&] {
    return fail(Code::usage,
                base::format("{} is TXID:INDEX, not \"{}\"", name, text.substr(0, 100)));
  };
  if (colon == std::string_view::npos) return wrong();
  codec::OutPoint outpoint;
  outpoint.txid = TRY(parse_hex<codec::Hash>(name, text.substr(0, colon)));
  const auto index = node::parse_count(text.substr(colon + 1));
  if (!index || *index > UINT32_MAX) return wrong();
  outpoint.index = static_cast<std::uint32_t>(*index);
  return outpoint;
}

void Query::run() {
  const auto frozen = store_.freeze();
  const ledger::Store& store = frozen == nullptr ? store_ : *frozen;
  found_ = [&]() -> Result<void> {
    const auto tip = TRY(store.get(ledger::Table::meta, base::as_bytes(ledger::tip_key)));
    if (tip) height_ = TRY(ledger::decode_tip(*tip)).height;
    return ask_(store);
  }();
}

void Api::ask_store(Instant now, std::uint64_t number,
                    std::function<Result<void>(const ledger::Store&)> ask,
                    std::function<void(const Result<void>& found, codec::Height height)> then) {
  const Token token{next_token_++};
  auto job = std::make_shared<Query>(node_.chain()->states().store(), std::move(ask));
  asked_.emplace(token, Asked{number, std::move(then)});
  node_.on_command(now, node::AskStore{token, std::move(job)});
}

bool Api::may_ask(const Call& call) const {
  if (node_.chain() == nullptr) {
    call.fail({Code::unsupported, "this node keeps no chain"});
    return false;
  }
  const std::size_t waiting = pending_.size() + asked_.size() + waiting_.size();
  if (waiting >= pending_max) {
    call.fail({Code::limit, base::format("{} requests wait already", waiting)});
    return false;
  }
  return true;
}

void Api::on_store_answered(const node::StoreAnswered& answered) {
  const Query& query = static_cast<const Query&>(*answered.job);
  // A block that is on the disk is told of in a moment: until then an answer from it waits, so that
  // nobody hears a height and then a lower one.
  const node::Chain& chain = *node_.chain();
  const bool is_early = query.height() > chain.height() && !chain.is_halted();
  if (is_early) return early_.push_back(answered);
  const auto asked = asked_.extract(answered.token);
  if (asked.empty()) return;  // whoever asked has gone
  asked.mapped().then(query.found(), query.height());
}

void Api::answer_early() {
  for (const auto& answered : std::exchange(early_, {})) on_store_answered(answered);
}

// --- waiting for finality ------------------------------------------------------------------------

void Api::wait_final(Instant now, Call call, const codec::Hash& txid) {
  const std::uint64_t number = call.number;
  const std::uint64_t asked_ms = call.count("timeout_ms");
  const Duration timeout = std::min<Duration>(
      asked_ms == 0 ? wait_default : Duration(std::chrono::milliseconds(asked_ms)), wait_max);
  // Before the store is asked: it may become final in between.
  waiting_.emplace(txid, Waiting{std::move(call), now + timeout, is_here(txid), 0});
  auto place = std::make_shared<std::optional<node::TxPlace>>();
  ask_store(
      now, number,
      [place, txid](const ledger::Store& store) -> Result<void> {
        *place = TRY(node::read_tx_place(store, txid));
        return {};
      },
      [this, place, txid, number](const Result<void>& found, codec::Height) {
        const auto [first, last] = waiting_.equal_range(txid);
        const auto at = std::find_if(
            first, last, [&](const auto& each) { return each.second.call.number == number; });
        if (at == last || (found && !*place)) return;
        const Waiting waiting = std::move(at->second);
        waiting_.erase(at);
        if (!found) return waiting.call.fail(found.error());
        waiting.call.done(final_view(txid, (*place)->height));
      });
}

void Api::on_block_final(const node::BlockFinalized& done) {
  answer_early();
  if (waiting_.empty()) return;
  for (const codec::TxPtr& tx : done.txs) {
    const auto [first, last] = waiting_.equal_range(tx->txid);
    for (auto at = first; at != last; ++at) {
      at->second.call.done(final_view(tx->txid, done.block->header().height));
    }
    waiting_.erase(first, last);
  }
  give_up_dropped();
}

bool Api::is_here(const codec::Hash& txid) const {
  const node::Chain& chain = *node_.chain();
  return chain.mempool().find(txid) != nullptr || chain.mempool().orphans().contains(txid) ||
         chain.is_pending(txid);
}

/// Whoever waits for what another transaction has overtaken or replaced, or what made room, would
/// wait for nothing. Twice, since what waits is verified anew behind a snapshot.
void Api::give_up_dropped() {
  constexpr int missed_max = 2;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const codec::Hash& txid = at->first;
    Waiting& waiting = at->second;
    const bool is_still_here = is_here(txid);
    waiting.was_here = waiting.was_here || is_still_here;
    waiting.missed = is_still_here || !waiting.was_here ? 0 : waiting.missed + 1;
    if (waiting.missed < missed_max) {
      ++at;
      continue;
    }
    waiting.call.fail(
        {Code::not_found, base::format("{} waits here no more: another transaction spent what it "
                                       "spends or replaced it, or it made room or expired",
                                       base::to_hex(txid))});
    at = waiting_.erase(at);
  }
}

void Api::expire_waiting(Instant now) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second.until > now) {
      ++at;
      continue;
    }
    at->second.call.fail(
        {Code::timeout, base::format("{} is not final yet", base::to_hex(at->first))});
    at = waiting_.erase(at);
  }
}

}  // namespace kith::api
