// A chat on Kith. Without an argument: the first member, prints its addresses (ending in the peer
// id). With such an address: joins by it. Each line of the input goes to everybody; what they say
// is printed with the end of their ids.
#include <kith/host.h>
#include <kith/pubsub.h>

#include <chrono>
#include <iostream>

int main(int count, char** arguments) {
  auto host = kith::Host::start({.listen = {"/ip4/127.0.0.1/tcp/0"}, .peers_min = 3});
  if (!host) return std::cerr << to_string(host.error()) << '\n', 1;
  for (const auto& address : (*host)->addresses()) std::cout << address << std::endl;
  if (count > 1) {
    const auto peer = (*host)->connect_wait(arguments[1]);
    if (!peer) return std::cerr << to_string(peer.error()) << '\n', 1;
  }
  using Priority = kith::TopicOptions::Priority;
  kith::TopicOptions options;
  options.max_age = std::chrono::minutes(5);  // what was said longer ago is not handed on
  options.is_compressed = true;               // long lines travel shorter
  options.priority = Priority::bulk;          // where other topics wait too, they go first
  auto topic = kith::PubSub(**host).join("example-chat", std::move(options));
  if (!topic) return std::cerr << to_string(topic.error()) << '\n', 1;
  auto subscription = topic->subscribe();
  subscription.on_message([](const kith::Message& message) {
    if (message.received_from.empty()) return;  // our own
    std::cout << message.author.substr(message.author.size() - 6) << ": "
              << std::string(message.data.begin(), message.data.end()) << std::endl;
  });
  for (std::string line; std::getline(std::cin, line);) {
    const auto sent =
        topic->publish_wait({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
    if (!sent) std::cerr << to_string(sent.error()) << '\n';
  }
}
