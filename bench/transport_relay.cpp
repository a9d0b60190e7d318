// A long, narrow, lossy path between two network interfaces, in user space, where traffic
// control has no netem. bench/transport.py puts it between two network namespaces.
//
//   transport_relay DEVICE DEVICE [--delay-ms 10] [--mbit 200] [--queue-kib 512] [--loss 0.01]
//                   [--seed 1] [--seconds 60]
//   transport_relay --offloads-off DEVICE
//
// Each direction for itself: a link of `mbit` (Ethernet's header not counted), before it a queue
// that drops what does not fit, behind it `loss` (a lost frame has taken its time on the link),
// then `delay-ms`. Ends after `seconds`, at the end of stdin or by a signal, and says what it did.
// Without --offloads-off on every interface it would see frames of 64 KiB without checksums.

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>

namespace {

using Nanos = std::int64_t;

constexpr std::size_t frame_bytes_max = 2048;
constexpr std::size_t header_bytes = sizeof(ether_header);
constexpr std::size_t ring_frames = 32768;  // a queue of the smallest frames, and those under way
constexpr std::size_t batch_frames = 64;
// While frames are under way it looks so often, not at each one: half the CPU time, on a machine
// whose cores the flows need. Two frames come together then, as behind a network card.
constexpr Nanos tick = 100'000;
constexpr int socket_buffer_bytes = 32 * 1024 * 1024;

volatile std::sig_atomic_t is_stopped = 0;

void stop(int) { is_stopped = 1; }

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "transport_relay: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void require(bool holds, const std::string& what) {
  if (!holds) die(what);
}

Nanos now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Settings {
  std::array<std::string, 2> devices;
  Nanos delay = 10'000'000;
  double nanos_a_byte = 40;  // 200 Mbit/s
  double queue_bytes = 512.0 * 1024;
  std::uint64_t loss_of_2_32 = 0;
  std::uint64_t seed = 1;
  Nanos limit = Nanos{60} * 1'000'000'000;
};

int open_device(const std::string& name) {
  const int socket = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  require(socket >= 0, "AF_PACKET");
  const int on = 1;
  require(::setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) == 0,
          "PACKET_IGNORE_OUTGOING");
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer_bytes,
               sizeof socket_buffer_bytes);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &socket_buffer_bytes,
               sizeof socket_buffer_bytes);
  packet_mreq all{};
  all.mr_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
  all.mr_type = PACKET_MR_PROMISC;
  require(all.mr_ifindex > 0, "no interface " + name);
  require(::setsockopt(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) == 0,
          "promiscuous");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = all.mr_ifindex;
  require(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  return socket;
}

// SplitMix64: the same losses for the same seed and frames.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next_32() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) >> 32;
  }

 private:
  std::uint64_t state_;
};

// One direction: read from one device, sent by the other.
class Path {
 public:
  Path(const Settings& settings, int from, int to, std::uint64_t seed)
      : settings_(settings),
        from_(from),
        to_(to),
        dice_(seed),
        ring_(std::make_unique<std::array<Frame, ring_frames>>()) {}

  int from() const { return from_; }

  void read_all() {
    for (int count = 1; count > 0;) {
      // Read into the free slots themselves; what is dropped leaves its slot to the next.
      const std::size_t room = std::min(ring_frames - (end_ - begin_), batch_frames);
      if (room == 0) {  // not with the queues asked for; said at the end
        std::array<char, 1> nothing{};
        if (::recv(from_, nothing.data(), 1, MSG_DONTWAIT | MSG_TRUNC) < 0) return;
        ++ring_full_;
        continue;
      }
      std::array<mmsghdr, batch_frames> messages{};
      std::array<iovec, batch_frames> parts{};
      for (std::size_t i = 0; i < room; ++i) {
        parts[i] = {frame(end_ + i).bytes.data(), frame_bytes_max};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
      }
      count =
          ::recvmmsg(from_, messages.data(), static_cast<unsigned>(room), MSG_DONTWAIT, nullptr);
      const Nanos now = now_ns();
      const std::size_t first = end_;
      for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        take(first + at, messages[at].msg_len, (messages[at].msg_hdr.msg_flags & MSG_TRUNC) != 0,
             now);
      }
    }
  }

  void send_due() {
    const Nanos now = now_ns();
    while (begin_ != end_ && frame(begin_).due <= now) {
      std::array<mmsghdr, batch_frames> messages{};
      std::array<iovec, batch_frames> parts{};
      std::size_t count = 0;
      for (; count < batch_frames && begin_ + count != end_; ++count) {
        Frame& one = frame(begin_ + count);
        if (one.due > now) break;
        late_max_ = std::max(late_max_, now - one.due);
        parts[count] = {one.bytes.data(), one.size};
        messages[count].msg_hdr.msg_iov = &parts[count];
        messages[count].msg_hdr.msg_iovlen = 1;
      }
      const int sent = ::sendmmsg(to_, messages.data(), static_cast<unsigned>(count), 0);
      if (sent <= 0) {
        if (errno == EINTR) continue;
        ++not_sent_;  // a device that is going down
        ++begin_;
        continue;
      }
      begin_ += static_cast<std::size_t>(sent);
      sent_ += static_cast<std::uint64_t>(sent);
    }
  }

  /// Frames are under way.
  bool is_busy() const { return begin_ != end_; }

  void say(const char* name, bool is_last) {
    tpacket_stats kernel{};
    socklen_t size = sizeof kernel;
    ::getsockopt(from_, SOL_PACKET, PACKET_STATISTICS, &kernel, &size);
    std::printf(
        "\"%s\":{\"sent\":%llu,\"lost\":%llu,\"dropped\":%llu,\"too_long\":%llu,"
        "\"overrun\":%llu,\"queue_bytes_max\":%.0f,\"late_us_max\":%.0f}%s",
        name, count(sent_), count(lost_), count(dropped_), count(too_long_),
        count(ring_full_ + not_sent_ + kernel.tp_drops), queue_max_,
        static_cast<double>(late_max_) / 1e3, is_last ? "}\n" : ",");
  }

 private:
  struct Frame {
    Nanos due = 0;
    std::size_t size = 0;
    std::array<std::uint8_t, frame_bytes_max> bytes{};
  };

  static unsigned long long count(std::uint64_t number) { return number; }
  Frame& frame(std::size_t number) { return (*ring_)[number % ring_frames]; }

  // The frame read into slot `at`, at or behind end_.
  void take(std::size_t at, std::size_t size, bool is_cut, Nanos now) {
    if (is_cut || size > frame_bytes_max) {
      ++too_long_;
      return;
    }
    const double link_bytes = static_cast<double>(size - std::min(size, header_bytes));
    const double waiting =
        static_cast<double>(std::max<Nanos>(link_free_ - now, 0)) / settings_.nanos_a_byte;
    if (waiting + link_bytes > settings_.queue_bytes) {
      ++dropped_;
      return;
    }
    queue_max_ = std::max(queue_max_, waiting + link_bytes);
    link_free_ =
        std::max(link_free_, now) + static_cast<Nanos>(link_bytes * settings_.nanos_a_byte);
    if (dice_.next_32() < settings_.loss_of_2_32) {
      ++lost_;
      return;
    }
    Frame& kept = frame(end_);
    if (at != end_) std::memcpy(kept.bytes.data(), frame(at).bytes.data(), size);
    kept.size = size;
    kept.due = link_free_ + settings_.delay;
    ++end_;
  }

  const Settings& settings_;
  int from_;
  int to_;
  Dice dice_;
  std::unique_ptr<std::array<Frame, ring_frames>> ring_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Nanos link_free_ = 0;
  Nanos late_max_ = 0;
  double queue_max_ = 0;
  std::uint64_t sent_ = 0, lost_ = 0, dropped_ = 0, too_long_ = 0, ring_full_ = 0, not_sent_ = 0;
};

void relay(const Settings& settings) {
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  const int a = open_device(settings.devices[0]);
  const int b = open_device(settings.devices[1]);
  Path there(settings, a, b, settings.seed);
  Path back(settings, b, a, settings.seed + 1);
  std::printf("{\"ready\":true}\n");
  std::fflush(stdout);
  const Nanos end = now_ns() + settings.limit;
  while (is_stopped == 0) {
    const Nanos now = now_ns();
    if (now >= end) break;
    const bool is_busy = there.is_busy() || back.is_busy();
    const Nanos left = is_busy ? tick : end - now;
    const timespec wait{left / 1'000'000'000, left % 1'000'000'000};
    if (is_busy) ::nanosleep(&wait, nullptr);
    const timespec none{};
    std::array<pollfd, 3> readable{{{a, POLLIN, 0}, {b, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    if (::ppoll(readable.data(), readable.size(), is_busy ? &none : &wait, nullptr) < 0) continue;
    std::array<char, 16> nothing{};
    if (readable[2].revents != 0 && ::read(STDIN_FILENO, nothing.data(), 16) <= 0) break;
    for (Path* path : {&there, &back}) {
      path->read_all();
      path->send_due();
    }
  }
  std::printf("{");
  there.say("there", false);
  back.say("back", true);
}

void switch_offloads_off(const std::string& name) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  require(name.size() < sizeof request.ifr_name, "the interface's name is too long");
  std::memcpy(request.ifr_name, name.data(), name.size());
  for (const int what : {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_SSG, ETHTOOL_STXCSUM}) {
    ethtool_value value{static_cast<std::uint32_t>(what), 0};
    request.ifr_data = reinterpret_cast<char*>(&value);
    require(::ioctl(socket, SIOCETHTOOL, &request) == 0, "offloads of " + name);
  }
  ::close(socket);
}

Settings read_settings(int argc, char** argv) {
  Settings settings;
  settings.devices = {argv[1], argv[2]};
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const double value = std::atof(argv[i + 1]);
    if (name == "--delay-ms") {
      settings.delay = static_cast<Nanos>(value * 1e6);
    } else if (name == "--mbit") {
      settings.nanos_a_byte = 8e3 / value;
    } else if (name == "--queue-kib") {
      settings.queue_bytes = value * 1024;
    } else if (name == "--loss") {
      settings.loss_of_2_32 = static_cast<std::uint64_t>(value * 4294967296.0);
    } else if (name == "--seed") {
      settings.seed = static_cast<std::uint64_t>(value);
    } else if (name == "--seconds") {
      settings.limit = static_cast<Nanos>(value * 1e9);
    } else {
      std::fprintf(stderr, "transport_relay: unknown argument %s\n", name.c_str());
      std::exit(2);
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--offloads-off") == 0) {
    switch_offloads_off(argv[2]);
    return 0;
  }
  if (argc < 3 || argc % 2 == 0) {
    std::fprintf(stderr, "usage: transport_relay DEVICE DEVICE [--NAME VALUE]...\n");
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, stop);
  relay(read_settings(argc, argv));
  return 0;
}
