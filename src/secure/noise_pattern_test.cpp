#include "secure/noise_pattern.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "secure/cipher_state.h"
#include "secure/noise_testing.h"

namespace kith::secure {
namespace {

using testing::hex;
using testing::ScriptedRng;

struct PatternStep {
  std::string_view payload;
  std::string_view ciphertext;
};
struct PatternVector {
  NoisePattern pattern;
  std::string_view prologue, psk, init_static, init_ephemeral, resp_static, resp_ephemeral;
  std::string_view hash;  // empty where the file does not say it
  std::vector<PatternStep> steps;
};

// From the published test vectors of the projects cacophony and snow (the wiki's JSON form): all
// that they have of these three patterns with this cipher and hash.
const std::vector<PatternVector> pattern_vector_list = {
    // cacophony
    {NoisePattern::xx,
     "4a6f686e2047616c74",
     "",
     "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
     {
         {"4c756477696720766f6e204d69736573",
          "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c7564776967"
          "20766f6e204d69736573"},
         {"4d757272617920526f746862617264",
          "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e"
          "038c48378ffce2b65285e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed883116"
          "1f19b7815528f8982ffe09be9b5c412f8a0db50f8814c7194e83f23dbd8d162c9326ad"},
         {"462e20412e20486179656b",
          "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f"
          "169ae80a89be0865b57f58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030"},
         {"4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"},
         {"4a65616e2d426170746973746520536179",
          "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"},
         {"457567656e2042f6686d20766f6e2042617765726b",
          "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"},
     }},
    // cacophony
    {NoisePattern::nn_psk0,
     "4a6f686e2047616c74",
     "54686973206973206d7920417573747269616e20706572737065637469766521",
     "",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     "f4d03dc34495c95729ea6de9e1b59004b59733102488b3e24bc441e0be208eaf",
     {
         {"4c756477696720766f6e204d69736573",
          "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c794479b962b8aff8"
          "485742ac32f905ba45369e2465fb59e138a93d67a0d1266b6a54"},
         {"4d757272617920526f746862617264",
          "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d6062704d5a9"
          "c422a8e834423f8c1feada7e8d0d910a1a2cd030fb584221e3"},
         {"462e20412e20486179656b", "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f"},
         {"4361726c204d656e676572", "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e"},
         {"4a65616e2d426170746973746520536179",
          "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471cc8"},
         {"457567656e2042f6686d20766f6e2042617765726b",
          "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebdef8b8ca111"},
     }},
    // cacophony
    {NoisePattern::xx_psk3,
     "4a6f686e2047616c74",
     "54686973206973206d7920417573747269616e20706572737065637469766521",
     "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     "a477edf6a131bbdb54707f6ea30eab6cd935d9b560f0e5fd1f053a95a99669fb",
     {
         {"4c756477696720766f6e204d69736573",
          "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944c9f5ff0e8079"
          "630cb7e270c20bbf480821b77a384a645c71a2fd9b3db1c16a5f"},
         {"4d757272617920526f746862617264",
          "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843b123def17f71"
          "e6ae8e57e0e1dec5949c5f7415c6f33517398747d821a06dc23ad430aa1fd7381d46195c378a"
          "819fd574425462cbb2d4ca339e738a0b7001dc91423fbf55a99af0c6f1df21012ceb2f"},
         {"462e20412e20486179656b",
          "52187316111b118d4c060364f7b975dc0809b2590779aff2d63113c564f11744493384db7bf3"
          "2d5ae6686df6ab06d508d2e07caaf1d6afc010b978735fc78900e71ae1d314130d042e729a"},
         {"4361726c204d656e676572", "eaedc672d4c21e0e2955758756fb98f194c4e90d5deb5b6cf30b27"},
         {"4a65616e2d426170746973746520536179",
          "522d543c5fe799d09a3d9da7ff54d0dc03c8af1dc7751d2ff708339d2290943e98"},
         {"457567656e2042f6686d20766f6e2042617765726b",
          "7d4e2c3873eef6a213b04e72f9df60a91666072d3544c5d96c34a09e2329b5030bee796741"},
     }},
    // snow
    {NoisePattern::xx,
     "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f"
     "6e6c792066756e20616e6420626f72696e672e",
     "",
     "7dec208517a3b81a2861d7a71266d5d6dc944c5a8816634a86fe63198a0148ee",
     "a32daf21e93c0131495ce1d903181fde81cc46937daaeb990bae7c992709421e",
     "4d0aed5098e3b4ef20357e9f686ce66204c792b358da2e475017d6c485304881",
     "4eece0f195d026db035ff987597c429d3ad3bcc2944df37d649528951b2a27c5",
     "",
     {
         {"d03c489139e645d0711a3c9e810d776b46a84912463fafa87b884eebf242dc34",
          "f9fa868ba97ab8a2686deccfaad5a484ee10a5bb85e3d1dce015a84797f92818d03c489139e6"
          "45d0711a3c9e810d776b46a84912463fafa87b884eebf242dc34"},
         {"d8190a92f7dc0c93dbea9118ba8055751fb7c6590c416ffbd419964132b99a85",
          "8c4e6fdb7d09d501a86f7eca5c234522751706ed409182c05cdf5f827d4dae47b81c6c5f43b0"
          "25692c24391eefee725c17d8cb0fbe3e4abb8aedf42c4fd2592d4ea48ac08989d6ae8b4adae0"
          "8b2c34087c808c7aa55a63c02b0fab9e930612336bd43eaea04d3c670a0a146691aa9cc9d357"
          "872320dc735dbc48580cffb553db"},
         {"77891b19dcb92ef7c055b672c4a5aa7fdf1c84146b8b303459022729473ce254",
          "933ca6b5ed60df3df66121f0ab49a09e49efa45c613a86a3cecbf4c535cef2f83f72b42837b1"
          "8e3572f2fdc2b74c331e2368a545cef54bdca081678ab0e9dd5348122459e0c034c851984d88"
          "ce610963d43cde6cfe73a67fbd5a63e8bfca96d0"},
         {"d7efdf988072881941db045a42882433817555128fbf5663e56081712ec7d212",
          "54ef0ff0629e1aaa7685a2806ab111cba76b52331f2642276736f415868eacb69ab2577f3bda"
          "0cbf72f879685f6ed25f"},
         {"dd7bf01a588bafb52c6cfba952e5d8fe35cc2b3f92b4730ae2474615157345ce",
          "356be70f110306d5c699bb834bb9d58d909e325924dfbec972e406e6f294dc63e1daebefe8a6"
          "2a334facc8048ab4ad66"},
     }},
};
const std::vector<PatternVector>& pattern_vectors() { return pattern_vector_list; }

std::optional<crypto::X25519KeyPair> pattern_pair(std::string_view secret) {
  if (secret.empty()) return std::nullopt;
  return crypto::X25519KeyPair::from_secret(ByteView(hex(secret)).first<32>());
}

struct PatternSides {
  explicit PatternSides(const PatternVector& vector)
      : init_static(pattern_pair(vector.init_static)),
        resp_static(pattern_pair(vector.resp_static)),
        init_rng(hex(vector.init_ephemeral)),
        resp_rng(hex(vector.resp_ephemeral)),
        initiator(vector.pattern, Direction::outbound, init_static ? &*init_static : nullptr,
                  hex(vector.psk), hex(vector.prologue)),
        responder(vector.pattern, Direction::inbound, resp_static ? &*resp_static : nullptr,
                  hex(vector.psk), hex(vector.prologue)) {}

  std::optional<crypto::X25519KeyPair> init_static, resp_static;
  ScriptedRng init_rng, resp_rng;
  NoiseHandshake initiator, responder;
};

void check_pattern(const PatternVector& vector, bool is_bent_first) {
  PatternSides sides(vector);
  const std::size_t messages = noise_messages(vector.pattern);
  for (std::size_t i = 0; i < messages; ++i) {
    NoiseHandshake& writer = i % 2 == 0 ? sides.initiator : sides.responder;
    NoiseHandshake& reader = i % 2 == 0 ? sides.responder : sides.initiator;
    ASSERT_TRUE(writer.is_our_turn() && !reader.is_our_turn());
    Bytes message;
    ASSERT_TRUE(writer
                    .write_message(i % 2 == 0 ? sides.init_rng : sides.resp_rng,
                                   hex(vector.steps[i].payload), message)
                    .has_value());
    ASSERT_EQ(base::to_hex(message), vector.steps[i].ciphertext) << i;
    EXPECT_EQ(message.size(),
              noise_overhead(vector.pattern, i) + hex(vector.steps[i].payload).size());
    // Where there is a tag, what is bent changes nothing.
    const bool has_tag = i > 0 || vector.pattern != NoisePattern::xx;
    for (std::size_t bit = 0; is_bent_first && has_tag && bit < message.size() * 8; bit += 5) {
      Bytes bent = message;
      bent[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      // Bit 255 of an X25519 key is not looked at, but it is in the hash.
      ASSERT_FALSE(reader.read_message(bent).has_value()) << i << " " << bit;
      ASSERT_EQ(reader.step(), i);
    }
    const auto payload = reader.read_message(message);
    ASSERT_TRUE(payload.has_value()) << base::to_string(payload.error());
    EXPECT_EQ(base::to_hex(*payload), vector.steps[i].payload) << i;
  }
  ASSERT_TRUE(sides.initiator.is_done() && sides.responder.is_done());
  EXPECT_EQ(sides.initiator.handshake_hash(), sides.responder.handshake_hash());
  EXPECT_TRUE(base::equal(sides.initiator.chaining_key(), sides.responder.chaining_key()));
  if (!vector.hash.empty()) {
    EXPECT_EQ(base::to_hex(sides.initiator.handshake_hash()), vector.hash);
  }
  if (vector.pattern != NoisePattern::nn_psk0) {
    EXPECT_EQ(sides.initiator.remote_static(), sides.resp_static->public_key());
    EXPECT_EQ(sides.responder.remote_static(), sides.init_static->public_key());
  }

  const NoiseHandshake::Secrets secrets = sides.initiator.split();
  crypto::AeadKey keys[2];
  std::copy_n(secrets.from_initiator.view().begin(), 32, keys[0].begin());
  std::copy_n(secrets.from_responder.view().begin(), 32, keys[1].begin());
  CipherState ciphers[] = {CipherState(keys[0]), CipherState(keys[1])};
  for (std::size_t i = messages; i < vector.steps.size(); ++i) {
    Bytes bytes = hex(vector.steps[i].payload);
    bytes.resize(bytes.size() + crypto::aead_tag_bytes);
    ciphers[i % 2].seal({}, bytes);
    EXPECT_EQ(base::to_hex(bytes), vector.steps[i].ciphertext) << i;
  }
}

TEST(NoisePattern, MatchesThePublishedVectors) {
  std::size_t seen[4] = {};
  for (const PatternVector& vector : pattern_vectors()) {
    check_pattern(vector, false);
    ++seen[static_cast<std::size_t>(vector.pattern)];
  }
  for (std::size_t i = 1; i < 4; ++i) EXPECT_GE(seen[i], 1u);
}

TEST(NoisePattern, AMessageThatDoesNotOpenChangesNothing) {
  for (const PatternVector& vector : pattern_vectors()) check_pattern(vector, true);
}

TEST(NoisePattern, AShortMessageIsMalformedAndChangesNothing) {
  for (const PatternVector& vector : pattern_vectors()) {
    PatternSides sides(vector);
    for (std::size_t size = 0; size < noise_overhead(vector.pattern, 0); ++size) {
      Bytes message(size, 9);
      EXPECT_EQ(sides.responder.read_message(message).error().code, Code::malformed);
      EXPECT_EQ(sides.responder.step(), 0u);
    }
  }
}

TEST(NoisePattern, AnotherPskOrPrologueOpensNothing) {
  SeededRng rng(1);
  const Bytes psk(32, 1);
  const Bytes other(32, 2);
  const Bytes name{1};
  const Bytes other_name{2};
  for (const auto& [their_psk, their_name] : {std::pair{psk, other_name}, std::pair{other, name}}) {
    NoiseHandshake initiator(NoisePattern::nn_psk0, Direction::outbound, nullptr, psk, name);
    NoiseHandshake responder(NoisePattern::nn_psk0, Direction::inbound, nullptr, their_psk,
                             their_name);
    Bytes message;
    ASSERT_TRUE(initiator.write_message(rng, {}, message).has_value());
    EXPECT_EQ(responder.read_message(message).error().code, Code::bad_signature);
  }
}

TEST(NoisePattern, AKeyOfLowOrderIsRefused) {
  SeededRng rng(1);
  const auto key = crypto::X25519KeyPair::generate(rng);
  NoiseHandshake responder(NoisePattern::xx, Direction::inbound, &key, {}, {});
  Bytes zeros(32);
  ASSERT_TRUE(responder.read_message(zeros).has_value());
  Bytes out;
  EXPECT_EQ(responder.write_message(rng, {}, out).error().code, Code::bad_key);

  NoiseHandshake initiator(NoisePattern::xx, Direction::outbound, &key, {}, {});
  ASSERT_TRUE(initiator.write_message(rng, {}, out).has_value());
  Bytes answer(noise_overhead(NoisePattern::xx, 1));
  EXPECT_EQ(initiator.read_message(answer).error().code, Code::bad_key);
  EXPECT_EQ(initiator.step(), 1u);
}

}  // namespace
}  // namespace kith::secure
