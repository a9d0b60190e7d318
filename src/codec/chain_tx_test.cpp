#include "codec/chain_tx.h"

#include <rapidcheck.h>

#include <functional>

#include "codec/chain_utxo.h"
#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;
using test::identity;
using test::payment;

const Hash genesis = hash_of(0x11);

OutPoint out(std::uint8_t fill, std::uint32_t index) { return {hash_of(fill), index}; }

/// The transactions of tests/golden/chain_tx.txt, in its order.
std::vector<Transaction> golden_transactions() {
  Transaction expiring = payment({{out(3, 7), 1}}, {{2, 1}}, 0, genesis);
  expiring.expiry = 1'000'000;
  sign(expiring, identity(1).pair, genesis);
  const OutPoint first = out(6, 0);
  return {
      payment({{out(1, 0), 1}}, {{2, 5'000}, {1, 4'000}}, 1'000, genesis),
      payment({{out(1, 0), 1}, {out(1, 1), 1}, {out(2, 0xffffffff), 2}}, {{3, amount_max - 1}}, 1,
              genesis),
      expiring,
      payment({{out(4, 0), 3}}, {}, 500, genesis, {{AddStake{identity(9).key, 77}, 0}}),
      payment({{out(5, 0), 3}}, {{4, 9}}, 500, genesis, {{Unbond{identity(9).key, 55}, 5}}),
      payment({{first, 3}}, {{4, 9}}, 500, genesis,
              {{test::bond_of(9, 5, 1'000, first, genesis), 0}, {Unjail{identity(8).key}, 8}}),
  };
}

TEST(ChainTx, GoldenVectors) {
  const auto lines = golden_lines("chain_tx.txt");
  const auto wanted = golden_transactions();
  ASSERT_EQ(lines.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    SCOPED_TRACE(i);
    const Transaction& tx = wanted[i];
    EXPECT_EQ(base::to_hex(encode_transaction(tx)), lines[i][0]);
    EXPECT_EQ(base::to_hex(txid_of(tx)), lines[i][1]);
    EXPECT_EQ(base::to_hex(wtxid_of(tx)), lines[i][2]);
    EXPECT_EQ(base::to_hex(sighash_of(tx, genesis)), lines[i][3]);
    EXPECT_EQ(decode_transaction(unhex(lines[i][0])).value(), tx);
    EXPECT_EQ(encoded_size(tx), lines[i][0].size() / 2);
    EXPECT_TRUE(verify_signatures(tx, genesis));
    const TxPtr sealed = seal(tx);
    EXPECT_EQ(sealed->txid, txid_of(tx));
    EXPECT_EQ(sealed->wtxid, wtxid_of(tx));
    EXPECT_EQ(sealed->bytes, encoded_size(tx));
  }
}

struct Fault {
  const char* says;
  Code code;
  std::function<void(Transaction&)> make;
};

/// Each breaks one rule of a good transaction, of two inputs, two outputs and two keys.
std::vector<Fault> faults() {
  return {
      {"transaction of version 2", Code::unsupported, [](auto& tx) { tx.version = 2; }},
      {"without inputs", Code::malformed, [](auto& tx) { tx.inputs.clear(); }},
      {"without outputs and actions", Code::malformed, [](auto& tx) { tx.outputs.clear(); }},
      {":0 twice", Code::malformed, [](auto& tx) { tx.inputs[1].from = tx.inputs[0].from; }},
      {":0 twice", Code::malformed,
       [](auto& tx) {
         for (std::uint32_t i = 1; i < 20; ++i) tx.inputs.push_back({out(9, i), 0});
         tx.inputs.push_back(tx.inputs[0]);
       }},
      {"output of version 1", Code::unsupported, [](auto& tx) { tx.outputs[0].version = 1; }},
      {"lock kind 3", Code::unsupported, [](auto& tx) { tx.outputs[1].lock_kind = 3; }},
      {"output of value 0", Code::malformed, [](auto& tx) { tx.outputs[1].value = 0; }},
      {"above all that can be", Code::malformed,
       [](auto& tx) { tx.outputs[1].value = amount_max + 1; }},
      {"overflow", Code::malformed, [](auto& tx) { tx.outputs[1].value = amount_max; }},
      {"overflow", Code::malformed, [](auto& tx) { tx.fee = UINT64_MAX; }},
      {"key type 1", Code::unsupported, [](auto& tx) { tx.witnesses[1].key_type = 1; }},
      {"out of order", Code::malformed,
       [](auto& tx) { std::swap(tx.witnesses[0], tx.witnesses[1]); }},
      {"twice", Code::malformed, [](auto& tx) { tx.witnesses[1] = tx.witnesses[0]; }},
      {"witness 2 named, of 2", Code::malformed, [](auto& tx) { tx.inputs[0].witness = 2; }},
      {"witness 9 named, of 2", Code::malformed,
       [](auto& tx) { tx.actions.push_back({1, 9, {}}); }},
      {"unused", Code::malformed,
       [](auto& tx) { tx.inputs[0].witness = tx.inputs[1].witness = 0; }},
      {"1025 inputs", Code::too_large,
       [](auto& tx) {
         for (std::uint32_t i = 1; tx.inputs.size() <= tx_inputs_max; ++i) {
           tx.inputs.push_back({out(9, i), 0});
         }
       }},
      {"1025 outputs", Code::too_large,
       [](auto& tx) { tx.outputs.resize(tx_outputs_max + 1, tx.outputs[0]); }},
      {"17 actions", Code::too_large, [](auto& tx) { tx.actions.resize(tx_actions_max + 1); }},
      {"257 witnesses", Code::too_large,
       [](auto& tx) { tx.witnesses.resize(tx_witnesses_max + 1); }},
      {"action of 16385 bytes", Code::too_large,
       [](auto& tx) { tx.actions.push_back({1, 0xffff, Bytes(tx_action_bytes_max + 1)}); }},
      {"bytes, limit 102400", Code::too_large,
       [](auto& tx) { tx.actions.resize(7, {1, 0xffff, Bytes(tx_action_bytes_max)}); }},
  };
}

Transaction good() {
  return payment({{out(1, 0), 1}, {out(2, 0), 2}}, {{3, 700}, {1, 200}}, 100, genesis);
}

TEST(ChainTx, EachFaultIsNamed) {
  ASSERT_TRUE(check_form(good()));
  for (const Fault& fault : faults()) {
    SCOPED_TRACE(fault.says);
    Transaction tx = good();
    fault.make(tx);
    const auto checked = check_form(tx);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, fault.code) << checked.error().message;
    EXPECT_NE(checked.error().message.find(fault.says), std::string::npos)
        << checked.error().message;
    // And nothing of the kind is read from bytes, as far as bytes can say it.
    EXPECT_FALSE(decode_transaction(encode_transaction(tx)));
  }
}

TEST(ChainTx, TheLargestOfEachIsRead) {
  Transaction tx = good();
  for (std::uint32_t i = 1; tx.inputs.size() < tx_inputs_max; ++i) {
    tx.inputs.push_back({out(9, i), 0});
  }
  tx.outputs.resize(tx_outputs_max, tx.outputs[0]);
  EXPECT_EQ(decode_transaction(encode_transaction(tx)).value(), tx);
}

TEST(ChainTx, AnotherSignatureIsNotAnotherTransaction) {
  const Transaction tx = good();
  Transaction other = tx;
  other.witnesses[0].signature[5] ^= 1;
  EXPECT_EQ(txid_of(tx), txid_of(other));
  EXPECT_NE(wtxid_of(tx), wtxid_of(other));
  EXPECT_EQ(sighash_of(tx, genesis), sighash_of(other, genesis));
  const auto verified = verify_signatures(other, genesis);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, Code::bad_signature);
  EXPECT_NE(verified.error().message.find(base::to_hex(tx.witnesses[0].key)), std::string::npos);
}

TEST(ChainTx, ASignatureIsWorthNothingElsewhere) {
  Transaction tx = good();
  EXPECT_TRUE(verify_signatures(tx, genesis));
  EXPECT_FALSE(verify_signatures(tx, hash_of(0x12)));
  // Every field but the signatures is covered, the keys too.
  const std::size_t covered = encode_signed_part(tx).size();
  const Bytes bytes = encode_transaction(tx);
  std::size_t read = 0;
  for (std::size_t i = 0; i < covered; ++i) {
    Bytes changed = bytes;
    changed[i] ^= 1;
    const auto decoded = decode_transaction(changed);
    if (!decoded) continue;
    ++read;
    EXPECT_FALSE(verify_signatures(*decoded, genesis)) << i;
    EXPECT_NE(txid_of(*decoded), txid_of(tx)) << i;
  }
  EXPECT_GT(read, 100u);
}

TEST(ChainTx, SignaturesOfAVerdictAreCounted) {
  GiveVerdict verdict{7, {}, {}};
  for (std::uint16_t i = 0; i < 5; ++i) verdict.signatures.push_back({i, {}});
  Transaction tx = payment({{out(6, 0), 3}}, {}, 500, genesis);
  tx.actions.push_back({module_jobs, TxAction::no_witness, encode_job_order(verdict)});
  EXPECT_EQ(signatures_of(tx), 1u + 5u);
  EXPECT_EQ(signature_jobs(tx, genesis).size(), 1u) << "whose the others are, the state says";
}

TEST(ChainTx, ABondBringsItsProofAlong) {
  const OutPoint first = out(6, 0);
  const Bond bond = test::bond_of(9, 5, 1'000, first, genesis);
  const Transaction tx = payment({{first, 3}}, {}, 500, genesis, {{bond, 0}});
  ASSERT_EQ(signature_jobs(tx, genesis).size(), 2u);
  EXPECT_EQ(signatures_of(tx), 2u);
  EXPECT_TRUE(verify_signatures(tx, genesis));
  // The proof in another transaction, for another owner, by another key.
  EXPECT_FALSE(
      verify_signatures(payment({{out(6, 1), 3}}, {}, 500, genesis, {{bond, 0}}), genesis));
  Bond theirs = bond;
  theirs.owner = identity(6).lock;
  EXPECT_FALSE(verify_signatures(payment({{first, 3}}, {}, 500, genesis, {{theirs, 0}}), genesis));
  Bond another = bond;
  another.key = identity(8).key;
  EXPECT_FALSE(verify_signatures(payment({{first, 3}}, {}, 500, genesis, {{another, 0}}), genesis));
}

TEST(ChainTx, BytesBehindAndCutsAreRefused) {
  const Bytes bytes = encode_transaction(good());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_transaction(ByteView(bytes).first(cut))) << cut;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(decode_transaction(longer).error().code, Code::malformed);
  EXPECT_EQ(decode_transaction(Bytes(tx_bytes_max + 1)).error().code, Code::too_large);
}

TEST(ChainTx, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const std::vector<Transaction> all = golden_transactions();
  EXPECT_TRUE(
      rc::check([&](const Bytes& noise, std::size_t which, std::size_t at, std::uint8_t flip) {
        (void)decode_transaction(noise);
        Bytes bytes = encode_transaction(all[which % all.size()]);
        bytes[at % bytes.size()] ^= flip;
        const auto decoded = decode_transaction(bytes);
        if (decoded) RC_ASSERT(encode_transaction(*decoded) == bytes);
      }));
}

TEST(ChainUtxo, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_utxo.txt")) {
    SCOPED_TRACE(line[1]);
    const Bytes name = unhex(line[0]);
    Reader reader(name);
    OutPoint outpoint;
    std::ranges::copy(reader.bytes(32).value(), outpoint.txid.begin());
    outpoint.index = reader.u32().value();
    EXPECT_TRUE(base::equal(encode(outpoint), name));
    const auto utxo = decode_utxo(unhex(line[1]));
    ASSERT_TRUE(utxo);
    EXPECT_EQ(base::to_hex(encode(*utxo)), line[1]);
    EXPECT_EQ(base::to_hex(txo_leaf(outpoint, *utxo)), line[2]);
  }
}

TEST(ChainUtxo, RoundTripAndLeaf) {
  const Utxo utxo{7, {0, 0, 55, hash_of(3)}, Height{9}};
  const auto bytes = encode(utxo);
  EXPECT_EQ(decode_utxo(bytes).value(), utxo);
  // Everything that a light client is told is in the leaf.
  const Hash leaf = txo_leaf(out(1, 2), utxo);
  EXPECT_NE(leaf, txo_leaf(out(1, 3), utxo));
  for (const Utxo& other : {Utxo{8, utxo.output, utxo.height}, Utxo{7, utxo.output, Height{8}},
                            Utxo{7, {0, 0, 56, hash_of(3)}, utxo.height},
                            Utxo{7, {0, 0, 55, hash_of(4)}, utxo.height}}) {
    EXPECT_NE(leaf, txo_leaf(out(1, 2), other));
  }
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_utxo(ByteView(bytes).first(cut)));
  }
  auto later = bytes;
  later[0] = 2;
  EXPECT_EQ(decode_utxo(later).error().code, Code::unsupported);
}

}  // namespace
}  // namespace kith::codec
