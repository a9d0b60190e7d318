// Random commands on both sides of a slow, chopping link, against a model that knows what each
// stream must have received. rapidcheck gives the seeds and shrinks the number of steps.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "mux/yamux_pair_fixture.h"

namespace kith::mux {
namespace {

using test::Pair;
using test::SeenStream;
using test::Side;

/// What one side has done to one stream.
struct Said {
  Bytes written;
  bool finished = false;
  bool reset = false;
};

class Model {
 public:
  Model(std::uint64_t seed, Duration latency, const YamuxConfig& config)
      : pair_(seed, latency, config), rng_(seed ^ 0x9e37'79b9'7f4a'7c15) {
    pair_.dialer.consumes = pair_.listener.consumes = false;
  }

  void step() {
    Side& side = rng_.below(2) == 0 ? pair_.dialer : pair_.listener;
    const std::uint64_t choice = rng_.below(100);
    if (choice < 8) {
      const YamuxStreamId id = side.open(pair_.now);
      if (id != 0) said(side)[id] = {};
    } else if (choice < 40) {
      write(side);
    } else if (choice < 75) {
      consume(side, 1 + rng_.below(300'000));
    } else if (choice < 80) {
      finish(side, pick(side));
    } else if (choice < 82) {
      reset(side, pick(side));
    } else if (choice < 83) {
      side.input(pair_.now, PingPeer{});
    } else if (choice < 90) {
      pair_.flush();
    } else {
      pair_.run(Duration(rng_.below(50'000'000)));
    }
    check_windows();
  }

  /// Both sides finish everything and read to the end; then nothing may be left.
  void wind_down() {
    for (Side* side : {&pair_.dialer, &pair_.listener}) {
      for (const YamuxStreamId id : live(*side)) finish(*side, id);
      side->consumes = true;
    }
    for (int i = 0; i < 200; ++i) {
      for (Side* side : {&pair_.dialer, &pair_.listener}) {
        for (const YamuxStreamId id : live(*side)) {  // accepted since, or not yet read
          finish(*side, id);
          SeenStream& seen = side->streams[id];
          if (seen.waiting > 0) side->consume(pair_.now, id, seen.waiting);
        }
      }
      pair_.settle();
    }
    RC_ASSERT(pair_.dialer.mux.stream_count() == 0u);
    RC_ASSERT(pair_.listener.mux.stream_count() == 0u);
    RC_ASSERT(pair_.dialer.faults.empty());
    RC_ASSERT(pair_.listener.faults.empty());
    RC_ASSERT(!pair_.dialer.mux.has_transmit());
    RC_ASSERT(!pair_.listener.mux.has_transmit());
    check_side(pair_.dialer, pair_.listener);
    check_side(pair_.listener, pair_.dialer);
  }

 private:
  using SaidOf = std::map<YamuxStreamId, Said>;
  SaidOf& said(const Side& side) { return &side == &pair_.dialer ? dialer_ : listener_; }

  static std::vector<YamuxStreamId> live(const Side& side) {
    std::vector<YamuxStreamId> ids;
    for (const auto& [id, seen] : side.streams) {
      if (seen.closed == 0) ids.push_back(id);
    }
    return ids;
  }
  YamuxStreamId pick(const Side& side) {
    const auto ids = live(side);
    return ids.empty() ? 0 : ids[rng_.below(ids.size())];
  }
  void write(Side& side) {
    const YamuxStreamId id = pick(side);
    if (id == 0 || said(side)[id].finished) return;
    const std::size_t most =
        std::min<std::size_t>(side.streams[id].room, rng_.below(4) == 0 ? 200'000 : 500);
    if (most == 0) return;
    const Bytes data = test::pattern(1 + rng_.below(most), rng_.next());
    base::append(said(side)[id].written, data);
    side.write(pair_.now, id, data);
  }
  void consume(Side& side, std::size_t most) {
    const YamuxStreamId id = pick(side);
    if (id == 0) return;
    const std::size_t count = std::min(side.streams[id].waiting, most);
    if (count > 0) side.consume(pair_.now, id, count);
  }
  void finish(Side& side, YamuxStreamId id) {
    if (id == 0 || said(side)[id].finished) return;
    said(side)[id].finished = true;
    side.input(pair_.now, FinishStream{id});
  }
  void reset(Side& side, YamuxStreamId id) {
    if (id == 0) return;
    said(side)[id].reset = true;
    side.input(pair_.now, ResetStream{id});
  }

  /// With this configuration no window grows, so never more than the first one waits.
  void check_windows() {
    for (const Side* side : {&pair_.dialer, &pair_.listener}) {
      for (const auto& [id, seen] : side->streams) {
        if (seen.closed == 0) RC_ASSERT(seen.waiting <= yamux_window_initial);
        RC_ASSERT(seen.closed <= 1);
        RC_ASSERT(seen.finished <= 1);
      }
    }
  }
  void check_side(const Side& to, const Side& from) {
    for (const auto& [id, seen] : to.streams) {
      const Said& sent = said(from)[id];
      RC_ASSERT(seen.closed == 1);
      const bool broken = sent.reset || said(to)[id].reset;
      if (!broken) {
        RC_ASSERT(!seen.error.has_value());
        RC_ASSERT(seen.finished == 1);
        RC_ASSERT(seen.received == sent.written);
      } else {
        RC_ASSERT(seen.received.size() <= sent.written.size());
        RC_ASSERT(std::equal(seen.received.begin(), seen.received.end(), sent.written.begin()));
      }
    }
  }

  Pair pair_;
  SeededRng rng_;
  SaidOf dialer_;
  SaidOf listener_;
};

TEST(YamuxModel, DeliversEverythingInOrderAndForgetsEveryStream) {
  YamuxConfig config;
  config.receive_window_max = yamux_window_initial;
  config.streams_inbound_max = 200;
  config.streams_outbound_max = 200;
  ASSERT_TRUE(rc::check([&] {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const auto latency = std::chrono::milliseconds(*rc::gen::inRange(0, 80));
    const auto steps = *rc::gen::inRange(1, 400);
    Model model(seed, latency, config);
    for (int i = 0; i < steps; ++i) model.step();
    model.wind_down();
  }));
}

// Small queues, small frames: the paths that a default configuration seldom takes.
TEST(YamuxModel, TheSameWithSmallLimits) {
  YamuxConfig config;
  config.receive_window_max = yamux_window_initial;
  config.frame_payload_bytes_max = 700;
  config.send_queue_bytes_max = 3000;
  config.streams_outbound_max = 8;
  config.backlog_max = 4;
  ASSERT_TRUE(rc::check([&] {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const auto steps = *rc::gen::inRange(1, 800);
    Model model(seed, 5ms, config);
    for (int i = 0; i < steps; ++i) model.step();
    model.wind_down();
  }));
}

}  // namespace
}  // namespace kith::mux
