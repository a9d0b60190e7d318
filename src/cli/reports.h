// What verbs find out by themselves, as JSON (one line, the keys of docs/cli.md) and as text for a
// person. Keys of parts that do not exist yet are null.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "node/config.h"

namespace kith::cli {

/// `kith start`, once all listeners are up.
struct ReadyReport {
  std::string peer_id, node_id, version, network, home;
  std::vector<std::string> addresses;
  std::vector<std::string> api;  // URLs
  int pid = 0;
  double took_ms = 0;
};
std::string to_json(const ReadyReport& report);
std::string to_text(const ReadyReport& report);

/// `kith init` and `kith id`.
struct IdentityReport {
  std::string peer_id, node_id, home;
  bool created = false;
};
std::string to_json(const IdentityReport& report);
std::string to_text(const IdentityReport& report);

/// `kith signer init`, and the ready line of `kith signer run`.
struct SignerReport {
  std::string home, key, peer_id;  // key: the validator's, in hexadecimal
  std::string socket;
  std::string address;  // over TCP, with the identity at its end; empty: none
  bool created = false;
  bool is_ready = false;
  bool is_silent = false;  // until the next epoch
};
std::string to_json(const SignerReport& report);
std::string to_text(const SignerReport& report);

struct PingReport {
  std::string target;
  std::uint64_t sent = 0;
  std::vector<double> rtts_ms;  // of those answered
  std::optional<Error> last_error;
};
std::string to_json(const PingReport& report);
std::string to_text(const PingReport& report);

struct DoctorCheck {
  enum class State : std::uint8_t { ok, warning, failed };
  std::string name;
  State state = State::ok;
  std::string detail;
};
struct DoctorReport {
  std::vector<DoctorCheck> checks;
  bool is_well() const;
};
std::string to_json(const DoctorReport& report);
std::string to_text(const DoctorReport& report);

/// Of a devnet that keeps a chain.
struct DevnetChain {
  std::uint64_t validators = 0;
  std::uint64_t height = 0;            // of the node that is furthest
  std::uint64_t finalized_height = 0;  // of the one that is least far
  std::uint64_t forks = 0;             // heights at which two nodes hold different blocks
  double finality_p50_ms = 0;          // of node 1
  double finality_p99_ms = 0;
  std::uint64_t transactions = 0;
};
struct DevnetJob {
  std::uint64_t job = 0;
  // Tasks: given out, computed and being checked, checked and waiting to count, counted.
  std::uint64_t leased = 0, checking = 0, maturing = 0, accepted = 0;
  std::uint64_t units = 0;    // of accepted tasks
  std::uint64_t numbers = 0;  // likewise
  std::string paid;           // coins
};
/// One line.
std::string to_text(const DevnetJob& job);
struct DevnetReport {
  std::uint64_t nodes = 0;
  std::uint64_t peers_per_node_min = 0;
  std::uint64_t pings_answered = 0;
  std::uint64_t learned = 0;  // peers that nodes came to know beyond the one they were told
  std::uint64_t messages_published = 0;
  std::uint64_t messages_delivered = 0;  // published ones times other nodes, when none is missing
  double wall_s = 0;
  bool clean_exit = false;
  std::string dir;  // empty: it was temporary
  std::optional<DevnetChain> chain;
  std::optional<DevnetJob> job;
};
std::string to_json(const DevnetReport& report);
std::string to_text(const DevnetReport& report);

struct SimulateReport {
  std::string scenario;
  std::uint64_t seed = 0;
  std::uint64_t nodes = 0;
  double virtual_s = 0;
  double wall_s = 0;
  std::uint64_t events = 0;
  std::uint64_t trace_hash = 0;
  std::vector<std::string> violations;
  std::vector<std::pair<std::string, double>> figures;  // the scenario's own
  double rss_mib = 0;                                   // the process's peak
};
std::string to_json(const SimulateReport& report);
std::string to_text(const SimulateReport& report);

/// Short answers: {"name":true} and the like.
std::string to_json(std::string_view key, bool value);
std::string to_json(std::string_view key, std::string_view value);
std::string config_text(const std::vector<node::EffectiveSetting>& settings);

}  // namespace kith::cli
