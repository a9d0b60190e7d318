#include "sim/world.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>

#include "sim/checker.h"
#include "sim/test_machine.h"

namespace kith::sim {
namespace {

PuppetMachine& puppet(World& world, std::uint32_t node) {
  return static_cast<PuppetMachine&>(*world.machine(node));
}
void tell(World& world, std::uint32_t node, const std::function<void(PuppetMachine&)>& what) {
  world.mutate(node, [&](host::WorldMachine& m, Instant) { what(static_cast<PuppetMachine&>(m)); });
}
std::unique_ptr<PuppetMachine> make_puppet(NodeContext& context) {
  auto machine = std::make_unique<PuppetMachine>();
  machine->listen(test_address(context.index));
  return machine;
}

std::uint64_t chatter_hash(std::uint64_t seed, Duration duration = 2s) {
  World world({.seed = seed, .link = {.latency = 20ms, .jitter = 10ms, .loss = 0.01}});
  add_chatter(world, 30, 3, 200);
  world.run_for(duration);
  return world.trace_hash();
}

TEST(World, OneSeedOneTrace) {
  EXPECT_EQ(chatter_hash(7), chatter_hash(7));
  EXPECT_NE(chatter_hash(7), chatter_hash(8));
  EXPECT_NE(chatter_hash(7), chatter_hash(7, 3s));
}

TEST(World, SlicingTimeDoesNotChangeTheTrace) {
  World whole({.seed = 3});
  World sliced({.seed = 3});
  add_chatter(whole, 10, 2, 100);
  add_chatter(sliced, 10, 2, 100);
  whole.run_for(1s);
  for (int i = 0; i < 100; ++i) sliced.run_for(10ms);
  EXPECT_EQ(whole.trace_hash(), sliced.trace_hash());
}

TEST(World, TheTraceSeesPayloads) {
  const auto hash_of = [](std::uint8_t byte) {
    World world({.seed = 1});
    world.add_node(make_puppet);
    world.add_node(make_puppet);
    tell(world, 0, [](PuppetMachine& p) { p.dial(LinkId{2}, test_address(1)); });
    world.run_for(1s);
    tell(world, 0, [&](PuppetMachine& p) { p.send(LinkId{2}, Bytes(40, byte)); });
    world.run_for(1s);
    return world.trace_hash();
  };
  EXPECT_EQ(hash_of(1), hash_of(1));
  EXPECT_NE(hash_of(1), hash_of(2));
}

TEST(World, TheSeedDecidesWhoGoesFirst) {
  const auto order_of = [](std::uint64_t seed, bool shuffle) {
    World world({.seed = seed, .shuffle = shuffle});
    std::vector<std::uint32_t> order;
    for (int i = 0; i < 6; ++i) world.add_node(make_puppet);
    world.set_after_turn(
        [&](std::uint32_t node, host::WorldMachine&, Instant) { order.push_back(node); });
    world.run_until(Instant{});
    return std::vector(order.begin(), order.begin() + 6);
  };
  const std::vector<std::uint32_t> plain{0, 1, 2, 3, 4, 5};
  EXPECT_EQ(order_of(1, false), plain);
  EXPECT_EQ(order_of(1, true), order_of(1, true));
  EXPECT_NE(order_of(1, true), order_of(2, true));
}

TEST(World, DeadlinesAreMetOnceAndMovedOnesAreForgotten) {
  World world({});
  world.add_node(make_puppet);
  world.run_for(1s);
  tell(world, 0, [](PuppetMachine& p) { p.deadline = Instant{10s}; });
  world.run_for(1s);
  tell(world, 0, [](PuppetMachine& p) { p.deadline = Instant{5s}; });  // earlier
  world.run_until(Instant{4s});
  tell(world, 0, [](PuppetMachine& p) { p.deadline = Instant{20s}; });  // later
  world.run_until(Instant{30s});
  EXPECT_EQ(puppet(world, 0).deadlines, std::vector{Instant{20s}});
  EXPECT_EQ(world.report().timers, 1U);
  tell(world, 0, [](PuppetMachine& p) { p.deadline = Instant{1s}; });  // in the past: now
  world.run_for(0s);
  EXPECT_EQ(puppet(world, 0).deadlines.back(), Instant{30s});
  tell(world, 0, [](PuppetMachine& p) { p.deadline = Instant::max(); });
  world.run_for(100s);
  EXPECT_EQ(world.report().timers, 2U);
}

TEST(World, ClocksAreSkewed) {
  World world({.start = WallTime{1'000'000}});
  world.add_node(make_puppet,
                 {.clock = {.instant_offset = 7s, .wall_offset = -3s, .wall_drift_ppm = 100}});
  EXPECT_EQ(world.local_now(0), Instant{7s});
  tell(world, 0, [](PuppetMachine& p) { p.deadline = Instant{17s}; });
  world.run_until(Instant{100s});
  EXPECT_EQ(puppet(world, 0).deadlines, std::vector{Instant{17s}});
  EXPECT_EQ(puppet(world, 0).wall, std::vector{WallTime{997'000}});
  EXPECT_EQ(world.wall_now(0), WallTime{1'000'000 + 100'000 + 10 - 3000});
  world.set_wall_offset(0, 1h);
  world.run_for(1s);
  EXPECT_EQ(puppet(world, 0).wall.back(), WallTime{1'000'000 + 100'000 + 10 + 3'600'000});
}

TEST(World, NamesAreResolved) {
  World world({});
  world.add_node(make_puppet);
  world.names().set("seed.example", {ip_of(3), ip_of(4)});
  world.names().set_dnsaddr("boot.example", {test_address(9)});
  world.names().fail_with("broken.example", {Code::timeout, "no answer"});
  tell(world, 0, [](PuppetMachine& p) {
    std::uint64_t token = 0;
    for (const auto* text : {"/dns4/seed.example/tcp/80", "/dnsaddr/boot.example",
                             "/dns/broken.example/tcp/1", "/dns/nobody.example/tcp/1"}) {
      p.outputs.push_back(host::Resolve{Token{++token}, codec::Multiaddr::parse(text).value()});
    }
  });
  world.run_for(1s);
  const auto& resolved = puppet(world, 0).resolved;
  ASSERT_EQ(resolved.size(), 4U);
  ASSERT_TRUE(resolved[0].addresses);
  EXPECT_EQ(*resolved[0].addresses, (std::vector{test_address(3, 80), test_address(4, 80)}));
  EXPECT_EQ(*resolved[1].addresses, std::vector{test_address(9)});
  EXPECT_EQ(resolved[2].addresses.error().code, Code::timeout);
  EXPECT_EQ(resolved[3].addresses.error().code, Code::not_found);
}

PeerId peer_number(std::uint8_t number) {
  return PeerId::from_multihash(Bytes(34, number)).value();
}

TEST(World, ThePeerStoreSurvivesARestartButPerhapsNotItsLastSecond) {
  bool lost = false;
  bool kept = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    World world({.seed = seed});
    world.add_node(make_puppet);
    const auto store = [&](std::uint8_t number) {
      tell(world, 0, [&](PuppetMachine& p) {
        p.outputs.push_back(host::StorePeer{{peer_number(number), {test_address(1)}, {}, {5}}});
      });
    };
    store(1);
    store(2);
    tell(world, 0, [](PuppetMachine& p) { p.outputs.push_back(host::ForgetPeer{peer_number(2)}); });
    world.run_for(2s);
    store(3);
    world.restart(0);
    tell(world, 0, [](PuppetMachine& p) { p.outputs.push_back(host::LoadPeers{}); });
    world.run_for(1s);
    const auto& loaded = puppet(world, 0).loaded;
    ASSERT_GE(loaded.size(), 1U);
    EXPECT_EQ(loaded[0].peer, peer_number(1));
    lost |= loaded.size() == 1;
    kept |= loaded.size() == 2 && loaded[1].peer == peer_number(3);
  }
  EXPECT_TRUE(lost && kept);
}

TEST(World, ARestartedNodeHasOtherRandomnessAndSeesNothingOfBefore) {
  World world({});
  std::vector<std::uint64_t> draws;
  std::vector<std::uint32_t> incarnations;
  world.add_node([&](NodeContext& context) {
    draws.push_back(context.rng.next());
    incarnations.push_back(context.incarnation);
    return make_puppet(context);
  });
  world.run_for(1s);
  world.names().set("a.example", {ip_of(0)});
  tell(world, 0, [](PuppetMachine& p) {
    p.deadline = Instant{2s};
    p.outputs.push_back(
        host::Resolve{Token{1}, codec::Multiaddr::parse("/dns/a.example/tcp/1").value()});
  });
  world.restart(0);
  world.run_for(10s);
  EXPECT_TRUE(puppet(world, 0).resolved.empty());
  EXPECT_TRUE(puppet(world, 0).deadlines.empty());
  EXPECT_EQ(puppet(world, 0).listening.size(), 1U) << "the port was free again";
  EXPECT_EQ(incarnations, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_NE(draws[0], draws[1]);
}

TEST(World, APausedNodeSeesEverythingLater) {
  World world({.link = {.latency = 10ms}});
  world.add_node(make_puppet);
  world.add_node(make_puppet);
  tell(world, 0, [](PuppetMachine& p) { p.dial(LinkId{2}, test_address(1)); });
  world.run_for(1s);
  tell(world, 1, [](PuppetMachine& p) { p.deadline = Instant{2s}; });
  world.pause(1);
  tell(world, 0, [](PuppetMachine& p) {
    p.dial(LinkId{4}, test_address(1));
    p.send(LinkId{2}, Bytes(4 << 20));
  });
  world.run_for(9s);
  EXPECT_EQ(puppet(world, 0).opened.size(), 2U) << "the kernel shakes hands";
  EXPECT_LE(puppet(world, 0).bytes_sent, std::size_t{1 << 20});
  EXPECT_TRUE(puppet(world, 1).arrived.empty());
  EXPECT_FALSE(world.mutate(1, [](host::WorldMachine&, Instant) { FAIL(); }));
  world.resume(1);
  EXPECT_EQ(puppet(world, 1).deadlines, std::vector{Instant{10s}});
  world.run_for(5s);
  EXPECT_EQ(puppet(world, 1).opened.size(), 2U);
  EXPECT_EQ(puppet(world, 1).received[LinkId{1}].size(), std::size_t{4 << 20});
}

TEST(World, ACrashWhilePausedForgets) {
  World world({.link = {.latency = 10ms}});
  world.add_node(make_puppet);
  world.add_node(make_puppet);
  world.run_for(1s);
  world.pause(1);
  tell(world, 0, [](PuppetMachine& p) { p.dial(LinkId{2}, test_address(1)); });
  world.run_for(1s);
  world.crash(1, CrashKind::process);
  world.start(1);
  world.resume(1);
  world.run_for(1s);
  EXPECT_TRUE(puppet(world, 1).opened.empty());
  EXPECT_EQ(puppet(world, 1).wall.size(), 1U);
}

TEST(World, ActionsRunInOrderAndMayDoAnything) {
  World world({});
  std::string order;
  world.at(Instant{2s}, [&] { order += 'b'; });
  world.at(Instant{2s}, [&] { order += 'c'; });
  world.at(Instant{1s}, [&] {
    order += 'a';
    world.add_node(make_puppet);
    world.after(0s, [&] { order += '!'; });
  });
  world.every(1s, [&] { order += '.'; });
  world.run_until(Instant{2s});
  EXPECT_EQ(order, "a.!bc.");
  EXPECT_EQ(world.nodes(), 1U);
  world.at(Instant{3s}, [&] { world.stop(); });
  world.run_until(Instant{10s});
  EXPECT_EQ(world.now(), Instant{3s});
}

TEST(World, TheHookMayCrashTheNodeInTheMiddleOfItsReading) {
  World world({.link = {.latency = 10ms}});
  world.add_node(make_puppet);
  world.add_node(make_puppet);
  tell(world, 0, [](PuppetMachine& p) { p.dial(LinkId{2}, test_address(1)); });
  world.run_for(1s);
  world.set_after_turn([&](std::uint32_t node, host::WorldMachine& machine, Instant) {
    if (node == 1 && !static_cast<PuppetMachine&>(machine).arrived.empty()) world.restart(1);
  });
  tell(world, 0, [](PuppetMachine& p) { p.send(LinkId{2}, Bytes(1 << 20)); });
  world.run_for(10s);
  EXPECT_EQ(world.report().crashes, 1U);
  EXPECT_EQ(puppet(world, 0).closed.size(), 1U);
}

// Every call of a scenario, at random: nothing is left behind, no contract of a machine is broken
// (the puppets and the world assert), and the trace is a function of the seed.
std::uint64_t chaos(std::uint64_t seed) {
  World world({.seed = seed,
               .link = {.latency = 20ms,
                        .jitter = 15ms,
                        .bandwidth_bytes_per_s = 500'000,
                        .loss = 0.02,
                        .corrupt = 0.01},
               .network = {.give_up = 30s}});
  constexpr std::uint32_t count = 8;
  for (std::uint32_t i = 0; i < count; ++i) world.add_node(make_puppet);
  std::uint64_t next_link = 2;
  bool is_over = false;
  world.every(50ms, [&] {
    if (is_over) return;
    Rng& rng = world.rng();
    const auto node = static_cast<std::uint32_t>(rng.below(count));
    const auto other = static_cast<std::uint32_t>(rng.below(count));
    const auto any_link = [&](PuppetMachine& p) {
      return p.opened.empty() ? LinkId{1} : p.opened[rng.below(p.opened.size())].link;
    };
    switch (rng.below(16)) {
      case 0: world.restart(node); break;
      case 1: world.crash(node, rng.below(2) == 0 ? CrashKind::power : CrashKind::process); break;
      case 2: world.pause(node); break;
      case 3: world.resume(node); break;
      case 4: world.topology().isolate(std::array{node}, rng.below(2) ? Cut::a_to_b : Cut{}); break;
      case 5: world.topology().heal_all(); break;
      case 6: tell(world, node, [&](PuppetMachine& p) { p.wants = rng.below(2) == 0; }); break;
      case 7:
      case 8:
        tell(world, node, [&](PuppetMachine& p) { p.close(any_link(p), rng.below(2) == 0); });
        break;
      case 9:
      case 10:
      case 11:
        tell(world, node,
             [&](PuppetMachine& p) { p.dial(LinkId{next_link += 2}, test_address(other), 3s); });
        break;
      default:
        tell(world, node,
             [&](PuppetMachine& p) { p.send(any_link(p), Bytes(rng.below(200'000), 1)); });
    }
  });
  world.run_for(60s);
  is_over = true;
  for (std::uint32_t i = 0; i < count; ++i) world.crash(i, CrashKind::process);
  world.topology().heal_all();
  world.run_for(200s);
  RC_ASSERT(world.network().links_alive() == 0U);
  RC_ASSERT(world.network().buffer_bytes() == 0U);
  return world.trace_hash();
}

TEST(World, ChaosLeavesNothingBehind) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed) { RC_ASSERT(chaos(seed) == chaos(seed)); }));
}

TEST(World, AThousandNodesChatter) {
  World world({.seed = 1, .link = {.latency = 25ms, .jitter = 5ms}});
  add_chatter(world, 1000, 4, 256);
  world.run_for(1s);
  const Report report = world.report();
  EXPECT_EQ(report.network.links_opened, 4000U);
  EXPECT_GT(report.network.segments, 100'000U);
  EXPECT_EQ(report.network.dials_failed, 0U);
}

TEST(Checker, ReportsTheCanaryWithTimeAndSeed) {
  World world({.seed = 99});
  world.add_node(make_puppet);
  Checker checker(world);
  checker.add({"all is well", [](World&) { return std::optional<std::string>(); }});
  checker.add(canary_invariant(Instant{3500ms}));
  checker.check_every(1s);
  world.run_for(3s);
  EXPECT_EQ(checker.looks(), 3U);
  EXPECT_TRUE(checker.violations().empty());
  world.run_for(20s);
  ASSERT_EQ(checker.violations().size(), Checker::violations_per_invariant_max);
  EXPECT_EQ(checker.violations_seen(), 20U);
  const Violation& first = checker.violations()[0];
  EXPECT_EQ(first.invariant, "canary");
  EXPECT_EQ(first.at, Instant{4s});
  EXPECT_EQ(first.seed, 99U);
  EXPECT_NE(to_string(first).find("(at 4.000 s, event "), std::string::npos) << to_string(first);
}

TEST(Checker, LooksEachSoManyEvents) {
  World world({});
  add_chatter(world, 10, 2, 10);
  Checker checker(world);
  checker.check_every_events(100);
  world.run_for(1s);
  EXPECT_EQ(checker.looks(), world.events() / 100);
  EXPECT_GT(checker.looks(), 3U);
}

}  // namespace
}  // namespace kith::sim
