#include "node/worker_peers.h"

#include <gtest/gtest.h>

#include "codec/peer_id.h"
#include "ledger/jobs_audit_test_util.h"

namespace kith::node {
namespace {

using codec::test::hash_of;
using codec::test::identity;
using gossip::Verdict;

PeerId peer(std::uint32_t n) { return codec::peer_id_of(identity(n).pair.public_key()); }

class WorkerPeersTest : public testing::Test {
 protected:
  WorkerPeersTest() {
    for (std::uint32_t n = 10; n < 14; ++n) {
      world_.add_account(n, 1'000);
      world_.add_worker(n, n);
    }
    peers_.on_final({1'000});
  }
  static codec::WorkerPeer said(std::uint32_t key, std::uint64_t height, std::uint32_t by,
                                const Hash& genesis = hash_of(0x77)) {
    codec::WorkerPeer said{identity(key).key, {height}, peer(by), {}};
    said.signature = identity(key).pair.sign(codec::worker_peer_message(genesis, said));
    return said;
  }
  Verdict hear(const codec::WorkerPeer& said) { return hear(codec::encode(said)); }
  Verdict hear(const Bytes& bytes) {
    peers_.on_message(Token{7}, bytes, world_.entries);
    const auto judged = std::get<WorkerPeers::Judged>(peers_.poll_output().value());
    EXPECT_EQ(judged.token, Token{7});
    return judged.verdict;
  }

  ledger::test::JobWorld world_;
  WorkerPeers peers_{hash_of(0x77)};
};

TEST_F(WorkerPeersTest, TheLastOfEachKeyIsKeptAndForgottenInTime) {
  EXPECT_EQ(peers_.topic(), "/kith/compute/1/" + base::to_hex(ByteView(hash_of(0x77)).first(8)));
  EXPECT_EQ(hear(said(10, 1'000, 20)), Verdict::accept);
  EXPECT_EQ(hear(said(11, 998, 21)), Verdict::accept);
  EXPECT_EQ(*peers_.peer_of(identity(10).key), peer(20));
  EXPECT_EQ(*peers_.peer_of(identity(11).key), peer(21));
  EXPECT_EQ(peers_.peer_of(identity(12).key), nullptr);
  peers_.on_final({1'060});
  EXPECT_EQ(hear(said(10, 1'060, 30)), Verdict::accept);
  EXPECT_EQ(*peers_.peer_of(identity(10).key), peer(30));
  peers_.on_final({998 + WorkerPeers::life + 1});
  EXPECT_EQ(peers_.peer_of(identity(11).key), nullptr);
  EXPECT_EQ(peers_.size(), 1u);
}

TEST_F(WorkerPeersTest, WhatIsOldTooSoonOrOfNobodyIsPassedOver) {
  EXPECT_EQ(hear(said(10, 1'000, 20)), Verdict::accept);
  EXPECT_EQ(hear(said(10, 1'000, 20)), Verdict::ignore) << "again";
  EXPECT_EQ(hear(said(10, 1'016, 21)), Verdict::ignore) << "too soon";
  EXPECT_EQ(hear(said(11, 983, 21)), Verdict::ignore) << "of long ago";
  EXPECT_EQ(hear(said(11, 1'017, 21)), Verdict::ignore) << "of a time to come";
  EXPECT_EQ(hear(said(99, 1'000, 21)), Verdict::ignore) << "no account's";
  EXPECT_EQ(*peers_.peer_of(identity(10).key), peer(20));
  EXPECT_EQ(peers_.size(), 1u);
  EXPECT_EQ(peers_.stats().ignored, 5u);
}

TEST_F(WorkerPeersTest, WhatIsNotSignedIsTheFaultOfWhoBringsIt) {
  codec::WorkerPeer forged = said(10, 1'000, 20);
  forged.peer = peer(21);
  EXPECT_EQ(hear(forged), Verdict::reject);
  EXPECT_EQ(hear(said(10, 1'000, 20, hash_of(0x78))), Verdict::reject) << "another chain's";
  EXPECT_EQ(hear(Bytes{1, 2, 3}), Verdict::reject);
  EXPECT_EQ(peers_.size(), 0u);
  EXPECT_EQ(hear(said(10, 1'000, 20)), Verdict::accept);
}

TEST_F(WorkerPeersTest, OurOwnIsSaidOnceInAnInterval) {
  EXPECT_TRUE(peers_.is_time());
  peers_.say(said(13, 1'000, 40));
  const auto message = std::get<WorkerPeers::Say>(peers_.poll_output().value()).message;
  EXPECT_EQ(codec::decode_worker_peer(message).value(), said(13, 1'000, 40));
  EXPECT_EQ(*peers_.peer_of(identity(13).key), peer(40));
  peers_.on_final({1'000 + WorkerPeers::interval - 1});
  EXPECT_FALSE(peers_.is_time());
  peers_.on_final({1'000 + WorkerPeers::interval});
  EXPECT_TRUE(peers_.is_time());
}

}  // namespace
}  // namespace kith::node
