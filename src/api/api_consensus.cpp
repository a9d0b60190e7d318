// What consensus waits for, for people: chain.consensus.
#include <algorithm>
#include <map>

#include "api/call.h"
#include "api/views.h"
#include "consensus/describe.h"

namespace kith::api {
namespace {

/// Who has said what in a view, and who has said nothing.
Json votes_view(const consensus::ViewReport& view, const codec::ValidatorSet& validators,
                Json& silent) {
  std::map<codec::ValidatorIndex, Json> said;
  for (const codec::Vote& vote : view.votes) {
    auto [at, is_new] = said.try_emplace(vote.signer, Json::array());
    at->second.push_back(consensus::describe(vote.statement));
  }
  Json votes = Json::array();
  for (std::size_t i = 0; i < validators.size(); ++i) {
    const auto index = static_cast<codec::ValidatorIndex>(i);
    const auto words = said.find(index);
    if (words == said.end()) {
      silent.push_back(index);
    } else {
      votes.push_back(Json{{"validator", index}, {"said", std::move(words->second)}});
    }
  }
  return votes;
}

Json view_view(const consensus::ViewReport& view, const codec::ValidatorSet& validators) {
  Json silent = Json::array();
  Json votes = votes_view(view, validators, silent);
  Json certificates = Json::array();
  for (const consensus::CertificatePtr& held : view.certificates) {
    certificates.push_back(consensus::describe(*held, &validators));
  }
  Json json{{"view", to_json(view.view.value)}, {"leader", view.leader}};
  json["proposed"] = view.proposed ? Json(base::to_hex(*view.proposed)) : Json(nullptr);
  json["is_proposal_wrong"] = view.is_proposal_wrong;
  json["votes"] = std::move(votes);
  json["silent"] = std::move(silent);
  json["certificates"] = std::move(certificates);
  return json;
}

}  // namespace

void Api::chain_consensus(Instant now, Call call) {
  node::Chain* const chain = node_.chain();
  if (chain == nullptr || chain->consensus().engine() == nullptr) {
    return call.fail({Code::unsupported, "this node keeps no chain"});
  }
  consensus::Engine& engine = *chain->consensus().engine();
  const consensus::EngineReport report = engine.report(now);
  const codec::ValidatorSet& set = engine.context().validators;
  Json validators = Json::array();
  for (std::size_t i = 0; i < set.size(); ++i) {
    const codec::Validator& each = set.at(static_cast<codec::ValidatorIndex>(i));
    const bool is_me = engine.me() && *engine.me() == i;
    validators.push_back(
        Json{{"validator", i},
             {"key", base::to_hex(each.key)},
             {"weight", to_json(each.weight)},
             {"is_this_node", is_me},
             {"is_connected", is_me || node_.consensus_service()->peer_of(each.key).has_value()}});
  }
  Json timers = Json::array();
  for (const consensus::TimerReport& timer : report.timers) {
    timers.push_back(Json{{"what", timer.what}, {"left_ms", ms_view(timer.left)}});
  }
  Json missing = Json::array();
  for (const codec::Hash& digest : report.missing) missing.push_back(base::to_hex(digest));
  Json views = Json::array();
  for (const consensus::ViewReport& view : report.views) views.push_back(view_view(view, set));
  call.done(Json{
      {"epoch", to_json(report.epoch.value)},
      {"view", to_json(report.view.value)},
      {"leader", report.leader},
      {"in_view_ms", ms_view(report.in_view)},
      {"waits_for", chain->is_halted() ? "nothing: " + chain->halt_reason() : report.waits_for},
      {"final_height", to_json(report.final_height.value)},
      {"final_view", to_json(report.final_view.value)},
      {"quorum", to_json(set.quorum())},
      {"weight", to_json(set.total())},
      {"messages_being_checked", report.pending},
      {"is_halted", chain->is_halted()},
      {"timers", std::move(timers)},
      {"missing_blocks", std::move(missing)},
      {"views", std::move(views)},
      {"validators", std::move(validators)}});
}

}  // namespace kith::api
