// Files that must be whole or absent, and secrets that only their owner may read.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/bytes.h"

namespace kith::rt {

inline constexpr mode_t private_file_mode = 0600;
inline constexpr mode_t public_file_mode = 0644;
inline constexpr mode_t private_dir_mode = 0700;

/// Puts `bytes` at `path` so that a crash at any moment leaves the old file or the new one:
/// a temporary beside it, fsync, rename, fsync of the folder. `mode` holds whatever the umask is.
Result<void> write_file_atomic(const std::string& path, ByteView bytes, mode_t mode);

/// The whole file. `not_found`, `permission`, or `too_large` when over `bytes_max`; only regular
/// files are read.
Result<Bytes> read_file(const std::string& path, std::size_t bytes_max);

/// read_file for secrets: `permission` when group or others may do anything with the file, or
/// when it is another user's; the message names the mode and the command that mends it.
Result<Bytes> read_secret_file(const std::string& path, std::size_t bytes_max);

/// Makes the folder and those above it; what exists is left as it is.
Result<void> make_dirs(const std::string& path, mode_t mode);

/// A rename is durable only when its folder is.
Result<void> sync_folder(const std::string& folder);

bool file_exists(const std::string& path);

}  // namespace kith::rt
