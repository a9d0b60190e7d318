// One yamux session against a peer and an application that the fuzzer writes. The input is a list
// of operations: raw bytes, frames built from small numbers (so that streams are hit often), and
// the application's commands. What the machine promises is checked after each.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

#include "base/assert.h"
#include "base/machine.h"
#include "mux/yamux.h"
#include "mux/yamux_frame.h"

namespace {

using namespace kith;
using namespace kith::mux;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  Bytes bytes(std::size_t count) {
    const ByteView taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return base::to_bytes(taken);
  }

 private:
  ByteView rest_;
};

struct Seen {
  std::size_t waiting = 0;
  std::size_t room = 0;
  bool finished_by_peer = false;
  bool finished_by_us = false;
};

class Session {
 public:
  explicit Session(Direction direction) : mux_(config(), direction, now_) {}

  void step(Input& input) {
    const std::uint8_t operation = input.byte();
    switch (operation % 12) {
      case 0: feed(input.bytes(input.byte())); break;
      case 1:
      case 2:
      case 3: feed(frame(input)); break;
      case 4: command(OpenStream{operation}); break;
      case 5: write(input.byte(), std::size_t{input.byte()} * 300); break;
      case 6: finish(input.byte()); break;
      case 7: command(ResetStream{pick(input.byte())}); break;
      case 8: consume(input.byte(), std::size_t{input.byte()} * 1000); break;
      case 9: transmit(input.byte()); break;
      case 10: pass(std::chrono::milliseconds(input.byte() * 200)); break;
      case 11:
        command(input.byte() % 16 == 0 ? Yamux::Input(GoAway{GoAwayCode::normal})
                                       : Yamux::Input(PingPeer{}));
    }
    check();
  }
  void end() {
    mux_.shut_down(now_, {Code::closed, "the input ended"});
    drain();
    ASSERT(streams_.empty());
    ASSERT(!mux_.has_transmit());
  }

 private:
  static const YamuxConfig& config() {
    static const YamuxConfig small = [] {
      YamuxConfig config;
      config.receive_window_session_max = 900'000;
      config.streams_inbound_max = 6;
      config.streams_outbound_max = 6;
      config.backlog_max = 4;
      config.send_queue_bytes_max = 50'000;
      config.control_frames_max = 20;
      config.resets_max = 30;
      return config;
    }();
    return small;
  }

  static Bytes frame(Input& input) {
    const std::uint8_t kind = input.byte();
    FrameHeader header;
    header.type = static_cast<FrameType>(kind & 3);
    header.flags = (kind >> 2) & 15;
    header.stream = input.byte() & 15;
    header.length = std::uint32_t{input.byte()} << ((kind >> 6) * 6);
    const std::size_t payload = header.type == FrameType::data ? header.length : 0;
    Bytes bytes(yamux_header_bytes + payload);
    encode_frame_header(header, bytes);
    return bytes;
  }

  void feed(Bytes bytes) {
    if (!mux_.wants_bytes()) return;
    // One allocation of the right size a call: a view that outlives it is found by the sanitizer.
    const std::size_t taken = mux_.on_bytes(now_, bytes);
    ASSERT(taken == bytes.size());
    drain();
  }
  void command(Yamux::Input input) {
    mux_.on_input(now_, std::move(input));
    drain();
  }
  YamuxStreamId pick(std::uint8_t number) const {
    if (streams_.empty()) return number;
    return std::next(streams_.begin(), static_cast<std::ptrdiff_t>(number % streams_.size()))
        ->first;
  }
  void write(std::uint8_t number, std::size_t size) {
    const auto found = streams_.find(pick(number));
    if (found == streams_.end() || found->second.finished_by_us) return;
    size = std::min(size, found->second.room);
    found->second.room -= size;
    command(WriteStream{found->first, Buffer::zeros(size)});
  }
  void finish(std::uint8_t number) {
    const auto found = streams_.find(pick(number));
    if (found == streams_.end()) return;
    found->second.finished_by_us = true;
    command(FinishStream{found->first});
  }
  void consume(std::uint8_t number, std::size_t size) {
    const auto found = streams_.find(pick(number));
    if (found == streams_.end()) return;
    size = std::min(size, found->second.waiting);
    found->second.waiting -= size;
    command(ConsumeStream{found->first, size});
  }
  void transmit(std::uint8_t size) {
    Bytes out(std::size_t{size} * size);
    const std::size_t written = mux_.poll_transmit(now_, out);
    ASSERT(written <= out.size());
    for (ByteView rest = ByteView(out).first(written); !rest.empty();) {  // whole frames only
      ASSERT(rest.size() >= yamux_header_bytes);
      const FrameHeader header = decode_frame_header(rest).value();
      rest = rest.subspan(yamux_header_bytes);
      if (header.type == FrameType::data) rest = rest.subspan(header.length);
    }
    drain();
  }
  void pass(Duration duration) {
    now_ += duration;
    mux_.on_deadline(now_);
    drain();
  }

  void drain() {
    const auto deadline = base::drain(mux_, now_, [&](Yamux::Output output) {
      std::visit(Overload{[&](Opened& o) { add(o.stream, o.room); }, [](OpenFailed&) {},
                          [&](Accepted& o) { add(o.stream, o.room); },
                          [&](StreamBytes& o) {
                            Seen& seen = streams_.at(o.stream);
                            ASSERT(!seen.finished_by_peer);
                            ASSERT(!o.data.empty());
                            for (const std::uint8_t byte : o.data) sum_ += byte;
                            seen.waiting += o.data.size();
                          },
                          [&](StreamWritable& o) { streams_.at(o.stream).room = o.room; },
                          [&](StreamFinished& o) {
                            Seen& seen = streams_.at(o.stream);
                            ASSERT(!seen.finished_by_peer);
                            seen.finished_by_peer = true;
                          },
                          [&](StreamClosed& o) { ASSERT(streams_.erase(o.stream) == 1); },
                          [](RoundTrip&) {}, [](PeerGoneAway&) {},
                          [&](SessionFault&) { ASSERT(!std::exchange(faulted_, true)); }},
                 output);
    });
    ASSERT(deadline.has_value() || !mux_.wants_bytes());
  }
  void add(YamuxStreamId id, std::size_t room) {
    ASSERT(streams_.emplace(id, Seen{.room = room}).second);
  }
  void check() const {
    ASSERT(mux_.stream_count() == streams_.size());
    ASSERT(streams_.size() <= 12);
    std::size_t waiting = 0;
    for (const auto& [id, seen] : streams_) waiting += seen.waiting;
    ASSERT(waiting <= config().receive_window_session_max);
  }

  Instant now_{1h};
  Yamux mux_;
  std::map<YamuxStreamId, Seen> streams_;
  std::uint64_t sum_ = 0;
  bool faulted_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  Session session(input.byte() % 2 == 0 ? Direction::inbound : Direction::outbound);
  while (!input.empty()) session.step(input);
  session.end();
  return 0;
}
