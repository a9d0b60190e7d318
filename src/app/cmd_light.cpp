// kith light, and kith chain proof: proofs from a node, and whether they hold without one.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "app/cmd.h"
#include "app/light_begin.h"
#include "base/format.h"
#include "cli/light_report.h"
#include "cli/render.h"
#include "codec/chain_address.h"
#include "codec/chain_certificate.h"
#include "codec/chain_entry_text.h"
#include "node/config_text.h"
#include "rt/files.h"

namespace kith::app {
namespace {

using codec::Hash;

constexpr Duration proof_timeout = 60s;
constexpr std::size_t state_bytes_max = 4 * 1024 * 1024;

Result<Hash> parse_hash(std::string_view text, std::string_view what) {
  const auto bytes = base::from_hex(text);
  Hash hash{};
  if (!bytes || bytes->size() != hash.size()) {
    return fail(Code::usage,
                base::format("\"{}\" is no {}: 64 hex digits", text.substr(0, 100), what));
  }
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

Result<std::uint64_t> parse_number(std::string_view text, std::string_view what) {
  const auto number = node::parse_count(text);
  if (!number) {
    return fail(Code::usage, base::format("\"{}\" is no {}", text.substr(0, 100), what));
  }
  return *number;
}

/// TXID:N or HEIGHT:DIGEST, before and behind the colon.
Result<std::pair<std::string, std::string>> halves(const std::string& text, const char* form) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return fail(Code::usage, base::format("\"{}\": {}", text.substr(0, 100), form));
  }
  return std::pair{text.substr(0, colon), text.substr(colon + 1)};
}

/// Bytes, or the same in hex as `kith chain proof` prints them.
Result<Bytes> read_proof(const std::string& path) {
  Bytes bytes;
  constexpr std::size_t bytes_max = 2 * codec::account_certificate_bytes_max + 2;
  if (path == "-") {
    std::uint8_t piece[64 * 1024];
    while (const std::size_t count = std::fread(piece, 1, sizeof piece, stdin)) {
      base::append(bytes, ByteView(piece, count));
      if (bytes.size() > bytes_max) return fail(Code::too_large, "a proof of over 16 MiB");
    }
  } else {
    bytes = TRY(rt::read_file(path, bytes_max));
  }
  constexpr std::uint8_t hex_zero = '0';  // of the version, which is 1
  if (bytes.empty() || bytes.front() != hex_zero) return bytes;
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.pop_back();
  return base::from_hex(base::as_text(bytes));
}

/// A proof, alone or in a certificate.
struct GivenProof {
  std::optional<codec::AccountCertificate> certificate;
  codec::ChainProof proof;
};
Result<GivenProof> read_given(ByteView bytes) {
  GivenProof given;
  if (codec::is_account_certificate(bytes)) {
    given.certificate = TRY(codec::decode_account_certificate(bytes));
    bytes = given.certificate->proof;
  }
  given.proof = TRY(codec::decode_chain_proof(bytes));
  return given;
}

struct Given {
  light::Trust trust;
  std::optional<codec::Genesis> genesis;  // when a file of it was given
};

Result<Given> read_trust(const cli::LightVerifyArgs& args) {
  Given given;
  constexpr std::size_t hash_digits = 64;
  if (args.genesis.size() == hash_digits && !rt::file_exists(args.genesis)) {
    given.trust.genesis = TRY(parse_hash(args.genesis, "genesis hash"));
  } else {
    if (!rt::file_exists(args.genesis)) {
      return fail(Code::usage,
                  base::format("--genesis {}: neither a file nor {} hexadecimal digits",
                               args.genesis, hash_digits));
    }
    const Bytes bytes = TRY(rt::read_file(args.genesis, codec::genesis_bytes_max));
    given.genesis = TRY(codec::decode_genesis(bytes));
    given.trust.genesis = codec::genesis_hash(*given.genesis);
  }
  if (!args.checkpoint.empty()) {
    const auto [height, digest] = TRY(halves(args.checkpoint, "a checkpoint is HEIGHT:DIGEST"));
    light::Trust::Block block;
    block.height = {TRY(parse_number(height, "height"))};
    block.digest = TRY(parse_hash(digest, "digest of a block"));
    given.trust.checkpoint = block;
  }
  return given;
}

/// An output that is proven, as it is or as one of a transaction.
struct ProvenOutput {
  codec::OutPoint outpoint;
  codec::TxOutput output;
  std::optional<bool> is_unspent;
};

std::vector<ProvenOutput> outputs_of(const light::Verdict& verdict) {
  std::vector<ProvenOutput> outputs;
  for (const light::Fact& fact : verdict.facts) {
    if (const auto* output = std::get_if<light::OutputFact>(&fact)) {
      outputs.push_back({output->outpoint, output->utxo.output, output->is_unspent});
    } else if (const auto* tx = std::get_if<light::TxFact>(&fact)) {
      for (std::uint32_t i = 0; i < tx->tx.outputs.size(); ++i) {
        outputs.push_back({{tx->txid, i}, tx->tx.outputs[i], std::nullopt});
      }
    }
  }
  return outputs;
}

/// What the caller said it would be.
struct Expected {
  std::optional<Hash> txid, lock, validator;
  std::optional<codec::OutPoint> outpoint;
  std::optional<codec::EntryName> entry;
};

Result<Expected> read_expected(const cli::LightVerifyArgs& args, const std::string& hrp) {
  Expected expected;
  if (!args.txid.empty()) expected.txid = TRY(parse_hash(args.txid, "transaction's id"));
  if (!args.validator.empty()) {
    expected.validator = TRY(parse_hash(args.validator, "validator's key"));
  }
  if (!args.entry.empty()) expected.entry = TRY(codec::parse_entry_name(args.entry));
  if (!args.address.empty()) {
    const auto lock = codec::decode_address(hrp, args.address);
    if (!lock) return fail(Code::usage, lock.error().message);
    expected.lock = *lock;
  }
  if (!args.outpoint.empty()) {
    const auto [txid, index] = TRY(halves(args.outpoint, "an output is TXID:N"));
    codec::OutPoint outpoint;
    outpoint.txid = TRY(parse_hash(txid, "transaction's id"));
    outpoint.index = static_cast<std::uint32_t>(TRY(parse_number(index, "output's place")));
    expected.outpoint = outpoint;
  }
  return expected;
}

bool has(const light::Verdict& verdict, const auto& is_it) {
  return std::ranges::any_of(verdict.facts, is_it);
}

Result<void> check_expected(const cli::LightVerifyArgs& args, const Expected& expected,
                            const light::Verdict& verdict) {
  const auto missing = [](std::string_view what) {
    return fail(Code::refused, base::format("the proof holds, but does not prove {}", what));
  };
  if (expected.txid && !has(verdict, [&](const light::Fact& fact) {
        const auto* tx = std::get_if<light::TxFact>(&fact);
        return tx != nullptr && tx->txid == *expected.txid;
      })) {
    return missing("transaction " + args.txid);
  }
  if (expected.validator && !has(verdict, [&](const light::Fact& fact) {
        const auto* validator = std::get_if<light::ValidatorFact>(&fact);
        return validator != nullptr && validator->entry && validator->key == *expected.validator;
      })) {
    return missing("an entry of validator " + args.validator);
  }
  if (expected.entry && !has(verdict, [&](const light::Fact& fact) {
        const auto* entry = std::get_if<light::EntryFact>(&fact);
        return entry != nullptr && entry->entry && entry->kind == expected.entry->kind &&
               entry->id == expected.entry->id;
      })) {
    return missing("entry " + args.entry);
  }
  if (args.height && verdict.block.header.height.value != *args.height &&
      !has(verdict, [&](const light::Fact& fact) {
        const auto* block = std::get_if<light::BlockFact>(&fact);
        return block != nullptr && block->header.height.value == *args.height;
      })) {
    return missing(base::format("block {}", *args.height));
  }
  const bool asks_state = args.spent || args.unspent;
  if (!expected.outpoint && !expected.lock && !args.amount && !asks_state) return {};
  const auto outputs = outputs_of(verdict);
  const bool is_there = std::ranges::any_of(outputs, [&](const ProvenOutput& output) {
    if (expected.outpoint && output.outpoint != *expected.outpoint) return false;
    if (expected.lock && output.output.lock != *expected.lock) return false;
    if (args.amount && output.output.value != *args.amount) return false;
    return !asks_state || (output.is_unspent && *output.is_unspent == args.unspent);
  });
  return is_there ? Result<void>() : missing("the output that is expected");
}

}  // namespace

Result<light::LightClient> begin_light(const cli::LightVerifyArgs& args,
                                       const codec::ChainProof& proof) {
  light::LightConfig config;
  config.trusting_period = args.trusting_period;
  config.trusts_old_keys = args.trusts_old_keys;
  if (args.genesis.empty() && (args.state.empty() || !rt::file_exists(args.state))) {
    return fail(Code::usage, "whose chain? --genesis HASH or FILE, or a --state that knows");
  }
  std::optional<Given> given;
  if (!args.genesis.empty()) given = TRY(read_trust(args));
  if (!args.state.empty() && rt::file_exists(args.state)) {
    const Bytes bytes = TRY(rt::read_file(args.state, state_bytes_max));
    auto client = light::LightClient::decode(bytes, config);
    if (!client) {
      return fail(Code::config, base::format("{}: {}", args.state, client.error().message));
    }
    if (given && given->trust.genesis != client->genesis()) {
      return fail(Code::usage, base::format("{} is of another chain", args.state));
    }
    return client;
  }
  const bool is_bare = std::holds_alternative<std::monostate>(proof.start);
  if (is_bare && given->genesis && !given->trust.checkpoint) {
    return light::LightClient::begin(given->trust, *given->genesis, config);
  }
  return light::LightClient::begin(given->trust, proof.start, config);
}

WallTime light_time() {
  const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
  return WallTime{std::chrono::duration_cast<std::chrono::milliseconds>(unix_time).count()};
}

int run_chain_proof(const cli::Globals& globals, const cli::ChainProofArgs& args) {
  const auto node = reach_or_say(globals);
  if (!node) return node.error();
  cli::Params params{{"kind", args.kind}};
  if (!args.what.empty()) params.emplace_back("what", args.what);
  if (args.from_epoch) params.emplace_back("from_epoch", *args.from_epoch);
  if (args.checkpoint) params.emplace_back("checkpoint", *args.checkpoint);
  const auto result = (*node)->call("chain.proof", params, proof_timeout);
  if (!result) return fail_with(globals, result.error());
  const auto answer = cli::read_proof_answer(*result);
  if (!answer) return fail_with(globals, answer.error());
  if (args.out.empty()) {
    print(globals.json ? *result : base::to_hex(answer->proof));
    return cli::exit_done;
  }
  const auto written = rt::write_file_atomic(args.out, answer->proof, rt::public_file_mode);
  if (!written) return fail_with(globals, written.error());
  const std::string report = cli::to_json(*answer, args.out);
  print(globals.json ? report : cli::render_object(report));
  return cli::exit_done;
}

int run_light_verify(const cli::Globals& globals, const cli::LightVerifyArgs& args) {
  const auto bytes = read_proof(args.proof);
  if (!bytes) return fail_with(globals, bytes.error());
  // From here on what is not so is false, and not misused.
  const auto given = read_given(*bytes);
  if (!given) return fail_with(globals, given.error(), cli::exit_found_false);
  const codec::ChainProof* const proof = &given->proof;
  const auto say_no = [&](const Error& error) {
    const bool is_ours = error.code == Code::usage || error.code == Code::config ||
                         error.code == Code::io || error.code == Code::not_found ||
                         error.code == Code::permission;
    return fail_with(globals, error, is_ours ? cli::exit_code_of(error) : cli::exit_found_false);
  };
  auto client = begin_light(args, *proof);
  if (!client) return say_no(client.error());
  const auto expected = read_expected(args, client->params().address_hrp);
  if (!expected) return say_no(expected.error());
  const auto verdict = client->verify(*proof, light_time());
  if (!args.state.empty() && (verdict || client->fork())) {
    const auto kept = rt::write_file_atomic(args.state, client->encode(), rt::public_file_mode);
    if (!kept) return fail_with(globals, kept.error());
  }
  if (!verdict) return say_no(verdict.error());
  if (const auto holds = check_expected(args, *expected, *verdict); !holds) {
    return say_no(holds.error());
  }
  std::optional<light::CertificateFact> certified;
  if (given->certificate) {
    auto fact = light::verify_certificate(*given->certificate, client->genesis(), *verdict);
    if (!fact) return fail_with(globals, fact.error(), cli::exit_found_false);
    certified = *std::move(fact);
  }
  const light::CertificateFact* const shown = certified ? &*certified : nullptr;
  print(globals.json ? cli::to_json(*verdict, *client, shown)
                     : cli::to_text(*verdict, *client, shown));
  return cli::exit_done;
}

}  // namespace kith::app
