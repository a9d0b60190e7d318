// A hostile peer of Services: ranges of streams, fragments and parts of messages in any order and
// with any lies, or raw payloads. What is handed on is what was said, in order and once; credit is
// never more than was given; memory stays within the windows.
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "base/assert.h"
#include "base/endian.h"
#include "input.h"
#include "packet/services.h"

namespace {

using namespace kith;
using namespace kith::packet;

std::uint8_t byte_of(std::uint64_t of, std::uint64_t offset) {
  return static_cast<std::uint8_t>((of + 1) * 37 + offset + (offset >> 8) * 11);
}
Bytes bytes_of(std::uint64_t of, std::uint64_t offset, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = byte_of(of, offset + i);
  return bytes;
}

ServicesConfig config_of() {
  ServicesConfig config;
  config.stream_window_initial = 8 * 1024;
  config.stream_window_max = 32 * 1024;
  config.window_initial = 32 * 1024;
  config.window_max = 128 * 1024;
  config.streams_max = 4;
  config.message_bytes_max = 64 * 1024;
  config.messages_sent_max = 8;
  config.messages_assembled_max = 3;
  config.gaps_max = 8;
  return config;
}

class Hostile {
 public:
  Hostile() { services_.on_parameters(65'536, 16'384, 4, 8, 1000); }

  void run(fuzz::Input& input) {
    is_honest_ = input.byte() % 2 == 0;
    while (!input.rest.empty() && !has_failed_) {
      step(input);
      check();
    }
    services_.shut_down({Code::closed, "the end"});
    drain(input);
    const Services::Held held = services_.held();
    ASSERT(held.streams == 0 && held.messages_out == 0 && held.messages_assembled == 0);
    ASSERT(!services_.has_pending() && !services_.next_deadline());
  }

 private:
  void step(fuzz::Input& input) {
    now_ += input.byte() * 10ms;
    switch (input.byte() % 8) {
      case 0:
      case 1: stream(input); break;
      case 2: fragment(input); break;
      case 3: part(input); break;
      case 4: raw(input); break;
      case 5: command(input); break;
      case 6: send(input); break;
      case 7: services_.on_deadline(now_); break;
    }
    drain(input);
  }

  std::uint64_t offset_of(fuzz::Input& input) {
    return (std::uint64_t{input.byte()} << 8 | input.byte()) % 40'000;
  }

  void stream(fuzz::Input& input) {
    const StreamNumber number = 1 + input.byte() % 12U;
    const std::uint64_t offset = offset_of(input);
    const Bytes& bytes = packet_ = bytes_of(number, offset, input.byte() * 8U);
    take(services_.on_frame(now_, StreamFrame{number, offset, bytes, input.byte() % 8 == 0}));
  }

  std::uint64_t total_of(MessageNumber number) { return 1 + number * 7919 % 50'000; }

  void fragment(fuzz::Input& input) {
    const MessageNumber number = input.byte() % 16U;
    const std::uint64_t total = total_of(number) + input.byte() / 250;
    Header header;
    header.type = PacketType::fragment;
    header.flags = flag_sealed | flag_fragmented;
    header.fragment_id = static_cast<std::uint16_t>(number);
    header.fragment_total = input.byte() % 64U;
    header.fragment_index = input.byte() % 64U;
    const std::uint64_t count = std::max<std::uint64_t>(header.fragment_total, 1);
    const std::uint64_t each = (total + count - 1) / count;
    const std::uint64_t offset = std::min(each * header.fragment_index, total);
    Bytes& payload = packet_;
    payload.assign(4, 0);
    base::store_big_endian<std::uint32_t>(payload, 0, static_cast<std::uint32_t>(total));
    base::append(payload,
                 bytes_of(number | 1U << 20, offset,
                          std::min<std::uint64_t>(each + input.byte() / 250, total - offset)));
    take(services_.on_fragment(now_, header, payload));
  }

  void part(fuzz::Input& input) {
    const MessageNumber number = input.byte() % 16U;
    const std::uint64_t total = total_of(number);
    if (input.byte() % 8 == 0) {
      return take(services_.on_frame(now_, MessageGoneFrame{number, input.byte() % 2 * total}));
    }
    const std::uint64_t offset = offset_of(input) % total;
    const std::uint64_t size = std::min<std::uint64_t>(1 + input.byte() * 64U, total - offset);
    const Bytes& bytes = packet_ = bytes_of(number | 1U << 20, offset, size);
    take(services_.on_frame(now_, MessageFrame{number, total, offset, bytes, false}));
  }

  void raw(fuzz::Input& input) {
    is_honest_ = false;
    Header header;
    header.type = PacketType::data;
    header.flags = flag_sealed;
    const Bytes& payload = packet_ = base::to_bytes(input.bytes(input.byte()));
    FrameCursor cursor(header, 0, payload);
    while (!has_failed_) {
      const auto frame = cursor.next();
      if (!frame || *frame == nullptr) break;
      take(services_.on_frame(now_, **frame));
    }
    drain(input);
  }

  void command(fuzz::Input& input) {
    const StreamNumber number = 1 + input.byte() % 12U;
    switch (input.byte() % 8) {
      case 0: (void)services_.open_stream(input.byte()); break;
      case 1: {
        if (finished_.contains(number)) break;
        const std::size_t size = std::min<std::size_t>(services_.room(number), input.byte() * 16U);
        services_.write(number, Buffer::zeros(size));
        break;
      }
      case 2:
        finished_.insert(number);
        services_.finish(number);
        break;
      case 3: services_.reset(number, 1); break;
      case 4: services_.stop_sending(number, 2); break;
      case 5: (void)services_.send_message(now_, Buffer::zeros(1 + input.byte() * 32U), {}); break;
      case 6: services_.set_importance(number, input.byte()); break;
      case 7: services_.on_window(static_cast<std::uint16_t>(input.byte())); break;
    }
  }

  void send(fuzz::Input& input) {
    for (int i = 0; i < 20 && services_.has_pending(); ++i) {
      const std::size_t room_max = 64 + input.byte() * 4U;
      const std::size_t room_bytes = room_max - input.byte() % 2U * 60;
      std::vector<FrameNote> notes;
      Bytes room(room_bytes);
      FrameWriter writer(room);
      if (const auto fragment = services_.next_fragment(now_, room_bytes, room_max)) {
        ASSERT(fragment->data.size() + 4 <= room_bytes && fragment->index < fragment->total);
        notes.push_back(fragment->note);
      } else {
        services_.fill(now_, writer, room_max, notes);
        if (writer.size() == 0) break;
      }
      if (input.byte() % 4 == 0) {
        services_.on_lost(now_, notes);
      } else {
        services_.on_acked(now_, notes);
      }
    }
  }

  void take(const Result<void>& result) {
    if (result) return;
    ASSERT(result.error().code == Code::protocol && !result.error().message.empty());
    has_failed_ = true;
  }

  void drain(fuzz::Input& input) {
    while (auto output = services_.poll_output()) {
      if (const auto* bytes = std::get_if<StreamBytes>(&*output)) {
        std::uint64_t& heard = heard_[bytes->stream];
        for (const std::uint8_t byte : bytes->data) {
          ASSERT(!is_honest_ || byte == byte_of(bytes->stream, heard));
          ++heard;
        }
        unconsumed_[bytes->stream] += bytes->data.size();
      } else if (const auto* message = std::get_if<MessageArrived>(&*output)) {
        ASSERT(arrived_.insert(message->number).second);
        std::uint64_t at = 0;
        for (const ByteView piece : message->pieces) {
          for (const std::uint8_t byte : piece) {
            ASSERT(!is_honest_ || byte == byte_of(message->number | 1U << 20, at));
            ++at;
          }
        }
        if (input.byte() % 2 == 0) services_.consume_message(message->number);
      } else if (const auto* closed = std::get_if<StreamClosed>(&*output)) {
        unconsumed_.erase(closed->stream);
        finished_.insert(closed->stream);
      } else if (const auto* stopped = std::get_if<StreamStopped>(&*output)) {
        finished_.insert(stopped->stream);
      }
    }
    for (auto& [stream, bytes] : unconsumed_) {
      if (input.byte() % 4 != 0) continue;
      services_.consume(now_, stream, bytes);
      bytes = 0;
    }
  }

  void check() const {
    const Services::Held held = services_.held();
    ASSERT(held.returned <= held.received && held.received <= held.received_limit);
    ASSERT(held.sent <= held.sent_limit);
    ASSERT(held.streams <= 2 * 4 && held.messages_assembled <= 3 && held.messages_unconsumed <= 8);
  }

  const ServicesConfig config_ = config_of();
  Services services_{config_, Direction::inbound};
  Instant now_{};
  Bytes packet_;  // outputs look into it
  bool has_failed_ = false;
  bool is_honest_ = true;  // what is said of a byte is always the same
  std::map<StreamNumber, std::uint64_t> heard_, unconsumed_;
  std::set<StreamNumber> finished_;
  std::set<MessageNumber> arrived_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  Hostile().run(input);
  return 0;
}
