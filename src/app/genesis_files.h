// Making genesis files: what `kith genesis` and `kith devnet` have in common.
#pragma once

#include <string>
#include <vector>

#include "cli/args.h"
#include "codec/chain_params.h"
#include "codec/chain_validators.h"

namespace kith::app {

/// Without validators. `usage` names what of the options does not hold, and the nearest name.
Result<codec::Genesis> make_genesis(const cli::GenesisOptions& options, std::uint64_t time_ms);
/// By the system's clock.
std::uint64_t unix_ms_now();
/// In its place by key; `exists` when it is there already.
Result<void> add_validator(codec::Genesis& genesis, const codec::GenesisValidator& validator);
/// The validator key of the home, which is made when it has none.
Result<codec::ValidatorKey> home_validator_key(const std::string& home);
/// The same for each home, with min_stake, owned by the key itself.
Result<void> add_home_validators(codec::Genesis& genesis, const std::vector<std::string>& homes);

/// A draft may still lack validators.
Result<codec::Genesis> read_genesis_draft(const std::string& path);
/// Checks it, but for missing validators; its folder is made.
Result<void> write_genesis(const std::string& path, const codec::Genesis& genesis);

}  // namespace kith::app
