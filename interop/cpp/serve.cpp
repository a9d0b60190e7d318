#include "serve.h"

#include <array>
#include <deque>
#include <memory>
#include <vector>

namespace interop {
namespace {

/// Echoes with the back-pressure passed on: what the peer does not take back is not consumed.
struct Echo : std::enable_shared_from_this<Echo> {
  explicit Echo(kith::Stream given) : stream(std::move(given)) {}

  void start() {
    stream.set_manual_consume(true);
    stream.on_data([self = shared_from_this()](std::span<const std::uint8_t> data) {
      self->waiting.emplace_back(data.begin(), data.end());
      self->flush();
    });
    stream.on_room([self = shared_from_this()](std::size_t) { self->flush(); });
    stream.on_end([self = shared_from_this()] {
      self->is_ended = true;
      self->flush();
    });
  }
  void flush() {
    while (!waiting.empty() && stream.write(waiting.front())) {
      stream.consume(waiting.front().size());
      waiting.pop_front();
    }
    if (waiting.empty() && is_ended) stream.finish();
  }

  kith::Stream stream;
  std::deque<std::vector<std::uint8_t>> waiting;  // bounded by the stream's receive window
  bool is_ended = false;
};

void serve_sink(kith::Stream stream) {
  auto count = std::make_shared<std::uint64_t>(0);
  stream.on_data([count](std::span<const std::uint8_t> data) { *count += data.size(); });
  stream.on_end([count, stream]() mutable {
    std::array<std::uint8_t, 8> reply{};
    for (std::size_t i = 0; i < 8; ++i) {
      reply[i] = static_cast<std::uint8_t>(*count >> (56 - 8 * i));
    }
    stream.write(reply);
    stream.finish();
  });
}

void serve_reset(kith::Stream stream) {
  stream.on_data([stream](std::span<const std::uint8_t>) mutable { stream.reset(); });
}

}  // namespace

void serve(kith::Host& host) {
  const auto echo = [](kith::Stream stream) { std::make_shared<Echo>(std::move(stream))->start(); };
  (void)host.handle(echo_protocol, echo);
  (void)host.handle(sink_protocol, serve_sink);
  (void)host.handle(reset_protocol, serve_reset);
}

}  // namespace interop
