#include "cli/args_job.h"

namespace kith::cli {

JobArgs::JobArgs(const JobArgs&) = default;
JobArgs& JobArgs::operator=(const JobArgs&) = default;
JobArgs::JobArgs(JobArgs&&) noexcept = default;
JobArgs& JobArgs::operator=(JobArgs&&) noexcept = default;
JobArgs::~JobArgs() = default;

}  // namespace kith::cli
