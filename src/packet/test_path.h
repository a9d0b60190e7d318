// For tests: flows that share one bottleneck in virtual time, a queue with a tail, and a link
// behind it that loses at random. The relay of `./run bench transport` as a model, without frames,
// sockets or keys. Packets stay in order; each is acknowledged by itself.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/rng.h"
#include "packet/congestion.h"

namespace kith::packet::testing {

struct PathModel {
  std::uint64_t bytes_per_second = 25'000'000;  // 200 Mbit/s
  std::uint64_t queue_bytes = 512 * 1024;
  Duration round_trip = 20ms;
  std::uint64_t loss_ppm = 0;
  std::uint64_t packet_bytes = 1400;
  /// With so much in the queue packets get a mark of congestion.
  std::uint64_t marks_above = ~std::uint64_t{0};
  /// Where the ends are two programs of one machine: a receiver for whom nothing came for 10 us
  /// sleeps, and takes so long to wake up, but once in 64 times; and what the window let go at
  /// once, at most 64 packets, it acknowledges all together.
  Duration wakes_after{0};
};

class TestPath {
 public:
  TestPath(const PathModel& model, std::uint64_t seed) : model_(model), rng_(seed) {}

  /// Sends without end from `start` on.
  std::size_t add(std::unique_ptr<Congestion> congestion, Duration start = 0ms) {
    flows_.push_back({.congestion = std::move(congestion)});
    arm(flows_.size() - 1, Instant{start});
    return flows_.size() - 1;
  }
  void run_for(Duration span) {
    const Instant end = now_ + span;
    while (!events_.empty() && events_.begin()->first.first <= end) {
      const auto event = events_.begin()->second;
      now_ = events_.begin()->first.first;
      events_.erase(events_.begin());
      if (event.kind == Kind::send) {
        // A timer that was set to an earlier time leaves its old event behind.
        if (flows_[event.flow].timer != now_) continue;
        flows_[event.flow].timer.reset();
        send(event.flow);
      } else {
        acknowledge(event.flow, event.number, event.packets);
      }
    }
    now_ = end;
  }
  /// Bytes that have arrived and whose acknowledgement has, since the last call.
  std::uint64_t take_delivered(std::size_t flow) {
    return std::exchange(flows_[flow].delivered_lately, 0);
  }
  /// From now on.
  void set_rate(std::uint64_t bytes_per_second) { model_.bytes_per_second = bytes_per_second; }
  std::uint64_t in_flight(std::size_t flow) const { return flows_[flow].in_flight; }
  Congestion& congestion(std::size_t flow) { return *flows_[flow].congestion; }

 private:
  enum class Kind : std::uint8_t { send, acknowledge };
  struct Event {
    Kind kind;
    std::size_t flow;
    PacketNumber number = 0;  // the last one
    std::uint64_t packets = 1;
  };
  struct Sent {
    PacketNumber number;
    Instant at, first_at, delivered_at;
    std::uint64_t delivered, in_flight;
    bool is_acked = false, is_marked = false;
    Duration round_trip{0};
  };
  struct Flow {
    std::unique_ptr<Congestion> congestion;
    std::deque<Sent> sent = {};
    PacketNumber next = 0;
    std::uint64_t in_flight = 0, delivered = 0, delivered_lately = 0;
    Instant delivered_at = {}, first_at = {}, pace_at = {};
    Duration smoothed{0}, newest{0};
    bool is_window_limited = false;
    std::optional<Instant> timer = {};
  };
  static constexpr PacketNumber reorder_packets = 3;
  static constexpr Duration silence_max = 1s;  // then all that is in flight counts as lost

  void at(Instant when, Event event) { events_.emplace(std::pair(when, order_++), event); }

  void arm(std::size_t index, Instant when) {
    Flow& flow = flows_[index];
    if (flow.timer && *flow.timer <= when) return;
    flow.timer = when;
    at(when, {.kind = Kind::send, .flow = index});
  }

  void send(std::size_t index) {
    Flow& flow = flows_[index];
    if (flow.in_flight > 0 &&
        now_ - std::max(flow.delivered_at, flow.sent.back().at) > silence_max) {
      lose(flow, flow.next);
    }
    while (flow.in_flight + model_.packet_bytes <= flow.congestion->window()) {
      if (now_ < flow.pace_at) return arm(index, flow.pace_at);
      send_one(index);
      // A quantum of 250 us may leave at once.
      if (const auto rate = flow.congestion->pacing_rate()) {
        const Duration gap(static_cast<std::int64_t>(model_.packet_bytes * 1'000'000'000 / *rate));
        flow.pace_at = std::max(flow.pace_at, now_ - 250us) + gap;
      }
    }
    acknowledge_together(index);
    flow.is_window_limited = true;
    arm(index, now_ + silence_max + 1ms);
  }

  void send_one(std::size_t index) {
    Flow& flow = flows_[index];
    if (flow.in_flight == 0) flow.first_at = flow.delivered_at = now_;
    flow.congestion->on_sent(now_, model_.packet_bytes, flow.in_flight);
    flow.in_flight += model_.packet_bytes;
    flow.sent.push_back({.number = flow.next,
                         .at = now_,
                         .first_at = flow.first_at,
                         .delivered_at = flow.delivered_at,
                         .delivered = flow.delivered,
                         .in_flight = flow.in_flight});
    const PacketNumber number = flow.next++;
    const Instant begins = std::max(now_, busy_until_);
    const auto queued = static_cast<std::uint64_t>((begins - now_).count()) *
                        (model_.bytes_per_second / 1000) / 1'000'000;
    if (queued + model_.packet_bytes > model_.queue_bytes) return;  // the tail is dropped
    flow.sent.back().is_marked = queued > model_.marks_above;
    busy_until_ = begins + Duration(static_cast<std::int64_t>(model_.packet_bytes * 1'000'000'000 /
                                                              model_.bytes_per_second));
    if (rng_.below(1'000'000) < model_.loss_ppm) return;
    if (model_.wakes_after == 0ns) {
      at(busy_until_ + model_.round_trip,
         {.kind = Kind::acknowledge, .flow = index, .number = number});
      return;
    }
    if (busy_until_ - arrived_at_ > 10us && rng_.below(64) != 0) {
      awake_at_ = busy_until_ + model_.wakes_after;
    }
    arrived_at_ = busy_until_;
    if (++together_ == 64) acknowledge_together(index);
  }

  void acknowledge_together(std::size_t index) {
    if (together_ == 0) return;
    at(std::max(arrived_at_, awake_at_) + model_.round_trip,
       {.kind = Kind::acknowledge,
        .flow = index,
        .number = flows_[index].next - 1,
        .packets = std::exchange(together_, 0)});
  }

  void acknowledge(std::size_t index, PacketNumber number, std::uint64_t packets) {
    Flow& flow = flows_[index];
    if (flow.sent.empty() || number < flow.sent.front().number) return;  // was given up
    const PacketNumber front = flow.sent.front().number;
    const std::uint64_t bytes = packets * model_.packet_bytes;
    for (std::uint64_t i = 0; i < packets; ++i) flow.sent[number - i - front].is_acked = true;
    Sent& sent = flow.sent[number - front];
    sent.round_trip = flow.newest = now_ - sent.at;
    flow.smoothed = flow.smoothed == 0ns ? flow.newest : (7 * flow.smoothed + flow.newest) / 8;
    flow.in_flight -= bytes;
    flow.delivered += bytes;
    flow.delivered_lately += bytes;
    const AckedBatch acked{.now = now_,
                           .bytes = bytes,
                           .in_flight = flow.in_flight,
                           .round_trip = flow.newest,
                           .smoothed = flow.smoothed,
                           .sent_at = sent.at,
                           .is_window_limited = flow.is_window_limited,
                           .marked_packets = sent.is_marked ? packets : 0,
                           .delivered_bytes = flow.delivered - sent.delivered,
                           .interval = std::max(now_ - sent.delivered_at, sent.at - sent.first_at),
                           .delivered_total = flow.delivered,
                           .delivered_when_sent = sent.delivered};
    flow.first_at = sent.at;
    flow.delivered_at = now_;
    if (number >= reorder_packets) lose(flow, number - reorder_packets + 1);
    while (!flow.sent.empty() && flow.sent.front().is_acked) flow.sent.pop_front();
    flow.congestion->on_acked(acked);
    flow.is_window_limited = false;
    send(index);
  }

  /// All below `end` that have not arrived.
  void lose(Flow& flow, PacketNumber end) {
    while (!flow.sent.empty() && flow.sent.front().number < end) {
      const Sent sent = flow.sent.front();
      flow.sent.pop_front();
      if (sent.is_acked) continue;
      flow.in_flight -= model_.packet_bytes;
      flow.congestion->on_lost({.now = now_,
                                .bytes = model_.packet_bytes,
                                .in_flight = flow.in_flight,
                                .sent_at = sent.at,
                                .in_flight_when_sent = sent.in_flight,
                                .round_trip_near = flow.newest});
    }
  }

  PathModel model_;
  SeededRng rng_;
  Instant now_{};
  Instant busy_until_{}, arrived_at_{}, awake_at_{};
  std::uint64_t together_ = 0;  // packets that wait to be acknowledged with others
  std::vector<Flow> flows_;
  std::uint64_t order_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, Event> events_;
};

}  // namespace kith::packet::testing
