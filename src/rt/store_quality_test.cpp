#include "rt/store_quality.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>

#include "peer/test_quality.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using peer::point;
using peer::test_peer;

peer::StoredQuality quality(std::uint32_t number, std::int64_t as_of = 1000) {
  peer::StoredQuality stored;
  stored.peer = test_peer(number);
  stored.as_of = WallTime{as_of};
  stored.credit = 5 * point;
  stored.fault = number;
  stored.liveness = 3;
  stored.is_warned = true;
  stored.is_on_probation = number % 2 == 0;
  stored.first_seen = WallTime{as_of - 500};
  stored.last_seen = WallTime{as_of - 1};
  stored.connected = 90s;
  for (std::size_t i = 0; i < stored.counts.size(); ++i) stored.counts[i] = 10 + i;
  stored.history = {{WallTime{7}, "rejected", "gossip", "caf\xc3\xa9", 3},
                    {WallTime{8}, "warned", "peer", "", 1}};
  return stored;
}
peer::StoredQuality banned(std::uint32_t number, std::optional<WallTime> until) {
  peer::StoredQuality stored = quality(number);
  stored.ban = peer::StoredBan{peer::BanCause::person, until, "spam"};
  return stored;
}

host::QualityLoaded load_all(QualityStore& store) {
  std::promise<host::QualityLoaded> promise;
  store.load([&](host::QualityLoaded all) { promise.set_value(std::move(all)); });
  return promise.get_future().get();
}
std::vector<peer::StoredQuality> load(QualityStore& store) { return load_all(store).peers; }
std::unique_ptr<SqliteQualityStore> open(const std::string& path,
                                         SqliteQualityStoreConfig config = {}) {
  return SqliteQualityStore::open(path, base::null_log(), config).value();
}
std::size_t damaged_files(const std::string& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.path().filename().string().find("quality.db.damaged-") == 0 ? 1 : 0;
  }
  return count;
}

TEST(QualityStore, RemembersAllOfIt) {
  TempDir dir;
  {
    auto store = open(dir / "quality.db");
    store->store(quality(1, 2000));
    store->store(banned(2, WallTime{99}));
    store->store(banned(3, std::nullopt));
    peer::StoredQuality bare;
    bare.peer = test_peer(4);
    store->store(bare);
    store->store(quality(5));
    store->forget(test_peer(5));
    EXPECT_EQ(load(*store).size(), 4u);  // what waits is seen
  }
  struct stat info{};
  ASSERT_EQ(::stat((dir / "quality.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto store = open(dir / "quality.db");
  const auto all = load(*store);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0], banned(2, WallTime{99}));  // bans first
  EXPECT_EQ(all[1], banned(3, std::nullopt));
  EXPECT_EQ(all[2], quality(1, 2000));
  EXPECT_EQ(all[3].peer, test_peer(4));
  EXPECT_FALSE(all[3].first_seen || all[3].ban);
}

// A125: a record that knows less must not reset what was counted.
TEST(QualityStore, AnUpsertKeepsCounters) {
  TempDir dir;
  auto store = open(dir / "quality.db");
  store->store(quality(1, 5000));
  store->flush();
  peer::StoredQuality fresh;
  fresh.peer = test_peer(1);
  fresh.as_of = WallTime{6000};
  fresh.counts[0] = 1000;
  fresh.first_seen = WallTime{5900};
  store->store(fresh);
  const auto all = load(*store);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].counts[0], 1000u);
  EXPECT_EQ(all[0].counts[1], 11u);
  EXPECT_EQ(all[0].first_seen, WallTime{4500});
  EXPECT_EQ(all[0].last_seen, WallTime{4999});
  EXPECT_EQ(all[0].connected, 90s);
  EXPECT_EQ(all[0].credit, 0);          // standing is replaced…
  EXPECT_TRUE(all[0].history.empty());  // …and so is the history
}

TEST(QualityStore, ForgetsTheOldestButNoBans) {
  TempDir dir;
  {
    // Written one by one: the limit holds at the end, however many writes there were.
    auto store = open(dir / "quality.db", {.peers_max = 5, .flush_after = Duration(0)});
    store->store(banned(1, std::nullopt));
    store->flush();  // the first write prunes, and so must the last
    for (std::uint32_t i = 2; i < 20; ++i) store->store(quality(i, 1000 + i));
  }
  auto store = open(dir / "quality.db", {.peers_max = 100});
  const auto all = load(*store);
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0].peer, test_peer(1));
  EXPECT_EQ(all[1].peer, test_peer(19));
  EXPECT_EQ(all[4].peer, test_peer(16));
}

// The child bans, which is not to wait for anything, and goes on storing until it is killed.
TEST(QualityStore, BansSurviveKill9) {
  TempDir dir;
  const std::string path = dir / "quality.db";
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = open(path, {.flush_after = Duration(0)});
    for (std::uint32_t i = 0; i < 50; ++i) store->store(banned(i, std::nullopt));
    store->flush();
    if (::write(ends[1], "x", 1) != 1) ::_exit(1);
    for (std::uint32_t n = 0;; ++n) store->store(quality(100 + n % 50));
  }
  char told = 0;
  ASSERT_EQ(::read(ends[0], &told, 1), 1);
  ::usleep(20'000);  // somewhere in the middle of a write; any moment must do
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  auto store = SqliteQualityStore::open(path, base::null_log());
  ASSERT_TRUE(store) << store.error().message;
  std::size_t bans = 0;
  for (const auto& stored : load(**store)) bans += stored.ban ? 1 : 0;
  EXPECT_EQ(bans, 50u);
  EXPECT_EQ(damaged_files(dir.path()), 0u);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(QualityStore, ADamagedFileIsMovedAside) {
  TempDir dir;
  const std::string path = dir / "quality.db";
  std::ofstream(path) << std::string(10'000, 'x');
  auto store = open(path);
  EXPECT_EQ(damaged_files(dir.path()), 1u);
  store->store(quality(1));
  EXPECT_EQ(load(*store).size(), 1u);
}

TEST(QualityStore, ALaterSchemaIsLeftAlone) {
  TempDir dir;
  const std::string path = dir / "quality.db";
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto refused = SqliteQualityStore::open(path, base::null_log());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().message.find("99"), std::string::npos);
  EXPECT_EQ(damaged_files(dir.path()), 0u);
  EXPECT_EQ(SqliteQualityStore::open(dir / "none/quality.db", base::null_log()).error().code,
            Code::io);
}

// What another program may have written into the file is read without harm.
TEST(QualityStore, NonsenseInTheFileIsHarmless) {
  TempDir dir;
  const std::string path = dir / "quality.db";
  {
    open(path)->store(quality(1));
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  const char* sql =
      "UPDATE quality SET connected_ms = 9223372036854775807, credit = -5, useful = -1, "
      "as_of_ms = -9223372036854775808, first_seen_ms = 9223372036854775807, ban_cause = 'whim'; "
      "UPDATE quality_history SET reason = printf('%.1000c', 'y'), count = -1; "
      "INSERT INTO quality SELECT x'00', as_of_ms, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "
      "0, 0, 0, 0, 0, 0, 0, 0, 0 FROM quality";
  char* error = nullptr;
  ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_close(db);
  auto store = open(path);
  const auto all = load(*store);
  ASSERT_EQ(all.size(), 1u);  // the other has no peer's id
  EXPECT_EQ(all[0].counts[0], 0u);
  EXPECT_EQ(all[0].history[0].reason.size(), peer::history_text_bytes_max);
  ASSERT_TRUE(all[0].ban);
  peer::QualityBench bench;
  bench.input(peer::Restore{all[0]});
  EXPECT_TRUE(bench.of(test_peer(1)).is_banned);
  EXPECT_EQ(bench.of(test_peer(1)).reputation, 0);
}

TEST(QualityStore, ChangesWaitingAreBounded) {
  TempDir dir;
  auto store = open(dir / "quality.db", {.changes_max = 8, .flush_after = 1h});
  // The store's thread is held inside a load, so nothing is written meanwhile.
  std::promise<void> held, release;
  store->load([&](host::QualityLoaded) {
    held.set_value();
    release.get_future().wait();
  });
  held.get_future().wait();
  for (std::uint32_t i = 0; i < 10; ++i) store->store(quality(i));
  store->store(quality(0, 7777));  // one that waits already is replaced
  EXPECT_EQ(store->dropped(), 2u);
  release.set_value();
  const auto all = load(*store);
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(all[0].as_of.unix_ms, 7777);
}

TEST(QualityStore, KeepsTheHighestSeqnoOfTheLatestAuthors) {
  TempDir dir;
  constexpr std::uint64_t huge = ~std::uint64_t{0};
  {
    auto store = open(dir / "quality.db");
    store->store_seqnos({{test_peer(1), 7}, {test_peer(2), huge}});
    store->flush();
    store->store_seqnos({{test_peer(1), 6}, {test_peer(3), 1}, {test_peer(3), 9}});
    EXPECT_EQ(load_all(*store).seqnos.size(), 3u);  // what waits is seen
  }
  {
    auto store = open(dir / "quality.db");
    auto seqnos = load_all(*store).seqnos;
    std::ranges::sort(seqnos, {}, &host::StoredSeqno::highest);
    EXPECT_EQ(seqnos, (std::vector<host::StoredSeqno>{
                          {test_peer(1), 7}, {test_peer(3), 9}, {test_peer(2), huge}}));
  }
  auto store = open(dir / "quality.db", {.authors_max = 2, .flush_after = 1h});
  EXPECT_EQ(load_all(*store).seqnos.size(), 2u);
  store->store_seqnos({{test_peer(4), 1}, {test_peer(5), 1}, {test_peer(6), 1}});
  EXPECT_EQ(store->dropped(), 1u);
}

// Two runs of a node: what the first one knew, the second one goes by.
TEST(QualityStore, CarriesAMachineFromOneRunToTheNext) {
  TempDir dir;
  using enum PeerEventKind;
  {
    auto store = open(dir / "quality.db");
    peer::QualityBench run;
    run.connect(test_peer(1));
    run.events(test_peer(1), useful, 100, 1s);
    run.event(test_peer(2), fatal, "equivocation");
    run.quality.persist_all(run.now);
    run.drain();
    for (auto& persist : run.take<peer::Persist>()) store->store(std::move(persist.stored));
  }
  auto store = open(dir / "quality.db");
  peer::QualityBench next(peer::quiet_config(), Instant(5s));  // another clock altogether
  for (auto& stored : load(*store)) next.input(peer::Restore{std::move(stored)});
  EXPECT_TRUE(next.of(test_peer(2)).is_banned);
  EXPECT_FALSE(next.quality.admit(next.now, test_peer(2)));
  EXPECT_GE(next.of(test_peer(1)).reputation, 98);
  next.wait(901min);
  EXPECT_TRUE(next.quality.admit(next.now, test_peer(2)));
}

}  // namespace
}  // namespace kith::rt
