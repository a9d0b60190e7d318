#include "app/genesis_files.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "app/session.h"
#include "base/format.h"
#include "codec/chain_params_text.h"
#include "ledger/validators.h"
#include "node/config_text.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"

namespace kith::app {
namespace {

constexpr std::string_view prefix_param = "address_hrp";  // the others' addresses need it

Result<std::pair<std::string, std::string>> split_param(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos) {
    return fail(Code::usage, base::format("--param {}: NAME=VALUE", text));
  }
  std::string name = text.substr(0, at);
  const auto names = codec::param_names();
  if (std::ranges::find(names, name) == names.end()) {
    const auto near = node::nearest(name, names);
    return fail(Code::usage,
                near ? base::format("--param {}: no such parameter; did you mean {}?", name, *near)
                     : base::format("--param {}: no such parameter", name));
  }
  return std::pair(std::move(name), text.substr(at + 1));
}

}  // namespace

std::uint64_t unix_ms_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

Result<codec::Genesis> make_genesis(const cli::GenesisOptions& options, std::uint64_t time_ms) {
  codec::Genesis genesis;
  genesis.network = options.network;
  genesis.time_ms = time_ms;
  std::vector<std::pair<std::string, std::string>> params;
  for (const std::string& text : options.params) params.push_back(TRY(split_param(text)));
  for (const bool is_prefix : {true, false}) {
    for (const auto& [name, value] : params) {
      if ((name == prefix_param) != is_prefix) continue;
      if (const auto set = codec::set_param(genesis.params, name, value); !set) {
        return fail(Code::usage, "--param " + set.error().message);
      }
    }
  }
  for (const std::string& text : options.outputs) {
    auto output = codec::parse_genesis_output(genesis.params.address_hrp, text);
    if (!output) {
      return fail(Code::usage, base::format("--output {}: {}", text, output.error().message));
    }
    genesis.outputs.push_back(*output);
  }
  return genesis;
}

Result<void> add_validator(codec::Genesis& genesis, const codec::GenesisValidator& validator) {
  if (std::ranges::count(genesis.validators, validator.key, &codec::GenesisValidator::key) > 0) {
    return fail(Code::exists, base::format("validator {} is in the genesis already",
                                           base::to_hex(validator.key)));
  }
  genesis.validators.push_back(validator);
  std::ranges::sort(genesis.validators, {}, &codec::GenesisValidator::key);
  return ledger::check_genesis_keys(genesis);
}

Result<codec::ValidatorKey> home_validator_key(const std::string& home) {
  const std::string folder = home + "/validator";
  TRY_VOID(rt::make_dirs(folder, rt::private_dir_mode));
  rt::SystemRng rng;
  const auto identity = TRY(rt::load_or_create_identity(folder, std::nullopt, rng));
  codec::ValidatorKey key{};
  std::ranges::copy(identity.key.public_key().data, key.begin());
  return key;
}

Result<void> add_home_validators(codec::Genesis& genesis, const std::vector<std::string>& homes) {
  for (const std::string& home : homes) {
    const codec::ValidatorKey key = TRY(home_validator_key(home));
    TRY_VOID(add_validator(genesis, {key, codec::lock_of(key), genesis.params.min_stake}));
  }
  return {};
}

Result<codec::Genesis> read_genesis_draft(const std::string& path) {
  const Bytes bytes = TRY(rt::read_file(path, codec::genesis_bytes_max));
  auto genesis = codec::decode_genesis_draft(bytes);
  if (!genesis) {
    return fail(genesis.error().code, base::format("{}: {}", path, genesis.error().message));
  }
  TRY_VOID(ledger::check_genesis_keys(*genesis));
  return genesis;
}

Result<void> write_genesis(const std::string& path, const codec::Genesis& genesis) {
  const Bytes bytes = codec::encode_genesis(genesis);
  // What could not be read again is not written.
  TRY(codec::decode_genesis_draft(bytes));
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) TRY_VOID(rt::make_dirs(folder.string(), rt::private_dir_mode));
  return rt::write_file_atomic(path, bytes, rt::public_file_mode);
}

}  // namespace kith::app
