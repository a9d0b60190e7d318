// Frames alone, and Services over a carrier that loses nothing: no packets, keys or sockets. One
// item is a frame (of 1,352 bytes, or a message of 64).
#include <benchmark/benchmark.h>

#include <vector>

#include "base/assert.h"
#include "packet/services.h"

namespace {

using namespace kith;
using namespace kith::packet;

constexpr std::size_t payload_bytes = 1352;

Header data_header() {
  Header header;
  header.type = PacketType::data;
  header.flags = flag_sealed | flag_ack | flag_reliable;
  return header;
}

void write_stream_frame(benchmark::State& state) {
  Bytes room(payload_bytes);
  std::uint64_t offset = 1 << 20;
  for (auto _ : state) {
    FrameWriter writer(room);
    benchmark::DoNotOptimize(writer.begin_stream(5, offset, 1 << 16, false).data());
    offset += payload_bytes;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(write_stream_frame);

void read_stream_frame(benchmark::State& state) {
  Bytes room(payload_bytes);
  FrameWriter writer(room);
  ASSERT(!writer.begin_stream(5, 123'456'789, 1 << 16, false).empty());
  const Header header = data_header();
  for (auto _ : state) {
    FrameCursor cursor(header, 0, room);
    const auto frame = cursor.next();
    benchmark::DoNotOptimize(std::get<StreamFrame>(**frame).data.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_stream_frame);

void read_messages_of_64(benchmark::State& state) {
  Bytes room(payload_bytes);
  FrameWriter writer(room);
  const Bytes bytes(64);
  std::int64_t frames = 0;
  while (writer.write(MessageFrame{1'000'000, 64, 0, bytes, false})) ++frames;
  const ByteView payload = ByteView(room).first(writer.size());
  const Header header = data_header();
  for (auto _ : state) {
    FrameCursor cursor(header, 0, payload);
    while (true) {
      const auto frame = cursor.next();
      if (*frame == nullptr) break;
      benchmark::DoNotOptimize(std::get<MessageFrame>(**frame).data.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * frames);
}
BENCHMARK(read_messages_of_64);

void read_ack_of_32_ranges(benchmark::State& state) {
  AckFrame ack;
  ack.count = ack_ranges_max;
  for (std::size_t i = 0; i < ack.count; ++i) {
    ack.ranges[i] = {1'000'000 - 100 * i, 1'000'050 - 100 * i};
  }
  Bytes room(payload_bytes);
  FrameWriter writer(room);
  ASSERT(writer.write(ack));
  const ByteView payload = ByteView(room).first(writer.size());
  const Header header = data_header();
  for (auto _ : state) {
    FrameCursor cursor(header, 1'000'050, payload);
    const auto frame = cursor.next();
    benchmark::DoNotOptimize(std::get<AckFrame>(**frame).count);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_ack_of_32_ranges);

/// Two sides, packets of one handed to the other in batches, and acknowledged at once.
class Line {
 public:
  explicit Line(std::size_t streams) {
    for (Services* side : {&from_, &to_}) {
      side->on_parameters(config_.window_max, config_.stream_window_max, 1024, 1024, 1200);
      side->set_round_trip(1ms);
    }
    for (std::size_t i = 0; i < streams; ++i) streams_.push_back(*from_.open_stream(500));
  }

  std::int64_t turn() {
    now_ += 100us;
    for (const StreamNumber stream : streams_) {
      while (from_.room(stream) >= block_.size()) from_.write(stream, block_);
    }
    const std::int64_t frames = go(from_, to_);
    go(to_, from_);
    return frames;
  }
  std::int64_t messages(std::size_t count) {
    now_ += 100us;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT(from_.send_message(now_, small_, {}));
    }
    const std::int64_t frames = go(from_, to_);
    go(to_, from_);
    return frames;
  }
  std::uint64_t received() const { return received_; }

 private:
  static constexpr std::size_t batch = 46;

  std::int64_t go(Services& from, Services& to) {
    std::int64_t frames = 0;
    for (std::size_t i = 0; i < batch; ++i) {
      const std::size_t notes_before = notes_.size();
      FrameWriter writer(ByteSpan(room_).subspan(i * payload_bytes, payload_bytes));
      if (from.has_pending()) from.fill(now_, writer, payload_bytes, notes_);
      if (writer.size() == 0) break;
      frames += static_cast<std::int64_t>(notes_.size() - notes_before);
      to.on_window(from.window());
      FrameCursor cursor(header_, 0, ByteView(room_).subspan(i * payload_bytes, writer.size()));
      while (true) {
        const auto frame = cursor.next();
        ASSERT(frame);
        if (*frame == nullptr) break;
        ASSERT(to.on_frame(now_, **frame));
      }
    }
    drain(from);
    drain(to);
    from.on_acked(now_, notes_);
    notes_.clear();
    drain(from);
    return frames;
  }
  void drain(Services& side) {
    while (auto output = side.poll_output()) {
      if (const auto* bytes = std::get_if<StreamBytes>(&*output)) {
        received_ += bytes->data.size();
        side.consume(now_, bytes->stream, bytes->data.size());
      } else if (const auto* message = std::get_if<MessageArrived>(&*output)) {
        side.consume_message(message->number);
      }
    }
  }

  ServicesConfig config_ = [] {
    ServicesConfig config;
    config.stream_window_initial = config.stream_window_max;
    config.window_initial = config.window_max;
    return config;
  }();
  Services from_{config_, Direction::outbound}, to_{config_, Direction::inbound};
  const Header header_ = data_header();
  Buffer block_ = Buffer::zeros(64 * 1024), small_ = Buffer::zeros(64);
  Bytes room_ = Bytes(batch * payload_bytes);
  std::vector<FrameNote> notes_;
  std::vector<StreamNumber> streams_;
  Instant now_{};
  std::uint64_t received_ = 0;
};

void services_streams(benchmark::State& state) {
  Line line(static_cast<std::size_t>(state.range(0)));
  std::int64_t frames = 0;
  for (auto _ : state) frames += line.turn();
  state.SetItemsProcessed(frames);
  state.SetBytesProcessed(static_cast<std::int64_t>(line.received()));
}
BENCHMARK(services_streams)->Arg(1)->Arg(100);

void services_messages_of_64(benchmark::State& state) {
  Line line(0);
  std::int64_t frames = 0;
  for (auto _ : state) frames += line.messages(512);
  state.SetItemsProcessed(frames);
}
BENCHMARK(services_messages_of_64);

}  // namespace
