// kith genesis: what a chain begins with, and homes of a whole testnet.
#include <algorithm>

#include "api/chain_files.h"
#include "app/cmd_operations.h"
#include "app/genesis_files.h"
#include "base/format.h"
#include "cli/render.h"
#include "codec/chain_address.h"
#include "codec/chain_params_text.h"
#include "codec/multiaddr.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"

namespace kith::app {
namespace {

constexpr std::uint64_t port_step = 10;  // as in a devnet
constexpr std::uint64_t http_port_offset = 5;

Result<std::string> genesis_path(const cli::Globals& globals, const std::string& file) {
  if (!file.empty()) return file;
  return TRY(home_of(globals)) + "/genesis.kith";
}

Result<std::string> shown(const std::string& path, const codec::Genesis& genesis) {
  return api::genesis_json(path, genesis);
}

Result<std::string> make_new(const cli::Globals& globals, const cli::GenesisNewArgs& args) {
  const std::string path = TRY(genesis_path(globals, args.file));
  if (rt::file_exists(path)) {
    return fail(Code::exists, base::format("{} is there already; remove it first", path));
  }
  const auto genesis =
      TRY(make_genesis(args.options, args.time_ms == 0 ? unix_ms_now() : args.time_ms));
  TRY_VOID(write_genesis(path, genesis));
  return shown(path, genesis);
}

Result<codec::ValidatorKey> read_key(const std::string& text) {
  codec::ValidatorKey key{};
  const auto bytes = base::from_hex(text);
  if (!bytes || bytes->size() != key.size()) {
    return fail(Code::usage, base::format("--key {}: 64 hexadecimal digits", text));
  }
  std::ranges::copy(*bytes, key.begin());
  return key;
}

Result<std::string> add_one(const cli::Globals& globals, const cli::GenesisAddArgs& args) {
  const std::string path = TRY(genesis_path(globals, args.file));
  codec::Genesis genesis = TRY(read_genesis_draft(path));
  codec::GenesisValidator validator;
  const std::string home = TRY(home_of(globals));
  validator.key = args.key.empty() ? TRY(home_validator_key(home)) : TRY(read_key(args.key));
  validator.stake =
      args.stake.empty() ? genesis.params.min_stake : TRY(codec::parse_amount(args.stake));
  validator.owner = args.owner.empty()
                        ? codec::lock_of(validator.key)
                        : TRY(codec::decode_address(genesis.params.address_hrp, args.owner));
  TRY_VOID(add_validator(genesis, validator));
  TRY_VOID(write_genesis(path, genesis));
  return shown(path, genesis);
}

Result<std::string> show(const cli::Globals& globals, const cli::GenesisShowArgs& args) {
  const std::string path = TRY(genesis_path(globals, args.file));
  if (!rt::file_exists(path)) {
    return fail(Code::not_found,
                base::format("there is no {}; `kith genesis new` makes one", path));
  }
  return shown(path, TRY(read_genesis_draft(path)));
}

/// Where node `i` listens and how others reach it.
struct Place {
  std::string host;
  std::uint64_t port = 0;
  std::string peer_id;

  std::string address() const { return base::format("/ip4/{}/tcp/{}", host, port); }
  std::string dialled() const { return base::format("{}/p2p/{}", address(), peer_id); }
};

std::string config_of(const std::string& network, const std::vector<Place>& places, std::size_t i,
                      bool is_one_machine) {
  std::string others;
  for (std::size_t j = 0; j < places.size(); ++j) {
    if (j == i) continue;
    if (!others.empty()) others += ",\n  ";
    others += "\"" + places[j].dialled() + "\"";
  }
  const Place& place = places[i];
  return base::format(
      "# Written by `kith genesis testnet`.\n"
      "network.name = \"{}\"\n"
      "listen = [\"{}\"]\n"
      "api.http = [\"/ip4/127.0.0.1/tcp/{}\"]\n"
      "bootstrap = [\n  {}]\n",
      network, is_one_machine ? place.address() : base::format("/ip4/0.0.0.0/tcp/{}", place.port),
      place.port + http_port_offset, others);
}

Result<std::vector<Place>> places_of(const cli::GenesisTestnetArgs& args) {
  if (!args.hosts.empty() && args.hosts.size() != args.validators) {
    return fail(Code::usage, base::format("{} --host for {} validators: one each, or none",
                                          args.hosts.size(), args.validators));
  }
  const std::uint64_t step = args.hosts.empty() ? port_step : 0;
  const std::uint64_t last = args.base_port + step * (args.validators - 1) + http_port_offset;
  if (last > 65535) {
    return fail(Code::usage, base::format("the last node would listen on port {}", last));
  }
  std::vector<Place> places(args.validators);
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i].host = args.hosts.empty() ? "127.0.0.1" : args.hosts[i];
    places[i].port = args.base_port + step * i;
    if (const auto address = codec::Multiaddr::parse(places[i].address()); !address) {
      return fail(Code::usage,
                  base::format("--host {}: {}", places[i].host, address.error().message));
    }
  }
  return places;
}

/// All that can be refused is looked at before anything is written; a rerun keeps keys.
Result<std::string> make_testnet(const cli::Globals&, const cli::GenesisTestnetArgs& args) {
  std::vector<Place> places = TRY(places_of(args));
  codec::Genesis genesis = TRY(make_genesis(args.options, unix_ms_now()));
  const std::string path = args.dir + "/genesis.kith";
  if (rt::file_exists(path)) {
    return fail(Code::exists, base::format("{} is there already; remove it first", path));
  }
  std::vector<std::string> homes;
  rt::SystemRng rng;
  for (std::size_t i = 0; i < places.size(); ++i) {
    homes.push_back(base::format("{}/node{}", args.dir, i + 1));
    TRY_VOID(rt::make_home(homes.back()));
    const auto identity = TRY(rt::load_or_create_identity(homes.back(), std::nullopt, rng));
    places[i].peer_id = codec::to_text(codec::peer_id_of(identity.key.public_key()));
  }
  TRY_VOID(add_home_validators(genesis, homes));
  TRY_VOID(codec::check(genesis));
  for (std::size_t i = 0; i < homes.size(); ++i) {
    const std::string config = config_of(args.options.network, places, i, args.hosts.empty());
    TRY_VOID(rt::write_file_atomic(homes[i] + "/config.toml", base::as_bytes(config),
                                   rt::public_file_mode));
    TRY_VOID(write_genesis(homes[i] + "/genesis.kith", genesis));
  }
  TRY_VOID(write_genesis(path, genesis));
  return shown(path, genesis);
}

}  // namespace

int run_genesis_new(const cli::Globals& globals, const cli::GenesisNewArgs& args) {
  return finish(globals, make_new(globals, args), cli::render_object);
}

int run_genesis_add(const cli::Globals& globals, const cli::GenesisAddArgs& args) {
  return finish(globals, add_one(globals, args), cli::render_object);
}

int run_genesis_show(const cli::Globals& globals, const cli::GenesisShowArgs& args) {
  return finish(globals, show(globals, args), cli::render_object);
}

int run_genesis_testnet(const cli::Globals& globals, const cli::GenesisTestnetArgs& args) {
  const auto made = make_testnet(globals, args);
  if (made) {
    say(globals, base::format("{} homes in {}; each runs by: kith start --home {}/nodeN",
                              args.validators, args.dir, args.dir));
  }
  return finish(globals, made, cli::render_object);
}

}  // namespace kith::app
