#include "codec/chain_heartbeat.h"

#include <rapidcheck.h>

#include <set>

#include "codec/golden_test_util.h"
#include "codec/test_votes.h"
#include "crypto/ed25519_zip215.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t sender = 9;

Heartbeat beat(std::uint64_t slot, std::uint64_t height, const Hash& digest) {
  const crypto::KeyPair key = key_of_number(sender);
  Heartbeat heartbeat{validator_key(key), slot, {height}, digest, {}};
  heartbeat.signature = key.sign(heartbeat_hash(test_genesis, heartbeat));
  return heartbeat;
}

TEST(ChainHeartbeat, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_heartbeat.txt")) {
    SCOPED_TRACE(line[0]);
    const Heartbeat heartbeat =
        beat(std::stoull(line[0]), std::stoull(line[1]), hash_from_hex(line[2]));
    const TestValidators validators(std::stoul(line[3]));
    const Hash hash = heartbeat_hash(test_genesis, heartbeat);
    EXPECT_EQ(base::to_hex(hash), line[4]);
    EXPECT_EQ(base::to_hex(encode(HeartbeatMessage(heartbeat))), line[5]);
    EXPECT_EQ(decode_heartbeat_message(unhex(line[5])).value(), HeartbeatMessage(heartbeat));
    const auto witnesses = witnesses_of(hash, validators.set, 5);
    std::vector<ValidatorKey> wanted;
    std::vector<std::uint8_t> numbers;
    std::istringstream list(line[6]);
    for (std::string each; std::getline(list, each, ',');) {
      numbers.push_back(static_cast<std::uint8_t>(std::stoi(each)));
      wanted.push_back(validator_key(key_of_number(numbers.back())));
    }
    EXPECT_EQ(witnesses, wanted);
    Attestation attestation{heartbeat, witnesses.front(), {}};
    attestation.signature =
        key_of_number(numbers.front()).sign(attestation_hash(test_genesis, hash));
    EXPECT_EQ(base::to_hex(encode(HeartbeatMessage(attestation))), line[7]);
    EXPECT_EQ(decode_heartbeat_message(unhex(line[7])).value(), HeartbeatMessage(attestation));
    EXPECT_TRUE(crypto::verify_zip215(heartbeat.key, hash, heartbeat.signature));
  }
}

TEST(ChainHeartbeat, EverythingIsCoveredByTheHash) {
  const Heartbeat heartbeat = beat(7, 5, number_hash(1));
  std::set<Hash> hashes = {heartbeat_hash(test_genesis, heartbeat)};
  Heartbeat other = heartbeat;
  other.slot = 8;
  hashes.insert(heartbeat_hash(test_genesis, other));
  other = heartbeat;
  other.height = {6};
  hashes.insert(heartbeat_hash(test_genesis, other));
  other = heartbeat;
  other.digest = number_hash(2);
  hashes.insert(heartbeat_hash(test_genesis, other));
  other = heartbeat;
  other.key[0] ^= 1;
  hashes.insert(heartbeat_hash(test_genesis, other));
  hashes.insert(heartbeat_hash(number_hash(3), heartbeat));
  hashes.insert(attestation_hash(test_genesis, heartbeat_hash(test_genesis, heartbeat)));
  EXPECT_EQ(hashes.size(), 7u);
}

TEST(ChainHeartbeat, WitnessesAreFewAndDrawnAnew) {
  const TestValidators validators(20);
  std::map<ValidatorKey, int> drawn;
  for (std::uint64_t slot = 0; slot < 200; ++slot) {
    const auto witnesses =
        witnesses_of(heartbeat_hash(test_genesis, beat(slot, 1, {})), validators.set, 5);
    ASSERT_EQ(witnesses.size(), 5u);
    EXPECT_EQ(std::set(witnesses.begin(), witnesses.end()).size(), 5u);
    for (const ValidatorKey& key : witnesses) ++drawn[key];
  }
  ASSERT_EQ(drawn.size(), 20u);  // 50 times each on average
  for (const auto& [key, times] : drawn) EXPECT_GT(times, 20);
}

TEST(ChainHeartbeat, RefusesWhatIsNone) {
  const Bytes bytes = encode(HeartbeatMessage(beat(7, 5, number_hash(1))));
  ASSERT_EQ(bytes.size(), heartbeat_bytes + 2);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_heartbeat_message(ByteView(bytes).first(size)));
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_heartbeat_message(longer));
  for (const std::size_t at : {0u, 1u}) {
    Bytes other = bytes;
    other[at] = 9;
    EXPECT_EQ(decode_heartbeat_message(other).error().code, Code::unsupported);
  }
  rc::check("bytes decode to what encodes to them, or not at all", [] {
    auto noise =
        *rc::gen::container<Bytes>(heartbeat_bytes + 2 + 96 * *rc::gen::inRange<std::size_t>(0, 2),
                                   rc::gen::arbitrary<std::uint8_t>());
    noise[0] = 1;
    noise[1] = *rc::gen::inRange<std::uint8_t>(0, 4);
    const auto message = decode_heartbeat_message(noise);
    if (message) RC_ASSERT(encode(*message) == noise);
  });
}

}  // namespace
}  // namespace kith::codec
