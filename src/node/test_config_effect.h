// For tests: nodes of which each has a configuration of its own, given key by key.
#pragma once

#include "node/config.h"
#include "node/node_test_util.h"

namespace kith::node {

/// Keys, each with its value, of one node.
using Sets = std::vector<std::pair<std::string, std::string>>;

inline NodeConfig config_with(const Sets& sets) {
  std::vector<Setting> sources = {
      {"listen", {"/ip4/127.0.0.1/tcp/0"}, Origin::flag, "--set"},
      {"min_peers", {"0"}, Origin::flag, "--set"},
  };
  for (const auto& [key, value] : sets) sources.push_back({key, {value}, Origin::flag, "--set"});
  auto settings = load_settings(std::move(sources));
  EXPECT_TRUE(settings.has_value()) << settings.error().message;
  return settings->node;
}

class ConfigEffect : public NodeTest {
 protected:
  /// Nothing of an earlier run is left.
  void restart() {
    members_.clear();
    world_ = host::TestWorld();
    dialled_.clear();
    world_.on_dial = [this](std::size_t node, const codec::Multiaddr& address) {
      if (node == 0) dialled_.emplace_back(world_.now(), address);
    };
  }
  Member& add_with(const Sets& sets) { return add(config_with(sets)); }
  /// When node 0 dialled, in milliseconds since the first time.
  std::vector<std::int64_t> dials_ms() const {
    std::vector<std::int64_t> since;
    for (const auto& [at, address] : dialled_) {
      since.push_back(base::to_ms(at - dialled_.front().first));
    }
    return since;
  }

  std::vector<std::pair<Instant, codec::Multiaddr>> dialled_;
};

}  // namespace kith::node
