// A node's home folder: where it is, who may use it, and the key that lives there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "crypto/key.h"
#include "rt/os.h"

namespace kith::rt {

/// $KITH_HOME, else $XDG_DATA_HOME/kith, else ~/.local/share/kith. `config` when none is set.
Result<std::string> default_home();

/// Makes the folder (mode 0700) when it is not there.
Result<void> make_home(const std::string& home);

/// Holds HOME/lock for this process; the lock ends with it, however it ends. The file holds the
/// holder's process id. A second holder gets `locked`, which names that id.
class HomeLock {
 public:
  static Result<HomeLock> take(const std::string& home);
  /// The process that holds the home now; empty when none does.
  static std::optional<int> holder(const std::string& home);

 private:
  explicit HomeLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

inline std::string identity_path(const std::string& home) { return home + "/identity.key"; }

struct Identity {
  crypto::KeyPair key;
  bool created = false;
};
/// Reads HOME/identity.key, or makes a key and writes it (mode 0600). `passphrase` opens, or
/// seals, the file. `permission` when others may read it.
Result<Identity> load_or_create_identity(const std::string& home,
                                         std::optional<std::string_view> passphrase, Rng& rng);

/// Writes HOME/identity.key anew, in one step, sealed when there is a passphrase. REQUIRES: the
/// caller holds the home.
Result<void> write_identity(const std::string& home, const crypto::KeyPair& key,
                            std::optional<std::string_view> passphrase, Rng& rng);

/// Reads HOME/api.token, or makes one: 32 random bytes in hexadecimal (mode 0600). `permission`
/// when others may read it, `malformed` when it is too short to keep anybody out.
Result<std::string> load_or_create_api_token(const std::string& home, Rng& rng);

}  // namespace kith::rt
