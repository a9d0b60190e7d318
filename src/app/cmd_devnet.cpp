// kith devnet: real nodes of this same program on loopback, each of which is told one address, that
// of node 1, and learns of the others by itself.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "app/cmd.h"
#include "app/devnet_job.h"
#include "app/faucet.h"
#include "app/genesis_files.h"
#include "base/format.h"
#include "cli/devnet_table.h"
#include "cli/reports.h"
#include "cli/wire.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/process.h"

namespace kith::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t port_step = 10;          // leaves room for a node's other ports
constexpr std::uint64_t packet_port_offset = 1;  // from its TCP port
constexpr std::uint64_t web_port_offset = 2;
constexpr std::uint64_t http_port_offset = 5;
constexpr Duration ready_max = 15s;
constexpr Duration poll_interval = 50ms;
constexpr Duration look_interval = 500ms;
constexpr Duration call_timeout = 2s;
constexpr Duration stop_grace = 6s;  // a node ends within 5 s
/// As many peers as each node should find, where there are as many.
constexpr std::uint64_t degree_wanted = 3;
const std::string topic = "devnet";
constexpr std::uint32_t devnet_block_interval_ms = 1000;
/// For the last message to reach everybody.
constexpr Duration gossip_grace = 5s;

// A signal may only leave a mark.
volatile std::sig_atomic_t interrupted = 0;
void on_signal(int) { interrupted = 1; }

struct DevNode {
  std::string home;
  std::optional<rt::ChildProcess> process;
  std::unique_ptr<Caller> caller;
  cli::NodeStatus status;
  cli::NodeStats stats;
  cli::TopicTraffic traffic;  // of what this program says
  cli::ChainStatus chain;
  cli::PeersBrief peers;
  Clock::time_point chain_at = {};
  double tx_per_s = 0;  // since the look before
};

/// Removes a temporary folder at the end, whatever the end is.
struct TemporaryFolder {
  std::string path;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
};

class Devnet {
 public:
  Devnet(const cli::Globals& globals, const cli::DevnetArgs& args)
      : globals_(globals), args_(args), began_(Clock::now()) {}

  /// Whatever went wrong, the nodes end cleanly before their folder goes.
  ~Devnet() { stop_all(); }
  Devnet(const Devnet&) = delete;
  Devnet& operator=(const Devnet&) = delete;

  Result<cli::DevnetReport> run();

 private:
  std::uint64_t degree_min() const;
  Result<void> choose_folder();
  Result<void> make_chain();
  std::vector<std::string> worker_homes() const;
  Result<void> begin_job();
  Result<std::uint64_t> count_forks();
  bool has_chain() const { return args_.validators != 0; }
  std::uint64_t height_min() const;
  Result<void> start(std::size_t index, const std::string& bootstrap);
  Result<void> wait_until_ready(std::size_t index);
  Result<void> look();
  static void note_chain(DevNode& node, const cli::ChainStatus& chain);
  bool is_meshed() const;
  Result<void> publish();
  Result<void> wait_until_heard();
  void show(bool is_last);
  bool stop_all();

  const cli::Globals& globals_;
  const cli::DevnetArgs& args_;
  const Clock::time_point began_;
  TemporaryFolder temporary_;
  std::string dir_;
  std::vector<DevNode> nodes_;
  std::string genesis_;           // path; empty: no chain
  std::uint64_t validators_ = 0;  // nodes 1 to so many
  bool has_jobs_ = false;         // the chain takes computing jobs
  std::optional<cli::DevnetJob> job_;
  std::uint64_t published_ = 0;
  std::size_t lines_shown_ = 0;
};

std::string config_of(std::uint64_t port, const std::string& bootstrap, const std::string& genesis,
                      bool works) {
  std::string text = base::format(
      "# Written by `kith devnet` at each start.\n"
      "network.name = \"devnet\"\n"
      "listen = [\"/ip4/127.0.0.1/tcp/{}\", \"/ip4/127.0.0.1/tcp/{}/ws\"]\n"
      "packet.listen = [\"/ip4/127.0.0.1/udp/{}/kith\"]\n"
      "api.http = [\"/ip4/127.0.0.1/tcp/{}\"]\n"
      "ping.interval = \"1s\"\n"
      "peer_exchange.interval = \"1s\"\n"
      "dial.backoff_min = \"500ms\"\n"
      "gossip.topics = [\"devnet\"]\n"
      "perf.serve = false\n",
      port, port == 0 ? 0 : port + web_port_offset, port == 0 ? 0 : port + packet_port_offset,
      port == 0 ? 0 : port + http_port_offset);
  if (!genesis.empty()) text += base::format("chain.genesis = \"{}\"\n", genesis);
  if (works) text += devnet_worker_config();
  if (!bootstrap.empty()) text += base::format("bootstrap = [\"{}\"]\n", bootstrap);
  return text;
}

/// What configures a node by hand would configure all of them alike; theirs are in their files.
void forget_environment() {
  std::vector<std::string> names;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry = *at;
    if (entry.starts_with("KITH_")) names.emplace_back(entry.substr(0, entry.find('=')));
  }
  for (const auto& name : names) ::unsetenv(name.c_str());
}

std::string last_words(const std::string& log) {
  constexpr std::size_t words_bytes_max = 600;
  const auto bytes = rt::read_file(log, 64 * 1024 * 1024);
  if (!bytes) return "";
  const std::string_view text = base::as_text(*bytes);
  return std::string(text.substr(text.size() - std::min(text.size(), words_bytes_max)));
}

Result<cli::DevnetReport> Devnet::run() {
  TRY_VOID(choose_folder());
  forget_environment();
  nodes_.resize(args_.nodes);
  if (has_chain()) TRY_VOID(make_chain());
  TRY_VOID(start(0, ""));
  TRY_VOID(wait_until_ready(0));
  const std::string bootstrap = nodes_[0].status.addresses.front();
  for (std::size_t i = 1; i < nodes_.size(); ++i) TRY_VOID(start(i, bootstrap));
  for (std::size_t i = 1; i < nodes_.size(); ++i) TRY_VOID(wait_until_ready(i));
  say(globals_, base::format("{} nodes are up in {}", nodes_.size(), dir_));
  if (has_chain()) {
    say(globals_, base::format("coins to play with: kith --home {}/node1 wallet send --to ADDRESS "
                               "--amount 10",
                               dir_));
  }
  if (has_jobs_) TRY_VOID(begin_job());

  const auto until = args_.run_for ? Clock::now() + *args_.run_for : Clock::time_point::max();
  while (interrupted == 0 && Clock::now() < until) {
    TRY_VOID(look());
    show(false);
    if (args_.until_height && height_min() >= *args_.until_height) break;
    TRY_VOID(publish());
    const auto wake = std::min(until, Clock::now() + look_interval);
    while (interrupted == 0 && Clock::now() < wake) {
      std::this_thread::sleep_for(std::min<Clock::duration>(poll_interval, wake - Clock::now()));
    }
  }
  // On a terminal Ctrl-C has reached the nodes too: what they said last then stands.
  if (interrupted == 0) TRY_VOID(wait_until_heard());
  show(true);

  cli::DevnetReport report;
  report.nodes = nodes_.size();
  report.peers_per_node_min = degree_min();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    report.pings_answered += nodes_[i].stats.pings_answered;
    report.messages_published += nodes_[i].traffic.published;
    report.messages_delivered += nodes_[i].traffic.delivered;
    const std::uint64_t told = i == 0 ? nodes_[i].status.peers_known : 1;
    report.learned += nodes_[i].status.peers_known - std::min(nodes_[i].status.peers_known, told);
  }
  if (has_chain()) {
    cli::DevnetChain& chain = report.chain.emplace();
    chain.validators = validators_;
    chain.finalized_height = height_min();
    for (const DevNode& node : nodes_) chain.height = std::max(chain.height, node.chain.height);
    chain.finality_p50_ms = nodes_[0].chain.finality_p50_ms;
    chain.finality_p99_ms = nodes_[0].chain.finality_p99_ms;
    chain.transactions = nodes_[0].chain.transactions_final;
    // Nodes that Ctrl-C has reached too say nothing more; what was seen last stands.
    if (has_jobs_ && interrupted != 0) {
      if (auto job = look_at_devnet_job(*nodes_[0].caller)) job_ = *std::move(job);
    }
    report.job = job_;
    if (interrupted == 0) chain.forks = TRY(count_forks());
  }
  report.clean_exit = stop_all();
  report.wall_s = std::chrono::duration<double>(Clock::now() - began_).count();
  if (temporary_.path.empty()) report.dir = dir_;
  return report;
}

Result<void> Devnet::choose_folder() {
  const std::uint64_t last_port = args_.base_port + port_step * (args_.nodes - 1);
  if (args_.base_port != 0 && last_port > 65535) {
    return fail(Code::usage, base::format("node {} would listen on port {}, beyond 65535",
                                          args_.nodes, last_port));
  }
  if (!args_.dir.empty()) {
    std::error_code error;
    dir_ = std::filesystem::absolute(args_.dir, error).string();
    if (error) return fail(Code::io, base::format("{}: {}", args_.dir, error.message()));
    return rt::make_dirs(dir_, rt::private_dir_mode);
  }
  const char* parent = std::getenv("TMPDIR");
  std::string path = base::format("{}/kith-devnet-XXXXXX", parent == nullptr ? "/tmp" : parent);
  if (::mkdtemp(path.data()) == nullptr) return fail(rt::os_error(errno, path));
  dir_ = temporary_.path = path;
  return {};
}

/// Validators' keys, and the genesis that names them; a folder that has one goes on with it.
Result<void> Devnet::make_chain() {
  validators_ = args_.validators.value_or(std::min<std::uint64_t>(args_.nodes, 4));
  genesis_ = dir_ + "/genesis.kith";
  if (rt::file_exists(genesis_)) {
    has_jobs_ = TRY(read_genesis_draft(genesis_)).params.compute.has_value();
    return {};
  }
  cli::GenesisOptions options;
  options.network = "devnet";
  codec::Genesis genesis = TRY(make_genesis(options, unix_ms_now()));
  genesis.params.block_interval_ms = devnet_block_interval_ms;
  std::vector<std::string> homes;
  for (std::uint64_t i = 0; i < validators_; ++i) {
    homes.push_back(base::format("{}/node{}", dir_, i + 1));
  }
  TRY_VOID(add_home_validators(genesis, homes));
  rt::SystemRng rng;
  has_jobs_ = !args_.no_job && args_.nodes >= devnet_workers_min;
  if (has_jobs_) TRY_VOID(add_devnet_job_terms(genesis, worker_homes(), rng));
  TRY_VOID(add_faucet(genesis, dir_, rng));
  return write_genesis(genesis_, genesis);
}

std::vector<std::string> Devnet::worker_homes() const {
  std::vector<std::string> homes;
  for (std::uint64_t i = 1; i <= std::min(args_.nodes, devnet_workers_max); ++i) {
    homes.push_back(base::format("{}/node{}", dir_, i));
  }
  return homes;
}

/// Once there are blocks to put it into.
Result<void> Devnet::begin_job() {
  const auto until = Clock::now() + ready_max;
  while (interrupted == 0 && height_min() == 0) {
    if (Clock::now() > until) return fail(Code::timeout, "there is no first block");
    TRY_VOID(look());
    std::this_thread::sleep_for(poll_interval);
  }
  if (interrupted != 0) return {};
  return submit_devnet_job(globals_, worker_homes());
}

/// Heights at which two nodes hold different blocks, of the last that all have.
Result<std::uint64_t> Devnet::count_forks() {
  constexpr std::uint64_t compared_max = 200;
  const std::uint64_t last = height_min();
  std::uint64_t forks = 0;
  for (std::uint64_t height = last - std::min(last, compared_max - 1); height <= last; ++height) {
    if (height == 0) continue;
    std::set<std::string> digests;
    for (DevNode& node : nodes_) {
      const auto block = TRY(node.caller->call("chain.block", {{"height", height}}, call_timeout));
      digests.insert(TRY(cli::read_block_digest(block)));
    }
    if (digests.size() > 1) ++forks;
  }
  return forks;
}

std::uint64_t Devnet::height_min() const {
  std::uint64_t least = UINT64_MAX;
  for (const DevNode& node : nodes_) least = std::min(least, node.chain.height);
  return nodes_.empty() ? 0 : least;
}

Result<void> Devnet::start(std::size_t index, const std::string& bootstrap) {
  DevNode& node = nodes_[index];
  node.home = base::format("{}/node{}", dir_, index + 1);
  TRY_VOID(rt::make_dirs(node.home + "/log", rt::private_dir_mode));
  const std::uint64_t port = args_.base_port == 0 ? 0 : args_.base_port + port_step * index;
  const bool works = has_jobs_ && index < devnet_workers_max;
  const std::string config = config_of(port, bootstrap, genesis_, works);
  const std::string config_path = node.home + "/config.toml";
  TRY_VOID(rt::write_file_atomic(config_path, base::as_bytes(config), rt::public_file_mode));

  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(Code::io, "/proc/self/exe: " + error.message());
  rt::ProcessConfig process;
  process.arguments = {program.string(), "start",     "--home", node.home,
                       "--config",       config_path, "--json"};
  if (!globals_.log_level.empty()) {
    process.arguments.insert(process.arguments.end(), {"--log-level", globals_.log_level});
  }
  process.output_file = node.home + "/log/ready.json";
  process.error_file = node.home + "/log/node.log";
  node.process = TRY(rt::ChildProcess::start(process));
  return {};
}

Result<void> Devnet::wait_until_ready(std::size_t index) {
  DevNode& node = nodes_[index];
  const auto until = Clock::now() + ready_max;
  while (Clock::now() < until && interrupted == 0) {
    if (node.process->poll()) {
      return fail(Code::io, base::format("node {} ended at once: {}", index + 1,
                                         last_words(node.home + "/log/node.log")));
    }
    if (!node.caller) {
      if (auto caller = reach_running(node.home + "/api.sock", node.home)) {
        node.caller = *std::move(caller);
      }
    }
    if (node.caller) {
      const auto result = node.caller->call("status", {}, call_timeout);
      if (result) {
        node.status = TRY(cli::read_status(*result));
        if (!node.status.addresses.empty()) return {};
      } else {
        node.caller.reset();
      }
    }
    std::this_thread::sleep_for(poll_interval);
  }
  return interrupted != 0
             ? fail(Code::canceled, "interrupted before all nodes were up")
             : fail(Code::timeout, base::format("node {} was not ready in {} s", index + 1,
                                                base::to_ms(ready_max) / 1000));
}

Result<void> Devnet::look() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    DevNode& node = nodes_[i];
    if (node.process->poll()) {
      if (interrupted != 0) return {};
      return fail(Code::closed, base::format("node {} has ended: {}", i + 1,
                                             last_words(node.home + "/log/node.log")));
    }
    const auto status = node.caller->call("status", {}, call_timeout);
    const auto stats = status ? node.caller->call("stats", {}, call_timeout) : status;
    if (!stats) {
      if (interrupted != 0) return {};
      return fail(stats.error().code,
                  base::format("node {} does not answer: {}", i + 1, stats.error().message));
    }
    node.status = TRY(cli::read_status(*status));
    const auto peers = node.caller->call("peers.list", {}, call_timeout);
    if (peers) node.peers = TRY(cli::read_peers_brief(*peers));
    node.stats = TRY(cli::read_stats(*stats));
    const auto topics = node.caller->call("pubsub.topics", {}, call_timeout);
    if (topics) node.traffic = TRY(cli::read_topic_traffic(*topics, topic));
    if (!has_chain()) continue;
    const auto chain = node.caller->call("chain.status", {}, call_timeout);
    if (!chain && interrupted == 0) {
      return fail(chain.error().code, base::format("node {}: {}", i + 1, chain.error().message));
    }
    if (chain) note_chain(node, TRY(cli::read_chain_status(*chain)));
  }
  if (!has_jobs_) return {};
  auto job = look_at_devnet_job(*nodes_[0].caller);
  if (job) job_ = *std::move(job);
  if (!job && interrupted == 0) return fail(job.error());
  return {};
}

void Devnet::note_chain(DevNode& node, const cli::ChainStatus& chain) {
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - node.chain_at).count();
  if (since > 0 && chain.transactions_final >= node.chain.transactions_final) {
    node.tx_per_s =
        static_cast<double>(chain.transactions_final - node.chain.transactions_final) / since;
  }
  node.chain = chain;
  node.chain_at = now;
}

/// Everybody has found enough of the others to hear what is said from now on.
bool Devnet::is_meshed() const {
  const bool have_gossip =
      std::ranges::all_of(nodes_, [&](const DevNode& node) { return node.stats.gossip_peers > 0; });
  return nodes_.size() > 1 && have_gossip &&
         degree_min() >= std::min(degree_wanted, args_.nodes - 1);
}

/// One node after the other says something.
Result<void> Devnet::publish() {
  if (!is_meshed()) return {};
  const std::size_t index = published_ % nodes_.size();
  const auto said = nodes_[index].caller->call(
      "pubsub.pub",
      cli::publish_params(topic, {}, base::format("message {} of node {}", published_, index + 1)),
      call_timeout);
  if (!said && interrupted == 0) {
    return fail(said.error().code,
                base::format("node {} does not publish: {}", index + 1, said.error().message));
  }
  ++published_;
  return {};
}

Result<void> Devnet::wait_until_heard() {
  const auto until = Clock::now() + gossip_grace;
  for (;;) {
    TRY_VOID(look());
    std::uint64_t delivered = 0;
    for (const DevNode& node : nodes_) delivered += node.traffic.delivered;
    const bool is_over = interrupted != 0 || Clock::now() >= until;
    if (is_over || delivered >= published_ * (nodes_.size() - 1)) return {};
    std::this_thread::sleep_for(poll_interval);
  }
}

/// A table that is drawn over itself on a terminal; elsewhere a line a second, and the last.
void Devnet::show(bool is_last) {
  if (globals_.quiet) return;
  const char* term = std::getenv("TERM");
  const bool is_live = ::isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr &&
                       term != nullptr && std::string_view(term) != "dumb";
  const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
  std::uint64_t pings = 0, delivered = 0;
  for (const DevNode& node : nodes_) {
    pings += node.stats.pings_answered;
    delivered += node.traffic.delivered;
  }
  if (!is_live) {
    if (lines_shown_++ % 2 == 0 || is_last) {
      const std::string line = base::format(
          "{:5.1f} s  {} nodes  {}at least {} peers each  {} pings answered  {} messages, {} "
          "delivered{}\n",
          seconds, nodes_.size(),
          has_chain() ? base::format("height {}  ", height_min()) : std::string(), degree_min(),
          pings, published_, delivered, job_ ? "  " + to_text(*job_) : std::string());
      std::fwrite(line.data(), 1, line.size(), stderr);
    }
    return;
  }
  std::vector<cli::DevnetRow> rows;
  for (const DevNode& node : nodes_) {
    rows.push_back({node.status.peer_id, node.status.peers, node.peers.healthy,
                    node.peers.reputation_min, has_chain(), node.chain.height,
                    node.chain.finality_p50_ms, node.tx_per_s, node.chain.mempool,
                    node.traffic.delivered});
  }
  std::string text;
  if (lines_shown_ > 0) text += base::format("\x1b[{}A", lines_shown_);
  auto lines = cli::devnet_table(rows, seconds);
  if (job_) lines.push_back(to_text(*job_) + "\n");
  for (const std::string& line : lines) text += "\x1b[K" + line;
  lines_shown_ = lines.size();
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::uint64_t Devnet::degree_min() const {
  std::uint64_t least = UINT64_MAX;
  for (const DevNode& node : nodes_) least = std::min(least, node.status.peers);
  return nodes_.empty() ? 0 : least;
}

bool Devnet::stop_all() {
  for (DevNode& node : nodes_) {
    if (node.process) node.process->signal(SIGTERM);
  }
  bool is_clean = true;
  for (DevNode& node : nodes_) {
    if (!node.process) continue;
    const auto end = node.process->wait(stop_grace);
    is_clean = end && end->is_clean() && is_clean;
  }
  return is_clean;
}

}  // namespace

int run_devnet(const cli::Globals& globals, const cli::DevnetArgs& args) {
  if (args.until_height && args.validators == 0) {
    return fail_with(globals, {Code::usage, "--until-height needs validators"});
  }
  if (args.validators > args.nodes) {
    return fail_with(globals,
                     {Code::usage, base::format("--validators {} needs as many --nodes, not {}",
                                                *args.validators, args.nodes)});
  }
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  Devnet devnet(globals, args);
  const auto report = devnet.run();
  if (!report) return fail_with(globals, report.error());
  print(globals.json ? to_json(*report) : to_text(*report));
  const bool is_meshed = report->peers_per_node_min >= std::min(degree_wanted, args.nodes - 1);
  if (!is_meshed) say(globals, "kith: the nodes did not find enough of each other");
  const bool is_heard = interrupted != 0 ||
                        report->messages_delivered >= report->messages_published * (args.nodes - 1);
  if (!is_heard) say(globals, "kith: not every message reached every node");
  const bool is_one_chain = !report->chain || report->chain->forks == 0;
  if (!is_one_chain) say(globals, "kith: THE CHAIN HAS FORKED");
  const bool is_high = interrupted != 0 || !args.until_height ||
                       report->chain->finalized_height >= *args.until_height;
  if (!is_high) say(globals, "kith: the chain did not come as far as it should");
  const bool is_chain_well = is_one_chain && is_high;
  return report->clean_exit && is_meshed && is_heard && is_chain_well ? cli::exit_done
                                                                      : cli::exit_failed;
}

}  // namespace kith::app
