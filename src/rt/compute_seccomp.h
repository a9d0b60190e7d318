// The system calls that a worker program of a stranger may not make, as a filter for the kernel
// (seccomp(2), linux/seccomp.h). What could leave the sandbox ends the process: sockets, exec after
// the start, tracing, mounts, namespaces, kernel interfaces with a history of holes. The one exec
// that starts the program is of a descriptor that no later file can have (compute_sandbox.cpp).
// Everything else computes in peace, so that programs in any language run.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace kith::rt {

/// Empty on processors whose system calls this filter does not know. `exec_fd`: execveat() of it,
/// with AT_EMPTY_PATH, is the only exec that is allowed.
std::vector<sock_filter> worker_filter(int exec_fd);

}  // namespace kith::rt
