#include "cli/reports_work.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/format.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t bar_cells = 24;
constexpr std::size_t digits_max = 400;
constexpr std::size_t report_tasks_max = std::size_t{1} << 20;

/// A number while JavaScript's hold it, else its digits.
Json number(const std::string& digits) {
  constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;
  if (digits.empty() || digits.size() > 16) return digits;
  const std::uint64_t value = std::stoull(digits);
  return value <= exact_max ? Json(value) : Json(digits);
}
/// Of one form; or nothing.
bool is_decimal(const std::string& text) {
  return text.size() <= digits_max && (text.size() < 2 || text[0] != '0') &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}
Json or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(nullptr); }

/// Takes keys out of an object; the first that is missing or of another kind is the fault.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(json) {}

  void text(const char* key, std::string& to) {
    const Json* const value = find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return wrong(key);
    to = value->get<std::string>();
  }
  void digits(const char* key, std::string& to) {
    const Json* const value = find(key);
    if (value == nullptr) return;
    if (value->is_number_unsigned()) {
      to = std::to_string(value->get<std::uint64_t>());
    } else if (value->is_string() && is_decimal(value->get<std::string>())) {
      to = value->get<std::string>();
    } else {
      wrong(key);
    }
  }
  void count(const char* key, std::uint64_t& to) {
    const Json* const value = find(key);
    if (value == nullptr) return;
    if (!value->is_number_unsigned()) return wrong(key);
    to = value->get<std::uint64_t>();
  }
  void seconds(const char* key, double& to) {
    const Json* const value = find(key);
    if (value == nullptr) return;
    if (!value->is_number()) return wrong(key);
    to = value->get<double>();
  }
  void truth(const char* key, bool& to) {
    const Json* const value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return wrong(key);
    to = value->get<bool>();
  }
  void optional_text(const char* key, std::optional<std::string>& to) {
    const Json* const value = find(key);
    if (value == nullptr || value->is_null()) return;
    if (!value->is_string()) return wrong(key);
    to = value->get<std::string>();
  }
  /// Null, with a fault noted, unless it is an array or object as asked for.
  const Json* list(const char* key, Json::value_t kind) {
    const Json* const value = find(key);
    if (value == nullptr || value->type() == kind) return value;
    wrong(key);
    return nullptr;
  }
  void wrong(const char* key) {
    if (!fault_) {
      fault_ = Error{Code::malformed,
                     base::format("\"{}\" is missing, or is not what it should be", key)};
    }
  }
  const std::optional<Error>& fault() const { return fault_; }

 private:
  const Json* find(const char* key) {
    const auto at = json_.find(key);
    if (at != json_.end()) return &*at;
    wrong(key);
    return nullptr;
  }

  const Json& json_;
  std::optional<Error> fault_;
};

void read_lists(Fields& fields, WorkReport& report) {
  if (const Json* const roots = fields.list("task_roots", Json::value_t::array)) {
    for (const Json& root : *roots) {
      if (!root.is_null() && !root.is_string()) return fields.wrong("task_roots");
      report.task_roots.push_back(root.is_null() ? std::optional<std::string>()
                                                 : root.get<std::string>());
    }
  }
  if (const Json* const figures = fields.list("figures", Json::value_t::object)) {
    for (const auto& [name, value] : figures->items()) {
      Fields one(*figures);
      std::string digits;
      one.digits(name.c_str(), digits);
      if (one.fault()) return fields.wrong("figures");
      report.figures.emplace_back(name, digits);
    }
  }
  if (const Json* const finds = fields.list("finds", Json::value_t::array)) {
    for (const Json& find : *finds) {
      if (!find.is_object()) return fields.wrong("finds");
      WorkReport::Find one;
      Fields of_find(find);
      of_find.text("kind", one.kind);
      of_find.digits("number", one.number);
      of_find.digits("value", one.value);
      if (of_find.fault()) return fields.wrong("finds");
      report.finds.push_back(one);
    }
  }
}

}  // namespace

std::string to_json(const WorkReport& r) {
  Json roots = Json::array();
  for (const auto& root : r.task_roots) roots.push_back(or_null(root));
  Json figures = Json::object();
  for (const auto& [name, value] : r.figures) figures[name] = number(value);
  Json finds = Json::array();
  for (const WorkReport::Find& find : r.finds) {
    finds.push_back(
        {{"kind", find.kind}, {"number", number(find.number)}, {"value", number(find.value)}});
  }
  const Json json{
      {"workload", r.workload},     {"from", number(r.from)},       {"to", number(r.to)},
      {"params", r.params},         {"job_tasks", r.job_tasks},     {"first_task", r.first_task},
      {"tasks", r.tasks},           {"complete", r.is_complete},    {"root", or_null(r.root)},
      {"statistics", r.statistics}, {"figures", figures},           {"finds", finds},
      {"slices", r.slices},         {"slices_done", r.slices_done}, {"wall_s", r.wall_s},
      {"cpu_s", r.cpu_s},           {"task_roots", roots}};
  return json.dump();
}

std::string to_text(const WorkReport& r) {
  std::string text;
  for (const WorkReport::Find& find : r.finds) {
    text += base::format("{}: {}{}{}\n", find.kind == "counterexample" ? "COUNTEREXAMPLE" : "find",
                         find.number, find.value.empty() ? "" : " with ", find.value);
  }
  text += base::format("{}: {} of {} slices done, tasks {} to {} of {}, of {} to {}\n", r.workload,
                       r.slices_done, r.slices, r.first_task, r.first_task + r.tasks, r.job_tasks,
                       r.from, r.to);
  for (const auto& [name, value] : r.figures) text += base::format("{:<24}{}\n", name, value);
  text += base::format("{:<24}{}\n", "root", r.root.value_or("not complete"));
  return text + base::format("{:.2f} s, {:.2f} s of CPU", r.wall_s, r.cpu_s);
}

Result<WorkReport> parse_work_report(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(Code::malformed, "this is no report of kith compute run");
  WorkReport report;
  Fields fields(json);
  fields.text("workload", report.workload);
  fields.digits("from", report.from);
  fields.digits("to", report.to);
  fields.text("params", report.params);
  fields.count("job_tasks", report.job_tasks);
  fields.count("first_task", report.first_task);
  fields.count("tasks", report.tasks);
  fields.truth("complete", report.is_complete);
  fields.optional_text("root", report.root);
  fields.text("statistics", report.statistics);
  fields.count("slices", report.slices);
  fields.count("slices_done", report.slices_done);
  fields.seconds("wall_s", report.wall_s);
  fields.seconds("cpu_s", report.cpu_s);
  read_lists(fields, report);
  if (fields.fault()) return fail(*fields.fault());
  if (report.task_roots.size() != report.tasks || report.tasks > report_tasks_max ||
      report.tasks > report.job_tasks || report.first_task > report.job_tasks - report.tasks) {
    return fail(Code::malformed,
                base::format("{} roots of tasks {} and {} more, of {}", report.task_roots.size(),
                             report.first_task, report.tasks, report.job_tasks));
  }
  return report;
}

std::string progress_bar(double share, double rate, std::string_view unit,
                         std::optional<double> left_s, std::string_view pause) {
  const double within = std::clamp(share, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(within * static_cast<double>(bar_cells));
  std::string text = "[" + std::string(full, '#') + std::string(bar_cells - full, '.') + "]";
  text += base::format(" {:5.1f} %  {:.3g} {}/s", 100 * within, rate, unit);
  if (!pause.empty()) return text + base::format("  resting: {}", pause);
  if (!left_s) return text;
  const auto seconds = static_cast<std::uint64_t>(std::min(*left_s, 1e12));
  if (seconds < 600) return text + base::format("  {} s to go", seconds);
  return text + base::format("  {}:{:02} h to go", seconds / 3600, seconds / 60 % 60);
}

}  // namespace kith::cli
