// What the C++ peers of bench/transport.py share: arguments, a stopwatch, the line of JSON at the
// end. Every peer is one program in two processes, `PEER receive ...` and `PEER send ...`, with the
// same arguments as Kith's own (packet_stream); the receiver says {"listening":PORT} first.
#pragma once

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace peer {

// With every peer, Kith too.
constexpr std::size_t requests_in_flight = 64;
constexpr std::size_t handshakes_in_flight = 16;  // `resumed` too

struct Options {
  bool is_sender = false;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string mode = "stream";
  std::string congestion = "cubic";
  std::uint64_t bytes = 0;  // 0: for `seconds`
  double seconds = 1;
  std::size_t message_bytes = 64;
  std::uint64_t count = 10000;
  bool is_plain = false;  // TCP without TLS
};

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

inline void require(bool holds, const char* what) {
  if (!holds) die(std::string(what) + ": " + std::strerror(errno));
}

inline void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);  // a machine of one core has no second one: go on
}

inline Options read_options(int argc, char** argv) {
  Options options;
  const std::string role = argc > 1 ? argv[1] : "";
  if (role != "send" && role != "receive") die("usage: PEER send|receive [--NAME VALUE]...");
  options.is_sender = role == "send";
  for (int i = 2; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") continue;
    if (name == "--plain") {
      options.is_plain = true;
      continue;
    }
    if (i + 1 == argc) die(name + " wants a value");
    const char* value = argv[++i];
    const auto number = [value] { return std::strtoull(value, nullptr, 10); };
    if (name == "--address") {
      options.address = value;
    } else if (name == "--port") {
      options.port = static_cast<std::uint16_t>(number());
    } else if (name == "--mode") {
      options.mode = value;
    } else if (name == "--congestion") {
      options.congestion = value;
    } else if (name == "--bytes") {
      options.bytes = number();
    } else if (name == "--seconds") {
      options.seconds = std::atof(value);
    } else if (name == "--message-bytes") {
      options.message_bytes = number();
    } else if (name == "--count") {
      options.count = number();
    } else if (name == "--cpu") {
      pin_to(std::atoi(value));
    } else {
      die("unknown argument " + name);
    }
  }
  return options;
}

class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  Clock::time_point start_ = Clock::now();
};

/// True while the sender has more to say: so many bytes, or so long.
inline bool goes_on(const Options& options, std::uint64_t sent, const Stopwatch& watch) {
  return options.bytes > 0 ? sent < options.bytes : watch.seconds() < options.seconds;
}

struct Result {
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::uint64_t messages = 0;
  std::vector<double> round_trips_us;
};

inline void say_listening(std::uint16_t port) {
  std::printf("{\"listening\":%u}\n", port);
  std::fflush(stdout);
}

inline void say(const Options& options, Result& result) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto cpu = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  const double cpu_s = cpu(usage.ru_utime) + cpu(usage.ru_stime);
  const double seconds = std::max(result.seconds, 1e-9);
  const auto quantile = [&result](double share) {
    auto& all = result.round_trips_us;
    if (all.empty()) return 0.0;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
    return all[at];
  };
  const double gib = static_cast<double>(result.bytes) / (1 << 30);
  std::printf(
      "{\"mode\":\"%s\",\"bytes\":%llu,\"seconds\":%.6f,\"gbit_s\":%.6f,\"messages\":%llu,"
      "\"per_second\":%.1f,\"p50_us\":%.2f,\"p99_us\":%.2f,\"cpu_seconds\":%.6f,"
      "\"cpu_s_per_gib\":%.4f}\n",
      options.mode.c_str(), static_cast<unsigned long long>(result.bytes), result.seconds,
      static_cast<double>(result.bytes) * 8e-9 / seconds,
      static_cast<unsigned long long>(result.messages),
      static_cast<double>(result.messages) / seconds, quantile(0.5), quantile(0.99), cpu_s,
      gib > 0 ? cpu_s / gib : 0);
  std::fflush(stdout);
}

}  // namespace peer
