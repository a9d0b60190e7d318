// Perf (libp2p specs/perf), /perf/1.0.0: how fast bytes go up and down one stream. The client sends
// the wanted download size (u64, big-endian), uploads and half-closes; the server answers with as
// many bytes. Serving is off unless asked for, since it costs whatever the other side likes.
//
// Zeros are sent from one shared buffer; what arrives is counted, not kept. A measurement in which
// nothing moves for `stall_max` fails.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "base/queue.h"
#include "host/service.h"

namespace kith::host {

inline constexpr std::string_view perf_protocol = "/perf/1.0.0";

struct PerfResult {
  Token token;
  PeerId peer;
  std::uint64_t upload_bytes = 0;
  std::uint64_t download_bytes = 0;
  Duration upload_time{};    // until the server's first byte, or its end, shows that all arrived
  Duration download_time{};  // from then on
  std::optional<Error> error;
};

class Perf final : public Service {
 public:
  static constexpr Duration stall_max = 30s;

  explicit Perf(bool is_serving);

  std::vector<std::string> protocols() const override;
  void on_input(Instant now, ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  void start(Token token, const PeerId& peer, std::uint64_t upload, std::uint64_t download);
  /// Gives up a measurement; no result follows.
  void cancel(Token token);
  std::optional<PerfResult> poll_result();

 private:
  struct Serving {
    std::array<std::uint8_t, 8> header{};
    std::size_t header_bytes = 0;
    std::uint64_t to_send = 0;  // known once the header is whole
    std::size_t room = 0;
    bool is_sending = false;
  };
  struct Running {
    PerfResult result;
    std::uint64_t to_upload = 0;
    std::uint64_t received = 0;
    std::size_t room = 0;
    Instant started;
    Instant moved;  // when the last byte went or came
    std::optional<Instant> uploaded;
    bool is_finished = false;  // our half is closed
  };

  void on_stream_up(Instant now, const StreamUp& up);
  void on_data(Instant now, const StreamData& data);
  void on_end(Instant now, StreamId stream);
  void serve(StreamId stream, Serving& serving);
  void upload(Instant now, StreamId stream, Running& running);
  /// Writes up to `left` zeros into `room`; both shrink.
  void write_zeros(StreamId stream, std::uint64_t& left, std::size_t& room);
  void end_early(Instant now, StreamId stream, Running& running);
  void finish(Instant now, Running& running, std::optional<Error> error);

  const bool is_serving_;
  const Buffer zeros_;
  std::map<StreamId, Serving> serving_;
  std::map<StreamId, Running> running_;
  std::map<Token, PerfResult> opening_;
  base::Queue<PerfResult> results_;
};

}  // namespace kith::host
