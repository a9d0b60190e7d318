#include "cli/light_report.h"

#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/machine.h"
#include "cli/render.h"
#include "codec/chain_address.h"
#include "codec/chain_find_text.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Beyond 2^53 as text: JavaScript's numbers end there.
Json number(std::uint64_t value) {
  constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;
  return value <= exact_max ? Json(value) : Json(std::to_string(value));
}

Json output_view(const codec::TxOutput& output, const std::string& hrp) {
  return Json{{"amount", number(output.value)},
              {"address", codec::encode_address(hrp, output.lock)},
              {"lock", base::to_hex(output.lock)}};
}

Json view_of(const light::Fact& fact, const std::string& hrp) {
  return std::visit(Overload{[](const light::BlockFact& block) {
                               return Json{{"kind", "block"},
                                           {"height", number(block.header.height.value)},
                                           {"digest", base::to_hex(block.digest)},
                                           {"time_ms", block.header.time.unix_ms}};
                             },
                             [&](const light::TxFact& tx) {
                               Json outputs = Json::array();
                               for (const auto& output : tx.tx.outputs)
                                 outputs.push_back(output_view(output, hrp));
                               return Json{{"kind", "tx"},
                                           {"txid", base::to_hex(tx.txid)},
                                           {"height", number(tx.in.height.value)},
                                           {"time_ms", tx.in.time.unix_ms},
                                           {"fee", number(tx.tx.fee)},
                                           {"outputs", std::move(outputs)}};
                             },
                             [&](const light::OutputFact& output) {
                               Json view{{"kind", "output"},
                                         {"outpoint", codec::to_text(output.outpoint)},
                                         {"unspent", output.is_unspent},
                                         {"height", number(output.utxo.height.value)}};
                               view.update(output_view(output.utxo.output, hrp));
                               return view;
                             },
                             [&](const light::ValidatorFact& validator) {
                               Json view{{"kind", "validator"},
                                         {"key", base::to_hex(validator.key)},
                                         {"registered", validator.entry.has_value()}};
                               if (validator.entry) {
                                 view["status"] = codec::name_of(validator.entry->status);
                                 view["stake"] = number(validator.entry->stake);
                                 view["weight"] = number(validator.entry->weight);
                                 view["owner"] = codec::encode_address(hrp, validator.entry->owner);
                               }
                               return view;
                             },
                             [](const light::EntryFact& entry) {
                               return Json{{"kind", "entry"},
                                           {"entry_kind", static_cast<unsigned>(entry.kind)},
                                           {"id", base::to_hex(entry.id)},
                                           {"there", entry.entry.has_value()},
                                           {"entry", entry.entry ? Json(base::to_hex(*entry.entry))
                                                                 : Json(nullptr)}};
                             }},
                    fact);
}

Json view_of(const light::CertificateFact& certificate) {
  Json view{{"account", base::to_hex(certificate.account)},
            {"name", certificate.name.empty() ? Json(nullptr) : Json(certificate.name)},
            {"key", base::to_hex(certificate.key)},
            {"job", nullptr}};
  if (certificate.work) {
    view["job"] = number(certificate.work->job.value);
    view["tasks"] = number(certificate.work->tasks);
    view["units"] = number(certificate.work->units);
    view["checks"] = number(certificate.work->checks);
  }
  if (certificate.find) {
    const codec::FindEntry& found = *certificate.found;
    view["job"] = number(certificate.find->job.value);
    view["find"] = base::to_hex(certificate.find->name);
    view["number"] = codec::find_number_text(found.number);
    view["what"] = codec::find_name(found.what);
    view["worker"] = base::to_hex(found.worker);
    view["task"] = number(found.task.value);
    view["unit"] = found.unit;
    view["found_at"] = number(found.height.value);
  }
  return view;
}

}  // namespace

std::string to_json(const light::Verdict& verdict, const light::LightClient& client,
                    const light::CertificateFact* certificate) {
  const codec::BlockHeader& header = verdict.block.header;
  Json facts = Json::array();
  for (const auto& fact : verdict.facts) {
    facts.push_back(view_of(fact, client.params().address_hrp));
  }
  Json json{{"valid", true},
            {"genesis", base::to_hex(client.genesis())},
            {"height", number(header.height.value)},
            {"digest", base::to_hex(verdict.block.digest)},
            {"time_ms", header.time.unix_ms},
            {"epoch", number(header.epoch.value)},
            {"signed", number(verdict.signed_by)},
            {"weight", number(verdict.weight)},
            {"steps", verdict.steps},
            {"skips", verdict.skips},
            {"trusts_old_keys", verdict.is_old_trust},
            {"facts", std::move(facts)}};
  if (certificate != nullptr) json["certificate"] = view_of(*certificate);
  return json.dump();
}

std::string to_text(const light::Verdict& verdict, const light::LightClient& client,
                    const light::CertificateFact* certificate) {
  return render_object(to_json(verdict, client, certificate));
}

Result<ProofAnswer> read_proof_answer(std::string_view result) {
  const Json json = Json::parse(result, nullptr, false);
  if (!json.is_object() || !json.contains("proof") || !json["proof"].is_string()) {
    return fail(Code::protocol, "the node answered without a proof");
  }
  const auto count = [&](const char* key) -> std::uint64_t {
    const auto at = json.find(key);
    if (at == json.end()) return 0;
    return at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
  };
  ProofAnswer answer;
  answer.proof = TRY(base::from_hex(json["proof"].get<std::string>()));
  answer.height = count("height");
  answer.epoch = count("epoch");
  answer.is_part = json.value("is_part", Json(false)) == true;
  return answer;
}

std::string to_json(const ProofAnswer& answer, std::string_view file) {
  return Json{{"file", file},
              {"bytes", answer.proof.size()},
              {"height", number(answer.height)},
              {"epoch", number(answer.epoch)},
              {"is_part", answer.is_part}}
      .dump();
}

}  // namespace kith::cli
