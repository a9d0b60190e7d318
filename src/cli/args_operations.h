// What the verbs of whoever runs a chain were told: genesis, inspect, and looking at consensus. As
// in args.h; one alternative of the Command there.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace kith::cli {

/// What a genesis is made with; text, which app/ reads.
struct GenesisOptions {
  std::string network = "kith";
  std::vector<std::string> params;   // NAME=VALUE
  std::vector<std::string> outputs;  // ADDRESS=AMOUNT
};
struct GenesisNewArgs {
  std::string file;  // empty: HOME/genesis.kith
  GenesisOptions options;
  std::uint64_t time_ms = 0;  // 0: now
};
struct GenesisAddArgs {
  std::string file;
  std::string key;    // hex; empty: that of the home, made if need be
  std::string stake;  // empty: min_stake
  std::string owner;  // an address; empty: the validator key's own
};
struct GenesisShowArgs {
  std::string file;
};
struct GenesisTestnetArgs {
  std::string dir;
  GenesisOptions options;
  std::uint64_t validators = 4;
  std::uint64_t base_port = 4770;
  std::vector<std::string> hosts;  // IP addresses, one a validator; none: loopback
};
struct InspectArgs {
  bool is_deep = false;
};
struct InspectWalArgs {};
struct InspectBlockArgs {
  std::uint64_t height = 0;
};
struct InspectReplayArgs {
  std::uint64_t until = 0;  // 0: the last block
};
struct ChainConsensusArgs {};
struct ValidatorHeartbeatsArgs {
  std::string key;  // hex; empty: all
};

struct SignerInitArgs {
  bool is_never_used = false;  // the key that is there has signed nothing
};
struct SignerRunArgs {
  std::string socket = "signer.sock";  // relative ones are the home's
  std::string listen;                  // a multiaddr; empty: no TCP
  std::vector<std::string> allowed;    // peer ids of nodes, over TCP
};

struct OperationArgs
    : std::variant<GenesisNewArgs, GenesisAddArgs, GenesisShowArgs, GenesisTestnetArgs, InspectArgs,
                   InspectWalArgs, InspectBlockArgs, InspectReplayArgs, ChainConsensusArgs,
                   ValidatorHeartbeatsArgs, SignerInitArgs, SignerRunArgs> {
  using variant::variant;
  OperationArgs(const OperationArgs&);
  OperationArgs& operator=(const OperationArgs&);
  OperationArgs(OperationArgs&&) noexcept;
  OperationArgs& operator=(OperationArgs&&) noexcept;
  ~OperationArgs();
};

}  // namespace kith::cli
