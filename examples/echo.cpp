// An echo protocol on Kith. Without an argument: listens, prints its addresses (ending in the peer
// id) and serves until the input ends. With such an address: dials it, sends the input, at most
// 256 KiB, and prints what comes back.
#include <kith/host.h>

#include <future>
#include <iostream>
#include <limits>

constexpr auto protocol = "/example/echo/1.0.0";

// One served stream: what cannot be written yet is held, and not consumed, so that a client which
// does not read stops itself and not us.
struct Echo {
  kith::Stream stream;
  std::vector<std::uint8_t> held = {};
  bool has_ended = false;

  void send() {
    const std::size_t size = std::min(held.size(), stream.room());
    if (size > 0 && stream.write({held.data(), size})) {
      stream.consume(size);
      held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(size));
    }
    if (has_ended && held.empty()) stream.finish();
  }
};

void serve(kith::Stream stream) {
  auto echo = std::make_shared<Echo>(Echo{stream});  // lives as long as the stream's callbacks
  stream.set_manual_consume(true);
  stream.on_data([echo](auto data) {
    echo->held.insert(echo->held.end(), data.begin(), data.end());
    echo->send();
  });
  stream.on_room([echo](std::size_t) { echo->send(); });
  stream.on_end([echo] { echo->has_ended = true, echo->send(); });
}

int main(int count, char** arguments) {
  std::promise<int> done;  // outlives the host, whose thread fulfils it
  auto host = kith::Host::start({.listen = {"/ip4/127.0.0.1/tcp/0"}});
  if (!host) return 1;
  if (count < 2) {
    if (!(*host)->handle(protocol, serve)) return 1;
    for (const auto& address : (*host)->addresses()) std::cout << address << std::endl;
    return std::cin.ignore(std::numeric_limits<std::streamsize>::max()), 0;
  }
  const auto peer = (*host)->connect_wait(arguments[1]);
  if (!peer) return std::cerr << to_string(peer.error()) << '\n', 1;
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  (*host)->open(*peer, protocol, [&](kith::Result<kith::Stream> stream) {
    if (!stream) return done.set_value(1);
    stream->on_data([](auto data) { std::cout << std::string(data.begin(), data.end()); });
    stream->on_close([&](std::optional<kith::Error> error) { done.set_value(error ? 1 : 0); });
    stream->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    stream->finish();
  });
  return done.get_future().get();
}
