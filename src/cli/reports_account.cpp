#include "cli/reports_account.h"

#include "cli/members.h"
#include "cli/render.h"
#include "codec/chain_account.h"
#include "wallet/amount_text.h"

namespace kith::cli {
namespace {

using wallet::format_coins;

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// As the API has them: JavaScript's numbers end at 2^53.
Json units(std::uint64_t amount) {
  constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;
  return amount <= exact_max ? Json(amount) : Json(std::to_string(amount));
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json view(const NodeAccount& account) {
  return Json{{"account", account.id},
              {"name", or_null(account.name)},
              {"key", account.key},
              {"address", account.address},
              {"is_closed", account.is_closed},
              {"bond", units(account.bond)},
              {"held", units(account.held)},
              {"earned", units(account.earned)},
              {"is_team", account.is_team},
              {"team", or_null(account.team)},
              {"workers", account.workers}};
}

std::string name_of(const NodeAccount& account) {
  if (account.is_closed) return "(closed)";
  if (!account.name.empty()) return account.name;
  return account.seal.empty() ? "(none)" : "(sealed)";
}

}  // namespace

std::string to_json(const NamedReport& report) {
  return to_line(Json{{"account", report.account},
                      {"name", report.name},
                      {"key", report.key},
                      {"status", report.status},
                      {"height", units(report.height)},
                      {"free_from", report.free_from ? units(*report.free_from) : Json(nullptr)},
                      {"fees", units(report.fees)},
                      {"txids", report.txids}});
}

std::string to_text(const NamedReport& report) {
  std::string text = base::format("account  {}\nkey      {}\nname     {}", report.account,
                                  report.key, report.name);
  if (report.free_from) {
    text += base::format(
        ", sealed; from block {} on the same command takes it, at the latest {} blocks later",
        *report.free_from, codec::name_seal_blocks_max - codec::name_seal_blocks_min);
  }
  return text + base::format("\nfees     {} coins", format_coins(report.fees));
}

std::string to_text(const NodeAccount& account) {
  std::string text = base::format(
      "name       {}\naccount    {}\nkey        {}\npays to    {}\nbond       {}{}\nearned     "
      "{}\n",
      name_of(account), account.id, account.key, account.address, format_coins(account.bond),
      account.held == 0 ? "" : base::format(", {} of it held", format_coins(account.held)),
      format_coins(account.earned));
  if (account.unbonding > 0) {
    text += base::format("on its way {}\n", format_coins(account.unbonding));
  }
  if (account.is_team) text += "team       others may join it\n";
  if (!account.team.empty()) text += base::format("in team    {}\n", account.team);
  for (const std::string& worker : account.workers) text += base::format("worker     {}\n", worker);
  return text;
}

std::string accounts_json(std::uint64_t height, const std::vector<NodeAccount>& accounts,
                          std::string_view next) {
  Json list = Json::array();
  for (const NodeAccount& account : accounts) list.push_back(view(account));
  return to_line(Json{{"height", units(height)},
                      {"accounts", std::move(list)},
                      {"next", or_null(std::string(next))}});
}

std::string to_text(const std::vector<NodeAccount>& accounts) {
  if (accounts.empty()) return "no accounts";
  std::string text =
      base::format("{:<20}  {:<64}  {:>18}  {:>7}\n", "NAME", "ACCOUNT", "BOND", "WORKERS");
  for (const NodeAccount& account : accounts) {
    text += base::format("{:<20}  {:<64}  {:>18}  {:>7}\n", name_of(account), account.id,
                         format_coins(account.bond), account.workers.size());
  }
  return text;
}

std::string render_account(std::string_view result) {
  const auto account = read_account(result);
  return account ? to_text(*account) : render_object(result);
}

std::string to_json(const AccountFileReport& report) {
  return to_line(Json{{"account", report.account},
                      {"name", or_null(report.name)},
                      {"file", report.file},
                      {"is_sealed", report.is_sealed}});
}

std::string to_text(const AccountFileReport& report) {
  return base::format("account  {}{}\nfile     {}{}", report.account,
                      report.name.empty() ? "" : " (" + report.name + ")", report.file,
                      report.is_sealed ? "" : ", OPEN: without a passphrase");
}

std::string to_json(const CertificateReport& report) {
  Json json{{"account", report.account}, {"name", or_null(report.name)},
            {"file", report.file},       {"height", units(report.height)},
            {"bytes", report.bytes},     {"job", report.job ? units(*report.job) : Json(nullptr)}};
  if (!report.find.empty()) {
    json["find"] = report.find;
    json["number"] = report.number;
    json["what"] = report.what;
  } else if (report.job) {
    json["tasks"] = units(report.tasks);
    json["units"] = units(report.units);
    json["checks"] = units(report.checks);
  }
  return to_line(json);
}

std::string to_text(const CertificateReport& report) {
  std::string text = base::format("account  {}{}\n", report.account,
                                  report.name.empty() ? "" : " (" + report.name + ")");
  if (!report.find.empty()) {
    text += base::format("found    {}, a {}, in job {}\n", report.number, report.what,
                         report.job.value_or(0));
  } else if (report.job) {
    text += base::format("job      {}: {} tasks, {} units, {} units checked for others\n",
                         *report.job, report.tasks, report.units, report.checks);
  }
  return text +
         base::format("as of    block {}\nfile     {}, {} bytes; `kith light verify` takes it",
                      report.height, report.file, report.bytes);
}

}  // namespace kith::cli
