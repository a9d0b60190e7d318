// Signed payments for nodes with a chain, as many a second as they take, over their HTTP API; and
// the genesis for it. bench/chain.py starts the nodes and reads what this prints.
//
//   chain_load setup DIR NODES BLOCK_INTERVAL_MS      keys and genesis.kith, as `kith devnet` lays
//                                                     them out: DIR/nodeI/validator/identity.key
//   chain_load run DIR SECONDS RATE HOST:PORT...      RATE a second in all; 0: without a limit
//   chain_load paced DIR SECONDS RATE HOST:PORT...    RATE a second, each waited for until final
//   chain_load idle DIR SECONDS 0 HOST:PORT...        one after another, with pauses; else nothing
//
// A payment has one input and two outputs: a little for somebody else, the rest for its payer, who
// pays with it again in some seconds. They are signed as they are sent. Each of a few connections
// to each node sends batches; beside them one sampler a node sends a payment at a time, and waits
// until it is final: that is the latency. Prints one JSON object.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/format.h"
#include "codec/chain_params.h"
#include "codec/chain_tx.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"

namespace {

using namespace kith;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t connections_a_node = 3;
constexpr std::uint32_t lanes_max = 32;  // connections and samplers of all nodes
constexpr std::uint32_t run_lanes = 24;  // of `run`; those after them are of `paced`,
constexpr std::uint32_t idle_lane = 31;  // the last of `idle`: none spends another's coins
constexpr std::uint32_t coins_a_lane = 2'000;
constexpr codec::Amount coin_value = 10 * codec::units_per_coin;
constexpr codec::Amount payment = 1'000;
constexpr codec::Amount fee = 400;
constexpr std::size_t batch_size = 50;
constexpr std::size_t waiting_max = 20'000;  // transactions in a mempool, before senders pause
constexpr std::size_t genesis_bytes_max = 4 * 1024 * 1024;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "chain_load: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

codec::ChainKey chain_key(const crypto::KeyPair& pair) {
  codec::ChainKey key{};
  std::ranges::copy(pair.public_key().data, key.begin());
  return key;
}

/// Whose coins a lane spends.
crypto::KeyPair lane_key(std::uint32_t lane) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = static_cast<std::uint8_t>(lane);
  seed[31] = 0x6c;
  return crypto::KeyPair::from_seed(seed);
}

// --- setup ---------------------------------------------------------------------------------------

void setup(const std::string& dir, std::uint64_t nodes, std::uint32_t interval_ms) {
  codec::Genesis genesis;
  genesis.network = "load";
  genesis.time_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  genesis.params.block_interval_ms = interval_ms;
  genesis.params.jail_threshold = 0;  // at full speed the slowest of four may be in no quorum
  rt::SystemRng rng;
  for (std::uint64_t i = 0; i < nodes; ++i) {
    const std::string folder = base::format("{}/node{}/validator", dir, i + 1);
    must(rt::make_dirs(folder, rt::private_dir_mode));
    const auto identity = must(rt::load_or_create_identity(folder, std::nullopt, rng));
    codec::GenesisValidator validator;
    validator.key = chain_key(identity.key);
    validator.owner = codec::lock_of(validator.key);
    validator.stake = genesis.params.min_stake;
    genesis.validators.push_back(validator);
  }
  std::ranges::sort(genesis.validators, {}, &codec::GenesisValidator::key);
  for (std::uint32_t lane = 0; lane < lanes_max; ++lane) {
    const codec::Hash lock = codec::lock_of(chain_key(lane_key(lane)));
    for (std::uint32_t i = 0; i < coins_a_lane; ++i) {
      genesis.outputs.push_back({codec::output_version, codec::lock_key_hash, coin_value, lock});
    }
  }
  must(codec::check(genesis));
  must(rt::write_file_atomic(dir + "/genesis.kith", codec::encode_genesis(genesis),
                             rt::public_file_mode));
}

// --- one connection ------------------------------------------------------------------------------

class Http {
 public:
  Http(std::string host, std::uint16_t port, std::string token)
      : host_(std::move(host)), port_(port), token_(std::move(token)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    ::inet_pton(AF_INET, host_.c_str(), &to.sin_addr);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      die(base::format("cannot reach {}:{}", host_, port_));
    }
  }
  ~Http() { ::close(fd_); }
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// The body of the answer.
  std::string post(const std::string& body) {
    const std::string request = base::format(
        "POST /rpc HTTP/1.1\r\nHost: {}:{}\r\nAuthorization: Bearer {}\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        host_, port_, token_, body.size(), body);
    for (std::size_t sent = 0; sent < request.size();) {
      const auto n = ::send(fd_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) die("a node hung up");
      sent += static_cast<std::size_t>(n);
    }
    return read_answer();
  }

 private:
  std::string read_answer() {
    std::size_t head = std::string::npos;
    while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) read_more();
    std::string lower = buffer_.substr(0, head);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::size_t at = lower.find("content-length:");
    if (at == std::string::npos) die("an answer without a length: " + lower);
    const std::size_t length = std::strtoull(lower.c_str() + at + 15, nullptr, 10);
    while (buffer_.size() < head + 4 + length) read_more();
    std::string body = buffer_.substr(head + 4, length);
    buffer_.erase(0, head + 4 + length);
    return body;
  }
  void read_more() {
    char bytes[65536];
    const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) die("a node hung up");
    buffer_.append(bytes, static_cast<std::size_t>(n));
  }

  const std::string host_;
  const std::uint16_t port_;
  const std::string token_;
  std::string buffer_;
  int fd_ = -1;
};

std::string submit_request(const codec::Transaction& tx, std::size_t id, bool waits) {
  return base::format(
      R"({{"jsonrpc":"2.0","id":{},"method":"tx.submit","params":{{"tx":"{}"{}}}}})", id,
      base::to_hex(codec::encode_transaction(tx)), waits ? R"(,"wait":"final")" : "");
}

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

/// The whole number behind `"name":`.
std::uint64_t number_of(const std::string& json, const std::string& name) {
  const std::size_t at = json.find("\"" + name + "\":");
  if (at == std::string::npos) die("no " + name + " in " + json);
  return std::strtoull(json.c_str() + at + name.size() + 3, nullptr, 10);
}

// --- payments ------------------------------------------------------------------------------------

/// The coins of one lane, each spent in turn, and what is left of it spent again.
class Lane {
 public:
  Lane(std::uint32_t lane, const codec::Hash& genesis)
      : key_(lane_key(lane)), public_(chain_key(key_)), genesis_(genesis) {
    for (std::uint32_t i = 0; i < coins_a_lane; ++i) {
      coins_.push_back({{genesis, lane * coins_a_lane + i}, coin_value});
    }
  }
  codec::Transaction next() {
    auto& [from, value] = coins_[at_++ % coins_.size()];
    codec::Transaction tx;
    tx.fee = fee;
    tx.inputs = {{from, 0}};
    codec::Hash to = codec::lock_of(public_);
    to[0] ^= 1;  // nobody's
    tx.outputs = {{codec::output_version, codec::lock_key_hash, payment, to},
                  {codec::output_version, codec::lock_key_hash, value - payment - fee,
                   codec::lock_of(public_)}};
    tx.witnesses = {{codec::witness_ed25519, public_, {}}};
    codec::sign(tx, key_, genesis_);
    from = {codec::txid_of(tx), 1};
    value -= payment + fee;
    return tx;
  }

 private:
  crypto::KeyPair key_;
  codec::ChainKey public_;
  codec::Hash genesis_;
  std::vector<std::pair<codec::OutPoint, codec::Amount>> coins_;
  std::size_t at_ = 0;
};

struct Shared {
  std::atomic<bool> is_over{false};
  std::atomic<bool> is_full{false};  // a mempool is
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> refused{0};
  std::mutex mutex;
  std::string first_refusal;
  std::vector<double> latencies_ms;
};

void send_batches(Shared& shared, Http& http, Lane& lane, double rate) {
  const auto began = Clock::now();
  for (std::uint64_t batches = 0; !shared.is_over; ++batches) {
    if (rate > 0) {
      const double due_s = static_cast<double>(batches * batch_size) / rate;
      std::this_thread::sleep_until(began + std::chrono::duration_cast<Clock::duration>(
                                                std::chrono::duration<double>(due_s)));
    }
    while (shared.is_full && !shared.is_over) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::string body = "[";
    for (std::size_t i = 0; i < batch_size; ++i) {
      if (i > 0) body += ',';
      body += submit_request(lane.next(), i, false);
    }
    const std::string answer = http.post(body + "]");
    const std::size_t refused = count(answer, "\"error\":");
    shared.sent += batch_size;
    shared.refused += refused;
    if (refused > 0) {
      const std::lock_guard lock(shared.mutex);
      if (shared.first_refusal.empty()) {
        shared.first_refusal = answer.substr(answer.find("\"error\":"), 200);
      }
    }
  }
}

/// Latency counts from `since`; by default from when the payment is signed.
void pay_and_wait(Shared& shared, Http& http, Lane& lane, std::optional<Clock::time_point> since) {
  const std::string body = submit_request(lane.next(), 1, true);
  const auto began = since.value_or(Clock::now());
  const std::string answer = http.post(body);
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
  ++shared.sent;
  const std::lock_guard lock(shared.mutex);
  if (answer.find("\"final\"") != std::string::npos) {
    shared.latencies_ms.push_back(ms);
    return;
  }
  ++shared.refused;
  if (shared.first_refusal.empty()) shared.first_refusal = answer.substr(0, 200);
}

void sample(Shared& shared, Http& http, Lane& lane) {
  while (!shared.is_over) pay_and_wait(shared, http, lane, std::nullopt);
}

/// Pays on time, as far as one connection that waits can, from `first_due` on; latency counts from
/// when a payment was due.
void pace(Shared& shared, Http& http, Lane& lane, Clock::time_point first_due, double every_s) {
  for (std::uint64_t i = 0;; ++i) {
    const auto due =
        first_due + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(i) * every_s));
    while (!shared.is_over && Clock::now() < due) {
      std::this_thread::sleep_until(std::min(due, Clock::now() + std::chrono::milliseconds(50)));
    }
    if (shared.is_over) return;
    pay_and_wait(shared, http, lane, due);
  }
}

/// Pays into a network that has nothing else to do, at moments that no block knows.
void idle(Shared& shared, Http& http, Lane& lane) {
  for (std::uint32_t pause_ms = 100; !shared.is_over; pause_ms = 100 + (pause_ms * 7 + 13) % 200) {
    pay_and_wait(shared, http, lane, std::nullopt);
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
  }
}

// --- a run ---------------------------------------------------------------------------------------

struct Target {
  std::string host;
  std::uint16_t port = 0;
  std::string token;
};

Target parse_target(const std::string& dir, std::size_t index, const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) die(text + " is not HOST:PORT");
  const Bytes token =
      must(rt::read_file(base::format("{}/node{}/api.token", dir, index + 1), 4096));
  std::string line(base::as_text(token));
  line.erase(line.find_last_not_of(" \n") + 1);
  return {text.substr(0, colon),
          static_cast<std::uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10)), line};
}

std::string ask(Http& http, const std::string& method) {
  return http.post(base::format(R"({{"jsonrpc":"2.0","id":1,"method":"{}"}})", method));
}

struct Tally {
  std::uint64_t height = 0;
  std::uint64_t final = 0;
  Clock::time_point at;
};
Tally tally_of(Http& http) {
  const std::string status = ask(http, "chain.status");
  return {number_of(status, "height"), number_of(status, "transactions_final"), Clock::now()};
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

using Threads = std::vector<std::thread>;

void start_run(Shared& shared, Threads& threads, const std::vector<Target>& targets,
               const codec::Hash& genesis, double rate) {
  std::uint32_t lanes = 0;
  const double lane_rate = rate / static_cast<double>(targets.size() * connections_a_node);
  for (const Target& target : targets) {
    for (std::uint32_t i = 0; i <= connections_a_node; ++i) {
      threads.emplace_back([&shared, &target, genesis, lane_rate, lane = lanes++, i] {
        Http http(target.host, target.port, target.token);
        Lane coins(lane, genesis);
        i < connections_a_node ? send_batches(shared, http, coins, lane_rate)
                               : sample(shared, http, coins);
      });
    }
  }
}

void start_paced(Shared& shared, Threads& threads, const std::vector<Target>& targets,
                 const codec::Hash& genesis, double rate) {
  const double every_s = 1 / rate;
  const auto began = Clock::now();
  constexpr std::uint32_t lanes = idle_lane - run_lanes;
  for (std::uint32_t i = 0; i < lanes; ++i) {
    const Target& target = targets[i % targets.size()];
    const auto first_due = began + std::chrono::duration_cast<Clock::duration>(
                                       std::chrono::duration<double>(i * every_s));
    threads.emplace_back([&shared, &target, genesis, first_due, every_s, i] {
      Http http(target.host, target.port, target.token);
      Lane coins(run_lanes + i, genesis);
      pace(shared, http, coins, first_due, every_s * lanes);
    });
  }
}

void start_idle(Shared& shared, Threads& threads, const Target& target,
                const codec::Hash& genesis) {
  threads.emplace_back([&shared, &target, genesis] {
    Http http(target.host, target.port, target.token);
    Lane coins(idle_lane, genesis);
    idle(shared, http, coins);
  });
}

/// A node answers before it has found the others.
void wait_for_first_block(Http& http) {
  const auto end = Clock::now() + std::chrono::seconds(30);
  while (tally_of(http).height == 0) {
    if (Clock::now() > end) die("no block within 30 s");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void report(Shared& shared, const Tally& first, const Tally& last) {
  const double took = std::chrono::duration<double>(last.at - first.at).count();
  std::printf(
      R"({"seconds":%.1f,"tx_per_s":%.1f,"blocks_per_s":%.2f,"final_ms_p50":%.1f,)"
      R"("final_ms_p99":%.1f,"samples":%zu,"sent":%llu,"refused":%llu,"first_refusal":"%s"})"
      "\n",
      took, static_cast<double>(last.final - first.final) / took,
      static_cast<double>(last.height - first.height) / took, percentile(shared.latencies_ms, 0.5),
      percentile(shared.latencies_ms, 0.99), shared.latencies_ms.size(),
      static_cast<unsigned long long>(shared.sent), static_cast<unsigned long long>(shared.refused),
      base::to_hex(base::as_bytes(shared.first_refusal)).c_str());
}

void run(const std::string& what, const std::string& dir, double seconds, double rate,
         const std::vector<Target>& targets) {
  const Bytes genesis_bytes = must(rt::read_file(dir + "/genesis.kith", genesis_bytes_max));
  const codec::Hash genesis = codec::genesis_hash(must(codec::decode_genesis(genesis_bytes)));
  std::vector<std::unique_ptr<Http>> watchers;
  for (const Target& target : targets) {
    watchers.push_back(std::make_unique<Http>(target.host, target.port, target.token));
    wait_for_first_block(*watchers.back());
  }
  Shared shared;
  Threads threads;
  if (what == "run") start_run(shared, threads, targets, genesis, rate);
  if (what == "paced") start_paced(shared, threads, targets, genesis, rate);
  if (what == "idle") start_idle(shared, threads, targets.front(), genesis);
  // A network that has just started has not found all its ways yet; what it is idle in comes first.
  const int warm_s = what == "run" ? 3 : what == "idle" ? 8 : 1;
  const auto warm_until = Clock::now() + std::chrono::seconds(warm_s);
  std::optional<Tally> first;
  Tally last;
  do {
    std::uint64_t waiting = 0;
    for (auto& watcher : watchers) {
      waiting = std::max(waiting, number_of(ask(*watcher, "mempool.status"), "transactions"));
    }
    shared.is_full = waiting > waiting_max;
    last = tally_of(*watchers.front());
    if (!first && last.at >= warm_until) {
      first = last;
      const std::lock_guard lock(shared.mutex);
      shared.latencies_ms.clear();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  } while (!first || Clock::now() < first->at + std::chrono::duration<double>(seconds));
  shared.is_over = true;
  for (std::thread& thread : threads) thread.join();
  report(shared, *first, last);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 4 && words[0] == "setup") {
    setup(words[1], std::strtoull(words[2].c_str(), nullptr, 10),
          static_cast<std::uint32_t>(std::strtoul(words[3].c_str(), nullptr, 10)));
    return 0;
  }
  const bool is_load =
      words.size() >= 5 && (words[0] == "run" || words[0] == "paced" || words[0] == "idle");
  if (is_load) {
    std::vector<Target> targets;
    for (std::size_t i = 4; i < words.size(); ++i) {
      targets.push_back(parse_target(words[1], i - 4, words[i]));
    }
    if (targets.size() * (connections_a_node + 1) > run_lanes) die("6 nodes at most");
    const double rate = std::strtod(words[3].c_str(), nullptr);
    if (words[0] == "paced" && rate <= 0) die("paced wants a rate");
    run(words[0], words[1], std::strtod(words[2].c_str(), nullptr), rate, targets);
    return 0;
  }
  die("usage: chain_load setup DIR NODES BLOCK_INTERVAL_MS | "
      "chain_load run|paced|idle DIR SECONDS RATE HOST:PORT...");
}
