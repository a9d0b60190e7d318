#include "cli/reports_compute.h"

#include <nlohmann/json.hpp>

#include "base/format.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

/// A number while JavaScript's hold it, else its digits.
Json number(const std::string& digits) {
  constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;
  if (digits.size() > 16) return digits;
  const std::uint64_t value = std::stoull(digits);
  return value <= exact_max ? Json(value) : Json(digits);
}
Json number(const std::optional<std::string>& digits) {
  return digits ? number(*digits) : Json(nullptr);
}

}  // namespace

std::string to_json(const CollatzReport& r) {
  Json json{{"from", number(r.from)},
            {"to", number(r.to)},
            {"count", number(r.count)},
            {"verified", number(r.verified)}};
  json["counterexample"] = r.counterexample ? Json(*r.counterexample) : Json(nullptr);
  json["max_value"] = number(r.max_value);
  json["max_value_at"] = number(r.max_value_at);
  json["max_steps"] = r.max_steps ? Json(*r.max_steps) : Json(nullptr);
  json["max_steps_at"] = number(r.max_steps_at);
  json["checksum"] = r.checksum;
  json["rate_per_s"] = r.rate_per_s;
  json["device"] = r.device;
  json["mode"] = r.mode;
  json["complete"] = r.is_complete;
  json["wall_s"] = r.wall_s;
  json["cpu_s"] = r.cpu_s;
  return json.dump();
}

std::string to_text(const CollatzReport& r) {
  std::string text;
  if (r.counterexample) {
    text = base::format("COUNTEREXAMPLE: {} does not reach 1 as far as it was followed\n",
                        *r.counterexample);
  }
  text += base::format("{} of {} numbers verified, {} to {} ({})\n", r.verified, r.count, r.from,
                       r.to, r.mode);
  if (r.max_value) text += base::format("highest   {} from {}\n", *r.max_value, *r.max_value_at);
  if (r.max_steps)
    text += base::format("longest   {} steps from {}\n", *r.max_steps, *r.max_steps_at);
  return text + base::format("checksum  {}\n{:.3g} numbers/s on {}, {:.2f} s, {:.2f} s of CPU",
                             r.checksum, r.rate_per_s, r.device, r.wall_s, r.cpu_s);
}

std::string to_json(const CollatzRecordsReport& r) {
  Json records = Json::array();
  for (const CollatzRecordsReport::Record& record : r.records) {
    records.push_back({{"kind", record.kind},
                       {"number", number(record.number)},
                       {"steps", record.steps},
                       {"peak", number(record.peak)}});
  }
  return Json{{"to", number(r.to)},
              {"complete", r.is_complete},
              {"records", std::move(records)},
              {"wall_s", r.wall_s}}
      .dump();
}

std::string to_text(const CollatzRecordsReport& r) {
  std::string text = base::format("{:<6} {:>20} {:>8}  {}\n", "KIND", "NUMBER", "STEPS", "PEAK");
  for (const CollatzRecordsReport::Record& record : r.records) {
    text += base::format("{:<6} {:>20} {:>8}  {}\n", record.kind, record.number, record.steps,
                         record.peak);
  }
  return text + base::format("{} records up to {}, {:.1f} s{}", r.records.size(), r.to, r.wall_s,
                             r.is_complete ? "" : ", stopped");
}

std::string to_json(const BarinaReport& r) {
  return Json{{"unit", r.unit},
              {"complete", r.is_complete},
              {"candidates", r.candidates},
              {"checksum", r.checksum},
              {"peak", r.peak ? number(*r.peak) : Json(nullptr)},
              {"peak_offset", r.peak_offset},
              {"wall_s", r.wall_s}}
      .dump();
}

std::string to_text(const BarinaReport& r) {
  return base::format(
      "unit {}{}: {} numbers tested, checksum {}\nhighest {} from offset {}\n{:.1f} s", r.unit,
      r.is_complete ? "" : ", stopped in the middle", r.candidates, r.checksum,
      r.peak.value_or("beyond 128 bits"), r.peak_offset, r.wall_s);
}

}  // namespace kith::cli
