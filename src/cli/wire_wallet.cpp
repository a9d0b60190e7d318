#include "cli/wire_wallet.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/format.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Reads the members of one answer; the first that is missing or of another kind is the fault.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  std::string text(const char* name) {
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_string()) return found->get<std::string>();
    miss(name);
    return {};
  }
  /// "" for null and for what is not there.
  std::string optional_text(const char* name) {
    const auto found = json_.find(name);
    return found != json_.end() && found->is_string() ? found->get<std::string>() : std::string();
  }
  /// A number, or a decimal string beyond 2^53.
  std::uint64_t number(const char* name) {
    const auto found = json_.find(name);
    const auto value = found == json_.end() ? std::nullopt : number_of(*found);
    if (!value) miss(name);
    return value.value_or(0);
  }
  std::optional<std::uint64_t> optional_number(const char* name) {
    const auto found = json_.find(name);
    return found == json_.end() ? std::nullopt : number_of(*found);
  }
  const Json& list(const char* name) {
    static const Json none = Json::array();
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_array()) return *found;
    miss(name);
    return none;
  }
  Result<void> fault() const {
    if (missed_.empty()) return {};
    return fail(
        Code::protocol,
        base::format("the node's answer lacks \"{}\", or has something else there", missed_));
  }

 private:
  static std::optional<std::uint64_t> number_of(const Json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (!value.is_string()) return std::nullopt;
    const auto& digits = value.get_ref<const std::string&>();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
  }
  void miss(const char* name) {
    if (missed_.empty()) missed_ = name;
  }

  const Json& json_;
  std::string missed_;
};

Result<Json> parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return fail(Code::protocol, "the node answered with what is no JSON object");
}

}  // namespace

Result<ChainTerms> read_chain_params(std::string_view result) {
  const Json json = TRY(parse(result));
  Members members(json);
  ChainTerms terms;
  terms.network = members.text("network");
  terms.genesis = members.text("genesis");
  terms.hrp = members.text("address_hrp");
  terms.min_fee_rate = members.number("min_fee_rate");
  terms.dust = members.number("dust");
  terms.tx_bytes_max = members.number("tx_bytes_max");
  terms.min_stake = members.number("min_stake");
  TRY_VOID(members.fault());
  return terms;
}

Result<CoinPage> read_utxos(std::string_view result) {
  const Json json = TRY(parse(result));
  Members members(json);
  CoinPage page;
  page.height = members.number("height");
  page.next = members.optional_text("next");
  for (const Json& item : members.list("utxos")) {
    Members coin(item);
    page.coins.push_back({coin.text("outpoint"), coin.number("value"),
                          coin.optional_number("height"), coin.text("state")});
    TRY_VOID(coin.fault());
  }
  TRY_VOID(members.fault());
  return page;
}

Result<HistoryPage> read_history(std::string_view result) {
  const Json json = TRY(parse(result));
  Members members(json);
  HistoryPage page;
  page.height = members.number("height");
  for (const Json& item : members.list("entries")) {
    Members entry(item);
    page.entries.push_back({entry.text("txid"), entry.text("status"),
                            entry.optional_number("height").value_or(0),
                            entry.optional_number("time_ms").value_or(0), entry.number("received"),
                            entry.number("spent")});
    TRY_VOID(entry.fault());
  }
  TRY_VOID(members.fault());
  return page;
}

Result<Submitted> read_submitted(std::string_view result) {
  const Json json = TRY(parse(result));
  Members members(json);
  Submitted submitted{members.text("txid"), members.text("status"),
                      members.optional_number("height")};
  TRY_VOID(members.fault());
  return submitted;
}

Result<NodeValidator> read_validator(std::string_view result) {
  const Json json = TRY(parse(result));
  Members members(json);
  NodeValidator validator{members.text("key"), members.text("owner"), members.text("status"),
                          members.number("stake")};
  TRY_VOID(members.fault());
  return validator;
}

}  // namespace kith::cli
