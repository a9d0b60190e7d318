// For tests: a few whole nodes in virtual time, with real Noise, yamux and services.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "codec/peer_id.h"
#include "host/test_world.h"
#include "node/node.h"

namespace kith::node {

inline codec::Multiaddr address(const std::string& text) { return *codec::Multiaddr::parse(text); }

/// A node, its key and what it has reported.
struct Member {
  Member(std::uint64_t seed, NodeConfig config)
      : rng(seed), key(crypto::KeyPair::generate(rng)), node(config, key, rng, base::null_log()) {}

  PeerId id() const { return codec::peer_id_of(key.public_key()); }
  template <class R>
  const R* last() const {
    for (auto report = reports.rbegin(); report != reports.rend(); ++report) {
      if (const auto* found = std::get_if<R>(&*report)) return found;
    }
    return nullptr;
  }
  template <class R>
  std::size_t count() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        reports, [](const Report& r) { return std::holds_alternative<R>(r); }));
  }

  SeededRng rng;
  crypto::KeyPair key;
  Node node;
  std::vector<Report> reports;
};

class NodeTest : public testing::Test {
 protected:
  static NodeConfig config() {
    NodeConfig config;
    config.host.listen = {address("/ip4/127.0.0.1/tcp/0")};
    config.host.peers_min = 0;
    config.serves_perf = true;
    return config;
  }
  Member& add(NodeConfig with = config()) {
    members_.push_back(std::make_unique<Member>(members_.size() + 1, std::move(with)));
    Member& member = *members_.back();
    const std::size_t index = members_.size() - 1;
    world_.add(member.node);
    world_.after_turn = [this](std::size_t i) {
      while (auto report = members_[i]->node.poll_report()) {
        members_[i]->reports.push_back(std::move(*report));
      }
    };
    world_.input(index, host::WallClock{{1'700'000'000'000}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
    return member;
  }
  void command(std::size_t index, Command command) {
    members_[index]->node.on_command(world_.now(), std::move(command));
    world_.turn(index);
  }
  /// Dials node `to` from node `from` by the address it listens at.
  void connect(std::size_t from, std::size_t to, std::uint64_t token = 1) {
    command(from, Connect{Token{token},
                          members_[to]->id(),
                          {address("/ip4/127.0.0.1/tcp/" + std::to_string(1000 + to))}});
  }
  bool are_connected(std::size_t a, std::size_t b) {
    return members_[a]->node.host().peer(members_[b]->id()).has_value();
  }

  host::TestWorld world_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace kith::node
