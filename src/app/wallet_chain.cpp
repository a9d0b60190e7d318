#include "app/wallet_chain.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "node/config_text.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 30s;
/// Some blocks of the slowest usual chain.
constexpr Duration final_timeout = 10min;
constexpr std::uint64_t page_size = 1000;

constexpr std::array all_chains = {wallet::KeyChain::receive, wallet::KeyChain::change};

}  // namespace

std::vector<wallet::Coin> Holdings::spendable(bool and_change) const {
  std::vector<wallet::Coin> found;
  for (const HeldCoin& held : coins) {
    const bool is_own_change =
        and_change && held.state == "pending" && held.coin.path.chain == wallet::KeyChain::change;
    if (held.state == "unspent" || is_own_change) found.push_back(held.coin);
  }
  return found;
}

wallet::Amount Holdings::sum(std::string_view state) const {
  wallet::Amount sum = 0;
  for (const HeldCoin& held : coins) {
    if (held.state == state) sum += held.coin.value;
  }
  return sum;
}

Result<codec::OutPoint> parse_outpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto wrong = [&] {
    return fail(Code::protocol, base::format("\"{}\" is no output", text.substr(0, 100)));
  };
  if (colon == text.npos) return wrong();
  const auto txid = base::from_hex(text.substr(0, colon));
  const auto index = node::parse_count(text.substr(colon + 1));
  codec::OutPoint outpoint;
  if (!txid || txid->size() != outpoint.txid.size() || !index || *index > UINT32_MAX) {
    return wrong();
  }
  std::ranges::copy(*txid, outpoint.txid.begin());
  outpoint.index = static_cast<std::uint32_t>(*index);
  return outpoint;
}

Result<WalletChain> WalletChain::reach(const cli::Globals& globals) {
  const Session session = TRY(open_session(globals));
  auto node = TRY(reach_running(session.in_home(session.settings.api_socket), session.home));
  const auto answer = TRY(node->call("chain.params", {}, answer_timeout));
  return WalletChain(std::move(node), TRY(cli::read_chain_params(answer)));
}

Result<void> WalletChain::check(const codec::Hash& genesis) const {
  if (terms_.genesis == base::to_hex(genesis)) return {};
  return fail(Code::refused, base::format("this is of the chain {}, but the node keeps {} ({})",
                                          base::to_hex(genesis), terms_.genesis, terms_.network));
}

Result<std::string> WalletChain::call(std::string_view method, const cli::Params& params) {
  return node_->call(method, params, answer_timeout);
}

Result<bool> WalletChain::add_coins(const wallet::Wallet& wallet, const wallet::KeyPath& path,
                                    Holdings& holdings) {
  const std::string address = wallet.address(path);
  std::string after;
  bool is_any = false;
  while (true) {
    cli::Params params = {{"address", address}, {"limit", page_size}};
    if (!after.empty()) params.emplace_back("after", after);
    const auto answer = TRY(call("address.utxos", params));
    const cli::CoinPage page = TRY(cli::read_utxos(answer));
    holdings.height = std::max(holdings.height, page.height);
    for (const cli::NodeCoin& told : page.coins) {
      const auto outpoint = TRY(parse_outpoint(told.outpoint));
      if (told.value == 0 || told.value > codec::amount_max) {
        return fail(Code::protocol, base::format("an output of {} units", told.value));
      }
      is_any = true;
      // Neither there yet nor there for long: made and spent by transactions that wait.
      if (!told.height && told.state == "locked") continue;
      holdings.coins.push_back(
          {{outpoint, told.value, path, wallet.key(path)}, told.state, told.height.value_or(0)});
    }
    if (page.next.empty() || page.next == after) return is_any;
    after = page.next;
  }
}

Result<bool> WalletChain::was_used(const std::string& address) {
  const auto answer =
      TRY(call("address.history", {{"address", address}, {"limit", std::uint64_t{1}}}));
  const cli::HistoryPage page = TRY(cli::read_history(answer));
  return !page.entries.empty();
}

Result<Holdings> WalletChain::scan(wallet::Wallet& wallet, const wallet::HdKey* account) {
  Holdings holdings;
  for (const wallet::KeyChain chain : all_chains) {
    for (std::uint32_t index = 0; index < wallet.scan_end(chain); ++index) {
      const wallet::KeyPath path{chain, index};
      const bool has_coins = TRY(add_coins(wallet, path, holdings));
      const std::uint32_t used = wallet.file().chains[static_cast<std::size_t>(chain)].used;
      if (index < used) continue;
      const bool is_used = has_coins || TRY(was_used(wallet.address(path)));
      if (!is_used) continue;
      wallet.mark_used(path);
      if (account != nullptr) wallet.extend(*account);
    }
  }
  return holdings;
}

Result<std::vector<cli::HistoryRow>> WalletChain::history(wallet::Wallet& wallet,
                                                          std::uint64_t limit,
                                                          std::uint64_t& height) {
  std::map<std::string, cli::HistoryRow> by_txid;
  for (const wallet::KeyChain chain : all_chains) {
    for (std::uint32_t index = 0; index < wallet.scan_end(chain); ++index) {
      const wallet::KeyPath path{chain, index};
      const cli::Params params = {{"address", wallet.address(path)},
                                  {"limit", std::min(limit, page_size)}};
      const auto answer = TRY(call("address.history", params));
      const cli::HistoryPage page = TRY(cli::read_history(answer));
      height = std::max(height, page.height);
      if (!page.entries.empty()) wallet.mark_used(path);
      for (const cli::NodeEntry& entry : page.entries) {
        cli::HistoryRow& row = by_txid[entry.txid];
        row.txid = entry.txid;
        row.status = entry.status;
        row.height = entry.height;
        row.time_ms = entry.time_ms;
        row.received += entry.received;
        row.spent += entry.spent;
      }
    }
  }
  std::vector<cli::HistoryRow> rows;
  for (auto& [txid, row] : by_txid) rows.push_back(std::move(row));
  // What waits for a block first, then the highest.
  const auto place = [](const cli::HistoryRow& row) {
    return row.status == "final" ? row.height : UINT64_MAX;
  };
  std::ranges::sort(rows, [&](const cli::HistoryRow& a, const cli::HistoryRow& b) {
    return place(a) != place(b) ? place(a) > place(b) : a.txid < b.txid;
  });
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

Result<cli::Submitted> WalletChain::submit(const codec::Transaction& tx) {
  const std::string hex = base::to_hex(codec::encode_transaction(tx));
  const auto answer = TRY(call("tx.submit", {{"tx", hex}}));
  return cli::read_submitted(answer);
}

Result<cli::Submitted> WalletChain::wait(const std::string& txid) {
  const cli::Params params = {
      {"txid", txid}, {"timeout_ms", static_cast<std::uint64_t>(base::to_ms(final_timeout))}};
  const auto answer = TRY(node_->call("tx.wait", params, final_timeout + answer_timeout));
  return cli::read_submitted(answer);
}

Result<void> WalletChain::check_tx(const codec::Transaction& tx) {
  const auto answer = call("tx.check", {{"tx", base::to_hex(codec::encode_transaction(tx))}});
  if (!answer) return fail(answer.error());
  return {};
}

Result<cli::NodeValidator> WalletChain::validator(const std::string& key) {
  const auto answer = TRY(call("validator.get", {{"key", key}}));
  return cli::read_validator(answer);
}

}  // namespace kith::app
