// What recommendations do in a network: a peer that another has vouched for is introduced, and
// whoever has not earned a name here introduces nobody.
#include <gtest/gtest.h>

#include <deque>

#include "codec/peer_id.h"
#include "sim/scenario_node.h"

namespace kith::sim {
namespace {

class RecommendNet {
 public:
  explicit RecommendNet(std::uint32_t nodes) {
    node::NodeConfig config;
    config.host.peers_min = 0;  // nobody meets anybody but by dial()
    for (std::uint32_t i = 0; i < nodes; ++i) {
      SeededRng rng(100 + i);
      keys_.push_back(crypto::KeyPair::generate(rng));
      world_.add_node([this, config](NodeContext& context) -> std::unique_ptr<host::WorldMachine> {
        node::NodeConfig own = config;
        own.host.listen = {scenario_address(context.index)};
        return std::make_unique<SimulatedNode>(own, keys_[context.index], context);
      });
    }
    world_.run_for(1s);
  }
  PeerId id(std::uint32_t index) const { return codec::peer_id_of(keys_[index].public_key()); }
  const node::Node& node(std::uint32_t index) {
    return static_cast<SimulatedNode&>(*world_.machine(index)).node();
  }
  void command(std::uint32_t index, const node::Command& command) {
    world_.mutate(index, [&](host::WorldMachine& machine, Instant now) {
      static_cast<SimulatedNode&>(machine).node().on_command(now, command);
    });
  }
  void dial(std::uint32_t from, std::uint32_t to) {
    command(from, node::Connect{Token{1}, id(to), {scenario_address(to)}});
  }
  void subscribe(std::uint32_t index, const char* topic) {
    command(index, gossip::Subscribe{topic, {}});
  }
  /// One message a second from each, for so long.
  void publish(const std::vector<std::pair<std::uint32_t, const char*>>& authors, Duration span) {
    for (Duration spent{}; spent < span; spent += 1s) {
      for (const auto& [author, topic] : authors) {
        command(author, gossip::Publish{Token{2}, topic, Buffer(std::to_string(++messages_)), {}});
      }
      world_.run_for(1s);
    }
  }
  PeerStanding standing(std::uint32_t at, std::uint32_t of) {
    return node(at).quality().standing(world_.now(), id(of));
  }

 private:
  std::deque<crypto::KeyPair> keys_;
  World world_{{.seed = 5}};
  std::uint64_t messages_ = 0;
};

TEST(Recommendations, IntroduceWhoeverAFriendVouchesForAndNobodyElse) {
  constexpr std::uint32_t a = 0, b = 1, c = 2, sybil = 3, accomplice = 4;
  RecommendNet net(5);
  for (const auto node : {a, b, c}) net.subscribe(node, "news");
  for (const auto node : {sybil, accomplice}) net.subscribe(node, "spam");
  net.dial(a, b);
  net.dial(b, c);
  net.dial(sybil, a);
  net.dial(accomplice, sybil);
  net.publish({{c, "news"}, {accomplice, "spam"}}, 4min);
  ASSERT_GE(net.standing(a, b).reputation, 40) << "what B handed on";
  ASSERT_GE(net.standing(b, c).reputation, 60);
  ASSERT_GE(net.standing(sybil, accomplice).reputation, 60) << "they praise each other";
  EXPECT_GE(net.node(a).recommendations().received(), 2U);
  EXPECT_GT(net.standing(a, c).introduction, 0) << "by B's word";
  EXPECT_GT(net.standing(a, c).quota_milli, 1000U);
  EXPECT_EQ(net.standing(a, accomplice).introduction, 0) << "the Sybil's word is worth nothing";
  EXPECT_EQ(net.standing(a, accomplice).quota_milli, 1000U);
  EXPECT_LT(net.standing(a, sybil).reputation, 40);
  EXPECT_GE(net.standing(a, sybil).reputation, 0) << "nor is it a fault";
}

}  // namespace
}  // namespace kith::sim
