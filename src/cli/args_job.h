// Arguments of `kith compute submit` and the verbs that look at jobs and records; as in
// args_account.h. One alternative of the Command in args.h.
#pragma once

#include <optional>
#include <variant>

#include "cli/args_account.h"

namespace kith::cli {

struct JobSubmitArgs {
  AccountOptions options;
  std::string workload;  // collatz, goldbach, external:PROGRAM
  std::string from;      // as written: 2^71, 1e6
  std::string to;
  std::string step;           // of external programs: numbers a task
  std::uint64_t units = 16;   // and how the program cuts them
  std::uint64_t slices = 4;   // likewise, a unit
  std::string price;          // coins a task
  std::string price2;         // of the second pass; empty: the same
  std::string bond;           // of a slot; empty: the chain's minimum
  std::string amount;         // into escrow; empty: what it may cost
  std::uint64_t passes = 1;   // 2: everything is computed twice
  std::uint64_t eps_ppm = 0;  // 0: 250
  std::uint64_t checked_min = 0;
  std::uint64_t second_every = 0;
  std::uint64_t round_blocks = 0;
  std::uint64_t lease_rounds = 4;
  std::uint64_t region_tasks = 0;
};
struct JobFundArgs {
  AccountOptions options;
  std::uint64_t job = 0;
  std::string amount;
};
struct JobEndArgs {
  AccountOptions options;
  std::uint64_t job = 0;
};
struct JobListArgs {
  std::uint64_t limit = 100;
  std::uint64_t after = 0;
};
struct JobShowArgs {
  std::uint64_t job = 0;
};
struct JobFindsArgs {
  std::uint64_t job = 0;
  std::uint64_t limit = 100;
  std::string after;
};
struct LeaderboardArgs {
  std::uint64_t limit = 20;
};
// What the running node works for (compute.status, compute.pause, compute.resume).
struct WorkStatusArgs {};
struct WorkPauseArgs {};
struct WorkResumeArgs {};
struct RecordShowArgs {
  std::string record;  // a file, or a CID of HOME/records
};
struct RecordVerifyArgs {
  std::string record;
  std::string cid;         // that it must have
  std::string place;       // a file: the Merkle proof of it in its region's list
  bool asks_node = false;  // takes the region's root from the running node
  bool is_light = false;   // asks it for a proof, and believes that alone
  std::string proof;       // a file in its place, as `kith chain proof` writes it
  // What a light client trusts.
  std::string genesis;  // a hash, or a file
  bool trusts_old_keys = false;
};

struct JobArgs : std::variant<JobSubmitArgs, JobFundArgs, JobEndArgs, JobListArgs, JobShowArgs,
                              LeaderboardArgs, RecordShowArgs, RecordVerifyArgs, JobFindsArgs,
                              WorkStatusArgs, WorkPauseArgs, WorkResumeArgs> {
  using variant::variant;
  JobArgs(const JobArgs&);
  JobArgs& operator=(const JobArgs&);
  JobArgs(JobArgs&&) noexcept;
  JobArgs& operator=(JobArgs&&) noexcept;
  ~JobArgs();
};

}  // namespace kith::cli
