#include "codec/worker_peer.h"

#include <gtest/gtest.h>

#include "codec/peer_id.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;
using test::identity;

WorkerPeer said() {
  WorkerPeer said{identity(3).key, {77}, peer_id_of(identity(4).pair.public_key()), {}};
  said.signature.fill(9);
  return said;
}

TEST(WorkerPeer, ReadsWhatItWroteAndNothingElse) {
  const Bytes bytes = encode(said());
  ASSERT_LE(bytes.size(), worker_peer_bytes_max);
  EXPECT_EQ(decode_worker_peer(bytes).value(), said());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_worker_peer(ByteView(bytes).first(size)).has_value()) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_worker_peer(longer).has_value());
  Bytes newer = bytes;
  newer[0] = 2;
  EXPECT_EQ(decode_worker_peer(newer).error().code, Code::unsupported);
  Bytes nobody = bytes;
  nobody[42] ^= 1;  // of the peer id
  EXPECT_FALSE(decode_worker_peer(nobody).has_value());
}

TEST(WorkerPeer, ItsBytesAreThese) {
  const Bytes bytes = encode(said());
  EXPECT_EQ(base::to_hex(bytes), "01" + base::to_hex(identity(3).key) + "000000000000004d" + "26" +
                                     base::to_hex(said().peer.bytes()) +
                                     base::to_hex(said().signature));
}

TEST(WorkerPeer, WhatIsSignedNamesTheChainAndAllThatIsSaid) {
  const Hash message = worker_peer_message(hash_of(1), said());
  EXPECT_NE(worker_peer_message(hash_of(2), said()), message);
  WorkerPeer other = said();
  other.signature.fill(1);
  EXPECT_EQ(worker_peer_message(hash_of(1), other), message);
  other.height = {78};
  EXPECT_NE(worker_peer_message(hash_of(1), other), message);
  other = said();
  other.worker = identity(5).key;
  EXPECT_NE(worker_peer_message(hash_of(1), other), message);
  other = said();
  other.peer = peer_id_of(identity(5).pair.public_key());
  EXPECT_NE(worker_peer_message(hash_of(1), other), message);
}

}  // namespace
}  // namespace kith::codec
