// The node of the pubsub benchmark, `peer bench`, as interop/README.md describes it.
#pragma once

#include <string>

namespace interop {

/// Obeys the commands on standard input until its end; gives the exit code.
int run_pubsub_bench(const std::string& listen, bool is_signed);

}  // namespace interop
