#include "app/order_words.h"

#include "base/format.h"
#include "base/machine.h"
#include "codec/chain_address.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

using base::to_hex;
using codec::Hash;
using wallet::format_coins;

std::string words(const codec::ValidatorOrder& order, std::string_view hrp) {
  return std::visit(Overload{[&](const codec::Bond& bond) {
                               return base::format("bond {} for validator {}, owner {}",
                                                   format_coins(bond.amount), to_hex(bond.key),
                                                   codec::encode_address(hrp, bond.owner));
                             },
                             [&](const codec::AddStake& more) {
                               return base::format("add {} to the stake of validator {}",
                                                   format_coins(more.amount), to_hex(more.key));
                             },
                             [&](const codec::Unbond& less) {
                               return base::format("unbond {} of validator {}",
                                                   format_coins(less.amount), to_hex(less.key));
                             },
                             [&](const codec::Unjail& unjail) {
                               return base::format("unjail validator {}", to_hex(unjail.key));
                             }},
                    order);
}

std::string words(const codec::AccountOrder& order, std::string_view hrp) {
  return std::visit(
      Overload{
          [&](const codec::OpenAccount& open) {
            return base::format("open an account with a bond of {}, which pays to {}{}",
                                format_coins(open.amount), codec::encode_address(hrp, open.lock),
                                open.seal == Hash{} ? "" : ", with the seal of a name");
          },
          [&](const codec::AddBond& add) {
            return base::format("add {} to the bond of account {}", format_coins(add.amount),
                                to_hex(add.account));
          },
          [&](const codec::TakeBond& take) {
            return base::format("take {} from the bond of account {}", format_coins(take.amount),
                                to_hex(take.account));
          },
          [&](const codec::ChangeKey& change) {
            return base::format("give account {} to the key {}", to_hex(change.account),
                                to_hex(change.key));
          },
          [&](const codec::SealName& seal) {
            return base::format("{} for account {}",
                                seal.seal == Hash{} ? "give a seal up" : "seal a name",
                                to_hex(seal.account));
          },
          [&](const codec::TakeName& take) {
            return base::format("take the name {} for account {}", take.name, to_hex(take.account));
          },
          [&](const codec::AddWorker& add) {
            return base::format("let the key {} compute for account {}", to_hex(add.worker),
                                to_hex(add.account));
          },
          [&](const codec::DropWorker& drop) {
            return base::format("withdraw the worker's key {} of account {}", to_hex(drop.worker),
                                to_hex(drop.account));
          },
          [&](const codec::JoinTeam& join) {
            return join.team == Hash{}
                       ? base::format("let account {} leave its team", to_hex(join.account))
                       : base::format("let account {} join the team {}", to_hex(join.account),
                                      to_hex(join.team));
          },
          [&](const codec::OpenTeam& open) {
            return base::format("let {} join account {} as a team",
                                open.is_team ? "others" : "no more others", to_hex(open.account));
          }},
      order);
}

std::string words(const codec::JobOrder& order) {
  return std::visit(
      Overload{[](const codec::SubmitJob& submit) {
                 return base::format("submit a job of {} tasks at {} each, {} into its escrow",
                                     submit.spec.tasks, format_coins(submit.spec.price),
                                     format_coins(submit.amount));
               },
               [](const codec::FundJob& fund) {
                 return base::format("add {} to the escrow of job {}", format_coins(fund.amount),
                                     fund.job.value);
               },
               [](const codec::EndJob& end) { return base::format("end job {}", end.job.value); },
               [](const codec::EnrolSlots& enrol) {
                 return base::format("enrol {} slots of the key {} in job {}", enrol.slots,
                                     to_hex(enrol.worker), enrol.job.value);
               },
               [](const codec::LeaveJob& leave) {
                 return base::format("let {} slots of the key {} leave job {}", leave.slots,
                                     to_hex(leave.worker), leave.job.value);
               },
               [](const codec::CarryStatements& carry) {
                 return base::format("carry {} statements of workers", carry.statements.size());
               },
               [](const codec::ConcedeDispute& concede) {
                 return base::format("concede dispute {}", concede.dispute);
               },
               [](const codec::DisputeMove& move) {
                 return base::format("move in dispute {}", move.dispute);
               },
               [](const codec::FileDispute& file) {
                 return base::format("dispute a result of job {}", file.job.value);
               },
               [](const codec::GiveVerdict& verdict) {
                 return base::format("the verdict of {} validators in dispute {}",
                                     verdict.signatures.size(), verdict.dispute);
               },
               [](const codec::ClaimFind& claim) {
                 return base::format("claim a find in job {}", claim.job.value);
               }},
      order);
}

}  // namespace

std::string words_of(const wallet::WalletOrder& order, std::string_view hrp) {
  return std::visit(Overload{[&](const codec::ValidatorOrder& to) { return words(to, hrp); },
                             [&](const codec::AccountOrder& to) { return words(to, hrp); },
                             [](const codec::JobOrder& to) { return words(to); }},
                    order);
}

}  // namespace kith::app
