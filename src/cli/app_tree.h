// The tree of verbs as CLI11 holds it, for the parser and for what is generated from it. Internal
// to cli: whoever includes it pays for CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/args.h"

namespace kith::cli {

/// Where parsing leaves its results. Lives as long as the tree, which points into it.
struct Draft {
  Globals globals;
  Command command = VersionArgs{};
};

/// Fills `app` with every verb and option.
void build_tree(CLI::App& app, Draft& draft);
/// Its part of wallets and validators (app_tree_wallet.cpp).
void add_wallet_verbs(CLI::App& app, Draft& draft);
/// Verbs of whoever runs a chain (app_tree_operations.cpp).
void add_operation_verbs(CLI::App& app, Draft& draft);
/// Verbs that carry files (app_tree_file.cpp).
void add_file_verbs(CLI::App& app, Draft& draft);
/// Verbs that compute (app_tree_compute.cpp).
void add_compute_verbs(CLI::App& app, Draft& draft);
/// Verbs that run workloads (app_tree_work.cpp).
void add_work_verbs(CLI::App& app, Draft& draft);
/// Verbs of accounts (app_tree_account.cpp).
void add_account_verbs(CLI::App& app, Draft& draft);
/// Verbs of jobs on the ledger (app_tree_job.cpp).
void add_job_verbs(CLI::App& app, Draft& draft);

}  // namespace kith::cli
