#include "app/devnet_job.h"

#include <algorithm>

#include "app/wallet_pay.h"
#include "base/format.h"
#include "cli/wire_account.h"
#include "codec/chain_account.h"
#include "compute/workload_collatz.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"
#include "wallet/amount_text.h"
#include "wallet/orders.h"

namespace kith::app {
namespace {

using codec::units_per_coin;

constexpr Duration call_timeout = 2s;

// A task is 16 units of 2^30 numbers: a second of the slowest kernel.
constexpr unsigned sieve_bits = 18;
constexpr unsigned slice_bits = 2;
constexpr std::uint64_t unit_a_count = 4'096;
constexpr std::uint32_t task_units = 16;
constexpr std::uint64_t job_tasks = 1'024;
constexpr std::uint32_t region_tasks = 8;

// With a block a second, a task is settled half a minute after its lease.
constexpr std::uint16_t round_blocks = 6;
constexpr std::uint16_t draw_gap = 2;
constexpr std::uint32_t answer_blocks = 60;
constexpr std::uint32_t epoch_blocks = 30;

constexpr codec::Amount price = units_per_coin / 100;
constexpr codec::Amount account_bond = 10 * units_per_coin;
constexpr codec::Amount job_escrow = 25 * units_per_coin;
constexpr std::size_t carrier_outputs = 4;
constexpr codec::Amount carrier_output = 10 * units_per_coin;

std::string worker_folder(const std::string& home) { return home + "/worker"; }
std::string carrier_folder(const std::string& home) { return home + "/carrier"; }

Result<crypto::KeyPair> key_in(const std::string& folder, Rng& rng) {
  TRY_VOID(rt::make_dirs(folder, rt::private_dir_mode));
  rt::Identity identity = TRY(rt::load_or_create_identity(folder, std::nullopt, rng));
  return std::move(identity.key);
}

codec::JobSpec devnet_spec() {
  compute::CollatzParams params;
  params.first = {
      sieve_bits,   sieve_bits, slice_bits, 0, compute::collatz::U128{1} << (71 - sieve_bits),
      unit_a_count, {}};
  params.units = task_units;
  params.tasks = job_tasks;
  codec::JobSpec spec;
  spec.workload = static_cast<std::uint8_t>(compute::WorkloadId::collatz);
  spec.params = compute::encode_params(params);
  spec.tasks = job_tasks;
  spec.units = task_units;
  spec.slices = 1u << slice_bits;
  spec.region_tasks = region_tasks;
  spec.round_blocks = round_blocks;
  spec.lease_rounds = 4;
  spec.checked_min = 4;
  spec.eps_ppm = 100'000;
  spec.passes = 1;
  spec.price = spec.price2 = price;
  spec.bond = units_per_coin;
  return spec;
}

/// The orders of one transaction, and the keys that sign them.
struct DevnetOrders {
  codec::Hash genesis{};
  codec::Hash lock{};  // of what accounts earn
  std::vector<crypto::KeyPair> keys;

  wallet::OrderRequest open(const crypto::KeyPair& key) const {
    return signed_by(key, codec::AccountOrder(codec::OpenAccount{lock, account_bond, {}}));
  }
  wallet::OrderRequest add_worker(const crypto::KeyPair& key, const crypto::KeyPair& worker) const {
    constexpr std::uint8_t a_processor = 1;
    auto order = signed_by(key, codec::AccountOrder(codec::AddWorker{
                                    id_of(key), wallet::chain_key_of(worker), a_processor, {}}));
    order.proof_key = &worker;
    return order;
  }
  wallet::OrderRequest submit(const crypto::KeyPair& key) const {
    return signed_by(key, codec::JobOrder(codec::SubmitJob{id_of(key), devnet_spec(), job_escrow}));
  }

 private:
  codec::AccountId id_of(const crypto::KeyPair& key) const {
    return codec::account_id(genesis, wallet::chain_key_of(key));
  }
  static wallet::OrderRequest signed_by(const crypto::KeyPair& key, wallet::WalletOrder order) {
    return {std::move(order), wallet::OrderSigner{wallet::chain_key_of(key), std::nullopt},
            nullptr};
  }
};

}  // namespace

Result<void> add_devnet_job_terms(codec::Genesis& genesis, const std::vector<std::string>& homes,
                                  Rng& rng) {
  codec::ComputeParams compute;
  compute.draw_gap = draw_gap;
  compute.answer_blocks = answer_blocks;
  genesis.params.compute = compute;
  genesis.params.epoch_blocks = epoch_blocks;
  for (const std::string& home : homes) {
    TRY(key_in(worker_folder(home), rng));
    const crypto::KeyPair payer = TRY(key_in(carrier_folder(home), rng));
    const codec::Hash lock = codec::lock_of(wallet::chain_key_of(payer));
    genesis.outputs.insert(genesis.outputs.end(), carrier_outputs,
                           {codec::output_version, codec::lock_key_hash, carrier_output, lock});
  }
  return {};
}

std::string devnet_worker_config() {
  return "compute.enabled = true\n"
         "compute.threads = 1\n"
         "compute.slots = 1\n";
}

Result<void> submit_devnet_job(const cli::Globals& globals, const std::vector<std::string>& homes) {
  cli::Globals at_first;
  at_first.home = homes.front();
  at_first.quiet = globals.quiet;
  auto node = TRY(WalletChain::reach(at_first));
  const std::string jobs = TRY(node.call("job.list", {}));
  if (TRY(cli::count_items(jobs, "jobs")) > 0) return {};

  auto store = TRY(WalletStore::open(homes.front(), {}, /*may_change=*/false));
  const wallet::HdKey account = TRY(store.unlock());
  DevnetOrders orders;
  for (std::uint32_t i = 0; i <= homes.size(); ++i) {
    orders.keys.push_back(wallet::signer_at(account, i));
  }
  rt::SystemRng rng;
  std::vector<crypto::KeyPair> workers;
  for (const std::string& home : homes) {
    workers.push_back(TRY(key_in(worker_folder(home), rng)));
  }
  const auto fill = [&](PayDraft& draft, wallet::Wallet&, WalletChain&) -> Result<void> {
    orders.genesis = draft.request.genesis;
    orders.lock = codec::lock_of(wallet::chain_key_of(wallet::key_at(account, {})));
    for (const crypto::KeyPair& key : orders.keys) {
      draft.request.orders.push_back(orders.open(key));
      draft.signers.push_back(&key);
    }
    for (std::size_t i = 0; i < workers.size(); ++i) {
      draft.request.orders.push_back(orders.add_worker(orders.keys[i + 1], workers[i]));
    }
    draft.request.orders.push_back(orders.submit(orders.keys.front()));
    return {};
  };
  TRY(pay(at_first, {}, {}, fill, &account));
  return {};
}

Result<std::optional<cli::DevnetJob>> look_at_devnet_job(Caller& caller) {
  const std::string list = TRY(caller.call("job.list", {}, call_timeout));
  const cli::JobPage jobs = TRY(cli::read_jobs(list));
  if (jobs.jobs.empty()) return std::nullopt;
  const cli::NodeJob& job = jobs.jobs.front();
  const std::string page = TRY(caller.call("job.slots", {{"job", job.job}}, call_timeout));
  const cli::SlotWork slots = TRY(cli::read_slot_work(page));
  cli::DevnetJob seen;
  seen.job = job.job;
  seen.leased = job.leased;
  seen.checking = slots.pending;
  seen.maturing = slots.maturing;
  seen.accepted = job.accepted;
  seen.units = job.accepted * job.units;
  seen.numbers = seen.units * (unit_a_count << sieve_bits);
  seen.paid = wallet::format_coins(job_escrow - std::min(job.escrow, job_escrow));
  return seen;
}

}  // namespace kith::app
