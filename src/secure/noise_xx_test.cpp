#include "secure/noise_xx.h"

#include "secure/noise_testing.h"

namespace kith::secure {
namespace {

using testing::hex;
using testing::ScriptedRng;

// vectors.txt of github.com/flynn/noise, Noise_XX_25519_ChaChaPoly_SHA256.
constexpr std::string_view init_static =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view resp_static =
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
constexpr std::string_view init_ephemeral =
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
constexpr std::string_view resp_ephemeral =
    "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60";

struct Step {
  std::string_view payload;
  std::string_view ciphertext;
};
struct Vector {
  std::string_view prologue;
  Step steps[5];
};
constexpr Vector vectors[] = {
    {"",
     {{"", "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"},
      {"",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2"
       "f58911a816d6e8346d4ea17a6f2a0bb4ef4ed56c133cff4560a34e36ea82109f26cf2e5a5caf992b"
       "608d55c747f615e5a3425a7a19eefb8f"},
      {"",
       "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d97e5ea11b16f39687"
       "10b23a3be3202dc1b5e1ce3c963347491e74f5c0768a9b42"},
      {"79656c6c6f777375626d6172696e65",
       "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"},
      {"7375626d6172696e6579656c6c6f77",
       "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"}}},
    {"",
     {{"746573745f6d73675f30",
       "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254746573745f6d7367"
       "5f30"},
      {"746573745f6d73675f31",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2"
       "f58911a816d6e8346d4ea17a6f2a0bb4ef4ed56c133cff4572e7a2ba5123ac30618b3d205f5c2d17"
       "f50cbca216483ac56bcc78e33bf520303278db641e5e731b2e3a"},
      {"746573745f6d73675f32",
       "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d9f27e318e43ba6305"
       "94c4d08eeb3b36d97c7377a2f4f9144b2f0c8095ad92140505b2ab53eff244b14138"},
      {"79656c6c6f777375626d6172696e65",
       "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"},
      {"7375626d6172696e6579656c6c6f77",
       "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"}}},
    {"6e6f74736563726574",
     {{"", "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"},
      {"",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2"
       "f58911a816d6e8346d4ea17a6f2a0bb4ef4ed56c133cff4588f043d1e49a3289b1beeab8f96b0551"
       "a48cddf9f38b1a12e46c6908644198f3"},
      {"",
       "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d95a04fa1f1c41fb3f"
       "00d496f242c1e44ce5b749b3d54bf74cea2dad086d601fb6"},
      {"79656c6c6f777375626d6172696e65",
       "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"},
      {"7375626d6172696e6579656c6c6f77",
       "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"}}},
    {"6e6f74736563726574",
     {{"746573745f6d73675f30",
       "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254746573745f6d7367"
       "5f30"},
      {"746573745f6d73675f31",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2"
       "f58911a816d6e8346d4ea17a6f2a0bb4ef4ed56c133cff4545958c588d17d6373e0c1dcfa3755d37"
       "f50cbca216483ac56bcc98f5095870aa814ba40c08079c11f087"},
      {"746573745f6d73675f32",
       "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d9c1e9a1a313d02b78"
       "871cfd178a521a4c7c7377a2f4f9144b2f0ccedc84d379151b466741e4b266db6023"},
      {"79656c6c6f777375626d6172696e65",
       "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"},
      {"7375626d6172696e6579656c6c6f77",
       "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"}}},
};

crypto::X25519KeyPair key_from(std::string_view secret) {
  const Bytes bytes = hex(secret);
  return crypto::X25519KeyPair::from_secret(std::span<const std::uint8_t, 32>(bytes));
}

void check_vector(const Vector& vector) {
  const auto init_key = key_from(init_static);
  const auto resp_key = key_from(resp_static);
  const Bytes prologue = hex(vector.prologue);
  ScriptedRng init_rng(hex(init_ephemeral));
  ScriptedRng resp_rng(hex(resp_ephemeral));
  NoiseXx initiator(Direction::outbound, init_key, prologue);
  NoiseXx responder(Direction::inbound, resp_key, prologue);

  for (std::size_t i = 0; i < noise_xx_messages; ++i) {
    NoiseXx& writer = i % 2 == 0 ? initiator : responder;
    NoiseXx& reader = i % 2 == 0 ? responder : initiator;
    Bytes message;
    ASSERT_TRUE(
        writer
            .write_message(i % 2 == 0 ? init_rng : resp_rng, hex(vector.steps[i].payload), message)
            .has_value());
    EXPECT_EQ(base::to_hex(message), vector.steps[i].ciphertext) << i;
    const auto payload = reader.read_message(message);
    ASSERT_TRUE(payload.has_value()) << base::to_string(payload.error());
    EXPECT_EQ(base::to_hex(*payload), vector.steps[i].payload) << i;
  }
  ASSERT_TRUE(initiator.is_done() && responder.is_done());
  EXPECT_EQ(initiator.handshake_hash(), responder.handshake_hash());
  EXPECT_EQ(initiator.remote_static(), resp_key.public_key());
  EXPECT_EQ(responder.remote_static(), init_key.public_key());

  NoiseXx::Transport of_initiator = initiator.split();
  NoiseXx::Transport of_responder = responder.split();
  // The file's convention: message 3 is under the initiator's key, message 4 under the responder's.
  for (std::size_t i = 3; i < 5; ++i) {
    CipherState& sender = i == 3 ? of_initiator.send : of_responder.send;
    CipherState& receiver = i == 3 ? of_responder.receive : of_initiator.receive;
    Bytes bytes = hex(vector.steps[i].payload);
    bytes.resize(bytes.size() + crypto::aead_tag_bytes);
    sender.seal({}, bytes);
    EXPECT_EQ(base::to_hex(bytes), vector.steps[i].ciphertext) << i;
    const auto text = receiver.open({}, bytes);
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(base::to_hex(*text), vector.steps[i].payload) << i;
  }
}

TEST(NoiseXx, MatchesThePublishedVectors) {
  for (const Vector& vector : vectors) check_vector(vector);
}

TEST(NoiseXx, AShortMessageIsMalformed) {
  const auto init_key = key_from(init_static);
  const auto resp_key = key_from(resp_static);
  for (std::size_t size = 0; size < noise_xx_overhead_bytes[0]; ++size) {
    NoiseXx responder(Direction::inbound, resp_key);
    Bytes message(size, 9);
    EXPECT_EQ(responder.read_message(message).error().code, Code::malformed);
  }
  for (std::size_t size = 0; size < noise_xx_overhead_bytes[1]; ++size) {
    ScriptedRng rng(hex(init_ephemeral));
    NoiseXx initiator(Direction::outbound, init_key);
    Bytes first;
    ASSERT_TRUE(initiator.write_message(rng, {}, first).has_value());
    Bytes message(size, 9);
    EXPECT_EQ(initiator.read_message(message).error().code, Code::malformed);
  }
}

TEST(CipherState, ABadTagDoesNotMoveTheCounter) {
  const crypto::AeadKey key{1};
  CipherState sender(key);
  CipherState receiver(key);
  Bytes good(20);
  sender.seal({}, good);
  Bytes bad = good;
  bad[3] ^= 1;
  EXPECT_EQ(receiver.open({}, bad).error().code, Code::bad_signature);
  EXPECT_TRUE(receiver.open({}, good).has_value());
}

TEST(CipherState, ANonceIsUsedOnce) {
  const crypto::AeadKey key{1};
  CipherState sender(key);
  CipherState receiver(key);
  Bytes first(20);
  sender.seal({}, first);
  Bytes again = first;
  Bytes second(20);
  sender.seal({}, second);
  EXPECT_NE(first, second);
  EXPECT_TRUE(receiver.open({}, first).has_value());
  EXPECT_FALSE(receiver.open({}, again).has_value());
  EXPECT_TRUE(receiver.open({}, second).has_value());
}

TEST(CipherState, RefusesToWrap) {
  const crypto::AeadKey key{1};
  constexpr std::uint64_t last = ~std::uint64_t{0} - 1;
  CipherState sender(key, last);
  CipherState receiver(key, last);
  Bytes bytes(20);
  ASSERT_TRUE(sender.has_nonce());
  sender.seal({}, bytes);
  EXPECT_FALSE(sender.has_nonce());
  Bytes again = bytes;
  EXPECT_TRUE(receiver.open({}, bytes).has_value());
  EXPECT_EQ(receiver.open({}, again).error().code, Code::limit);
  EXPECT_DEATH(sender.seal({}, again), "has_nonce");
}

}  // namespace
}  // namespace kith::secure
