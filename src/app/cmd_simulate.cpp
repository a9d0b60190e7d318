// kith simulate: nodes in virtual time.
#include "app/cmd.h"

namespace kith::app {

int run_simulate(const cli::Globals& globals, const cli::SimulateArgs&) {
  return fail_with(globals, {Code::unsupported, "`kith simulate` is not there yet"});
}

}  // namespace kith::app
