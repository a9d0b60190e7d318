// Ping and Perf, each alone, under whatever a host may tell a service: peers and streams that come
// and go, data in pieces, room, ends, breaks, time. The first byte chooses the service. The world
// here keeps the host's side of the contract (host/service.h) and asserts theirs: no write beyond
// the room or behind an end, nothing consumed that did not come, one answer to each question, and
// nothing kept of peers that have gone.
#include <cstdint>
#include <set>

#include "host/perf.h"
#include "host/ping.h"
#include "host/test_connections.h"
#include "input.h"

namespace {

using namespace kith;
using namespace kith::host;

using fuzz::Input;

constexpr std::size_t room_max = 2048;

const PeerId& peer_at(std::size_t index) {
  static const PeerId peers[] = {test_peer(1), test_peer(2), test_peer(3)};
  return peers[index % 3];
}

class World {
 public:
  explicit World(Service& service, std::string_view protocol)
      : service_(service), protocol_(protocol) {}
  virtual ~World() = default;

  void play(Input input) {
    while (!input.rest.empty()) {
      turn(input);
      settle();
    }
    while (!opens_.empty()) answer_open(0, false);
    for (std::size_t i = 0; i < 3; ++i) peer_down(peer_at(i));
    wait(1h);
    ASSERT(!service_.next_deadline().has_value());
    ASSERT(asked_.empty());
  }

 protected:
  /// The program's own questions; each names itself in `asked_`.
  virtual void ask(Input& input, Token token, const PeerId& peer) = 0;
  /// Takes the service's answers off `asked_`.
  virtual void take_results() = 0;

  void on_result(std::optional<Token> token) {
    if (token) ASSERT(asked_.erase(*token) == 1);
  }

  Instant now_{};
  std::set<Token> asked_;

 private:
  struct Stream {
    PeerId peer;
    Direction direction;
    std::size_t room_at_first = 0, room = 0;
    std::size_t unconsumed = 0;
    Bytes written;  // and not yet sent back
    bool has_finished = false, has_ended = false;
  };

  void turn(Input& input) {
    const std::uint8_t what = input.byte();
    const std::size_t pick = what / 16U;
    switch (what & 15) {
      case 0: peer_up(peer_at(pick)); break;
      case 1: peer_down(peer_at(pick)); break;
      case 2:
      case 3: {
        if (!up_.contains(peer_at(pick)) || service_.protocols().empty()) break;
        if (streams_.size() < 32) stream_up(peer_at(pick), Direction::inbound, input.byte(), {});
        break;
      }
      case 4:
      case 5:
      case 6: data(pick, input.bytes(input.byte())); break;
      case 7: send_back(pick, input.byte()); break;
      case 8:
        if (Stream* stream = stream_at(pick)) {
          stream->room = std::min(room_max, stream->room + input.byte());
          hear(StreamRoom{last_, stream->room});
        }
        break;
      case 9:
        if (Stream* stream = stream_at(pick); stream != nullptr && !stream->has_ended) {
          stream->has_ended = true;
          hear(StreamEnd{last_});
        }
        break;
      case 10:
        if (stream_at(pick) != nullptr) {
          const Code codes[] = {Code::closed, Code::unsupported, Code::io, Code::protocol};
          stream_down(last_, Error{codes[input.byte() % 4], "gone"});
        }
        break;
      case 11:
      case 12: answer_open(pick, true); break;
      case 13: answer_open(pick, false); break;
      case 14: wait(Duration(100ms) * input.byte()); break;
      case 15:
        ++next_token_;
        asked_.insert(Token{next_token_});
        ask(input, Token{next_token_}, peer_at(pick));
        break;
    }
  }

  void peer_up(const PeerId& peer) {
    if (up_.insert(peer).second) hear(PeerUp{peer, Direction::outbound, {}});
  }
  void peer_down(const PeerId& peer) {
    if (!up_.contains(peer)) return;
    std::vector<StreamId> gone;
    for (const auto& [id, stream] : streams_) {
      if (stream.peer == peer) gone.push_back(id);
    }
    for (const StreamId id : gone) stream_down(id, Error{Code::closed, "gone"});
    for (std::size_t i = opens_.size(); i > 0; --i) {
      if (opens_[i - 1].peer == peer) answer_open(i - 1, false);
    }
    if (up_.erase(peer) > 0) hear(PeerDown{peer, {Code::closed, "gone"}});
  }
  void stream_up(const PeerId& peer, Direction direction, std::uint8_t room,
                 std::optional<Token> token) {
    const StreamId id{++next_stream_};
    const std::size_t at_first = 64 + std::size_t{room};
    streams_[id] = Stream{peer, direction, at_first, at_first, 0, {}, false, false};
    hear(StreamUp{id, peer, direction, std::string(protocol_), at_first, token});
  }
  void stream_down(StreamId id, std::optional<Error> error) {
    if (streams_.erase(id) > 0) hear(StreamDown{id, std::move(error)});
  }
  void data(std::size_t pick, ByteView bytes) {
    Stream* stream = stream_at(pick);
    if (stream == nullptr || stream->has_ended || bytes.empty()) return;
    const StreamId id = last_;
    // An answer to what we sent: so it was sent, and half of the room is there again.
    if (stream->direction == Direction::outbound && stream->room < stream->room_at_first / 2) {
      stream->room = stream->room_at_first;
      hear(StreamRoom{id, stream->room});
      if (!streams_.contains(id)) return;
    }
    streams_[id].unconsumed += bytes.size();
    hear(StreamData{id, bytes});
  }
  /// What an honest other side of an echo does.
  void send_back(std::size_t pick, std::size_t size) {
    Stream* stream = stream_at(pick);
    if (stream == nullptr) return;
    size = std::min(size, stream->written.size());
    const auto end = stream->written.begin() + static_cast<std::ptrdiff_t>(size);
    const Bytes bytes(stream->written.begin(), end);
    stream->written.erase(stream->written.begin(), end);
    data(pick, bytes);
  }
  void answer_open(std::size_t pick, bool is_agreed) {
    if (opens_.empty()) return;
    const auto at = opens_.begin() + static_cast<std::ptrdiff_t>(pick % opens_.size());
    const Open open = std::move(*at);
    opens_.erase(at);
    if (is_agreed && up_.contains(open.peer)) {
      stream_up(open.peer, Direction::outbound, static_cast<std::uint8_t>(pick * 16), open.token);
    } else {
      const Code code = pick % 2 == 0 ? Code::closed : Code::unsupported;
      hear(StreamOpenFailed{open.token, open.peer, {code, "no"}});
    }
  }
  Stream* stream_at(std::size_t pick) {
    if (streams_.empty()) return nullptr;
    const auto at =
        std::next(streams_.begin(), static_cast<std::ptrdiff_t>(pick % streams_.size()));
    last_ = at->first;
    return &at->second;
  }

  void hear(ServiceEvent event) {
    service_.on_input(now_, std::move(event));
    settle();
  }
  void wait(Duration span) {
    const Instant end = now_ + span;
    for (auto next = service_.next_deadline(); next && *next <= end;
         next = service_.next_deadline()) {
      now_ = std::max(now_, *next);
      service_.on_deadline(now_);
      settle();
    }
    now_ = end;
  }
  /// Commands, and what a host answers them with, until there are none.
  void settle() {
    while (auto command = service_.poll_output(now_)) {
      std::visit(
          Overload{[&](Open& open) { opens_.push_back(std::move(open)); },
                   [&](Write& write) { on_write(write); },
                   [&](Finish& finish) {
                     const auto found = streams_.find(finish.stream);
                     if (found == streams_.end()) return;
                     ASSERT(!std::exchange(found->second.has_finished, true));
                   },
                   [&](Reset& reset) { resets_.push_back(reset.stream); },
                   [&](Consume& consume) {
                     const auto found = streams_.find(consume.stream);
                     if (found == streams_.end()) return;
                     ASSERT(consume.bytes <= found->second.unconsumed);
                     found->second.unconsumed -= consume.bytes;
                   },
                   [](Prioritize&) {}, [](RequestDone&) {},
                   [&](Fault& fault) { faults_.push_back(fault.peer); },
                   // None of these services has messages.
                   [](SendMessage&) { ASSERT(false); }, [](SendDatagram&) { ASSERT(false); }},
          *command);
    }
    take_results();
    for (const StreamId id : std::exchange(resets_, {})) {
      stream_down(id, Error{Code::closed, "reset by us"});
    }
    for (const PeerId& peer : std::exchange(faults_, {})) peer_down(peer);
  }
  void on_write(const Write& write) {
    const auto found = streams_.find(write.stream);
    if (found == streams_.end()) return;  // it ended before the service heard
    if (std::ranges::find(resets_, write.stream) != resets_.end()) return;
    Stream& stream = found->second;
    ASSERT(!stream.has_finished && write.data.size() <= stream.room);
    stream.room -= write.data.size();
    base::append(stream.written, write.data.view());
    if (stream.written.size() > room_max) stream.written.resize(room_max);
  }

  Service& service_;
  const std::string_view protocol_;
  std::set<PeerId> up_;
  std::map<StreamId, Stream> streams_;
  std::vector<Open> opens_;
  std::vector<StreamId> resets_;
  std::vector<PeerId> faults_;
  StreamId last_;
  std::uint64_t next_stream_ = 0, next_token_ = 100;
};

class PingWorld final : public World {
 public:
  explicit PingWorld(Ping& ping) : World(ping, ping_protocol), ping_(ping) {}

 private:
  void ask(Input&, Token token, const PeerId& peer) override { ping_.request(now_, token, peer); }
  void take_results() override {
    while (const auto result = ping_.poll_result()) {
      ASSERT(!result->rtt || *result->rtt >= Duration::zero());
      on_result(result->token);
    }
  }
  Ping& ping_;
};

class PerfWorld final : public World {
 public:
  explicit PerfWorld(Perf& perf) : World(perf, perf_protocol), perf_(perf) {}

 private:
  void ask(Input& input, Token token, const PeerId& peer) override {
    const std::uint8_t size = input.byte();
    perf_.start(token, peer, size % 16 * 100, size / 16 * 100);
    if (size % 7 != 0) return;
    const Token given_up = *asked_.begin();
    perf_.cancel(given_up);
    asked_.erase(given_up);
  }
  void take_results() override {
    while (const auto result = perf_.poll_result()) {
      ASSERT(result->upload_time >= Duration::zero() && result->download_time >= Duration::zero());
      on_result(result->token);
    }
  }
  Perf& perf_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input{{data, std::min<size_t>(size, 4096)}};
  const std::uint8_t choice = input.byte();
  if ((choice & 1) == 0) {
    SeededRng rng(choice);
    Ping ping({.interval = (choice & 2) != 0 ? 15s : 0s, .waiting_max = 8}, rng);
    PingWorld(ping).play(input);
  } else {
    Perf perf((choice & 2) != 0);
    PerfWorld(perf).play(input);
  }
  return 0;
}
