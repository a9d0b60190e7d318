#include "codec/chain_snapshot.h"

#include <rapidcheck.h>

#include "codec/chain_sparse.h"
#include "codec/test_votes.h"

namespace kith::codec {
namespace {

Hash hash_of(const std::string& hex) {
  Hash hash{};
  std::ranges::copy(unhex(hex), hash.begin());
  return hash;
}

TEST(ChainSnapshot, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_snapshot.txt")) {
    SCOPED_TRACE(line[0] + " " + line[1]);
    if (line[0] == "part") {
      const std::uint64_t outputs = std::stoull(line[1]);
      const Bytes bytes = unhex(line[5]);
      const SnapshotPart part = decode_part(bytes, outputs).value();
      EXPECT_EQ(encode(part), bytes);
      const PartRecords records = check(part, outputs, hash_of(line[4])).value();
      EXPECT_EQ(records.leaves.size(), outputs);
      std::size_t unspent = 0;
      for (const auto& chunk : records.chunks) {
        for (std::size_t i = 0; i < txo_chunk_leaves; ++i) unspent += is_set(chunk.bitmap, i);
      }
      EXPECT_EQ(unspent, std::stoull(line[3]) - std::stoull(line[2]));
      EXPECT_FALSE(check(part, outputs, Hash{}));
      continue;
    }
    const Bytes bytes = unhex(line[1]);
    if (line[0] == "ask") {
      EXPECT_EQ(encode(decode_snapshot_request(bytes).value()), bytes);
    } else if (line[0] == "list") {
      EXPECT_EQ(encode_snapshots(decode_snapshots(bytes).value()), bytes);
    } else if (line[0] == "no-ask") {
      EXPECT_FALSE(decode_snapshot_request(bytes));
    } else {
      EXPECT_FALSE(decode_snapshots(bytes));
    }
  }
}

TEST(ChainSnapshot, OneBitOfAPartThatIsNotRightIsFound) {
  for (const GoldenLine& line : golden_lines("chain_snapshot.txt")) {
    if (line[0] != "part" || line[1] == "0") continue;
    const std::uint64_t outputs = std::stoull(line[1]);
    const Bytes bytes = unhex(line[5]);
    const Hash root = hash_of(line[4]);
    for (std::size_t i = 9; i < bytes.size(); i += 1 + bytes.size() / 300) {
      Bytes bad = bytes;
      bad[i] ^= 1;
      const auto part = decode_part(bad, outputs);
      if (part) EXPECT_FALSE(check(*part, outputs, root)) << i;
    }
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 300) {
      EXPECT_FALSE(decode_part(ByteView(bytes).first(cut), outputs)) << cut;
    }
    EXPECT_FALSE(decode_part(bytes, outputs + 1));
  }
}

TEST(ChainSnapshot, AnEpochEndsAsItsValidatorsSay) {
  const TestValidators four(4);
  const TestValidators others(3);
  BlockHeader header;
  header.height = {20};
  header.epoch = {1};
  header.view = {3};
  header.validators_root = four.set.root();
  header.next_validators_root = others.set.root();
  const Hash digest = digest_of(header);
  const EpochEnd good{header, four.certificate(finalize({1}, 9, 3, digest), {0, 1, 3}), others.set};
  const auto holds = [&](const EpochEnd& end, std::uint64_t epoch = 1) {
    return verify(end, test_genesis, 10, {epoch}, four.set).has_value();
  };
  EXPECT_TRUE(holds(good));
  EXPECT_FALSE(holds(good, 2));
  EXPECT_FALSE(verify(good, test_genesis, 10, {1}, others.set));
  EXPECT_FALSE(verify(good, Hash{}, 10, {1}, four.set));
  EXPECT_FALSE(verify(good, test_genesis, 20, {1}, four.set));
  EpochEnd bad = good;
  bad.next = four.set;
  EXPECT_FALSE(holds(bad));
  bad = good;
  bad.certificate = four.certificate(finalize({1}, 9, 3, digest), {0, 1});
  EXPECT_FALSE(holds(bad));
  bad.certificate = four.certificate(notarize({1}, 9, 3, digest), {0, 1, 2});
  EXPECT_FALSE(holds(bad));
  bad.certificate = four.certificate(finalize({1}, 9, 3, test_genesis), {0, 1, 2});
  EXPECT_FALSE(holds(bad));
  const Bytes bytes = encode(good);
  EXPECT_EQ(encode(decode_epoch_end(bytes).value()), bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_epoch_end(ByteView(bytes).first(cut))) << cut;
  }
}

TEST(ChainSnapshot, AManifestIsWhatItsHeaderCommitsTo) {
  SnapshotManifest manifest;
  manifest.header.height = {3};
  for (std::uint64_t i = 0; i < 3; ++i) manifest.history.append(number_hash(i));
  manifest.header.history_root = manifest.history.root();
  manifest.supply[0] = 1;
  ValidatorEntry entry;
  entry.key = validator_key(key_of_number(1));
  manifest.entries.push_back(entry);
  SparseTree tree;
  tree.insert(tagged_hash("kith/registry-key/1", {ByteView(entry.key)}),
              tagged_hash("kith/validator/1", {encode_validator(entry)}));
  tree.insert(tagged_hash("kith/supply-key/1", {}),
              tagged_hash("kith/supply/1", {ByteView(manifest.supply)}));
  manifest.header.registry_root = tree.root();
  EXPECT_TRUE(check(manifest));
  const Bytes bytes = encode(manifest);
  EXPECT_EQ(encode(decode_manifest(bytes).value()), bytes);
  SnapshotManifest bad = manifest;
  bad.supply[48] ^= 1;
  EXPECT_FALSE(check(bad));
  bad = manifest;
  bad.entries.clear();
  EXPECT_FALSE(check(bad));
  bad = manifest;
  bad.history.append(number_hash(3));
  EXPECT_FALSE(check(bad));
  bad = manifest;
  bad.entries.push_back(entry);
  EXPECT_FALSE(decode_manifest(encode(bad)));
}

TEST(ChainSnapshot, AManifestMayHaveEntriesByKind) {
  SnapshotManifest manifest;
  manifest.header.height = {3};
  for (std::uint64_t i = 0; i < 3; ++i) manifest.history.append(number_hash(i));
  manifest.header.history_root = manifest.history.root();
  const Hash id = number_hash(7);
  const Hash other = number_hash(8);
  manifest.by_kind = {{EntryKind::account, Bytes(id.begin(), id.end()), {1, 2}},
                      {EntryKind::worker, Bytes(other.begin(), other.end()), {3}},
                      {EntryKind::beacon, {}, {4}}};
  manifest.supply.resize(57);
  SparseTree tree;
  for (const SnapshotEntry& entry : manifest.by_kind) {
    tree.insert(entry_key(entry.kind, entry.id), entry_hash(entry.kind, entry.entry));
  }
  tree.insert(tagged_hash("kith/supply-key/1", {}),
              tagged_hash("kith/supply/1", {ByteView(manifest.supply)}));
  manifest.header.registry_root = tree.root();
  EXPECT_TRUE(check(manifest));
  const Bytes bytes = encode(manifest);
  EXPECT_EQ(bytes[0], 2);
  const SnapshotManifest again = decode_manifest(bytes).value();
  EXPECT_EQ(encode(again), bytes);
  EXPECT_EQ(again.by_kind, manifest.by_kind);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_manifest(ByteView(bytes).first(cut))) << cut;
  }
  SnapshotManifest bad = manifest;
  bad.by_kind[1].entry = {5};
  EXPECT_FALSE(check(bad));
  bad.by_kind.pop_back();
  EXPECT_FALSE(check(bad));
  bad = manifest;
  std::swap(bad.by_kind[0], bad.by_kind[1]);
  EXPECT_FALSE(decode_manifest(encode(bad)));
  bad.by_kind = {manifest.by_kind[0], manifest.by_kind[0]};
  EXPECT_FALSE(decode_manifest(encode(bad)));
  bad.by_kind = {{EntryKind::beacon, {}, {}}};
  EXPECT_FALSE(decode_manifest(encode(bad)));
  // What the first format says is not said in the second.
  Bytes plain = encode(SnapshotManifest());
  EXPECT_TRUE(decode_manifest(plain));
  plain[0] = 2;
  plain.insert(plain.begin() + 1 + header_bytes + 8, 49);
  plain.insert(plain.end(), 4, 0);
  EXPECT_FALSE(decode_manifest(plain));
}

TEST(ChainSnapshot, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& bytes, std::uint16_t outputs) {
    if (const auto part = decode_part(bytes, outputs)) RC_ASSERT(encode(*part) == bytes);
    if (const auto manifest = decode_manifest(bytes)) RC_ASSERT(encode(*manifest) == bytes);
    if (const auto end = decode_epoch_end(bytes)) RC_ASSERT(encode(*end) == bytes);
    if (const auto asked = decode_snapshot_request(bytes)) RC_ASSERT(encode(*asked) == bytes);
    if (const auto told = decode_snapshots(bytes)) RC_ASSERT(encode_snapshots(*told) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
