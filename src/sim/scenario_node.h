// A whole node as the simulator runs it: it starts as soon as it knows the date, and listens at the
// address of its host. Shared by the scenarios.
#pragma once

#include <functional>
#include <utility>

#include "node/node.h"
#include "sim/world.h"

namespace kith::sim {

inline constexpr std::uint16_t scenario_port = 4770;

inline codec::Multiaddr scenario_address(std::uint32_t node) {
  return codec::Multiaddr::tcp(ip_of(node), scenario_port);
}

class SimulatedNode final : public host::WorldMachine {
 public:
  using OnStart = std::function<void(node::Node&, Instant)>;

  /// `on_start` gives the node its first commands.
  SimulatedNode(const node::NodeConfig& config, const crypto::KeyPair& key, NodeContext& context,
                OnStart on_start = {})
      : node_(config, key, context.rng, context.log), on_start_(std::move(on_start)) {}

  void on_input(Instant now, host::WorldInput input) override {
    const bool is_clock = std::holds_alternative<host::WallClock>(input);
    node_.on_input(now, std::move(input));
    if (!is_clock || std::exchange(is_started_, true)) return;
    node_.start(now);
    if (on_start_) on_start_(node_, now);
  }
  void on_deadline(Instant now) override { node_.on_deadline(now); }
  std::optional<host::WorldOutput> poll_output(Instant now) override {
    return node_.poll_output(now);
  }
  std::optional<Instant> next_deadline() override { return node_.next_deadline(); }
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override {
    return node_.on_bytes(now, link, bytes);
  }
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) override {
    return node_.poll_transmit(now, link, room);
  }
  bool wants_bytes(LinkId link) const override { return node_.wants_bytes(link); }
  std::size_t on_datagrams(Instant now, const base::DatagramsIn& in) override {
    return node_.on_datagrams(now, in);
  }
  base::DatagramsOut poll_datagrams(Instant now, ByteSpan room) override {
    return node_.poll_datagrams(now, room);
  }

  node::Node& node() { return node_; }

 private:
  node::Node node_;
  OnStart on_start_;
  bool is_started_ = false;
};

}  // namespace kith::sim
