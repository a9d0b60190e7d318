#include "node/worker_io.h"

namespace kith::node {

WorkerOutput::WorkerOutput(const WorkerOutput&) = default;
WorkerOutput& WorkerOutput::operator=(const WorkerOutput&) = default;
WorkerOutput::WorkerOutput(WorkerOutput&&) noexcept = default;
WorkerOutput& WorkerOutput::operator=(WorkerOutput&&) noexcept = default;
WorkerOutput::~WorkerOutput() = default;

}  // namespace kith::node
