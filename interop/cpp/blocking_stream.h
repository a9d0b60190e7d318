// A kith::Stream with calls that wait: what sequential test code reads best with. Not for use on
// the host's own thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <kith/host.h>

namespace interop {

/// What a test found wrong; its message is the test's result.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class BlockingStream {
 public:
  /// Call inside the callback that gave the stream, so that no byte is missed.
  explicit BlockingStream(kith::Stream stream) : stream_(std::move(stream)), state_(attach()) {}

  void write(std::span<const std::uint8_t> data) {
    constexpr std::size_t piece_max = 64 * 1024;
    while (!data.empty()) {
      const auto piece = data.first(std::min(data.size(), piece_max));
      std::unique_lock lock(state_->mutex);
      const std::uint64_t seen = state_->changes;
      lock.unlock();
      if (stream_.write(piece)) {
        data = data.subspan(piece.size());
        continue;
      }
      lock.lock();
      if (state_->closed) throw Failure("the stream closed while writing: " + state_->why());
      state_->changed.wait(lock, [&] { return state_->changes != seen; });
    }
  }
  void finish() { stream_.finish(); }
  void reset() { stream_.reset(); }

  /// The next bytes, empty at the end. Throws when the stream was reset.
  std::vector<std::uint8_t> read() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(
        lock, [&] { return !state_->received.empty() || state_->ended || state_->closed; });
    if (state_->received.empty()) {
      if (state_->closed && state_->error) throw Failure(state_->why());
      return {};
    }
    auto piece = std::move(state_->received.front());
    state_->received.pop_front();
    lock.unlock();
    stream_.consume(piece.size());
    return piece;
  }
  std::uint64_t drain() {
    std::uint64_t total = 0;
    for (auto piece = read(); !piece.empty(); piece = read()) total += piece.size();
    return total;
  }
  std::vector<std::uint8_t> read_exactly(std::size_t size) {
    std::vector<std::uint8_t> all = std::move(rest_);
    while (all.size() < size) {
      const auto piece = read();
      if (piece.empty()) throw Failure("the stream ended early");
      all.insert(all.end(), piece.begin(), piece.end());
    }
    rest_.assign(all.begin() + static_cast<std::ptrdiff_t>(size), all.end());
    all.resize(size);
    return all;
  }
  /// What read_exactly() took beyond its size.
  std::size_t left_over() const { return rest_.size(); }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t changes = 0;
    std::deque<std::vector<std::uint8_t>> received;
    bool ended = false;
    bool closed = false;
    std::optional<kith::Error> error;

    std::string why() const {
      return error ? kith::base::to_string(*error) : "both sides finished";
    }
  };

  template <class F>
  static auto notify(const std::shared_ptr<State>& state, F change) {
    return [state, change](auto&&... args) {
      const std::lock_guard lock(state->mutex);
      change(*state, std::forward<decltype(args)>(args)...);
      ++state->changes;
      state->changed.notify_all();
    };
  }
  std::shared_ptr<State> attach() {
    auto state = std::make_shared<State>();
    stream_.set_manual_consume(true);
    stream_.on_data(notify(state, [](State& s, std::span<const std::uint8_t> data) {
      s.received.emplace_back(data.begin(), data.end());
    }));
    stream_.on_end(notify(state, [](State& s) { s.ended = true; }));
    stream_.on_room(notify(state, [](State&, std::size_t) {}));
    stream_.on_close(notify(state, [](State& s, std::optional<kith::Error> error) {
      s.closed = true;
      s.error = std::move(error);
    }));
    return state;
  }

  kith::Stream stream_;
  std::shared_ptr<State> state_;
  std::vector<std::uint8_t> rest_;
};

}  // namespace interop
