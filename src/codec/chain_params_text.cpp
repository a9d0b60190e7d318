#include "codec/chain_params_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/format.h"
#include "codec/chain_address.h"

namespace kith::codec {
namespace {

constexpr std::size_t coin_digits = 8;  // behind the point

template <class T>
Result<T> read_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return fail(Code::config, base::format("\"{}\" is no number that it can have", text));
  }
  return value;
}

Result<Hash> read_lock(std::string_view hrp, std::string_view text) {
  Hash lock{};
  if (text.size() == 2 * lock.size()) {
    if (const auto bytes = base::from_hex(text)) {
      std::ranges::copy(*bytes, lock.begin());
      return lock;
    }
  }
  return decode_address(hrp, text);
}

Result<std::vector<StakeTier>> parse_tiers(std::string_view text) {
  std::vector<StakeTier> tiers;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos || tiers.size() == stake_tiers_max) {
      return fail(Code::config,
                  base::format("\"{}\": tiers are STAKE:WEIGHT, at most {}", one, stake_tiers_max));
    }
    tiers.push_back(
        {TRY(parse_amount(one.substr(0, colon))), TRY(read_number<Weight>(one.substr(colon + 1)))});
  }
  return tiers;
}

std::string format_tiers(const std::vector<StakeTier>& tiers) {
  std::string text;
  for (const StakeTier& tier : tiers) {
    if (!text.empty()) text += ',';
    text += base::format("{}:{}", format_amount(tier.stake), tier.weight);
  }
  return text;
}

/// One parameter: how it is read and written.
struct Param {
  std::string_view name;
  Result<void> (*set)(ChainParams&, std::string_view);
  std::string (*text)(const ChainParams&);
};

template <auto field>
constexpr Param number(std::string_view name) {
  using T = std::remove_reference_t<decltype(std::declval<ChainParams&>().*field)>;
  return {name,
          [](ChainParams& params, std::string_view value) -> Result<void> {
            params.*field = TRY(read_number<T>(value));
            return {};
          },
          [](const ChainParams& params) { return base::format("{}", params.*field); }};
}

template <Amount ChainParams::* field>
constexpr Param amount(std::string_view name) {
  return {name,
          [](ChainParams& params, std::string_view value) -> Result<void> {
            params.*field = TRY(parse_amount(value));
            return {};
          },
          [](const ChainParams& params) { return format_amount(params.*field); }};
}

/// A number of ComputeParams: "none" in a chain that does not compute.
template <auto field, bool is_amount = false>
constexpr Param compute(std::string_view name) {
  using T = std::remove_reference_t<decltype(std::declval<ComputeParams&>().*field)>;
  return {name,
          [](ChainParams& params, std::string_view value) -> Result<void> {
            if (value == "none" && !params.compute) return {};
            if (!params.compute) return fail(Code::config, "computing is off");
            if constexpr (is_amount) {
              (*params.compute).*field = TRY(parse_amount(value));
            } else {
              (*params.compute).*field = TRY(read_number<T>(value));
            }
            return {};
          },
          [](const ChainParams& params) -> std::string {
            if (!params.compute) return "none";
            if constexpr (is_amount) return format_amount((*params.compute).*field);
            return base::format("{}", (*params.compute).*field);
          }};
}

Result<void> set_computing(ChainParams& params, std::string_view value) {
  if (value != "on" && value != "off") {
    return fail(Code::config, base::format("\"{}\" is neither on nor off", value));
  }
  if (value == "off") params.compute.reset();
  if (value == "on" && !params.compute) params.compute.emplace();
  return {};
}

using P = ChainParams;
using C = ComputeParams;
constexpr auto table = std::to_array<Param>({
    number<&P::block_bytes_max>("block_bytes_max"),
    number<&P::tx_bytes_max>("tx_bytes_max"),
    amount<&P::min_fee_rate>("min_fee_rate"),
    amount<&P::dust>("dust"),
    amount<&P::block_reward>("block_reward"),
    number<&P::halving_blocks>("halving_blocks"),
    number<&P::proposer_share>("proposer_share"),
    number<&P::treasury_share>("treasury_share"),
    {"treasury_lock",
     [](ChainParams& params, std::string_view value) -> Result<void> {
       params.treasury_lock = TRY(read_lock(params.address_hrp, value));
       return {};
     },
     [](const ChainParams& params) { return base::to_hex(params.treasury_lock); }},
    number<&P::epoch_blocks>("epoch_blocks"),
    number<&P::block_interval_ms>("block_interval_ms"),
    number<&P::max_drift_ms>("max_drift_ms"),
    amount<&P::min_stake>("min_stake"),
    {"tiers",
     [](ChainParams& params, std::string_view value) -> Result<void> {
       params.tiers = TRY(parse_tiers(value));
       return {};
     },
     [](const ChainParams& params) { return format_tiers(params.tiers); }},
    number<&P::validators_max>("validators_max"),
    number<&P::unbonding_epochs>("unbonding_epochs"),
    number<&P::jail_window>("jail_window"),
    number<&P::jail_threshold>("jail_threshold"),
    number<&P::jail_epochs>("jail_epochs"),
    number<&P::slash_equivocation>("slash_equivocation"),
    number<&P::slash_absence>("slash_absence"),
    number<&P::heartbeat_ms>("heartbeat_ms"),
    {"address_hrp",
     [](ChainParams& params, std::string_view value) -> Result<void> {
       params.address_hrp = value;
       return {};
     },
     [](const ChainParams& params) { return params.address_hrp; }},
    {"computing", set_computing,
     [](const ChainParams& params) -> std::string { return params.compute ? "on" : "off"; }},
    compute<&C::cheats>("cheats"),
    compute<&C::draw_gap>("draw_gap"),
    compute<&C::min_bond, true>("min_bond"),
    compute<&C::account_bond, true>("account_bond"),
    compute<&C::bond_epochs>("bond_epochs"),
    compute<&C::answer_blocks>("answer_blocks"),
});

constexpr auto names = [] {
  std::array<std::string_view, table.size()> all;
  std::ranges::transform(table, all.begin(), &Param::name);
  return all;
}();

}  // namespace

std::span<const std::string_view> param_names() { return names; }

Result<void> set_param(ChainParams& params, std::string_view name, std::string_view value) {
  const auto found = std::ranges::find(table, name, &Param::name);
  if (found == table.end()) {
    return fail(Code::config, base::format("a chain has no parameter \"{}\"", name));
  }
  if (const auto set = found->set(params, value); !set) {
    return fail(Code::config, base::format("{}: {}", name, set.error().message));
  }
  return {};
}

std::string param_text(const ChainParams& params, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Param::name);
  return found == table.end() ? std::string() : found->text(params);
}

Result<Amount> parse_amount(std::string_view text) {
  const auto wrong = [&] {
    return fail(Code::config,
                base::format("\"{}\" is no amount: coins with at most {} digits behind the point, "
                             "or units with a u behind, up to 2^62 units",
                             text, coin_digits));
  };
  if (text.ends_with('u')) {
    const auto units = read_number<Amount>(text.substr(0, text.size() - 1));
    if (!units || *units > amount_max) return wrong();
    return *units;
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto coins = read_number<Amount>(text.substr(0, point));
  const std::string_view rest = text.substr(std::min(point + 1, text.size()));
  const bool has_point = point < text.size();
  if (!coins || *coins > amount_max / units_per_coin || rest.size() > coin_digits ||
      has_point == rest.empty()) {
    return wrong();
  }
  std::string digits(rest);
  digits.resize(coin_digits, '0');
  const auto units = read_number<Amount>(digits);
  const auto sum = units ? add(*coins * units_per_coin, *units) : std::nullopt;
  if (!sum) return wrong();
  return *sum;
}

std::string format_amount(Amount amount) {
  std::string text = base::format("{}", amount / units_per_coin);
  if (amount % units_per_coin == 0) return text;
  text += base::format(".{:08}", amount % units_per_coin);
  while (text.ends_with('0')) text.pop_back();
  return text;
}

Result<TxOutput> parse_genesis_output(std::string_view hrp, std::string_view text) {
  const std::size_t at = text.find('=');
  if (at == std::string_view::npos) {
    return fail(Code::config, base::format("\"{}\" is not ADDRESS=AMOUNT", text));
  }
  TxOutput output;
  output.lock = TRY(decode_address(hrp, text.substr(0, at)));
  output.value = TRY(parse_amount(text.substr(at + 1)));
  return output;
}

}  // namespace kith::codec
