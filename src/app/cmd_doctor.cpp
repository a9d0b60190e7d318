#include "app/cmd.h"
namespace kith::app {
int run_doctor(const cli::Globals& g) { return fail_with(g, {Code::unsupported, "later"}); }
int run_devnet(const cli::Globals& g, const cli::DevnetArgs&) {
  return fail_with(g, {Code::unsupported, "later"});
}
}  // namespace kith::app
