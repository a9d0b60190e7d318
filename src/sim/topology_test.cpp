#include "sim/topology.h"

#include <gtest/gtest.h>

#include <array>

#include "sim/payload_pool.h"
#include "sim/trace_hash.h"

namespace kith::sim {
namespace {

TEST(Topology, APairGoesBeforeItsRegionsAndThoseBeforeTheDefault) {
  Topology topology(LinkModel{.latency = 9ms, .loss = 0.5});
  topology.add_host(Region::europe);
  topology.add_host(Region::australia);
  topology.add_host();
  EXPECT_EQ(topology.model(0, 1).latency, region_latency(Region::europe, Region::australia));
  EXPECT_EQ(topology.model(0, 1).loss, 0.5) << "all but the latency is the default's";
  EXPECT_EQ(topology.model(0, 2).latency, 9ms);
  topology.set_path(0, 1, LinkModel{.latency = 1ms});
  EXPECT_EQ(topology.model(0, 1).latency, 1ms);
  EXPECT_NE(topology.model(1, 0).latency, 1ms);
  topology.clear_pair(1, 0);
  EXPECT_NE(topology.model(0, 1).latency, 1ms);
}

TEST(Topology, RegionsAreSymmetric) {
  for (std::size_t a = 0; a < regions_count; ++a) {
    for (std::size_t b = 0; b < regions_count; ++b) {
      const auto there = region_latency(static_cast<Region>(a), static_cast<Region>(b));
      EXPECT_EQ(there, region_latency(static_cast<Region>(b), static_cast<Region>(a)));
      EXPECT_GT(there, 0ms);
    }
  }
}

TEST(Topology, PartitionsCutOneOrBothWays) {
  Topology topology{LinkModel{}};
  for (int i = 0; i < 4; ++i) topology.add_host();
  const std::array<std::uint32_t, 1> a{0};
  const std::array<std::uint32_t, 2> b{1, 2};
  const auto one_way = topology.partition(a, b, Cut::a_to_b);
  EXPECT_FALSE(topology.is_open(0, 1));
  EXPECT_TRUE(topology.is_open(1, 0));
  EXPECT_TRUE(topology.is_open(0, 3));
  const auto alone = topology.isolate(a);
  EXPECT_FALSE(topology.is_open(1, 0));
  EXPECT_FALSE(topology.is_open(0, 3));
  EXPECT_TRUE(topology.is_open(0, 0));
  EXPECT_TRUE(topology.is_open(1, 2));
  topology.heal(alone);
  EXPECT_TRUE(topology.is_open(1, 0));
  EXPECT_FALSE(topology.is_open(0, 2));
  topology.heal(one_way);
  EXPECT_TRUE(topology.is_open(0, 2));
}

TEST(Topology, ChanceOfAny) {
  EXPECT_DOUBLE_EQ(chance_of_any(0.5, 2), 0.75);
  EXPECT_DOUBLE_EQ(chance_of_any(0, 90), 0);
  EXPECT_DOUBLE_EQ(chance_of_any(1, 3), 1);
  EXPECT_NEAR(chance_of_any(0.01, 45), 0.3638, 1e-4);
}

TEST(PayloadPool, GivesBlocksBackAndGrowsByAppending) {
  PayloadPool pool;
  Payload payload = pool.copy(base::as_bytes("hello"));
  EXPECT_EQ(payload.capacity, PayloadPool::block_bytes_min);
  Bytes expected = base::to_bytes("hello");
  for (int i = 0; i < 100; ++i) {
    pool.append(payload, base::as_bytes(" and more"));
    base::append(expected, base::as_bytes(" and more"));
  }
  EXPECT_TRUE(base::equal(payload.bytes(), expected));
  EXPECT_EQ(pool.bytes_in_use(), payload.capacity);
  pool.release(payload);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
  const std::size_t allocated = pool.bytes_allocated();
  Payload again = pool.acquire(expected.size());
  EXPECT_EQ(pool.bytes_allocated(), allocated);
  pool.release(again);
  Payload largest = pool.acquire(PayloadPool::block_bytes_max);
  EXPECT_EQ(largest.capacity, PayloadPool::block_bytes_max);
  pool.release(largest);
}

TEST(TraceHash, SeesEachByteAndTheLength) {
  Bytes bytes(100);
  const std::uint64_t before = hash_bytes(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= 1;
    EXPECT_NE(hash_bytes(bytes), before) << i;
    bytes[i] ^= 1;
  }
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_NE(hash_bytes(ByteView(bytes).first(n)), before) << n;
  }
  EXPECT_EQ(hash_bytes(bytes), before);
}

}  // namespace
}  // namespace kith::sim
