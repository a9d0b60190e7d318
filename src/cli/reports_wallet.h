// What `kith wallet` and `kith validator` say, as JSON (amounts in units, as the API has them) and
// as text for a person (amounts in coins).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kith::cli {

/// `wallet create` and `restore`.
struct WalletReport {
  std::string wallet;  // its name
  std::string file;
  std::string network;
  std::string genesis;  // hex
  std::string address;  // to be paid at
  std::string words;    // empty: not to be shown
  bool is_sealed = false;
  /// Of a restored one, when a node was asked.
  struct Found {
    std::uint64_t addresses = 0;  // that the chain has seen
    std::uint64_t units = 0;      // that are there
  };
  std::optional<Found> found;
};
std::string to_json(const WalletReport& report);
std::string to_text(const WalletReport& report);

std::string words_json(std::string_view words);
/// Numbered, four a line.
std::string words_text(std::string_view words);

struct AddressRow {
  std::string address;
  std::string chain;  // receive or change
  std::uint32_t index = 0;
  bool is_used = false;
  std::string label;
};
std::string to_json(const AddressRow& row);
std::string to_json(const std::vector<AddressRow>& rows);
std::string to_text(const std::vector<AddressRow>& rows);

struct BalanceReport {
  std::string wallet;
  std::uint64_t height = 0;
  std::uint64_t final_units = 0;  // in final blocks, those locked included
  std::uint64_t locked = 0;       // of these, spent by a transaction that waits
  std::uint64_t pending = 0;      // created by transactions that wait
  std::uint64_t spendable = 0;    // final and not locked
  std::uint64_t coins = 0;        // outputs that this is in
};
std::string to_json(const BalanceReport& report);
std::string to_text(const BalanceReport& report);

struct CoinRow {
  std::string outpoint;
  std::uint64_t value = 0;
  std::uint64_t height = 0;
  std::string state;
  std::string address;
};
std::string to_json(const std::vector<CoinRow>& rows, std::uint64_t height);
std::string to_text(const std::vector<CoinRow>& rows);

struct HistoryRow {
  std::string txid;
  std::string status;
  std::uint64_t height = 0;
  std::uint64_t time_ms = 0;
  std::uint64_t received = 0;
  std::uint64_t spent = 0;
};
std::string to_json(const std::vector<HistoryRow>& rows, std::uint64_t height);
std::string to_text(const std::vector<HistoryRow>& rows);

/// A transaction that was sent, or would be, or is only signed.
struct TxReport {
  struct Paid {
    std::string address;
    std::uint64_t value = 0;
  };
  std::string txid;
  std::string status;  // accepted, final, dry-run, unsigned, signed or partly-signed
  std::optional<std::uint64_t> height;
  std::vector<Paid> paid;  // to others
  std::uint64_t back = 0;  // to the wallet itself
  std::uint64_t fee = 0;
  std::uint64_t bonded = 0;
  std::vector<std::string> orders;  // in words
  std::uint64_t bytes = 0;
  std::uint64_t inputs = 0;
  std::string file;                  // where it was written
  std::vector<std::string> missing;  // keys that have to sign as well
};
std::string to_json(const TxReport& report);
std::string to_text(const TxReport& report);

/// validator.list.
std::string render_validators(std::string_view result);

}  // namespace kith::cli
