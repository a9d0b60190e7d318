// Verbs of whoever runs a chain: genesis, inspect and what consensus waits for. As in app/cmd.h.
#pragma once

#include "app/cmd.h"

namespace kith::app {

// cmd_operations.cpp
int run_operation(const cli::Globals& globals, const cli::OperationArgs& args);
// cmd_genesis.cpp
int run_genesis_new(const cli::Globals& globals, const cli::GenesisNewArgs& args);
int run_genesis_add(const cli::Globals& globals, const cli::GenesisAddArgs& args);
int run_genesis_show(const cli::Globals& globals, const cli::GenesisShowArgs& args);
int run_genesis_testnet(const cli::Globals& globals, const cli::GenesisTestnetArgs& args);
// cmd_inspect.cpp
int run_inspect(const cli::Globals& globals, const cli::InspectArgs& args);
int run_inspect_wal(const cli::Globals& globals);
int run_inspect_block(const cli::Globals& globals, const cli::InspectBlockArgs& args);
int run_inspect_replay(const cli::Globals& globals, const cli::InspectReplayArgs& args);
// cmd_signer.cpp
int run_signer_init(const cli::Globals& globals, const cli::SignerInitArgs& args);
int run_signer_run(const cli::Globals& globals, const cli::SignerRunArgs& args);

}  // namespace kith::app
