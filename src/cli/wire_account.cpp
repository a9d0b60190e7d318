#include "cli/wire_account.h"

#include "cli/members.h"

namespace kith::cli {
namespace {

Result<NodeAccount> account_of(const Json& json) {
  Members members(json);
  NodeAccount account;
  account.id = members.text("account");
  account.name = members.optional_text("name");
  account.key = members.text("key");
  account.address = members.text("address");
  account.is_closed = members.flag("is_closed");
  account.bond = members.number("bond");
  account.held = members.number("held");
  account.earned = members.number("earned");
  account.is_team = members.flag("is_team");
  account.team = members.optional_text("team");
  account.seal = members.optional_text("seal");
  account.sealed = members.optional_number("sealed");
  for (const Json& part : members.list("unbonding")) {
    Members unbonding(part);
    account.unbonding += unbonding.number("amount");
    TRY_VOID(unbonding.fault());
  }
  for (const Json& worker : members.list("workers")) {
    if (worker.is_string()) account.workers.push_back(worker.get<std::string>());
  }
  TRY_VOID(members.fault());
  return account;
}

Result<NodeJob> job_of(const Json& json) {
  Members members(json);
  NodeJob job;
  job.job = members.number("job");
  job.state = members.text("state");
  job.account = members.text("account");
  job.name = members.optional_text("name");
  job.start = members.optional_number("start");
  job.round = members.optional_number("round");
  job.mature = members.number("mature");
  job.escrow = members.number("escrow");
  job.reserved = members.number("reserved");
  job.leased = members.number("leased");
  job.accepted = members.number("accepted");
  job.accepted_second = members.number("accepted_second");
  job.slots = members.number("slots");
  job.regions = members.number("regions");
  job.height = members.optional_number("height").value_or(0);
  Members spec(members.object("spec"));
  TRY_VOID(members.fault());
  job.workload = spec.number("workload");
  job.params = spec.text("params");
  job.tasks = spec.number("tasks");
  job.units = spec.number("units");
  job.region_tasks = spec.number("region_tasks");
  job.round_blocks = spec.number("round_blocks");
  job.eps_ppm = spec.number("eps_ppm");
  job.passes = spec.number("passes");
  job.price = spec.number("price");
  job.price2 = spec.number("price2");
  job.bond = spec.number("bond");
  TRY_VOID(spec.fault());
  return job;
}

Result<NodeRegion> region_of(const Json& json) {
  Members members(json);
  NodeRegion region{members.number("region"),
                    members.number("accepted"),
                    members.number("accepted_second"),
                    members.optional_text("root"),
                    members.optional_text("root_second"),
                    members.optional_number("height"),
                    members.optional_number("height_second")};
  TRY_VOID(members.fault());
  return region;
}

Result<NodeFind> find_of(const Json& json) {
  Members members(json);
  NodeFind find{members.text("find"),    members.text("number"),        members.text("what"),
                members.text("account"), members.optional_text("name"), members.number("task"),
                members.number("unit"),  members.number("height")};
  TRY_VOID(members.fault());
  return find;
}

Result<NodeStanding> standing_of(const Json& json) {
  Members members(json);
  NodeStanding standing{members.text("account"),       members.optional_text("name"),
                        members.optional_text("team"), members.number("tasks"),
                        members.number("units"),       members.number("checks"),
                        members.number("faults"),      members.number("jobs")};
  TRY_VOID(members.fault());
  return standing;
}

template <class Item>
Result<std::vector<Item>> items_of(Members& members, const char* name,
                                   Result<Item> (*read)(const Json&)) {
  std::vector<Item> items;
  for (const Json& item : members.list(name)) items.push_back(TRY(read(item)));
  TRY_VOID(members.fault());
  return items;
}

/// "after" of the next page: an id, or a number.
std::string next_of(const Json& json) {
  const auto next = json.find("next");
  if (next == json.end() || next->is_null()) return {};
  return next->is_string() ? next->get<std::string>() : next->dump();
}

}  // namespace

Result<NodeAccount> read_account(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  return account_of(json);
}

Result<AccountPage> read_accounts(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  AccountPage page;
  page.height = members.number("height");
  page.accounts = TRY(items_of(members, "accounts", account_of));
  page.next = next_of(json);
  return page;
}

Result<NodeJob> read_job(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  return job_of(json);
}

Result<JobPage> read_jobs(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  JobPage page;
  page.height = members.number("height");
  page.jobs = TRY(items_of(members, "jobs", job_of));
  page.next = next_of(json);
  return page;
}

Result<std::vector<NodeRegion>> read_regions(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  return items_of(members, "regions", region_of);
}

Result<std::vector<NodeFind>> read_finds(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  return items_of(members, "finds", find_of);
}

Result<std::vector<NodeStanding>> read_leaderboard(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  return items_of(members, "accounts", standing_of);
}

Result<SlotWork> read_slot_work(std::string_view result) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  SlotWork work;
  for (const Json& part : members.list("slots")) {
    Members slot(part);
    work.queued += slot.list("queue").size();
    work.pending += slot.list("pending").size();
    work.maturing += slot.list("maturing").size();
    TRY_VOID(slot.fault());
  }
  TRY_VOID(members.fault());
  return work;
}

Result<std::size_t> count_items(std::string_view result, const char* list) {
  const Json json = TRY(parse_answer(result));
  Members members(json);
  const std::size_t count = members.list(list).size();
  TRY_VOID(members.fault());
  return count;
}

}  // namespace kith::cli
