// Unix-domain socket addresses, for both ends of the local API. Internal to rt.
#pragma once

#include <sys/un.h>

#include <string>

#include "rt/os.h"

namespace kith::rt {

struct LocalAddress {
  sockaddr_un address{};
  Fd folder;  // keeps a shortened path alive
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

/// A sockaddr holds 107 bytes of path; a longer one is reached through /proc/self/fd/FOLDER.
Result<LocalAddress> to_local_address(const std::string& path);

}  // namespace kith::rt
