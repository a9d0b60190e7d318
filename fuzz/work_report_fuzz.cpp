// Reports of `kith compute run`, which merge reads: any text is refused, or says the same when it
// is written and read again.
#include "cli/reports_work.h"

#include <cstdint>

#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto report = cli::parse_work_report(text);
  if (!report) return 0;
  ASSERT(*cli::parse_work_report(cli::to_json(*report)) == *report);
  ASSERT(!cli::to_text(*report).empty());
  return 0;
}
