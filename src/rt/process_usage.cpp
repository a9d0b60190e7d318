#include "rt/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace kith::rt {
namespace {

Duration to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::uint64_t entries_of(const char* folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder), ::closedir);
  if (!listing) return 0;
  std::uint64_t entries = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (entry->d_name[0] != '.') ++entries;
  }
  return entries;
}

std::uint64_t resident_pages() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "r"),
                                                             std::fclose);
  unsigned long long total = 0;
  unsigned long long resident = 0;
  if (!file || std::fscanf(file.get(), "%llu %llu", &total, &resident) != 2) return 0;
  return resident;
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  usage.resident_bytes = resident_pages() * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t files = entries_of("/proc/self/fd");
  usage.open_files = files > 0 ? files - 1 : 0;  // the folder itself was open
  usage.threads = entries_of("/proc/self/task");
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    usage.processor = to_duration(used.ru_utime) + to_duration(used.ru_stime);
  }
  return usage;
}

}  // namespace kith::rt
