// Asking a person: lines from the terminal, and passphrases without showing them.
#pragma once

#include <string>

#include "base/error.h"
#include "crypto/secret.h"

namespace kith::app {

/// Whether there is somebody to ask.
bool is_terminal();
/// A line of /dev/tty, typed without echo. `passphrase` when there is no terminal, or it is empty.
Result<crypto::SecretBytes> ask_hidden(const std::string& prompt);
/// "yes" or "y". Without a terminal: no.
bool ask_yes(const std::string& question);
/// All of standard input, at most `bytes_max`; on a terminal up to the end of the line.
Result<crypto::SecretBytes> read_input(const std::string& prompt, std::size_t bytes_max);

}  // namespace kith::app
