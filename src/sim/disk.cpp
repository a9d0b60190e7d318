#include "sim/disk.h"

#include <algorithm>

#include "base/format.h"

namespace kith::sim {

Result<void> Disk::append(const std::string& path, ByteView bytes) {
  const auto found = names_.find(path);
  return write(path, found == names_.end() ? 0 : found->second->visible.size(), bytes);
}

Result<void> Disk::write(const std::string& path, std::uint64_t offset, ByteView bytes) {
  if (offset > file_bytes_max || bytes.size() > file_bytes_max - offset) {
    return fail(Code::too_large, base::format("write of {} bytes at {} to {}, limit {}",
                                              bytes.size(), offset, path, file_bytes_max));
  }
  TRY_VOID(access(faults_.write_error, bytes.size(), "write to", path));
  const auto found = names_.find(path);
  const std::uint64_t old_size = found == names_.end() ? 0 : found->second->visible.size();
  const std::uint64_t growth = std::max(old_size, offset + bytes.size()) - old_size;
  const std::uint64_t used = used_bytes();
  if (growth > 0 && (used > faults_.capacity_bytes || growth > faults_.capacity_bytes - used)) {
    return fail(Code::limit, base::format("no space for {} bytes more of {}", growth, path));
  }
  if (found == names_.end()) change_name(path, std::make_shared<File>());
  File& file = *names_[path];
  file.unsynced.push_back({offset, base::to_bytes(bytes)});
  apply(file.unsynced.back(), bytes.size(), file.visible);
  return {};
}

Result<void> Disk::truncate(const std::string& path, std::uint64_t size) {
  const auto found = names_.find(path);
  if (found == names_.end()) return fail(Code::not_found, base::format("no file {}", path));
  File& file = *found->second;
  if (size > file.visible.size()) {
    return fail(Code::usage, base::format("truncate of {} to {} would grow it", path, size));
  }
  TRY_VOID(access(faults_.write_error, 0, "truncate", path));
  file.unsynced.push_back({size, {}, true});
  file.visible.resize(size);
  return {};
}

Result<Bytes> Disk::read(const std::string& path, std::uint64_t offset, std::size_t count) {
  const auto found = names_.find(path);
  if (found == names_.end()) return fail(Code::not_found, base::format("no file {}", path));
  TRY_VOID(access(faults_.read_error, count, "read from", path));
  const Bytes& bytes = found->second->visible;
  if (offset >= bytes.size()) return Bytes{};
  const ByteView rest = ByteView(bytes).subspan(offset);
  return base::to_bytes(rest.first(std::min(rest.size(), count)));
}

Result<std::uint64_t> Disk::size(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return fail(Code::not_found, base::format("no file {}", path));
  return found->second->visible.size();
}

Result<void> Disk::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return fail(Code::not_found, base::format("no file {}", from));
  TRY_VOID(access(faults_.write_error, 0, "rename", from));
  const FilePtr file = found->second;
  if (from == to) return {};
  names_.erase(from);
  names_[to] = file;
  unsynced_names_.push_back({{from, nullptr}, {to, file}});  // atomic: both or none
  return {};
}

Result<void> Disk::remove(const std::string& path) {
  if (!exists(path)) return fail(Code::not_found, base::format("no file {}", path));
  TRY_VOID(access(faults_.write_error, 0, "remove", path));
  change_name(path, nullptr);
  return {};
}

Result<void> Disk::sync(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return fail(Code::not_found, base::format("no file {}", path));
  File& file = *found->second;
  delay_ += faults_.sync_takes;
  const auto worked = access(faults_.sync_error, 0, "sync", path);
  if (!worked) {
    for (Write& write : file.unsynced) write.is_doomed = true;
    return worked;
  }
  std::vector<Write> doomed;
  for (Write& write : file.unsynced) {
    if (write.is_doomed) {
      doomed.push_back(std::move(write));
    } else {
      apply(write, write.bytes.size(), file.durable);
    }
  }
  file.unsynced = std::move(doomed);
  return {};
}

Result<void> Disk::sync_directory() {
  delay_ += faults_.sync_takes;
  TRY_VOID(access(faults_.sync_error, 0, "sync", "the directory"));
  durable_names_ = names_;
  unsynced_names_.clear();
  return {};
}

std::vector<std::string> Disk::list() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : names_) paths.push_back(path);
  return paths;
}

std::uint64_t Disk::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [path, file] : names_) used += file->visible.size();
  return used;
}

void Disk::crash() {
  crash_names();
  for (auto& [path, file] : names_) crash_file(*file);
}

// The names are a journal of their own: a beginning of it survives.
void Disk::crash_names() {
  const std::uint64_t kept =
      faults_.lose_unsynced ? rng_.below(unsynced_names_.size() + 1) : unsynced_names_.size();
  for (std::size_t i = 0; i < kept; ++i) {
    for (const auto& [path, file] : unsynced_names_[i]) {
      if (file != nullptr) {
        durable_names_[path] = file;
      } else {
        durable_names_.erase(path);
      }
    }
  }
  unsynced_names_.clear();
  names_ = durable_names_;
}

void Disk::crash_file(File& file) {
  std::vector<Write> survivors;
  for (Write& write : file.unsynced) {
    if (!write.is_doomed) survivors.push_back(std::move(write));
  }
  if (faults_.lose_unsynced && faults_.reorder_unsynced) {
    std::erase_if(survivors, [this](const Write&) { return rng_.below(2) == 0; });
  } else if (faults_.lose_unsynced) {
    survivors.resize(rng_.below(survivors.size() + 1));
  }
  for (std::size_t i = 0; i < survivors.size(); ++i) {
    const Write& write = survivors[i];
    const bool is_torn = faults_.tear_last_write && i + 1 == survivors.size();
    const std::size_t keep =
        is_torn ? static_cast<std::size_t>(rng_.below(write.bytes.size() + 1)) : write.bytes.size();
    apply(write, keep, file.durable);
  }
  file.unsynced.clear();
  file.visible = file.durable;
}

/// The first `keep` bytes of a write; a gap before it reads as zeros.
void Disk::apply(const Write& write, std::size_t keep, Bytes& to) {
  if (write.is_truncate) {
    to.resize(std::min<std::size_t>(to.size(), write.offset));
    return;
  }
  if (keep == 0) return;
  if (to.size() < write.offset + keep) to.resize(write.offset + keep);
  std::copy_n(write.bytes.begin(), keep, to.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

void Disk::change_name(const std::string& path, FilePtr file) {
  if (file != nullptr) {
    names_[path] = file;
  } else {
    names_.erase(path);
  }
  unsynced_names_.push_back({{path, std::move(file)}});
}

Result<void> Disk::access(double error, std::uint64_t bytes, const char* what,
                          const std::string& path) {
  delay_ += faults_.access_takes;
  if (faults_.bytes_per_s > 0) {
    const std::uint64_t ns = bytes * std::uint64_t{1'000'000'000} / faults_.bytes_per_s;
    delay_ += Duration(static_cast<std::int64_t>(ns));
  }
  if (error > 0 && rng_.unit() < error) {
    return fail(Code::io, base::format("{} {} failed: input/output error", what, path));
  }
  return {};
}

}  // namespace kith::sim
