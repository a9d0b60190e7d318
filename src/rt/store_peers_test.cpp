#include "rt/store_peers.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <mutex>

#include "codec/peer_id.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

host::StoredPeer peer(std::uint8_t number, std::int64_t seen) {
  Bytes hash = {0x12, 0x20};
  hash.resize(34, number);
  return {codec::peer_id_from_bytes(hash).value(),
          {TestWorld::address("/ip4/10.0.0." + std::to_string(number) + "/tcp/4770"),
           TestWorld::address("/dns4/example.org/tcp/1")},
          Bytes(number, 7),
          WallTime{seen}};
}

std::vector<host::StoredPeer> load(PeerStore& store) {
  std::promise<std::vector<host::StoredPeer>> promise;
  store.load([&](std::vector<host::StoredPeer> peers) { promise.set_value(std::move(peers)); });
  return promise.get_future().get();
}

class Lines final : public base::Log {
 public:
  bool is_on(LogLevel, std::string_view) const override { return true; }
  void write(LogLevel, std::string_view, std::string_view sentence) override {
    const std::lock_guard lock(mutex);
    text += std::string(sentence) + "\n";
  }
  std::mutex mutex;
  std::string text;
};

std::size_t damaged_files(const std::string& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.path().filename().string().find("peers.db.damaged-") == 0 ? 1 : 0;
  }
  return count;
}

TEST(PeerStore, RemembersAcrossRuns) {
  TempDir dir;
  {
    auto store = SqlitePeerStore::open(dir / "peers.db", base::null_log()).value();
    for (std::uint8_t i = 0; i < 20; ++i) store->store(peer(i, 1000 + i));
    store->store(peer(3, 9000));
    store->forget(peer(4, 0).peer);
    EXPECT_EQ(load(*store).size(), 19u);  // what waits is seen
  }
  struct stat info{};
  ASSERT_EQ(::stat((dir / "peers.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto store = SqlitePeerStore::open(dir / "peers.db", base::null_log()).value();
  const auto peers = load(*store);
  ASSERT_EQ(peers.size(), 19u);
  EXPECT_EQ(peers[0].peer, peer(3, 0).peer);  // the last seen first
  EXPECT_EQ(peers[0].addresses, peer(3, 0).addresses);
  EXPECT_EQ(peers[0].signed_record, Bytes(3, 7));
  EXPECT_EQ(peers[0].last_seen.unix_ms, 9000);
}

TEST(PeerStore, ForgetsTheLongestUnseen) {
  TempDir dir;
  {
    auto store =
        SqlitePeerStore::open(dir / "peers.db", base::null_log(), {.peers_max = 5}).value();
    for (std::uint8_t i = 0; i < 20; ++i) store->store(peer(i, 1000 + i));
  }
  auto store = SqlitePeerStore::open(dir / "peers.db", base::null_log()).value();
  const auto peers = load(*store);
  ASSERT_EQ(peers.size(), 5u);
  EXPECT_EQ(peers[0].last_seen.unix_ms, 1019);
  EXPECT_EQ(peers[4].last_seen.unix_ms, 1015);
}

// The child stores, says when its data must be safe, and goes on storing until it is killed.
TEST(PeerStore, SurvivesKill9) {
  TempDir dir;
  const std::string path = dir / "peers.db";
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store =
        SqlitePeerStore::open(path, base::null_log(), {.flush_after = Duration(0)}).value();
    for (std::uint8_t i = 0; i < 50; ++i) store->store(peer(i, 1000 + i));
    store->flush();
    if (::write(ends[1], "x", 1) != 1) ::_exit(1);
    for (std::int64_t n = 0;; ++n) store->store(peer(static_cast<std::uint8_t>(n % 50), 5000 + n));
  }
  char told = 0;
  ASSERT_EQ(::read(ends[0], &told, 1), 1);
  ::usleep(20'000);  // somewhere in the middle of a write; any moment must do
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  auto store = SqlitePeerStore::open(path, base::null_log());
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(load(**store).size(), 50u);
  EXPECT_EQ(damaged_files(dir.path()), 0u);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(PeerStore, ADamagedFileIsMovedAside) {
  TempDir dir;
  const std::string path = dir / "peers.db";
  std::ofstream(path) << std::string(10'000, 'x');
  Lines log;
  {
    auto store = SqlitePeerStore::open(path, log);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_NE(log.text.find("damaged"), std::string::npos) << log.text;
    EXPECT_NE(log.text.find(path), std::string::npos);
    EXPECT_EQ(damaged_files(dir.path()), 1u);
    (*store)->store(peer(1, 1));
    EXPECT_EQ(load(**store).size(), 1u);
  }
  // Damage inside, with the header whole.
  const auto size = std::filesystem::file_size(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(static_cast<std::size_t>(size) - 4096, '\x55');
  file.close();
  auto store = SqlitePeerStore::open(path, log);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(load(**store).size(), 0u);
  EXPECT_GE(damaged_files(dir.path()), 2u);
}

TEST(PeerStore, ALaterSchemaIsLeftAlone) {
  TempDir dir;
  const std::string path = dir / "peers.db";
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto refused = SqlitePeerStore::open(path, base::null_log());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().message.find("99"), std::string::npos);
  EXPECT_EQ(damaged_files(dir.path()), 0u);
}

TEST(PeerStore, WhatCannotBeOpenedIsAnError) {
  TempDir dir;
  const auto refused = SqlitePeerStore::open(dir / "none/peers.db", base::null_log());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::io);
}

TEST(PeerStore, ChangesWaitingAreBounded) {
  TempDir dir;
  auto store = SqlitePeerStore::open(dir / "peers.db", base::null_log(),
                                     {.changes_max = 8, .flush_after = 1h})
                   .value();
  // The store's thread is held inside a load, so nothing is written meanwhile.
  std::promise<void> held, release;
  store->load([&](std::vector<host::StoredPeer>) {
    held.set_value();
    release.get_future().wait();
  });
  held.get_future().wait();
  for (std::uint8_t i = 0; i < 10; ++i) store->store(peer(i, i));
  store->store(peer(0, 77));  // one that waits already is replaced
  EXPECT_EQ(store->dropped(), 2u);
  release.set_value();
  const auto peers = load(*store);
  ASSERT_EQ(peers.size(), 8u);
  EXPECT_EQ(peers[0].last_seen.unix_ms, 77);
}

TEST(PeerStore, ServesAReactor) {
  TempDir dir;
  auto store = SqlitePeerStore::open(dir / "peers.db", base::null_log()).value();
  TestWorld world;
  Reactor reactor(world, {}, base::null_log(), store.get());
  world.say(host::StorePeer{peer(1, 1)});
  world.say(host::StorePeer{peer(2, 2)});
  world.say(host::ForgetPeer{peer(1, 1).peer});
  world.say(host::LoadPeers{});
  ASSERT_TRUE(run_until(reactor, [&] { return !world.peers_loaded.empty(); }));
  ASSERT_EQ(world.peers_loaded[0].peers.size(), 1u);
  EXPECT_EQ(world.peers_loaded[0].peers[0].peer, peer(2, 2).peer);
}

// The store answers from its own thread; a reactor that has gone must not be touched.
TEST(PeerStore, AnswersAfterTheReactorHasGone) {
  TempDir dir;
  auto store = SqlitePeerStore::open(dir / "peers.db", base::null_log()).value();
  std::promise<void> release;
  store->load([&](std::vector<host::StoredPeer>) { release.get_future().wait(); });
  {
    TestWorld world;
    Reactor reactor(world, {}, base::null_log(), store.get());
    world.say(host::LoadPeers{});
    ASSERT_TRUE(run_until(reactor, [&] { return world.outputs.empty(); }));
  }
  release.set_value();
  EXPECT_TRUE(load(*store).empty());
}

}  // namespace
}  // namespace kith::rt
