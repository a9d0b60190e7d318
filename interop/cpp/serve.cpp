#include "serve.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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

using Name = std::array<std::uint8_t, 8>;

/// How named streams ended at this side. All of it runs on the host's thread.
class Fates : public std::enable_shared_from_this<Fates> {
 public:
  /// Says the name back; after an end, one byte.
  void serve_watch(kith::Stream stream) {
    const auto watched = watch(stream, [stream](const Name& name) mutable { stream.write(name); });
    stream.on_end([self = shared_from_this(), watched, stream]() mutable {
      self->note(*watched, 'E');
      stream.write(std::array<std::uint8_t, 1>{1});
      stream.finish();
    });
    stream.on_close([self = shared_from_this(), watched](const std::optional<kith::Error>& error) {
      if (error) self->note(*watched, 'R');
    });
  }
  /// Closes its side as soon as it knows the name.
  void serve_early(kith::Stream stream) {
    const auto watched = watch(stream, [stream](const Name&) mutable { stream.finish(); });
    stream.on_end([self = shared_from_this(), watched] { self->note(*watched, 'E'); });
  }
  /// Waits for the named stream's fate.
  void serve_fate(kith::Stream stream) {
    watch(stream, [self = shared_from_this(), stream](const Name& name) {
      self->asking_[name].push_back(stream);
      self->answer(name);
    });
  }

 private:
  struct Watched {
    std::vector<std::uint8_t> head;  // of the name, until it is whole
    Name name{};
    std::uint64_t count = 0;  // of bytes behind the name
  };
  /// What a fate is on the wire: how, and the count in big-endian order.
  using Fate = std::array<std::uint8_t, 9>;

  static std::shared_ptr<Watched> watch(kith::Stream stream,
                                        std::function<void(const Name&)> on_name) {
    auto watched = std::make_shared<Watched>();
    stream.on_data([watched, on_name](std::span<const std::uint8_t> data) {
      if (watched->head.size() == watched->name.size()) {
        watched->count += data.size();
        return;
      }
      const std::size_t used = std::min(data.size(), watched->name.size() - watched->head.size());
      for (const std::uint8_t byte : data.first(used)) watched->head.push_back(byte);
      watched->count += data.size() - used;
      if (watched->head.size() < watched->name.size()) return;
      std::ranges::copy(watched->head, watched->name.begin());
      on_name(watched->name);
    });
    return watched;
  }
  void note(const Watched& watched, char how) {
    Fate fate{static_cast<std::uint8_t>(how)};
    for (std::size_t i = 0; i < 8; ++i) {
      fate[i + 1] = static_cast<std::uint8_t>(watched.count >> (56 - 8 * i));
    }
    known_[watched.name] = fate;
    answer(watched.name);
  }
  void answer(const Name& name) {
    const auto found = known_.find(name);
    if (found == known_.end()) return;
    for (kith::Stream& asking : asking_[name]) {
      asking.write(found->second);
      asking.finish();
    }
    asking_.erase(name);
  }

  std::map<Name, Fate> known_;
  std::map<Name, std::vector<kith::Stream>> asking_;
};

}  // namespace

kith::WebSocketOptions web_options() {
  const char* const folder = std::getenv("PEER_TLS");
  if (folder == nullptr) return {};
  const std::string in = std::string(folder) + "/";
  return {.tls_certificate = in + "certificate.pem",
          .tls_key = in + "key.pem",
          .tls_authorities = in + "authority.pem"};
}

void serve(kith::Host& host) {
  const auto echo = [](kith::Stream stream) { std::make_shared<Echo>(std::move(stream))->start(); };
  (void)host.handle(echo_protocol, echo);
  (void)host.handle(sink_protocol, serve_sink);
  (void)host.handle(reset_protocol, serve_reset);
  const auto fates = std::make_shared<Fates>();
  using kith::Stream;
  (void)host.handle(watch_protocol, [fates](Stream s) { fates->serve_watch(std::move(s)); });
  (void)host.handle(early_protocol, [fates](Stream s) { fates->serve_early(std::move(s)); });
  (void)host.handle(fate_protocol, [fates](Stream s) { fates->serve_fate(std::move(s)); });
}

}  // namespace interop
