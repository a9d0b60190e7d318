#include "packet/parameters.h"

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::packet {
namespace {

enum class Key : std::uint64_t {
  window = 1,
  stream_window = 2,
  streams = 3,
  messages = 4,
  packet_bytes_max = 5,
  idle_timeout = 6,
  ack_delay_max = 7,
  compresses = 8,
};

constexpr std::uint64_t window_limit = std::uint64_t{1} << 40;
constexpr std::uint64_t count_limit = std::uint64_t{1} << 20;
constexpr std::uint64_t idle_ms_limit = 24ULL * 3600 * 1000;
constexpr std::uint64_t ack_delay_us_limit = 1'000'000;

Result<void> between(std::string_view name, std::uint64_t value, std::uint64_t least,
                     std::uint64_t most) {
  if (value >= least && value <= most) return {};
  return fail(Code::protocol,
              base::format("parameter {} of {}, allowed {} to {}", name, value, least, most));
}

Result<void> take(Parameters& to, std::uint64_t key, std::uint64_t value) {
  switch (static_cast<Key>(key)) {
    case Key::window:
      TRY_VOID(between("window", value, 0, window_limit));
      to.window = value;
      return {};
    case Key::stream_window:
      TRY_VOID(between("stream window", value, 0, window_limit));
      to.stream_window = value;
      return {};
    case Key::streams:
      TRY_VOID(between("streams", value, 0, count_limit));
      to.streams = value;
      return {};
    case Key::messages:
      TRY_VOID(between("messages", value, 0, count_limit));
      to.messages = value;
      return {};
    case Key::packet_bytes_max:
      TRY_VOID(between("packet size", value, 1200, 65'535));
      to.packet_bytes_max = value;
      return {};
    case Key::idle_timeout:
      TRY_VOID(between("idle timeout in ms", value, 1, idle_ms_limit));
      to.idle_timeout = std::chrono::milliseconds(value);
      return {};
    case Key::ack_delay_max:
      TRY_VOID(between("acknowledgement delay in us", value, 0, ack_delay_us_limit));
      to.ack_delay_max = std::chrono::microseconds(value);
      return {};
    case Key::compresses:
      TRY_VOID(between("compression", value, 0, 1));
      to.compresses = value == 1;
      return {};
  }
  return {};  // of a later version
}

}  // namespace

Bytes encode(const Parameters& parameters) {
  Bytes out;
  codec::Writer writer(out);
  const auto say = [&](Key key, std::uint64_t value) {
    writer.varint(static_cast<std::uint64_t>(key));
    writer.varint(value);
  };
  say(Key::window, parameters.window);
  say(Key::stream_window, parameters.stream_window);
  say(Key::streams, parameters.streams);
  say(Key::messages, parameters.messages);
  say(Key::packet_bytes_max, parameters.packet_bytes_max);
  say(Key::idle_timeout, static_cast<std::uint64_t>(base::to_ms(parameters.idle_timeout)));
  say(Key::ack_delay_max, static_cast<std::uint64_t>(parameters.ack_delay_max / 1us));
  say(Key::compresses, parameters.compresses ? 1 : 0);
  return out;
}

Result<Parameters> decode_parameters(ByteView bytes) {
  if (bytes.size() > parameters_bytes_max) {
    return fail(Code::too_large, base::format("parameters of {} bytes, limit {}", bytes.size(),
                                              parameters_bytes_max));
  }
  Parameters parameters;
  codec::Reader reader(bytes);
  std::uint64_t last = 0;
  while (!reader.at_end()) {
    const std::uint64_t key = TRY(reader.varint());
    if (key <= last) {
      return fail(Code::malformed, base::format("parameter {} after parameter {}", key, last));
    }
    last = key;
    const std::uint64_t value = TRY(reader.varint());
    TRY_VOID(take(parameters, key, value));
  }
  return parameters;
}

}  // namespace kith::packet
