#include "cli/wire_wallet.h"

#include "cli/members.h"

namespace kith::cli {

Result<ChainTerms> read_chain_params(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  ChainTerms terms;
  terms.network = members.text("network");
  terms.genesis = members.text("genesis");
  terms.hrp = members.text("address_hrp");
  terms.min_fee_rate = members.number("min_fee_rate");
  terms.dust = members.number("dust");
  terms.tx_bytes_max = members.number("tx_bytes_max");
  terms.min_stake = members.number("min_stake");
  terms.block_interval_ms = members.optional_number("block_interval_ms").value_or(0);
  TRY_VOID(members.fault());
  const auto computing = json.find("computing");
  if (computing == json.end() || !computing->is_object()) return terms;
  Members compute(*computing);
  terms.computing = ComputeTerms{compute.number("cheats"), compute.number("draw_gap"),
                                 compute.number("min_bond"), compute.number("account_bond")};
  TRY_VOID(compute.fault());
  return terms;
}

Result<CoinPage> read_utxos(std::string_view result) {
  const Json json = TRY(parse_answer(result));
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
  const Json json = TRY(parse_answer(result));
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
  const Json json = TRY(parse_answer(result));
  Members members(json);
  Submitted submitted{members.text("txid"), members.text("status"),
                      members.optional_number("height")};
  TRY_VOID(members.fault());
  return submitted;
}

Result<NodeValidator> read_validator(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  NodeValidator validator{members.text("key"), members.text("owner"), members.text("status"),
                          members.number("stake")};
  TRY_VOID(members.fault());
  return validator;
}

}  // namespace kith::cli
