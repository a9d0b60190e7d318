#include "pubsub_bench.h"

#include <kith/host.h>
#include <kith/pubsub.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

namespace interop {
namespace {

using Clock = std::chrono::steady_clock;  // the system's: the same in all processes

constexpr const char* topic_name = "bench";
constexpr std::size_t message_bytes = 256;
constexpr std::uint32_t step = 64;  // a receiver tells how far it is after so many

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

void say(const std::string& event, const std::string& more) {
  // One call a line: stdio locks it against the other threads.
  std::printf("{\"event\":\"%s\"%s%s}\n", event.c_str(), more.empty() ? "" : ",", more.c_str());
  std::fflush(stdout);
}

std::string number(const char* name, double value) {
  char text[96];
  std::snprintf(text, sizeof text, "\"%s\":%.12g", name, value);
  return text;
}

// What comes in, on the host's thread, and what is asked about it.
class Receiver {
 public:
  void take(std::span<const std::uint8_t> data) {
    const std::uint64_t now = now_ns();
    std::uint32_t phase = 0;
    std::uint32_t index = 0;
    std::uint64_t sent = 0;
    std::memcpy(&phase, data.data(), sizeof phase);
    std::memcpy(&index, data.data() + 4, sizeof index);
    std::memcpy(&sent, data.data() + 8, sizeof sent);
    const std::lock_guard lock(mutex_);
    if (phase < in_.phase) return;  // a straggler
    begin(phase);
    if (index >= in_.indexes.size()) in_.indexes.resize(2 * std::size_t{index} + 1);
    if (in_.indexes[index]) {
      ++in_.copies;
      return;
    }
    in_.indexes[index] = true;
    in_.first = in_.count == 0 ? sent : std::min(in_.first, sent);
    ++in_.count;
    in_.last = now;
    in_.delays.push_back(now - std::min(sent, now));
    if (index == 0 || index + 1 >= in_.told + step) {
      in_.told = std::max(in_.told, index + 1);
      say("progress", number("phase", phase) + "," + number("seen", in_.told));
    }
    if (in_.is_expected && in_.count == in_.expected) report();
  }

  void expect(std::uint32_t phase, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    begin(phase);
    in_.is_expected = true;
    in_.expected = count;
    if (in_.count >= count) report();
  }

  void report_of(std::uint32_t phase) {
    const std::lock_guard lock(mutex_);
    begin(phase);
    report();
  }

 private:
  struct Phase {
    std::uint32_t phase = 0;
    std::vector<bool> indexes;
    std::uint32_t count = 0;
    std::uint32_t copies = 0;
    std::uint32_t told = 0;
    bool is_expected = false;
    std::uint32_t expected = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::vector<std::uint64_t> delays;  // in ns
  };

  void begin(std::uint32_t phase) {
    if (phase == in_.phase) return;
    in_ = {};
    in_.phase = phase;
  }

  void report() {
    std::ranges::sort(in_.delays);
    const auto at = [&](double share) {
      if (in_.delays.empty()) return 0.0;
      const double place = share * static_cast<double>(in_.delays.size() - 1);
      return static_cast<double>(in_.delays[static_cast<std::size_t>(place)]) / 1000;
    };
    say("report", number("phase", in_.phase) + "," + number("count", in_.count) + "," +
                      number("copies", in_.copies) + "," +
                      number("seconds", static_cast<double>(in_.last - in_.first) / 1e9) + "," +
                      number("p50_us", at(0.5)) + "," + number("p99_us", at(0.99)));
  }

  std::mutex mutex_;
  Phase in_;
};

struct Run {
  std::uint32_t phase = 0;
  std::uint32_t count = 0;
  std::uint32_t rate = 0;  // a second; 0: no pace
  std::uint32_t window = 0;
  std::chrono::milliseconds limit{};
};

// Publishes on a thread of its own, no further ahead of the slowest receiver than the window.
class Publisher {
 public:
  explicit Publisher(kith::Topic topic) : topic_(std::move(topic)) {}
  ~Publisher() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    moved_.notify_all();
    thread_.join();
  }

  void start(const Run& run) {
    if (thread_.joinable()) thread_.join();  // it has said `published` already
    thread_ = std::thread([this, run] { publish(run); });
  }

  void ack(std::uint32_t phase, std::uint32_t seen) {
    {
      const std::lock_guard lock(mutex_);
      phase_ = phase;
      seen_ = seen;
    }
    moved_.notify_all();
  }

 private:
  // Ends after `count` messages or `limit`, whichever comes first.
  void publish(const Run& run) {
    const auto start = Clock::now();
    const auto refused = std::make_shared<std::atomic<std::uint32_t>>(0);
    std::uint32_t index = 0;
    for (; index < run.count && Clock::now() - start < run.limit; ++index) {
      {
        std::unique_lock lock(mutex_);
        moved_.wait(lock, [&] {
          return is_over_ || index < (phase_ == run.phase ? seen_ : 0) + run.window;
        });
        if (is_over_) return;
      }
      if (run.rate > 0) {
        std::this_thread::sleep_until(start + std::chrono::nanoseconds(std::chrono::seconds(1)) *
                                                  index / run.rate);
      }
      auto data = std::make_shared<std::vector<std::uint8_t>>(message_bytes);
      const std::uint64_t now = now_ns();
      std::memcpy(data->data(), &run.phase, sizeof run.phase);
      std::memcpy(data->data() + 4, &index, sizeof index);
      std::memcpy(data->data() + 8, &now, sizeof now);
      topic_.publish(std::shared_ptr<const std::vector<std::uint8_t>>(std::move(data)),
                     [refused](const kith::Result<std::size_t>& done) {
                       if (!done) ++*refused;
                     });
    }
    say("published", number("phase", run.phase) + "," + number("count", index) + "," +
                         number("refused", refused->load()));
  }

  kith::Topic topic_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::uint32_t phase_ = 0;
  std::uint32_t seen_ = 0;
  bool is_over_ = false;
};

bool obey(const std::string& line, kith::Host& host, Receiver& receiver, Publisher& publisher) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "dial") {
    std::string address;
    words >> address;
    const auto peer = host.connect_wait(address);
    if (peer) say("connected", "");
    return peer.has_value();
  }
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t each = 0; words >> each;) numbers.push_back(each);
  if (verb == "publish" && numbers.size() == 5) {
    publisher.start(
        {numbers[0], numbers[1], numbers[2], numbers[3], std::chrono::milliseconds(numbers[4])});
  } else if (verb == "ack" && numbers.size() == 2) {
    publisher.ack(numbers[0], numbers[1]);
  } else if (verb == "expect" && numbers.size() == 2) {
    receiver.expect(numbers[0], numbers[1]);
  } else if (verb == "report" && numbers.size() == 1) {
    receiver.report_of(numbers[0]);
  } else {
    return false;
  }
  return true;
}

}  // namespace

int run_pubsub_bench(const std::string& listen, bool is_signed) {
  Receiver receiver;
  kith::HostOptions options;
  options.listen = {listen};
  options.agent_version = "kith-bench";
  // More than a run has: no throttle of anybody's is measured.
  options.pubsub = {
      .dedup_entries = 4'000'000, .peer_messages = 1'000'000, .messages = 100'000'000};
  auto host = kith::Host::start(options);
  if (!host) {
    std::fprintf(stderr, "peer: %s\n", to_string(host.error()).c_str());
    return 1;
  }
  kith::PubSub pubsub(**host);
  auto topic = pubsub.join(topic_name, {.is_signed = is_signed});
  if (!topic) {
    std::fprintf(stderr, "peer: %s\n", to_string(topic.error()).c_str());
    return 1;
  }
  auto subscription = topic->subscribe();
  subscription.on_message([&](const kith::Message& message) {
    if (!message.received_from.empty()) receiver.take(message.data);
  });
  std::string addresses;
  for (const auto& address : (*host)->addresses()) {
    addresses += (addresses.empty() ? "\"" : ",\"") + address + "\"";
  }
  say("ready", "\"addresses\":[" + addresses + "]");
  int status = 0;
  {
    Publisher publisher(*topic);
    for (std::string line; status == 0 && std::getline(std::cin, line);) {
      if (obey(line, **host, receiver, publisher)) continue;
      std::fprintf(stderr, "peer: failed: %s\n", line.c_str());
      status = 1;
    }
  }
  (*host)->stop();
  return status;
}

}  // namespace interop
