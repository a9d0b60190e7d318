// The command line: verbs, options, help, usage errors. Parsing is all that happens here; each verb
// becomes a struct that app/ carries out. CLI11 stays behind this header.
//
// Exit codes of the program: 0 done, 1 failed, 2 usage, 3 node not running, 4 checked and found
// false, 5 refused for lack of permission.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "cli/args_account.h"
#include "cli/args_compute.h"
#include "cli/args_file.h"
#include "cli/args_job.h"
#include "cli/args_operations.h"
#include "cli/args_wallet.h"
#include "cli/args_work.h"

namespace kith::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_not_running = 3;
inline constexpr int exit_found_false = 4;
inline constexpr int exit_permission = 5;

/// Options of every verb.
struct Globals {
  std::string home;               // empty: $KITH_HOME, else the XDG data folder
  std::string config;             // empty: $KITH_CONFIG, else HOME/config.toml
  std::string log_level;          // empty: as configured
  std::vector<std::string> sets;  // KEY=VALUE
  bool json = false;
  bool quiet = false;
};

struct InitArgs {
  std::string network = "kith";
};
struct StartArgs {
  std::vector<std::string> listen, announce, bootstrap;
  std::string psk_file;
};
struct StopArgs {};
struct StatusArgs {};
struct StatsArgs {};
struct DoctorArgs {};
struct IdArgs {
  std::string seal_file;  // a passphrase's: seals identity.key with it
  bool unseal = false;    // writes identity.key without a passphrase
};
struct VersionArgs {};
struct ConfigShowArgs {};
struct ConfigCheckArgs {
  std::string file;
};
struct ConfigDocsArgs {
  std::string page = "config";  // config, cli, api or metrics
};
struct PeersListArgs {};
struct PeersInfoArgs {
  std::string peer;
};
struct PeersConnectArgs {
  std::string target;
};
struct PeersDisconnectArgs {
  std::string peer;
};
struct PeersBanArgs {
  std::string peer;
  std::string span;  // empty: until it is lifted
  std::string reason;
};
struct PeersUnbanArgs {
  std::string peer;
};
struct PeersBansArgs {};
struct ChainStatusArgs {};
struct ChainBlockArgs {
  std::string block;  // a height or a digest
};
struct ChainTxArgs {
  std::string txid;
};
struct ChainValidatorsArgs {};
struct ChainProofArgs {
  std::string kind;
  std::string what;
  std::optional<std::uint64_t> from_epoch;
  std::optional<std::uint64_t> checkpoint;
  std::string out;  // empty: hex on standard output
};
struct LightVerifyArgs {
  std::string proof;       // "-": standard input
  std::string genesis;     // a hash in hex, or a file
  std::string checkpoint;  // HEIGHT:DIGEST
  std::string state;       // a file that is read and written
  std::optional<Duration> trusting_period;
  bool trusts_old_keys = false;
  // What is expected to be proven.
  std::string txid, outpoint, address, validator, entry;
  std::optional<std::uint64_t> amount, height;
  bool spent = false, unspent = false;
};
/// What all nodes of a topic agree on, as text; empty: left out.
struct TopicOptionArgs {
  std::string max_age;
  std::string compression;
  std::string priority;
};
struct PubsubPubArgs {
  std::string topic;
  TopicOptionArgs options;
  std::string data;  // empty: standard input
};
struct PubsubSubArgs {
  std::string topic;
  TopicOptionArgs options;
  std::uint64_t count = 0;  // messages until the end; 0: no end
};
struct PubsubTopicsArgs {};
struct PubsubPeersArgs {
  std::string topic;
};
struct PingArgs {
  std::string target;
  std::uint64_t count = 4;
  Duration interval = 1s;
  Duration timeout = 30s;  // of one round trip, connecting included
  std::string psk_file;
};
struct PerfArgs {
  std::string target;
  std::uint64_t upload_bytes = 64 * 1024 * 1024;
  std::uint64_t download_bytes = 64 * 1024 * 1024;
  Duration timeout = 10min;
  std::string psk_file;
};
struct LogLevelArgs {
  std::string subsystem;  // empty: all
  std::string level;      // empty: shows
};
struct DevnetArgs {
  std::uint64_t nodes = 4;
  std::optional<std::uint64_t> validators;  // usually 4, of fewer nodes all
  std::string dir;                          // empty: a temporary one
  std::uint64_t base_port = 4770;           // 0: free ones
  std::optional<std::uint64_t> until_height;
  std::optional<Duration> run_for;
  bool no_job = false;
};
struct SimulateArgs {
  std::uint64_t nodes = 100;
  std::uint64_t seed = 1;
  Duration run_for = 60s;
  std::string scenario = "peers";
  std::vector<std::string> settings;  // NAME=VALUE, the scenario's own
};
struct CompletionArgs {
  std::string shell;
};

struct Command
    : std::variant<InitArgs, StartArgs, StopArgs, StatusArgs, StatsArgs, DoctorArgs, IdArgs,
                   VersionArgs, ConfigShowArgs, ConfigCheckArgs, ConfigDocsArgs, PeersListArgs,
                   PeersInfoArgs, PeersConnectArgs, PeersDisconnectArgs, PeersBanArgs,
                   PeersUnbanArgs, PeersBansArgs, ChainStatusArgs, ChainBlockArgs, ChainTxArgs,
                   ChainValidatorsArgs, ChainProofArgs, LightVerifyArgs, PubsubPubArgs,
                   PubsubSubArgs, PubsubTopicsArgs, PubsubPeersArgs, PingArgs, PerfArgs,
                   LogLevelArgs, DevnetArgs, SimulateArgs, CompletionArgs, WalletCreateArgs,
                   WalletRestoreArgs, WalletAddressArgs, WalletWordsArgs, WalletBalanceArgs,
                   WalletUtxosArgs, WalletHistoryArgs, WalletSendArgs, WalletMergeArgs,
                   WalletSignArgs, WalletBroadcastArgs, ValidatorBondArgs, ValidatorUnbondArgs,
                   ValidatorUnjailArgs, ValidatorStatusArgs, ValidatorListArgs, CollatzArgs,
                   ComputeArgs, AccountArgs, JobArgs, OperationArgs, ReceiveArgs, SendArgs> {
  using variant::variant;
  Command(const Command&);
  Command& operator=(const Command&);
  Command(Command&&) noexcept;
  Command& operator=(Command&&) noexcept;
  ~Command();
};

struct Parsed {
  Globals globals;
  Command command;
};
/// Nothing to carry out: help was asked for, or the arguments do not fit.
struct ParseEnd {
  int exit_code = exit_done;
  std::string out;
  std::string err;
};
std::variant<Parsed, ParseEnd> parse_args(int argc, const char* const* argv);

/// A script for "bash", "zsh" or "fish", written from the verbs and options themselves.
std::string completion_script(std::string_view shell);
/// docs/cli.md.
std::string cli_docs();

}  // namespace kith::cli
