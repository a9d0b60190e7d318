// What the verbs of jobs and records say, as JSON and as text; as in reports_account.h.
#pragma once

#include "cli/wire_account.h"

namespace kith::cli {

/// `compute submit --dry-run`, and the head of one that is sent.
struct JobPlan {
  std::string workload, from, to;
  std::uint64_t tasks = 0, units = 0, slices = 0, region_tasks = 0;
  std::uint64_t passes = 1, eps_ppm = 0, checked_min = 0;
  std::uint64_t mature = 0;      // M
  std::uint64_t price = 0;       // of a task
  std::uint64_t bond = 0;        // of a slot
  std::uint64_t cost_least = 0;  // all tasks, each checked as little as can be
  std::uint64_t cost_most = 0;   // each checked in whole
  std::uint64_t amount = 0;      // into escrow
  std::uint64_t round_blocks = 0;
};
std::string to_json(const JobPlan& plan);
std::string to_text(const JobPlan& plan);

/// `compute jobs`.
std::string to_text(const std::vector<NodeJob>& jobs);
/// `compute job ID`.
struct JobReport {
  NodeJob job;
  std::string workload, from, to;
  std::vector<NodeRegion> regions;  // the first of them
  std::uint64_t disputes = 0;       // open ones, up to a page
  std::optional<double> tasks_per_round;
  std::optional<double> left_s;  // until the last task is accepted, at that rate
};
std::string to_json(const JobReport& report);
std::string to_text(const JobReport& report);
/// Tasks accepted a round since the job began, and how long the rest takes; nothing of one that has
/// not accepted any.
void fill_rates(JobReport& report, std::uint64_t block_interval_ms);

std::string to_text(const std::vector<NodeStanding>& standings);
std::string render_leaderboard(std::string_view result);
std::string render_jobs(std::string_view result);
/// Of compute.status, compute.pause and compute.resume.
std::string render_work(std::string_view result);
std::string render_finds(std::string_view result);

/// `compute record show` and `verify`.
struct RecordReport {
  std::string cid, hash, genesis, account, worker, root;
  std::uint64_t job = 0, task = 0, pass = 1, slot = 0, round = 0, device_class = 0;
  std::vector<std::uint64_t> checkers;
  std::uint64_t time_ms = 0;
  std::string statistics;         // hex
  std::optional<bool> is_signed;  // none: not looked at
  std::optional<std::uint64_t> region;
  std::optional<std::string> region_root;  // that it was found under
  /// What the task is, by the job's entry.
  struct Covers {
    std::uint64_t region = 0, task_in_region = 0, region_tasks = 0;
    std::uint64_t first_unit = 0, units = 0;
    std::optional<std::uint64_t> slices;  // of a unit
    std::string words;                    // the workload's; empty: it is not known here
  };
  std::optional<Covers> covers;
  std::string settled;                           // "accepted", "maturing"; empty: not looked at
  std::optional<std::uint64_t> place, place_of;  // in its region's list
  /// By a light client: the block that the proof ends in.
  std::optional<std::uint64_t> proven_at;
  std::string account_name;
};
std::string to_json(const RecordReport& report);
std::string to_text(const RecordReport& report);

}  // namespace kith::cli
