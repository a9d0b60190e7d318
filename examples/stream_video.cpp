// Live video on Kith: a segment each 10 ms, as a message. Without arguments: the viewer, says its
// address on the error output and plays on the output. With the address and a file: the camera.
#include <kith/host.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

using namespace std::chrono_literals;
constexpr auto protocol = "/example/video/1.0.0";
constexpr auto segment_time = 10ms, play_delay = 300ms;
std::atomic<int> unanswered = 0, lost = 0;     // counted on the host's thread, which they outlive
std::mutex mutex;                              // of what follows
std::map<std::uint32_t, std::string> waiting;  // segments, until they are due
std::uint32_t next = 0, late = 0;
std::atomic<std::uint32_t> end = 0xffff'ffff;  // of the film: its first number without bytes

void film(kith::Host& host, const std::string& viewer, std::ifstream file) {
  auto at = std::chrono::steady_clock::now();
  for (std::uint32_t number = 0; number <= end; ++number) {
    std::vector<std::uint8_t> segment(4 + 32 * 1024);  // its number, and a part of the film
    std::memcpy(segment.data(), &number, 4);
    if (!file.read(reinterpret_cast<char*>(&segment[4]), 32 * 1024).gcount()) end = number;
    segment.resize(4 + static_cast<std::size_t>(file.gcount()));
    kith::MessageOptions options{900, play_delay, {}};    // a key frame goes before others, which
    if (number % 10 > 0) options = {500, play_delay, 3};  // three losses end; the end arrives
    if (number == end) options = {};                      // in any case
    const auto done = [](kith::Result<void> sent) { lost += !sent, --unanswered; };
    const auto sent = (++unanswered, host.send_message(viewer, protocol, segment, options, done));
    if (!sent) done(sent);
    std::this_thread::sleep_until(at += segment_time);
  }
  while (unanswered > 0) std::this_thread::sleep_for(segment_time);
}
void on_segment(const std::string&, std::span<const std::uint8_t> data) {
  const std::lock_guard lock(mutex);
  std::uint32_t number = 0;
  std::memcpy(&number, data.data(), std::min<std::size_t>(data.size(), 4));
  if (data.size() <= 4) end = number;
  if (number - next < 1000 && number < end) waiting[number].assign(data.begin() + 4, data.end());
}
void play() {
  while ((std::lock_guard(mutex), waiting.empty() && end > 0)) std::this_thread::sleep_for(1ms);
  for (auto at = std::chrono::steady_clock::now() + play_delay; next < end; at += segment_time) {
    std::this_thread::sleep_until(at);
    const std::lock_guard lock(mutex);
    late += !waiting.contains(next);
    if (const auto segment = waiting.extract(next++)) std::cout << segment.mapped();
  }
  std::cerr << "late or lost " << late << std::endl;
}

int main(int count, char** arguments) {
  auto host = kith::Host::start({.listen = {"/ip4/127.0.0.1/udp/0/kith"}});
  if (!host || !(*host)->on_message(protocol, on_segment)) return 1;
  if (count < 3) return std::cerr << (*host)->addresses().at(0) << std::endl, play(), 0;
  const auto viewer = (*host)->connect_wait(arguments[1]);
  if (!viewer) return std::cerr << to_string(viewer.error()) << '\n', 1;
  film(**host, *viewer, std::ifstream(arguments[2], std::ios::binary));
  return std::cerr << "lost " << lost << '\n', 0;
}
