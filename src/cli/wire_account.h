// What a node answers to questions about accounts and jobs (docs/api.md), as values. Amounts are
// units; JSON stays behind this header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kith::cli {

/// account.get, and an item of account.list.
struct NodeAccount {
  std::string id;    // hex
  std::string name;  // empty: none
  std::string key;   // hex
  std::string address;
  bool is_closed = false;
  std::uint64_t bond = 0;
  std::uint64_t held = 0;
  std::uint64_t earned = 0;
  std::uint64_t unbonding = 0;  // all parts of it together
  bool is_team = false;
  std::string team;                     // hex; empty: none
  std::string seal;                     // hex; empty: none
  std::optional<std::uint64_t> sealed;  // height of the seal's block
  std::vector<std::string> workers;     // hex
};
Result<NodeAccount> read_account(std::string_view result);
struct AccountPage {
  std::uint64_t height = 0;
  std::vector<NodeAccount> accounts;
  std::string next;  // empty: this was the last
};
Result<AccountPage> read_accounts(std::string_view result);

/// job.get, and an item of job.list.
struct NodeJob {
  std::uint64_t job = 0;
  std::string state;
  std::string account, name;
  std::uint64_t workload = 0;
  std::string params;  // hex
  std::uint64_t tasks = 0, units = 0, region_tasks = 0, round_blocks = 0, eps_ppm = 0, passes = 1;
  std::uint64_t price = 0, price2 = 0, bond = 0;
  std::optional<std::uint64_t> start, round;
  std::uint64_t mature = 0;
  std::uint64_t escrow = 0, reserved = 0;
  std::uint64_t leased = 0;  // tasks, for the first time
  std::uint64_t accepted = 0, accepted_second = 0, slots = 0, regions = 0;
  std::uint64_t height = 0;  // of the answer; 0 in a list
};
Result<NodeJob> read_job(std::string_view result);
struct JobPage {
  std::uint64_t height = 0;
  std::vector<NodeJob> jobs;
  std::string next;
};
Result<JobPage> read_jobs(std::string_view result);

/// What the slots of an answer of job.slots have to do, in tasks.
struct SlotWork {
  std::uint64_t queued = 0, pending = 0, maturing = 0;
};
Result<SlotWork> read_slot_work(std::string_view result);

/// An item of job.regions.
struct NodeRegion {
  std::uint64_t region = 0;
  std::uint64_t accepted = 0, accepted_second = 0;
  std::string root, root_second;                       // hex; empty: none
  std::optional<std::uint64_t> height, height_second;  // of the block that completed it
};
Result<std::vector<NodeRegion>> read_regions(std::string_view result);

/// An item of job.finds.
struct NodeFind {
  std::string find, number, what, account, name;
  std::uint64_t task = 0, unit = 0, height = 0;
};
Result<std::vector<NodeFind>> read_finds(std::string_view result);

/// An item of compute.leaderboard.
struct NodeStanding {
  std::string account, name, team;
  std::uint64_t tasks = 0, units = 0, checks = 0, faults = 0, jobs = 0;
};
Result<std::vector<NodeStanding>> read_leaderboard(std::string_view result);

/// How many items a list of an answer has, such as "disputes".
Result<std::size_t> count_items(std::string_view result, const char* list);

}  // namespace kith::cli
