// The computing job of `kith devnet`: Collatz from 2^71 on, submitted by an account that does not
// work, and worked by the first nodes, each of an account of its own. All accounts are of node 1's
// wallet, so that `kith --home DIR/node1 account list` shows them.
#pragma once

#include <string>
#include <vector>

#include "app/session.h"
#include "cli/reports.h"
#include "codec/chain_params.h"

namespace kith::app {

/// Nobody checks its own: with fewer owners no result would ever count.
inline constexpr std::uint64_t devnet_workers_min = 3;
inline constexpr std::uint64_t devnet_workers_max = 4;

/// Rounds of a few blocks, coins that pay for what each home's worker says, and the workers' keys.
/// Before the genesis is written.
Result<void> add_devnet_job_terms(codec::Genesis& genesis, const std::vector<std::string>& homes,
                                  Rng& rng);
/// Of a worker's config.toml.
std::string devnet_worker_config();

/// Opens the accounts and submits the job, in one transaction of the first home's wallet, whose
/// node runs and has final blocks. Nothing when there is a job already.
Result<void> submit_devnet_job(const cli::Globals& globals, const std::vector<std::string>& homes);

/// How far the job is, as one node knows it; nothing while it is in no final block.
Result<std::optional<cli::DevnetJob>> look_at_devnet_job(Caller& caller);

}  // namespace kith::app
