#include "wallet/orders.h"

#include "base/format.h"
#include "base/machine.h"

namespace kith::wallet {
namespace {

using codec::AccountOrder;
using codec::Amount;
using codec::JobOrder;
using codec::ValidatorOrder;

constexpr std::string_view salt_tag = "kith/name-salt/1";

Amount taken(const ValidatorOrder& order) {
  if (const auto* bond = std::get_if<codec::Bond>(&order)) return bond->amount;
  if (const auto* more = std::get_if<codec::AddStake>(&order)) return more->amount;
  return 0;
}

Amount taken(const AccountOrder& order) {
  if (const auto* open = std::get_if<codec::OpenAccount>(&order)) return open->amount;
  if (const auto* more = std::get_if<codec::AddBond>(&order)) return more->amount;
  return 0;
}

Amount taken(const JobOrder& order) {
  if (const auto* submit = std::get_if<codec::SubmitJob>(&order)) return submit->amount;
  if (const auto* fund = std::get_if<codec::FundJob>(&order)) return fund->amount;
  return 0;
}

}  // namespace

codec::TxAction action_of(const WalletOrder& order) {
  const auto action = [](std::uint8_t module, Bytes body) {
    return codec::TxAction{module, codec::TxAction::no_witness, std::move(body)};
  };
  return std::visit(Overload{[&](const ValidatorOrder& to) {
                               return action(codec::module_validators, codec::encode_order(to));
                             },
                             [&](const AccountOrder& to) {
                               return action(codec::module_accounts,
                                             codec::encode_account_order(to));
                             },
                             [&](const JobOrder& to) {
                               return action(codec::module_jobs, codec::encode_job_order(to));
                             }},
                    order);
}

Result<WalletOrder> order_of(const codec::TxAction& action) {
  switch (action.module) {
    case codec::module_validators: return WalletOrder(TRY(codec::decode_order(action.body)));
    case codec::module_accounts: return WalletOrder(TRY(codec::decode_account_order(action.body)));
    case codec::module_jobs: return WalletOrder(TRY(codec::decode_job_order(action.body)));
    default:
      return fail(Code::unsupported, base::format("an order to module {}, which this wallet does "
                                                  "not know",
                                                  action.module));
  }
}

Amount taken_by(const WalletOrder& order) {
  return std::visit(Overload{[](const ValidatorOrder& to) { return taken(to); },
                             [](const AccountOrder& to) { return taken(to); },
                             [](const JobOrder& to) { return taken(to); }},
                    order);
}

WalletOrder proven(const WalletOrder& order, const crypto::KeyPair& key, const codec::Hash& genesis,
                   const codec::OutPoint& first) {
  if (const auto* validators = std::get_if<ValidatorOrder>(&order)) {
    const auto* asked = std::get_if<codec::Bond>(validators);
    if (asked == nullptr) return order;
    codec::Bond bond = *asked;
    bond.proof = key.sign(codec::bond_message(genesis, bond, first));
    return ValidatorOrder(bond);
  }
  const auto* accounts = std::get_if<AccountOrder>(&order);
  if (accounts == nullptr) return order;
  if (const auto* asked = std::get_if<codec::ChangeKey>(accounts)) {
    codec::ChangeKey change = *asked;
    change.proof = key.sign(codec::change_key_message(genesis, change, first));
    return AccountOrder(change);
  }
  if (const auto* asked = std::get_if<codec::AddWorker>(accounts)) {
    codec::AddWorker add = *asked;
    add.proof = key.sign(codec::add_worker_message(genesis, add, first));
    return AccountOrder(add);
  }
  return order;
}

crypto::KeyPair signer_at(const HdKey& account, std::uint32_t index) {
  return account.descendant({signer_chain, index}).key_pair();
}

std::optional<crypto::KeyPair> find_signer(const HdKey& account, const codec::ChainKey& key) {
  for (std::uint32_t index = 0; index < signer_keys_max; ++index) {
    auto pair = signer_at(account, index);
    if (chain_key_of(pair) == key) return pair;
  }
  return std::nullopt;
}

codec::Hash name_salt(const crypto::KeyPair& key, const codec::AccountId& id,
                      std::string_view name) {
  const codec::Hash message = codec::tagged_hash(salt_tag, {id, base::as_bytes(name)});
  return codec::tagged_hash(salt_tag, {key.sign(message)});
}

WalletOrder::WalletOrder(const WalletOrder&) = default;
WalletOrder& WalletOrder::operator=(const WalletOrder&) = default;
WalletOrder::WalletOrder(WalletOrder&&) noexcept = default;
WalletOrder& WalletOrder::operator=(WalletOrder&&) noexcept = default;
WalletOrder::~WalletOrder() = default;

}  // namespace kith::wallet
