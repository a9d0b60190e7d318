// The limit of the packet transport on this machine: what a loop does that cuts batches (GSO),
// joins them (GRO) and seals and opens each packet, with acknowledgements and a window, and nothing
// else of a transport. Two processes over loopback, a core each, both awake all the time.
//
//   packet_floor [--json] [--seconds S] [--cipher aes-256-gcm|chacha20-poly1305|none]
//     [--size BYTES] [--window PACKETS] [--tx-cpu N] [--rx-cpu N]
//   packet_floor --ping [--count N] ...
//
// A packet is 32 bytes of header (number, length; associated data), text, and a tag of 16. The
// sender copies the text of each from 1 MiB and seals it; the receiver opens it in place, copies it
// out, and says for each quarter of a window how far it is. Nothing is sent again: a packet that is
// lost (the receiver's buffer was full) is counted.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/packet_cipher.h"

namespace {

using namespace kith;
using Clock = std::chrono::steady_clock;

constexpr std::size_t header_bytes = 32, tag_bytes = 16;
constexpr std::size_t send_bytes_max = 65'507, segments_max = 64;
constexpr std::size_t source_bytes = 1 << 20;
constexpr double gib = 1024.0 * 1024 * 1024;

struct Options {
  double seconds = 2;
  std::uint64_t count = 50'000;
  std::size_t size = 1400, window = 1024;
  int tx_cpu = 1, rx_cpu = 0;
  std::optional<crypto::CipherId> cipher = crypto::CipherId::aes_256_gcm;
  bool is_json = false, is_ping = false;
};

/// What the two processes tell each other beside datagrams.
struct Shared {
  std::atomic<bool> is_over = false;
  std::atomic<std::uint64_t> packets = 0, text_bytes = 0, unopened = 0, lost = 0;
  double cpu_s = 0;  // the receiver's, while packets came
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "packet_floor: %s\n", what.c_str());
  std::exit(2);
}
void check(bool is_right, const char* what) {
  if (!is_right) die(std::string(what) + ": " + std::strerror(errno));
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Bound to loopback, with the buffers that a transport would have.
class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    check(fd_ >= 0, "socket");
    const int buffer = 4 << 20, on = 1;
    // First what everybody may, then what only the administrator may.
    for (const int name : {SO_RCVBUF, SO_SNDBUF, SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
      ::setsockopt(fd_, SOL_SOCKET, name, &buffer, sizeof buffer);
    }
    check(::setsockopt(fd_, SOL_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    check(::bind(fd_, generic(), size) == 0, "bind");
    check(::getsockname(fd_, generic(), &size) == 0, "getsockname");
  }
  const sockaddr_in& address() const { return address_; }

  void send(const sockaddr_in& to, ByteSpan bytes, std::size_t segment_bytes) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control;
    iovec piece{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_name = const_cast<sockaddr_in*>(&to);
    message.msg_namelen = sizeof to;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (bytes.size() > segment_bytes) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* at = CMSG_FIRSTHDR(&message);
      at->cmsg_level = SOL_UDP;
      at->cmsg_type = UDP_SEGMENT;
      at->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      const auto size = static_cast<std::uint16_t>(segment_bytes);
      std::memcpy(CMSG_DATA(at), &size, sizeof size);
    }
    check(::sendmsg(fd_, &message, 0) >= 0, "sendmsg");
  }
  /// What is there, and its segments' size; 0 bytes: nothing.
  std::size_t receive(ByteSpan room, std::size_t& segment_bytes) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
    iovec piece{room.data(), room.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(fd_, &message, MSG_DONTWAIT);
    if (got < 0) {
      check(errno == EAGAIN || errno == EINTR, "recvmsg");
      return 0;
    }
    segment_bytes = static_cast<std::size_t>(got);
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
      if (at->cmsg_level != SOL_UDP || at->cmsg_type != UDP_GRO) continue;
      int size = 0;
      std::memcpy(&size, CMSG_DATA(at), sizeof size);
      segment_bytes = static_cast<std::size_t>(size);
    }
    return static_cast<std::size_t>(got);
  }

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }
  int fd_;
  sockaddr_in address_{};
};

/// Packets of one direction.
class Sealer {
 public:
  Sealer(std::optional<crypto::CipherId> id, std::uint8_t direction) {
    crypto::AeadKey key{};
    key[0] = direction;
    if (id) cipher_.emplace(*id, key, crypto::AeadNonce{}, cache_);
  }
  void seal(std::uint64_t number, ByteSpan packet) {
    std::memset(packet.data(), 0, header_bytes);
    std::memcpy(packet.data(), &number, sizeof number);
    const auto size = static_cast<std::uint16_t>(packet.size());
    std::memcpy(packet.data() + sizeof number, &size, sizeof size);
    if (cipher_) cipher_->seal(number, packet.first(header_bytes), packet.subspan(header_bytes));
  }
  bool open(ByteSpan packet, std::uint64_t& number) {
    if (packet.size() < header_bytes + tag_bytes) return false;
    std::memcpy(&number, packet.data(), sizeof number);
    return !cipher_ ||
           cipher_->open(number, packet.first(header_bytes), packet.subspan(header_bytes));
  }

 private:
  crypto::KeyScheduleCache cache_;
  std::optional<crypto::PacketCipher> cipher_;
};

// --- one stream ----------------------------------------------------------------------------------

void receive_stream(const Options& options, Socket& socket, const sockaddr_in& sender,
                    Shared& shared) {
  Sealer sealer(options.cipher, 0);
  Bytes room(65'536), sink(source_bytes);
  std::uint64_t expected = 0, told = 0, packets = 0, text_bytes = 0, unopened = 0;
  double cpu_at_start = 0;
  while (!shared.is_over.load(std::memory_order_relaxed)) {
    std::size_t segment = 0;
    const std::size_t got = socket.receive(room, segment);
    if (got == 0) continue;
    if (packets == 0) cpu_at_start = cpu_seconds();
    for (std::size_t at = 0; at < got; at += segment) {
      const ByteSpan packet = ByteSpan(room).subspan(at, std::min(segment, got - at));
      std::uint64_t number = 0;
      if (!sealer.open(packet, number)) {
        ++unopened;
        continue;
      }
      const std::size_t text = packet.size() - header_bytes - tag_bytes;
      std::memcpy(sink.data() + text_bytes % (source_bytes - send_bytes_max),
                  packet.data() + header_bytes, text);
      text_bytes += text;
      ++packets;
      expected = std::max(expected, number + 1);
    }
    if (expected - told >= options.window / 4) {
      told = expected;
      std::array<std::uint8_t, sizeof told> ack;
      std::memcpy(ack.data(), &told, sizeof told);
      socket.send(sender, ack, ack.size());
    }
  }
  shared.packets = packets;
  shared.text_bytes = text_bytes;
  shared.unopened = unopened;
  shared.lost = expected - packets - unopened;
  shared.cpu_s = cpu_seconds() - cpu_at_start;
}

struct Sent {
  double seconds = 0, cpu_s = 0;
  std::uint64_t packets = 0, stalls = 0;
};

Sent send_stream(const Options& options, Socket& socket, const sockaddr_in& receiver) {
  Sealer sealer(options.cipher, 0);
  const std::size_t batch =
      std::min({segments_max, send_bytes_max / options.size, options.window / 4});
  const std::size_t text = options.size - header_bytes - tag_bytes;
  Bytes source(source_bytes, 0x5a), room(batch * options.size), acks(65'536);
  Sent sent;
  std::uint64_t acked = 0;
  std::size_t from = 0;
  const auto start = Clock::now();
  const double cpu_at_start = cpu_seconds();
  auto progress = start;
  while (since(start) < options.seconds) {
    std::size_t segment = 0;
    const std::size_t got = socket.receive(acks, segment);
    for (std::size_t at = 0; at + sizeof acked <= got; at += segment) {
      std::memcpy(&acked, acks.data() + at, sizeof acked);
      progress = Clock::now();
    }
    if (sent.packets + batch - acked > options.window) {
      if (since(progress) < 0.5) continue;
      acked = sent.packets;  // an acknowledgement was lost, or all that it would have been of
      ++sent.stalls;
    }
    for (std::size_t i = 0; i < batch; ++i) {
      const ByteSpan packet = ByteSpan(room).subspan(i * options.size, options.size);
      std::memcpy(packet.data() + header_bytes, source.data() + from, text);
      from = from + 2 * text > source_bytes ? 0 : from + text;
      sealer.seal(sent.packets++, packet);
    }
    socket.send(receiver, room, options.size);
  }
  sent.seconds = since(start);
  sent.cpu_s = cpu_seconds() - cpu_at_start;
  return sent;
}

// --- ping-pong -----------------------------------------------------------------------------------

void answer_pings(const Options& options, Socket& socket, const sockaddr_in& sender,
                  Shared& shared) {
  Sealer opens(options.cipher, 0), seals(options.cipher, 1);
  Bytes room(65'536);
  while (!shared.is_over.load(std::memory_order_relaxed)) {
    std::size_t segment = 0;
    const std::size_t got = socket.receive(room, segment);
    if (got == 0) continue;
    std::uint64_t number = 0;
    const ByteSpan packet = ByteSpan(room).first(got);
    if (!opens.open(packet, number)) continue;
    seals.seal(number, packet);
    socket.send(sender, packet, got);
  }
}

std::vector<double> ping(const Options& options, Socket& socket, const sockaddr_in& receiver) {
  Sealer seals(options.cipher, 0), opens(options.cipher, 1);
  Bytes room(65'536), packet(header_bytes + 64 + tag_bytes);
  std::vector<double> round_trips_us;
  round_trips_us.reserve(options.count);
  for (std::uint64_t i = 0; i < options.count; ++i) {
    const auto start = Clock::now();
    seals.seal(i, packet);
    socket.send(receiver, packet, packet.size());
    std::uint64_t number = 0;
    for (std::size_t got = 0, segment = 0; got == 0;) {
      got = socket.receive(room, segment);
      if (got > 0 && !opens.open(ByteSpan(room).first(got), number)) got = 0;
      if (since(start) > 1) die("no answer to a ping within a second");
    }
    round_trips_us.push_back(since(start) * 1e6);
  }
  std::ranges::sort(round_trips_us);
  return round_trips_us;
}

// --- what is said --------------------------------------------------------------------------------

void report_stream(const Options& options, const Sent& sent, const Shared& shared) {
  const auto packets = static_cast<double>(std::max<std::uint64_t>(shared.packets, 1));
  const auto bytes = static_cast<double>(shared.text_bytes);
  const double gbit_s = bytes * 8e-9 / sent.seconds;
  const double cpu_s_per_gib = (sent.cpu_s + shared.cpu_s) * gib / std::max(bytes, 1.0);
  const double tx_ns =
      sent.cpu_s * 1e9 / static_cast<double>(std::max<std::uint64_t>(sent.packets, 1));
  const double rx_ns = shared.cpu_s * 1e9 / packets;
  std::printf(options.is_json
                  ? "{\"gbit_s\": %.3f, \"seconds\": %.3f, \"packets\": %.0f, \"tx_ns\": %.1f, "
                    "\"rx_ns\": %.1f, \"cpu_s_per_gib\": %.4f, \"lost\": %.0f, \"unopened\": %.0f, "
                    "\"stalls\": %.0f}\n"
                  : "%.1f Gbit/s in %.1f s, %.0f packets; sender %.0f ns a packet, receiver %.0f; "
                    "%.3f CPU s/GiB; lost %.0f, unopened %.0f, stalls %.0f\n",
              gbit_s, sent.seconds, packets, tx_ns, rx_ns, cpu_s_per_gib,
              static_cast<double>(shared.lost), static_cast<double>(shared.unopened),
              static_cast<double>(sent.stalls));
}

void report_ping(const Options& options, const std::vector<double>& us) {
  if (us.empty()) die("--count must be at least 1");
  const auto at = [&](double part) {
    return us[static_cast<std::size_t>(part * static_cast<double>(us.size() - 1))];
  };
  std::printf(options.is_json ? "{\"p50_us\": %.2f, \"p99_us\": %.2f, \"count\": %zu}\n"
                              : "p50 %.2f us, p99 %.2f us, of %zu\n",
              at(0.5), at(0.99), us.size());
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--json") {
      options.is_json = true;
    } else if (name == "--ping") {
      options.is_ping = true;
    } else if (i + 1 == argc) {
      die(std::string(name) + " is no option, or wants a value");
    } else {
      const std::string value = argv[++i];
      if (name == "--seconds") {
        options.seconds = std::atof(value.c_str());
      } else if (name == "--count") {
        options.count = std::strtoull(value.c_str(), nullptr, 10);
      } else if (name == "--size") {
        options.size = std::strtoull(value.c_str(), nullptr, 10);
      } else if (name == "--window") {
        options.window = std::strtoull(value.c_str(), nullptr, 10);
      } else if (name == "--tx-cpu") {
        options.tx_cpu = std::atoi(value.c_str());
      } else if (name == "--rx-cpu") {
        options.rx_cpu = std::atoi(value.c_str());
      } else if (name == "--cipher" && value == "none") {
        options.cipher.reset();
      } else if (name == "--cipher" && value == "chacha20-poly1305") {
        options.cipher = crypto::CipherId::chacha20_poly1305;
      } else if (name != "--cipher" || value != "aes-256-gcm") {
        die(std::string(name) + " " + value + " is no option");
      }
    }
  }
  if (options.size <= header_bytes + tag_bytes || options.size > 9000) die("--size 49 to 9000");
  if (options.window < 4) die("--window at least 4");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  Socket sender, receiver;
  void* page =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(page != MAP_FAILED, "mmap");
  auto& shared = *new (page) Shared;
  const pid_t child = ::fork();
  check(child >= 0, "fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(options.rx_cpu);
    if (options.is_ping) {
      answer_pings(options, receiver, sender.address(), shared);
    } else {
      receive_stream(options, receiver, sender.address(), shared);
    }
    ::_exit(0);
  }
  pin_to(options.tx_cpu);
  Sent sent;
  std::vector<double> round_trips_us;
  if (options.is_ping) {
    round_trips_us = ping(options, sender, receiver.address());
  } else {
    sent = send_stream(options, sender, receiver.address());
  }
  shared.is_over = true;
  int status = 0;
  check(::waitpid(child, &status, 0) == child, "waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("the receiver did not end well");
  if (options.is_ping) {
    report_ping(options, round_trips_us);
  } else {
    report_stream(options, sent, shared);
  }
  return 0;
}
