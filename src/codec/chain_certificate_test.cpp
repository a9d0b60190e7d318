#include "codec/chain_certificate.h"

#include <gtest/gtest.h>

#include "codec/chain_entry_text.h"
#include "codec/chain_find_text.h"
#include "codec/chain_proof_check.h"

namespace kith::codec {
namespace {

Hash hash_of(std::uint8_t byte) {
  Hash hash{};
  hash.fill(byte);
  return hash;
}

AccountCertificate some_certificate() {
  AccountCertificate certificate;
  certificate.genesis = hash_of(1);
  certificate.account = hash_of(2);
  certificate.height = {7};
  certificate.work = CertifiedWork{JobId{3}, 4, 64, 5};
  certificate.signature.fill(9);
  certificate.proof = {1, 2, 3};
  return certificate;
}

CertifiedFind some_find() {
  CertifiedFind find{JobId{3}, hash_of(4), {}, 1};
  find.number[15] = 27;
  return find;
}

TEST(ChainCertificate, ComesBackAsItWas) {
  AccountCertificate certificate = some_certificate();
  for (const int of : {1, 0, 2}) {
    if (of != 1) certificate.work.reset();
    if (of == 2) certificate.find = some_find();
    const Bytes bytes = encode_account_certificate(certificate);
    EXPECT_TRUE(is_account_certificate(bytes));
    EXPECT_EQ(decode_account_certificate(bytes).value(), certificate);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_account_certificate(ByteView(bytes).first(size)).has_value()) << size;
    }
    Bytes more = bytes;
    more.push_back(0);
    EXPECT_FALSE(decode_account_certificate(more).has_value());
    Bytes other = bytes;
    other[16] = 2;
    EXPECT_EQ(decode_account_certificate(other).error().code, Code::unsupported);
  }
}

TEST(ChainCertificate, TheMessageIsOfAllThatIsSaid) {
  const AccountCertificate said = some_certificate();
  const Hash message = account_certificate_message(said);
  AccountCertificate other = said;
  other.proof = {};
  other.signature.fill(0);
  EXPECT_EQ(account_certificate_message(other), message);
  const std::vector<void (*)(AccountCertificate&)> changes = {
      [](AccountCertificate& it) { it.genesis[0] ^= 1; },
      [](AccountCertificate& it) { it.account[0] ^= 1; },
      [](AccountCertificate& it) { it.height = {8}; },
      [](AccountCertificate& it) { it.work->job = JobId{4}; },
      [](AccountCertificate& it) { it.work->tasks += 1; },
      [](AccountCertificate& it) { it.work->units += 1; },
      [](AccountCertificate& it) { it.work->checks += 1; },
      [](AccountCertificate& it) { it.work.reset(); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    other = said;
    changes[i](other);
    EXPECT_NE(account_certificate_message(other), message) << i;
  }
}

TEST(ChainCertificate, AFindIsSaidInWholeToo) {
  AccountCertificate said = some_certificate();
  said.work.reset();
  said.find = some_find();
  const Hash message = account_certificate_message(said);
  const std::vector<void (*)(AccountCertificate&)> changes = {
      [](AccountCertificate& it) { it.find->job = JobId{4}; },
      [](AccountCertificate& it) { it.find->name[0] ^= 1; },
      [](AccountCertificate& it) { it.find->number[0] ^= 1; },
      [](AccountCertificate& it) { it.find->what = 2; },
      [](AccountCertificate& it) { it.find.reset(); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    AccountCertificate other = said;
    changes[i](other);
    EXPECT_NE(account_certificate_message(other), message) << i;
  }
  for (const int what : {0, 3}) {
    said.find->what = static_cast<std::uint8_t>(what);
    EXPECT_EQ(decode_account_certificate(encode_account_certificate(said)).error().code,
              Code::malformed);
  }
  Bytes of_what_is_not_known = encode_account_certificate(some_certificate());
  constexpr std::size_t of_at = 16 + 1 + 32 + 32 + 8;
  of_what_is_not_known[of_at] = 3;
  EXPECT_EQ(decode_account_certificate(of_what_is_not_known).error().code, Code::malformed);
}

TEST(ChainFindText, NumbersAreDecimal) {
  std::array<std::uint8_t, 16> number{};
  EXPECT_EQ(find_number_text(number), "0");
  number[14] = 9;
  number[15] = 227;
  EXPECT_EQ(find_number_text(number), "2531");
  number.fill(0xff);
  EXPECT_EQ(find_number_text(number), "340282366920938463463374607431768211455");
  EXPECT_EQ(find_name(1), "counterexample");
  EXPECT_EQ(find_name(2), "record");
  EXPECT_EQ(find_name(3), "unknown");
}

TEST(ChainEntryText, NamesAreKindsAndIds) {
  const EntryName member{EntryKind::member, member_id(1, hash_of(0xab))};
  const std::string text = to_text(member);
  EXPECT_EQ(text, "member:0000000000000001" + base::to_hex(hash_of(0xab)));
  for (std::uint8_t kind = 1; kind <= entry_kind_max; ++kind) {
    const auto of = static_cast<EntryKind>(kind);
    const EntryName name{of, Bytes(entry_id_bytes(of), kind)};
    EXPECT_EQ(parse_entry_name(to_text(name)).value(), name);
  }
  for (const char* bad : {"", ":", "account", "account:", "acount:ab", "account:ab", "jobs:00",
                          "Account:0000", "job:000000000000000g"}) {
    EXPECT_EQ(parse_entry_name(bad).error().code, Code::usage) << bad;
  }
}

TEST(EntryClaims, AreOfEntriesThatAreThereAndOfThoseThatAreNot) {
  SparseTree tree;
  const Bytes id(entry_id_bytes(EntryKind::job), 3);
  const Bytes entry = {1, 2, 3};
  for (std::uint8_t i = 0; i < 9; ++i) {
    tree.insert(entry_key(EntryKind::account, hash_of(i)),
                entry_hash(EntryKind::account, hash_of(i)));
  }
  tree.insert(entry_key(EntryKind::job, id), entry_hash(EntryKind::job, entry));
  BlockHeader under;
  under.registry_root = tree.root();
  const EntryClaim there{EntryKind::job, id, entry, tree.prove(entry_key(EntryKind::job, id))};
  EXPECT_TRUE(verify(there, under).has_value());
  const Bytes absent_id(entry_id_bytes(EntryKind::dispute), 3);
  const EntryClaim absent{EntryKind::dispute, absent_id, std::nullopt,
                          tree.prove(entry_key(EntryKind::dispute, absent_id))};
  EXPECT_TRUE(verify(absent, under).has_value());

  EntryClaim lie = there;
  lie.entry->back() ^= 1;
  EXPECT_FALSE(verify(lie, under).has_value());
  lie = there;
  lie.entry.reset();
  EXPECT_FALSE(verify(lie, under).has_value());
  lie = there;
  lie.kind = EntryKind::dispute;  // another kind with an id of the same size
  EXPECT_FALSE(verify(lie, under).has_value());
  lie = absent;
  lie.entry = entry;
  EXPECT_FALSE(verify(lie, under).has_value());
  under.registry_root[0] ^= 1;
  EXPECT_FALSE(verify(there, under).has_value());
}

TEST(EntryClaims, StandInProofs) {
  ChainProof proof;
  proof.claims.emplace_back(EntryClaim{EntryKind::account, Bytes(32, 1), Bytes{1}, {}});
  proof.claims.emplace_back(EntryClaim{EntryKind::jobs, {}, std::nullopt, {}});
  const Bytes bytes = encode_chain_proof(proof);
  EXPECT_EQ(decode_chain_proof(bytes).value(), proof);
  const std::size_t kind_at = 1 + 1 + 2 + 1 + 1 + 1;
  for (const int kind : {0, entry_kind_max + 1, 255}) {
    Bytes other = bytes;
    other[kind_at] = static_cast<std::uint8_t>(kind);
    EXPECT_EQ(decode_chain_proof(other).error().code, Code::unsupported);
  }
}

}  // namespace
}  // namespace kith::codec
