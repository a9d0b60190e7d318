#include "cli/reports_wallet.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/format.h"
#include "cli/render.h"
#include "wallet/amount_text.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;
using wallet::format_coins;

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// As the API has them: JavaScript's numbers end at 2^53.
Json units(std::uint64_t amount) {
  constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;
  return amount <= exact_max ? Json(amount) : Json(std::to_string(amount));
}

std::vector<std::string> split(std::string_view words) {
  std::vector<std::string> list;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    list.emplace_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return list;
}

Json view(const AddressRow& row) {
  Json json{
      {"address", row.address}, {"chain", row.chain}, {"index", row.index}, {"used", row.is_used}};
  json["label"] = row.label.empty() ? Json(nullptr) : Json(row.label);
  return json;
}

/// "2026-11-26 10:28:00", in UTC.
std::string time_text(std::uint64_t unix_ms) {
  if (unix_ms == 0) return "-";
  using namespace std::chrono;
  const sys_seconds at{seconds(static_cast<std::int64_t>(unix_ms / 1000))};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss time(at - day);
  return base::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::string net_text(const HistoryRow& row) {
  return row.received >= row.spent ? "+" + format_coins(row.received - row.spent)
                                   : "-" + format_coins(row.spent - row.received);
}

}  // namespace

std::string to_json(const WalletReport& report) {
  Json json{{"wallet", report.wallet},   {"file", report.file},
            {"network", report.network}, {"genesis", report.genesis},
            {"address", report.address}, {"is_sealed", report.is_sealed}};
  if (!report.words.empty()) json["words"] = report.words;
  if (report.found) {
    json["addresses_used"] = report.found->addresses;
    json["final"] = units(report.found->units);
  }
  return to_line(json);
}

std::string to_text(const WalletReport& report) {
  std::string text = base::format(
      "wallet   {} ({})\nfile     {}{}\naddress  {}", report.wallet, report.network, report.file,
      report.is_sealed ? "" : ", OPEN: without a passphrase", report.address);
  if (report.found) {
    text += base::format("\nfound    {} addresses that were used, {} coins",
                         report.found->addresses, format_coins(report.found->units));
  }
  if (!report.words.empty()) {
    text +=
        "\n\nWrite these words down, in this order, and keep the paper. Whoever has them has the "
        "coins;\nwithout them the coins are gone with the file or its passphrase.\n\n" +
        words_text(report.words);
  }
  return text;
}

std::string words_json(std::string_view words) { return to_line(Json{{"words", words}}); }

std::string words_text(std::string_view words) {
  constexpr std::size_t columns = 4;
  const auto list = split(words);
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += base::format("{:>3} {:<10}", i + 1, list[i]);
    if (i % columns == columns - 1) text += "\n";
  }
  return text;
}

std::string to_json(const AddressRow& row) { return to_line(view(row)); }

std::string to_json(const std::vector<AddressRow>& rows) {
  Json list = Json::array();
  for (const AddressRow& row : rows) list.push_back(view(row));
  return to_line(Json{{"addresses", std::move(list)}});
}

std::string to_text(const std::vector<AddressRow>& rows) {
  std::string text;
  for (const AddressRow& row : rows) {
    text += base::format("{:<8} {:>5}  {}  {:<4}  {}\n", row.chain, row.index, row.address,
                         row.is_used ? "used" : "new", row.label);
  }
  return text;
}

std::string to_json(const BalanceReport& report) {
  return to_line(Json{{"wallet", report.wallet},
                      {"height", units(report.height)},
                      {"final", units(report.final_units)},
                      {"locked", units(report.locked)},
                      {"pending", units(report.pending)},
                      {"spendable", units(report.spendable)},
                      {"coins", report.coins}});
}

std::string to_text(const BalanceReport& report) {
  std::string text = base::format("{} coins can be spent", format_coins(report.spendable));
  if (report.locked > 0) {
    text += base::format("\n{} coins are being spent by transactions that wait",
                         format_coins(report.locked));
  }
  if (report.pending > 0) {
    text += base::format("\n{} coins are on their way", format_coins(report.pending));
  }
  return text;
}

std::string to_json(const std::vector<CoinRow>& rows, std::uint64_t height) {
  Json list = Json::array();
  for (const CoinRow& row : rows) {
    list.push_back(Json{{"outpoint", row.outpoint},
                        {"value", units(row.value)},
                        {"height", units(row.height)},
                        {"state", row.state},
                        {"address", row.address}});
  }
  return to_line(Json{{"height", units(height)}, {"utxos", std::move(list)}});
}

std::string to_text(const std::vector<CoinRow>& rows) {
  std::string text;
  for (const CoinRow& row : rows) {
    text += base::format("{:>20}  {:<8} {}  {}\n", format_coins(row.value), row.state, row.outpoint,
                         row.address);
  }
  return text.empty() ? "no coins" : text;
}

std::string to_json(const std::vector<HistoryRow>& rows, std::uint64_t height) {
  Json list = Json::array();
  for (const HistoryRow& row : rows) {
    list.push_back(Json{{"txid", row.txid},
                        {"status", row.status},
                        {"height", row.height == 0 ? Json(nullptr) : units(row.height)},
                        {"time_ms", row.time_ms == 0 ? Json(nullptr) : Json(row.time_ms)},
                        {"received", units(row.received)},
                        {"spent", units(row.spent)}});
  }
  return to_line(Json{{"height", units(height)}, {"entries", std::move(list)}});
}

std::string to_text(const std::vector<HistoryRow>& rows) {
  std::string text;
  for (const HistoryRow& row : rows) {
    text += base::format("{:<19}  {:>8}  {:>20}  {}\n", time_text(row.time_ms),
                         row.height == 0 ? row.status : std::to_string(row.height), net_text(row),
                         row.txid);
  }
  return text.empty() ? "nothing yet" : text;
}

std::string to_json(const TxReport& report) {
  Json paid = Json::array();
  for (const auto& [address, value] : report.paid) {
    paid.push_back(Json{{"address", address}, {"value", units(value)}});
  }
  Json json{{"txid", report.txid},
            {"status", report.status},
            {"height", report.height ? units(*report.height) : Json(nullptr)},
            {"paid", std::move(paid)},
            {"back", units(report.back)},
            {"fee", units(report.fee)},
            {"bonded", units(report.bonded)},
            {"orders", report.orders},
            {"bytes", report.bytes},
            {"inputs", report.inputs}};
  if (!report.file.empty()) json["file"] = report.file;
  if (!report.missing.empty()) json["missing"] = report.missing;
  return to_line(json);
}

std::string to_text(const TxReport& report) {
  std::string text = base::format("transaction  {}\n", report.txid);
  for (const auto& [address, value] : report.paid) {
    text += base::format("pays         {} to {}\n", format_coins(value), address);
  }
  for (const std::string& order : report.orders) text += base::format("orders       {}\n", order);
  if (report.back > 0) text += base::format("back         {}\n", format_coins(report.back));
  text += base::format("fee          {} ({} bytes, {} coins spent)\n", format_coins(report.fee),
                       report.bytes, report.inputs);
  for (const std::string& key : report.missing) {
    text += base::format("needs also   the signature of {}\n", key);
  }
  text += base::format("status       {}", report.status);
  if (report.height) text += base::format(" in block {}", *report.height);
  if (!report.file.empty()) text += base::format(", written to {}", report.file);
  return text;
}

std::string render_validators(std::string_view result) {
  const Json json = Json::parse(result, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("validators") || !json["validators"].is_array()) {
    return render_object(result);
  }
  std::string text =
      base::format("{:<64}  {:<10} {:>20} {:>8}\n", "KEY", "STATUS", "STAKE", "UPTIME");
  for (const Json& entry : json["validators"]) {
    if (!entry.is_object()) continue;
    const auto stake = entry.find("stake");
    const bool is_number = stake != entry.end() && stake->is_number_unsigned();
    text += base::format("{:<64}  {:<10} {:>20} {:>7.2f}%\n", entry.value("key", ""),
                         entry.value("status", ""),
                         is_number ? format_coins(stake->get<std::uint64_t>()) : "-",
                         entry.value("uptime", 0.0) / 100);
  }
  return text;
}

}  // namespace kith::cli
