// What the keys of how peers are kept and asked change, as in config_effect_test.cpp.
#include "node/config.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

/// Keys, each with its value, of one node.
using Sets = std::vector<std::pair<std::string, std::string>>;

class ConfigQuality : public NodeTest {
 protected:
  /// Nothing of an earlier run is left.
  void restart() {
    members_.clear();
    world_ = host::TestWorld();
  }
  Member& add_with(const Sets& sets) {
    std::vector<Setting> sources = {
        {"listen", {"/ip4/127.0.0.1/tcp/0"}, Origin::flag, "--set"},
        {"min_peers", {"0"}, Origin::flag, "--set"},
    };
    for (const auto& [key, value] : sets) sources.push_back({key, {value}, Origin::flag, "--set"});
    auto settings = load_settings(std::move(sources));
    EXPECT_TRUE(settings.has_value()) << settings.error().message;
    return add(settings->node);
  }
};

TEST_F(ConfigQuality, MinOutboundPeers) {
  for (const bool is_changed : {false, true}) {
    restart();
    Sets sets = {{"max_peers", "10"}};
    if (is_changed) sets.emplace_back("min_outbound_peers", "1");
    add_with(sets);
    for (std::size_t i = 1; i <= 11; ++i) {
      const PeerId peer = add_with({}).id();
      if (i > 3) command(0, ProtectPeer{peer, true});
      connect(i <= 3 ? 0 : i, i <= 3 ? i : 0);
    }
    world_.run_for(1min);
    // Only the three that node 0 dialled may go, for one too many.
    EXPECT_EQ(members_[0]->node.host().peer_count(), is_changed ? 9U : 11U);
  }
}

}  // namespace
}  // namespace kith::node
