#include "rt/worker_pool.h"

#include <atomic>
#include <latch>
#include <thread>

#include "rt/test_world.h"

namespace kith::rt {
namespace {

TEST(WorkerPool, ResultsComeBackToTheReactor) {
  TestWorld world;
  Reactor reactor(world, {}, base::null_log(), nullptr);
  WorkerPool pool(reactor, {.threads = 3});
  const auto here = std::this_thread::get_id();
  int sum = 0;
  int results = 0;
  for (int i = 1; i <= 100; ++i) {
    ASSERT_TRUE(pool.submit([&, i]() -> WorkerPool::Result {
      EXPECT_NE(std::this_thread::get_id(), here);
      return [&, i] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        sum += i;
        ++results;
      };
    }));
  }
  ASSERT_TRUE(run_until(reactor, [&] { return results == 100; }));
  EXPECT_EQ(sum, 5050);
}

TEST(WorkerPool, TheQueueIsBounded) {
  TestWorld world;
  Reactor reactor(world, {}, base::null_log(), nullptr);
  std::latch running(1), release(1);
  WorkerPool pool(reactor, {.threads = 1, .jobs_max = 2});
  ASSERT_TRUE(pool.submit([&]() -> WorkerPool::Result {
    running.count_down();
    release.wait();
    return {};
  }));
  running.wait();
  ASSERT_TRUE(pool.submit([]() -> WorkerPool::Result { return {}; }));
  ASSERT_TRUE(pool.submit([]() -> WorkerPool::Result { return {}; }));
  const auto refused = pool.submit([]() -> WorkerPool::Result { return {}; });
  release.count_down();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
}

// The owner's data stands before the pool, so it outlives the workers; what they finish when the
// pool ends is never delivered. Under ASan and TSan a wrong order shows here.
TEST(WorkerPool, OwnerOutlivesTheWorkers) {
  TestWorld world;
  Reactor reactor(world, {}, base::null_log(), nullptr);
  struct Owner {
    Owner(Reactor& of, std::latch& begun) : pool(of, {.threads = 2}) {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(pool.submit([this, &begun]() -> WorkerPool::Result {
          if (!has_begun.exchange(true)) begun.count_down();
          for (int n = 0; n < 1000; ++n)
            data[static_cast<std::size_t>(n) % data.size()].fetch_add(1);
          return [this] { data[0].fetch_add(1); };
        }));
      }
    }
    std::vector<std::atomic<int>> data = std::vector<std::atomic<int>>(64);
    std::atomic<bool> has_begun = false;
    WorkerPool pool;
  };
  std::latch begun(1);
  auto owner = std::make_unique<Owner>(reactor, begun);
  begun.wait();
  owner.reset();
  bool quiet = false;
  reactor.post([&] { quiet = true; });  // behind every result that was posted
  EXPECT_TRUE(run_until(reactor, [&] { return quiet; }));
}

}  // namespace
}  // namespace kith::rt
