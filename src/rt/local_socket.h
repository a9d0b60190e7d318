// Unix-domain socket addresses, for both ends of the local API and of a
// remote signer. Internal to rt.
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
/// A socket of mode 0600 that listens there and does not block. One that nobody serves is replaced;
/// `locked` when somebody does.
Result<Fd> listen_local(const std::string& path);
/// Who connected is this user, or root.
bool is_own_user(int fd);

}  // namespace kith::rt
