// What light clients ask for: proofs, headers, certificates. docs/protocol/light.md has the bytes.
#include <algorithm>

#include "api/call.h"
#include "api/views.h"
#include "base/format.h"
#include "codec/writer.h"

namespace kith::api {
namespace {

const Error no_chain{Code::unsupported, "this node keeps no chain"};

Result<codec::Hash> hash_of(std::string_view text, std::string_view what) {
  const auto bytes = base::from_hex(text);
  codec::Hash hash{};
  if (!bytes || bytes->size() != hash.size()) {
    return fail(Code::usage,
                base::format("\"{}\" is no {}: 64 hex digits", text.substr(0, 100), what));
  }
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

Result<std::uint64_t> number_of(std::string_view text, std::string_view what) {
  constexpr std::size_t digits_max = 19;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return fail(Code::usage, base::format("\"{}\" is no {}", text, what));
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (text.empty() || text.size() > digits_max) {
    return fail(Code::usage, base::format("{} digits are no {}", text.size(), what));
  }
  return number;
}

Result<codec::OutPoint> outpoint_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return fail(Code::usage, base::format("\"{}\" is no output: TXID:N", text.substr(0, 100)));
  }
  codec::OutPoint outpoint;
  outpoint.txid = TRY(hash_of(text.substr(0, colon), "transaction's id"));
  const std::uint64_t index = TRY(number_of(text.substr(colon + 1), "output's place"));
  if (index > UINT32_MAX) return fail(Code::usage, base::format("output {}", index));
  outpoint.index = static_cast<std::uint32_t>(index);
  return outpoint;
}

/// KIND:ID, several divided by commas.
Result<std::vector<codec::EntryName>> entries_of(std::string_view text) {
  std::vector<codec::EntryName> entries;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    entries.push_back(TRY(codec::parse_entry_name(text.substr(0, comma))));
    if (comma == text.size()) return entries;
    if (entries.size() == node::proof_entries_max) {
      return fail(Code::usage,
                  base::format("more than {} entries in one proof", node::proof_entries_max));
    }
    text.remove_prefix(comma + 1);
  }
}

Result<node::ProofWanted> wanted_of(const Call& call) {
  node::ProofWanted wanted;
  const std::string kind = call.text("kind");
  const std::string what = call.text("what");
  if (kind == "finality") {
    wanted.kind = node::ProofKind::finality;
    if (!what.empty()) return fail(Code::usage, "a proof of finality is of the last block");
  } else if (kind == "block") {
    wanted.kind = node::ProofKind::block;
    wanted.height = {TRY(number_of(what, "height"))};
    if (wanted.height.value == 0) return fail(Code::usage, "blocks begin at height 1");
  } else if (kind == "tx") {
    wanted.kind = node::ProofKind::tx;
    wanted.txid = TRY(hash_of(what, "transaction's id"));
  } else if (kind == "output") {
    wanted.kind = node::ProofKind::output;
    wanted.outpoint = TRY(outpoint_of(what));
  } else if (kind == "validator") {
    wanted.kind = node::ProofKind::validator;
    wanted.key = TRY(hash_of(what, "validator's key"));
  } else if (kind == "entry") {
    wanted.kind = node::ProofKind::entries;
    wanted.entries = TRY(entries_of(what));
  } else {
    return fail(Code::usage,
                base::format("\"{}\" is not finality, block, tx, output, validator or entry",
                             kind.substr(0, 100)));
  }
  if (call.params.contains("from_epoch"))
    wanted.from_epoch = codec::Epoch{call.count("from_epoch")};
  if (call.params.contains("checkpoint"))
    wanted.checkpoint = node::Height{call.count("checkpoint")};
  if (wanted.from_epoch && wanted.checkpoint) {
    return fail(Code::usage, "a proof begins with from_epoch or with checkpoint, not with both");
  }
  return wanted;
}

Error no_block(const node::Chain& chain, std::uint64_t height) {
  return {Code::not_found,
          base::format("no final block {}; the last is {}", height, chain.height().value)};
}

}  // namespace

void Api::chain_proof(Instant now, Call call) {
  if (node_.chain() == nullptr) return call.fail(no_chain);
  if (pending_.size() >= pending_max) {
    return call.fail({Code::limit, "too many requests wait already"});
  }
  auto wanted = wanted_of(call);
  if (!wanted) return call.fail(wanted.error());
  const Token token{next_token_++};
  pending_.emplace(token, Pending{std::move(call), nullptr});
  node_.on_command(now, node::MakeProof{token, *std::move(wanted)});
}

void Api::on_proof(const node::ProofAnswered& answered) {
  const auto pending = take(answered.token);
  if (!pending) return;
  if (!answered.proof) return pending->call.fail(answered.proof.error());
  const node::ProofMade& made = *answered.proof;
  pending->call.done(Json{{"proof", base::to_hex(made.bytes)},
                          {"bytes", made.bytes.size()},
                          {"height", to_json(made.height.value)},
                          {"epoch", to_json(made.epoch.value)},
                          {"is_part", made.is_part}});
}

void Api::chain_header(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const std::uint64_t height = call.count("height");
  const auto found = node::read_header(chain->states().store(), node::Height{height});
  if (!found) return call.fail(found.error());
  if (!*found) return call.fail(no_block(*chain, height));
  const codec::BlockHeader& header = **found;
  const auto hex = [](const codec::Hash& hash) { return base::to_hex(hash); };
  call.done(Json{{"height", to_json(header.height.value)},
                 {"digest", hex(codec::digest_of(header))},
                 {"epoch", to_json(header.epoch.value)},
                 {"view", to_json(header.view.value)},
                 {"parent", hex(header.parent)},
                 {"time_ms", header.time.unix_ms},
                 {"body_hash", hex(header.body_hash)},
                 {"justification_root", hex(header.justification_root)},
                 {"validators_root", hex(header.validators_root)},
                 {"next_validators_root", hex(header.next_validators_root)},
                 {"params_hash", hex(header.params_hash)},
                 {"tx_root", hex(header.tx_root)},
                 {"utxo_root", hex(header.utxo_root)},
                 {"registry_root", hex(header.registry_root)},
                 {"receipts_root", hex(header.receipts_root)},
                 {"history_root", hex(header.history_root)},
                 {"evidence_root", hex(header.evidence_root)},
                 {"header", base::to_hex(codec::encode(header))}});
}

void Api::chain_commit(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const std::uint64_t height = call.count("height");
  const auto found = node::read_certificate(chain->states().store(), node::Height{height});
  if (!found) return call.fail(found.error());
  if (!*found) return call.fail(no_block(*chain, height));
  const codec::Certificate& by = **found;
  Json signers = Json::array();
  for (std::size_t i = 0; i < by.signers.size(); ++i) {
    if (by.signers[i]) signers.push_back(i);
  }
  call.done(Json{{"height", to_json(height)},
                 {"digest", base::to_hex(by.statement.subject.digest)},
                 {"epoch", to_json(by.statement.epoch.value)},
                 {"kind", codec::name_of(by.statement.kind)},
                 {"view", to_json(by.statement.view().value)},
                 {"signers", std::move(signers)},
                 {"certificate", base::to_hex(codec::encode(by))}});
}

}  // namespace kith::api
