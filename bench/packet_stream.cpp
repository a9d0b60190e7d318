// Kith's packet transport as one of the peers of bench/transport.py: two processes, sessions
// between them over UDP, one mode a run.
//
//   packet_stream receive|send [--address IP] [--port N] [--mode MODE] [--bytes N | --seconds S]
//     [--cipher aes-256-gcm|chacha20-poly1305] [--congestion bbr|cubic|aimd] [--mtu N]
//     [--message-bytes N] [--count N] [--service message|datagram|stream] [--rotate-bytes N]
//     [--cpu N] [--trace MS]
//
// Modes: stream (one, kept full), messages, ping (one at a time), requests (64 streams in flight),
// handshakes, resumed, idle. Both print one line of JSON at the end, `receive` one with its port
// before.
#include <arpa/inet.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "packet_node.h"

namespace kith::bench {
namespace {

constexpr std::size_t requests_in_flight = 64;
constexpr std::size_t handshakes_in_flight = 16;

struct Options {
  bool is_sender = false;
  std::string address = "127.0.0.1", mode = "stream", service = "message";
  std::uint16_t port = 0;
  std::uint64_t bytes = 0, count = 10'000, rotate_bytes = 100'000'000;
  double seconds = 1;
  std::size_t message_bytes = 64, mtu = 1400;
  std::string cipher, congestion = "bbr";
  std::uint64_t trace_ms = 0;  // a line so often on standard error
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "packet_stream: %s\n", what.c_str());
  std::exit(2);
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

Options read_options(int argc, char** argv) {
  Options options;
  const std::string role = argc > 1 ? argv[1] : "";
  if (role != "send" && role != "receive") die("send or receive?");
  options.is_sender = role == "send";
  for (int i = 2; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") continue;
    if (i + 1 == argc) die(name + " wants a value");
    const std::string value = argv[++i];
    const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
    if (name == "--address")
      options.address = value;
    else if (name == "--port")
      options.port = static_cast<std::uint16_t>(number());
    else if (name == "--mode")
      options.mode = value;
    else if (name == "--service")
      options.service = value;
    else if (name == "--bytes")
      options.bytes = number();
    else if (name == "--seconds")
      options.seconds = std::atof(value.c_str());
    else if (name == "--cipher")
      options.cipher = value;
    else if (name == "--congestion")
      options.congestion = value;
    else if (name == "--mtu")
      options.mtu = number();
    else if (name == "--message-bytes")
      options.message_bytes = number();
    else if (name == "--count")
      options.count = number();
    else if (name == "--rotate-bytes")
      options.rotate_bytes = number();
    else if (name == "--trace")
      options.trace_ms = number();
    else if (name == "--cpu")
      pin_to(std::atoi(value.c_str()));
    else
      die("unknown argument " + name);
  }
  return options;
}

NodeConfig node_config(const Options& options) {
  NodeConfig config;
  config.rotate_bytes = options.rotate_bytes;
  config.packet.mtu = {.bytes_min = std::min<std::size_t>(1200, options.mtu),
                       .bytes = options.mtu,
                       .bytes_max = options.mtu};
  if (options.cipher == "aes-256-gcm") config.ciphers = {crypto::CipherId::aes_256_gcm};
  if (options.cipher == "chacha20-poly1305") config.ciphers = {crypto::CipherId::chacha20_poly1305};
  if (options.congestion == "cubic") {
    config.packet.recovery.congestion = packet::CongestionKind::cubic;
  } else if (options.congestion == "aimd") {
    config.packet.recovery.congestion = packet::CongestionKind::aimd;
  } else if (options.congestion != "bbr") {
    die("congestion " + options.congestion);
  }
  return config;
}

base::IpPort address_of(const Options& options, bool is_local) {
  base::IpPort at;
  at.port = is_local && options.is_sender ? 0 : options.port;
  in_addr ip{};
  if (!is_local || !options.is_sender) {
    if (::inet_pton(AF_INET, options.address.c_str(), &ip) != 1) die("address " + options.address);
    std::memcpy(at.ip.data(), &ip, sizeof ip);
  }
  return at;
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

/// Without what was freed and is kept for later: that is the handshakes', not the sessions'.
std::uint64_t resident_bytes_trimmed() {
  ::malloc_trim(0);
  return resident_bytes();
}

std::uint64_t heap_bytes() { return ::mallinfo2().uordblks; }

/// Idle sessions have given back what they do not need after so long: the handshake goes last.
constexpr Duration idle_after = 38s;

/// Counts, and says the line at the end.
struct Figures {
  std::uint64_t bytes = 0, messages = 0, sessions = 0;
  std::optional<Instant> first;
  Instant last;
  std::vector<double> round_trips_us;
  packet::ConnectionStats stats;
  std::uint64_t rotations = 0, idle_bytes = 0;
  std::uint64_t resident = 0;  // 0: as it is at the end

  void count(Instant now, std::size_t size) {
    if (!first) first = now;
    last = now;
    bytes += size;
  }
  double quantile(double share) {
    if (round_trips_us.empty()) return 0;
    const auto at =
        static_cast<std::ptrdiff_t>(share * static_cast<double>(round_trips_us.size() - 1));
    std::nth_element(round_trips_us.begin(), round_trips_us.begin() + at, round_trips_us.end());
    return round_trips_us[static_cast<std::size_t>(at)];
  }
  void say(const std::string& mode) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto cpu = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const double seconds =
        first ? std::max(std::chrono::duration<double>(last - *first).count(), 1e-9) : 1e-9;
    const std::uint64_t done = messages > 0 ? messages : sessions;
    std::printf(
        "{\"mode\":\"%s\",\"bytes\":%llu,\"seconds\":%.6f,\"gbit_s\":%.6f,\"packets\":%llu,"
        "\"lost\":%llu,\"resent\":%llu,\"spurious\":%llu,\"mtu\":%zu,\"rotations\":%llu,"
        "\"messages\":%llu,\"per_second\":%.1f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
        "\"cpu_seconds\":%.6f,\"rss_bytes\":%llu,\"idle_session_bytes\":%llu,\"sessions\":%llu}\n",
        mode.c_str(), static_cast<unsigned long long>(bytes), seconds,
        static_cast<double>(bytes) * 8e-9 / seconds,
        static_cast<unsigned long long>(stats.packets_sent),
        static_cast<unsigned long long>(stats.recovery.packets_lost),
        static_cast<unsigned long long>(stats.packets_resent),
        static_cast<unsigned long long>(stats.recovery.packets_spurious), stats.mtu_bytes,
        static_cast<unsigned long long>(rotations), static_cast<unsigned long long>(messages),
        static_cast<double>(done) / seconds, quantile(0.5), quantile(0.99),
        cpu(usage.ru_utime) + cpu(usage.ru_stime),
        static_cast<unsigned long long>(resident > 0 ? resident : resident_bytes()),
        static_cast<unsigned long long>(idle_bytes), static_cast<unsigned long long>(sessions));
    std::fflush(stdout);
  }
};

class Receiver final : public App {
 public:
  explicit Receiver(const Options& options)
      : options_(options), node_(node_config(options), address_of(options, true), *this) {}

  int run() {
    std::printf("{\"listening\":%u}\n", node_.port());
    std::fflush(stdout);
    while (!is_done_) node_.turn();
    figures_.say(options_.mode);
    // What the peer still asks for (its FIN) is answered.
    const Instant end = node_.now + 50ms;
    while (node_.now < end) node_.turn();
    return 0;
  }

 private:
  void on_up(packet::ConnectionSlot) override {
    ++figures_.sessions;
    if (!figures_.first) figures_.first = node_.now;
    figures_.last = node_.now;
    if (heap_first_ == 0) heap_first_ = heap_bytes();
  }
  void on_confirmed(packet::ConnectionSlot, const PeerId&, bool) override {}
  void on_ticket(packet::ConnectionSlot) override {}
  void on_end(packet::ConnectionSlot, const std::optional<Error>&) override {
    if (figures_.bytes > 0 || has_bye_) is_done_ = true;
  }
  void on_service(packet::ConnectionSlot slot, packet::ServicesOutput& output) override {
    packet::Services& services = *node_.services(slot);
    if (auto* bytes = std::get_if<packet::StreamBytes>(&output)) {
      if (options_.mode == "handshakes" || options_.mode == "resumed" || options_.mode == "idle") {
        has_bye_ = true;
        if (figures_.sessions > 1) {
          figures_.idle_bytes = (heap_bytes() - heap_first_) / (figures_.sessions - 1);
        }
        if (options_.mode == "idle") figures_.resident = resident_bytes_trimmed();
      } else {
        figures_.count(node_.now, bytes->data.size());
      }
      services.consume(node_.now, bytes->stream, bytes->data.size());
    } else if (auto* finished = std::get_if<packet::StreamFinished>(&output)) {
      if (options_.mode == "requests") {
        ++figures_.messages;
        services.write(finished->stream, Buffer::zeros(options_.message_bytes));
      }
      services.finish(finished->stream);
    } else if (auto* message = std::get_if<packet::MessageArrived>(&output)) {
      std::size_t size = 0;
      for (const ByteView piece : message->pieces) size += piece.size();
      figures_.count(node_.now, size);
      ++figures_.messages;
      services.consume_message(message->number);
    } else if (auto* datagram = std::get_if<packet::DatagramArrived>(&output)) {
      figures_.count(node_.now, datagram->data.size());
      ++figures_.messages;
      if (options_.mode == "ping") {
        (void)services.send_datagram(Buffer(datagram->data));
      }
    }
  }

  const Options options_;
  Node node_;
  Figures figures_;
  std::uint64_t heap_first_ = 0;
  bool has_bye_ = false, is_done_ = false;
};

class Sender final : public App {
 public:
  explicit Sender(const Options& options)
      : options_(options),
        node_(node_config(options), address_of(options, true), *this),
        block_(Buffer::zeros(1 << 20)),
        message_(Buffer::zeros(options.message_bytes)) {}

  int run() {
    const std::size_t dials = is_of_sessions() ? handshakes_in_flight : 1;
    start_ = node_.now;
    for (std::size_t i = 0; i < dials && dialled_ < wanted(); ++i) dial();
    while (!is_done_) node_.turn();
    if (error_) die(to_string(*error_));
    if (not_resumed_ * 20 > options_.count) die("sessions were not resumed");
    figures_.say(options_.mode);
    return 0;
  }

 private:
  bool is_of_sessions() const {
    return options_.mode == "handshakes" || options_.mode == "resumed" || options_.mode == "idle";
  }
  std::uint64_t wanted() const { return is_of_sessions() ? options_.count : 1; }
  void dial() {
    ++dialled_;
    node_.dial(address_of(options_, false), options_.mode == "resumed" ? peer_ : std::nullopt);
  }
  bool goes_on() const {
    if (options_.bytes > 0) return figures_.bytes < options_.bytes;
    return std::chrono::duration<double>(node_.now - start_).count() < options_.seconds;
  }

  void on_up(packet::ConnectionSlot slot) override {
    if (is_of_sessions()) return;
    ++figures_.sessions;
    figures_.first = figures_.last = start_ = node_.now;
    slot_ = slot;
    is_up_ = true;
    if (options_.mode == "stream" || options_.service == "stream") open();
  }
  void on_confirmed(packet::ConnectionSlot slot, const PeerId& peer, bool is_resumed) override {
    if (!is_of_sessions()) return;
    if (options_.mode == "resumed" && peer_ && !is_resumed) ++not_resumed_;
    peer_ = peer;
    ++figures_.sessions;
    if (!figures_.first) figures_.first = node_.now;
    figures_.last = node_.now;
    if (figures_.sessions == options_.count) {
      slot_ = slot;
      is_up_ = true;
      open();
    } else if (options_.mode == "handshakes") {
      done_.push_back(slot);
    }
  }
  /// The next one comes back with it.
  void on_ticket(packet::ConnectionSlot slot) override {
    if (options_.mode != "resumed" || slot == slot_) return;
    if (std::ranges::find(done_, slot) == done_.end()) done_.push_back(slot);
  }
  void open() {
    stream_ = *node_.services(slot_)->open_stream(packet::importance_default);
    room_ = node_.services(slot_)->room(stream_);
  }

  void on_end(packet::ConnectionSlot slot, const std::optional<Error>& error) override {
    if (slot == slot_ && is_closing_) {
      is_done_ = true;
    } else if (error) {
      error_ = error;
      is_done_ = true;
    }
  }
  void on_service(packet::ConnectionSlot slot, packet::ServicesOutput& output) override {
    if (auto* writable = std::get_if<packet::StreamWritable>(&output)) {
      if (writable->stream == stream_) room_ = writable->room;
    } else if (auto* bytes = std::get_if<packet::StreamBytes>(&output)) {
      node_.services(slot)->consume(node_.now, bytes->stream, bytes->data.size());
    } else if (auto* finished = std::get_if<packet::StreamFinished>(&output)) {
      if (options_.mode == "requests") {
        ++figures_.messages;
        figures_.last = node_.now;
        --in_flight_;
      }
      (void)finished;
    } else if (std::holds_alternative<packet::DatagramArrived>(output)) {
      if (options_.mode == "ping") pong();
    } else if (std::holds_alternative<packet::MessageDone>(output)) {
      --in_flight_;
    }
  }
  void pong() {
    figures_.round_trips_us.push_back(
        std::chrono::duration<double, std::micro>(real_now() - asked_at_).count());
    ++figures_.messages;
    figures_.last = node_.now;
    is_asking_ = false;
  }

  void on_turn() override {
    if (options_.trace_ms > 0 && is_up_) trace();
    for (const packet::ConnectionSlot slot : done_) {
      node_.endpoint().on_input(
          node_.now, packet::ToConnection{slot, packet::AbortConnection{Code::closed, "measured"}});
    }
    if (is_of_sessions() && !done_.empty()) {
      for (std::size_t i = 0; i < done_.size() && dialled_ < wanted(); ++i) dial();
    }
    done_.clear();
    if (options_.mode == "idle" && figures_.sessions == dialled_ && dialled_ < wanted()) {
      for (std::size_t i = 0; i < handshakes_in_flight && dialled_ < wanted(); ++i) dial();
    }
    if (!is_up_ || is_closing_) return;
    if (is_of_sessions()) {
      const bool is_time = options_.mode != "idle" || node_.now - figures_.last > idle_after;
      if (stream_ != 0 && room_ > 0 && is_time) bye();
    } else if (options_.mode == "stream" ||
               (options_.mode == "messages" && options_.service == "stream")) {
      write_stream();
    } else if (options_.mode == "messages") {
      write_messages();
    } else if (options_.mode == "ping") {
      ask();
    } else if (options_.mode == "requests") {
      request();
    }
  }
  void trace() {
    if (node_.now < trace_at_) return;
    trace_at_ = node_.now + std::chrono::milliseconds(options_.trace_ms);
    const packet::Connection* connection = node_.endpoint().look_at(slot_);
    if (connection == nullptr) return;
    const packet::ConnectionStats stats = connection->stats();
    std::fprintf(stderr,
                 "%lld ms: sent %llu lost %llu spurious %llu in flight %llu of %llu, %.1f Mbit/s, "
                 "round trip %.2f of %.2f ms\n",
                 static_cast<long long>(base::to_ms(node_.now - start_)),
                 static_cast<unsigned long long>(stats.recovery.packets_sent),
                 static_cast<unsigned long long>(stats.recovery.packets_lost),
                 static_cast<unsigned long long>(stats.recovery.packets_spurious),
                 static_cast<unsigned long long>(stats.recovery.bytes_in_flight),
                 static_cast<unsigned long long>(stats.recovery.window),
                 8e-6 * static_cast<double>(stats.recovery.delivery_rate),
                 static_cast<double>(stats.rtt.count()) / 1e6,
                 static_cast<double>(stats.rtt_least.count()) / 1e6);
  }
  void bye() {
    if (options_.mode == "idle") figures_.resident = resident_bytes_trimmed();
    packet::Services& services = *node_.services(slot_);
    services.write(stream_, Buffer("bye"));
    services.finish(stream_);
    close();
  }
  void close() {
    is_closing_ = true;
    const packet::Connection* connection = node_.endpoint().look_at(slot_);
    figures_.stats = connection->stats();
    figures_.rotations = node_.rotations(slot_);
    node_.close(slot_);
  }
  void write_stream() {
    packet::Services& services = *node_.services(slot_);
    const std::size_t each = options_.mode == "stream" ? block_.size() : message_.size();
    while (room_ >= each && goes_on()) {
      services.write(stream_, options_.mode == "stream" ? block_ : message_);
      room_ -= each;
      figures_.count(node_.now, each);
      if (options_.mode != "stream") ++figures_.messages;
    }
    if (room_ > 0 && each > room_ && options_.mode == "stream" && goes_on()) {
      services.write(stream_, block_.slice(0, room_));
      figures_.count(node_.now, room_);
      room_ = 0;
    }
    if (goes_on()) return;
    services.finish(stream_);
    close();
  }
  void write_messages() {
    packet::Services& services = *node_.services(slot_);
    for (std::size_t i = 0; i < 2048 && goes_on(); ++i) {
      if (options_.service == "datagram") {
        if (i >= 512 || !services.send_datagram(message_)) break;
      } else {
        if (!services.send_message(node_.now, message_, {})) break;
      }
      figures_.count(node_.now, message_.size());
      ++figures_.messages;
    }
    if (!goes_on()) close();
  }
  void ask() {
    if (figures_.messages >= options_.count) return close();
    if (is_asking_ && real_now() - asked_at_ < 1s) return;  // what got lost is asked again
    is_asking_ = true;
    asked_at_ = real_now();
    (void)node_.services(slot_)->send_datagram(message_);
  }
  void request() {
    packet::Services& services = *node_.services(slot_);
    while (in_flight_ < requests_in_flight && asked_ < options_.count) {
      const auto stream = services.open_stream(packet::importance_default);
      if (!stream) break;
      services.write(*stream, message_);
      services.finish(*stream);
      ++in_flight_;
      ++asked_;
    }
    if (figures_.messages >= options_.count) close();
  }

  const Options options_;
  Node node_;
  Buffer block_, message_;
  Figures figures_;
  std::optional<PeerId> peer_;
  std::optional<Error> error_;
  packet::ConnectionSlot slot_;
  packet::StreamNumber stream_ = 0;
  std::size_t room_ = 0, in_flight_ = 0;
  std::uint64_t dialled_ = 0, asked_ = 0, not_resumed_ = 0;
  std::vector<packet::ConnectionSlot> done_;
  Instant start_, asked_at_, trace_at_;
  bool is_up_ = false, is_closing_ = false, is_done_ = false, is_asking_ = false;
};

}  // namespace
}  // namespace kith::bench

int main(int argc, char** argv) {
  const kith::bench::Options options = kith::bench::read_options(argc, argv);
  if (options.is_sender) return kith::bench::Sender(options).run();
  return kith::bench::Receiver(options).run();
}
