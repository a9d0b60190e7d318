#include "rt/compute_sensors.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "rt/process_usage.h"

namespace kith::rt {
namespace {

/// /proc/stat counts in hundredths of a second: over less than this nothing can be said.
constexpr std::uint64_t ticks_min = 50;

/// A folder's entries; none when it is not there.
std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  const auto close = [](DIR* dir) { ::closedir(dir); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(folder.c_str()), close);
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::ranges::sort(names);
  return names;
}

/// The first line; empty when it cannot be read.
std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<bool> ComputeSensors::is_on_ac() const {
  const std::string folder = root_ + "/sys/class/power_supply";
  std::optional<bool> is_on;
  for (const std::string& name : entries_of(folder)) {
    const std::string supply = folder + "/" + name;
    // A mouse has a battery as well, with the scope of a device.
    if (line_of(supply + "/scope") == "Device") continue;
    const std::string type = line_of(supply + "/type");
    if (type == "Battery") {
      if (line_of(supply + "/status") == "Discharging") is_on = is_on.value_or(false);
    } else if (const auto online = number_of(line_of(supply + "/online"))) {
      is_on = is_on.value_or(false) || *online != 0;
    }
  }
  return is_on;
}

std::optional<int> ComputeSensors::celsius() const {
  const std::string folder = root_ + "/sys/class/thermal";
  std::optional<int> hottest;
  for (const std::string& name : entries_of(folder)) {
    if (!name.starts_with("thermal_zone")) continue;
    const auto thousandths = number_of(line_of(folder + "/" + name + "/temp"));
    // Zones without a sensor say absurd things.
    if (!thousandths || *thousandths < -50'000 || *thousandths > 200'000) continue;
    const auto degrees = static_cast<int>(*thousandths / 1000);
    hottest = std::max(hottest.value_or(degrees), degrees);
  }
  return hottest;
}

std::optional<ComputeSensors::Ticks> ComputeSensors::ticks() const {
  // cpu user nice system idle iowait irq softirq steal ...; user has guest's in it already.
  std::istringstream line(line_of(root_ + "/proc/stat"));
  std::string name;
  line >> name;
  if (name != "cpu") return std::nullopt;
  Ticks ticks;
  std::uint64_t value = 0;
  for (int i = 0; i < 8 && line >> value; ++i) {
    ticks.all += value;
    const bool is_idle = i == 3 || i == 4;
    if (!is_idle) ticks.busy += value;
  }
  return ticks;
}

std::optional<unsigned> ComputeSensors::measure_others() {
  const auto now = ticks();
  if (!now) return std::nullopt;
  const Duration own = process_usage().processor;
  if (!before_ || now->all < before_->all) {  // the first time
    before_ = now;
    own_before_ = own;
    return std::nullopt;
  }
  const std::uint64_t all = now->all - before_->all;
  if (all < ticks_min) return others_percent_;
  const auto per_second = static_cast<std::uint64_t>(std::max(::sysconf(_SC_CLK_TCK), 1L));
  const auto own_ms = static_cast<std::uint64_t>(base::to_ms(own - own_before_));
  const std::uint64_t own_ticks = own_ms * per_second / 1000;
  const std::uint64_t busy = now->busy - std::min(now->busy, before_->busy);
  others_percent_ = static_cast<unsigned>(100 * (busy - std::min(busy, own_ticks)) / all);
  before_ = now;
  own_before_ = own;
  return others_percent_;
}

compute::WorkReadings ComputeSensors::read() {
  compute::WorkReadings readings;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  readings.now.unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = readings.now.unix_ms / 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  readings.minute = static_cast<unsigned>(local.tm_hour * 60 + local.tm_min);
  readings.is_on_ac = is_on_ac();
  readings.celsius = celsius();
  readings.others_percent = measure_others();
  readings.memory_bytes = process_usage().resident_bytes;
  return readings;
}

}  // namespace kith::rt
