// yamux alone: bytes written to one machine, framed, parsed by another, consumed and granted again.
// No encryption, no sockets. Bytes per second count payload that arrived.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/assert.h"
#include "base/machine.h"
#include "mux/yamux.h"

namespace {

using namespace kith;
using namespace kith::mux;

/// Two machines, and streams from the first to the second that are kept full.
class Line {
 public:
  Line(std::size_t streams, std::size_t write_bytes)
      : write_(Buffer::zeros(write_bytes)), room_of_(2 * streams + 2), wire_(65519) {
    for (std::size_t i = 0; i < streams; ++i) from_.on_input(now_, OpenStream{i});
    drain_from();
    ASSERT(from_.stream_count() == streams);
  }

  /// Every stream queues what it may, and everything goes as far as the windows let it.
  void turn() {
    now_ += 100us;
    for (std::size_t id = 1; id < room_of_.size(); id += 2) {
      while (room_of_[id] >= write_.size()) {
        room_of_[id] -= write_.size();
        from_.on_input(now_, WriteStream{static_cast<YamuxStreamId>(id), write_});
      }
    }
    while (const std::size_t size = from_.poll_transmit(now_, wire_)) {
      drain_from();
      to_.on_bytes(now_, ByteSpan(wire_).first(size));
      drain_to();
    }
    while (const std::size_t size = to_.poll_transmit(now_, wire_)) {
      from_.on_bytes(now_, ByteSpan(wire_).first(size));
      drain_from();
    }
  }
  std::size_t received() const { return received_; }

 private:
  void drain_from() {
    while (auto output = from_.poll_output(now_)) {
      if (const auto* opened = std::get_if<Opened>(&*output)) {
        room_of_[opened->stream] = opened->room;
      } else if (const auto* writable = std::get_if<StreamWritable>(&*output)) {
        room_of_[writable->stream] = writable->room;
      } else {
        ASSERT(!std::holds_alternative<SessionFault>(*output));
      }
    }
  }
  void drain_to() {
    while (auto output = to_.poll_output(now_)) {
      if (const auto* bytes = std::get_if<StreamBytes>(&*output)) {
        received_ += bytes->data.size();
        to_.on_input(now_, ConsumeStream{bytes->stream, bytes->data.size()});
      } else {
        ASSERT(!std::holds_alternative<SessionFault>(*output));
      }
    }
  }

  YamuxConfig config_;
  Instant now_{1h};
  Yamux from_{config_, Direction::outbound, now_};
  Yamux to_{config_, Direction::inbound, now_};
  Buffer write_;
  std::vector<std::size_t> room_of_;
  Bytes wire_;
  std::size_t received_ = 0;
};

/// Arguments: streams, bytes of a write.
void transfer(benchmark::State& state) {
  Line line(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) line.turn();
  state.SetBytesProcessed(static_cast<std::int64_t>(line.received()));
}
BENCHMARK(transfer)->Args({1, 65536})->Args({200, 65536})->Args({1, 100})->Args({200, 100});

/// Each frame carries one small message: the cost of a frame, both sides.
void small_frames(benchmark::State& state) {
  const YamuxConfig config;
  const Instant now{1h};
  Yamux from(config, Direction::outbound, now);
  Yamux to(config, Direction::inbound, now);
  const auto streams = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < streams; ++i) from.on_input(now, OpenStream{i});
  while (from.poll_output(now)) {
  }
  const Buffer message = Buffer::zeros(64);
  Bytes wire(65519);
  std::size_t frames = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < streams; ++i) {
      from.on_input(now, WriteStream{static_cast<YamuxStreamId>(2 * i + 1), message});
    }
    while (const std::size_t size = from.poll_transmit(now, wire)) {
      to.on_bytes(now, ByteSpan(wire).first(size));
      while (auto output = to.poll_output(now)) {
        if (const auto* bytes = std::get_if<StreamBytes>(&*output)) {
          ++frames;
          to.on_input(now, ConsumeStream{bytes->stream, bytes->data.size()});
        }
      }
    }
    while (from.poll_output(now)) {
    }
    while (const std::size_t size = to.poll_transmit(now, wire)) {
      from.on_bytes(now, ByteSpan(wire).first(size));
    }
    while (auto output = from.poll_output(now)) {
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(frames));
}
BENCHMARK(small_frames)->Arg(1)->Arg(200);

/// A stream opened, used for a question and an answer, and closed on both sides.
void open_and_close(benchmark::State& state) {
  const YamuxConfig config;
  const Instant now{1h};
  Yamux dialer(config, Direction::outbound, now);
  Yamux listener(config, Direction::inbound, now);
  const Buffer message = Buffer::zeros(64);
  Bytes wire(65519);
  const auto move = [&](Yamux& from, Yamux& to) {
    while (const std::size_t size = from.poll_transmit(now, wire)) {
      to.on_bytes(now, ByteSpan(wire).first(size));
    }
    while (from.poll_output(now)) {
    }
  };
  for (auto _ : state) {
    dialer.on_input(now, OpenStream{1});
    const auto id = std::get<Opened>(dialer.poll_output(now).value()).stream;
    dialer.on_input(now, WriteStream{id, message});
    dialer.on_input(now, FinishStream{id});
    move(dialer, listener);
    listener.on_input(now, WriteStream{id, message});
    listener.on_input(now, FinishStream{id});
    move(listener, dialer);
    while (dialer.poll_output(now)) {
    }
  }
  ASSERT(dialer.stream_count() == 0 && listener.stream_count() == 0);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(open_and_close);

}  // namespace
