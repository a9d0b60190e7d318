// What `kith compute run` and `kith compute merge` say, as JSON (docs/compute.md has its keys) and
// as text for a person; the JSON is read again by merge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace kith::cli {

struct WorkReport {
  struct Find {
    std::string kind, number, value;
    friend bool operator==(const Find&, const Find&) = default;
  };

  std::string workload;
  std::string from, to;  // of the whole range, decimal
  std::string params;    // hex
  std::uint64_t job_tasks = 0;
  std::uint64_t first_task = 0;
  std::uint64_t tasks = 0;
  /// Of each of these tasks, in hex; none when it is not done.
  std::vector<std::optional<std::string>> task_roots;
  std::optional<std::string> root;                           // over them, when all are done
  std::string statistics;                                    // hex; empty when no task is done
  std::vector<std::pair<std::string, std::string>> figures;  // names, decimal numbers
  std::vector<Find> finds;
  bool is_complete = false;
  std::uint64_t slices = 0;
  std::uint64_t slices_done = 0;
  double wall_s = 0;
  double cpu_s = 0;
  friend bool operator==(const WorkReport&, const WorkReport&) = default;
};

std::string to_json(const WorkReport& report);
std::string to_text(const WorkReport& report);
/// `malformed` when it is not what to_json makes.
Result<WorkReport> parse_work_report(std::string_view json);

/// "[#####.....]  52.1 %  3.4 slices/s  12 s to go", for a terminal's line; `unit` is "slices".
std::string progress_bar(double share, double rate, std::string_view unit,
                         std::optional<double> left_s, std::string_view pause);

}  // namespace kith::cli
