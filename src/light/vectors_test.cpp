#include <gtest/gtest.h>

#include "codec/golden_test_util.h"
#include "light/test_vectors.h"

namespace kith::light {
namespace {

TEST(LightVectors, AreWhatIsMadeNow) {
  const auto vectors = Vectors::all();
  const auto lines = codec::golden_lines("chain_proof.txt");
  ASSERT_EQ(lines.size(), vectors.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string line;
    for (std::size_t at = 0; at < 7; ++at) line += (at > 0 ? " " : "") + lines[i][at];
    EXPECT_EQ(line, line_of(vectors[i])) << vectors[i].name;
  }
}

TEST(LightVectors, AreBelievedOrNot) {
  for (const auto& line : codec::golden_lines("chain_proof.txt")) {
    SCOPED_TRACE(line[0]);
    const auto hash = [](const std::string& hex) {
      const Bytes bytes = codec::unhex(hex);
      Hash hash{};
      std::ranges::copy(bytes, hash.begin());
      return hash;
    };
    Trust trust{hash(line[1]), {}};
    if (const auto colon = line[2].find(':'); colon != std::string::npos) {
      trust.checkpoint = {{std::stoull(line[2].substr(0, colon))}, hash(line[2].substr(colon + 1))};
    }
    LightConfig config;
    config.trusting_period = std::chrono::milliseconds(std::stoll(line[3]));
    const auto proof = codec::decode_chain_proof(codec::unhex(line[6]));
    ASSERT_TRUE(proof) << proof.error().message;
    bool is_believed = false;
    auto client = LightClient::begin(trust, proof->start, config);
    if (client) is_believed = client->verify(*proof, {std::stoll(line[4])}).has_value();
    EXPECT_EQ(is_believed, line[5] == "yes");
  }
}

}  // namespace
}  // namespace kith::light
