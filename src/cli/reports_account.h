// What `kith account` and the verbs of jobs say, as JSON (amounts in units, as the API has them)
// and as text for a person (amounts in coins).
#pragma once

#include "cli/wire_account.h"

namespace kith::cli {

/// `account create` and `rename`.
struct NamedReport {
  std::string account;  // id, hex
  std::string name;
  std::string key;     // hex
  std::string status;  // named, or sealed: the name is to be taken later
  std::uint64_t height = 0;
  std::optional<std::uint64_t> free_from;  // of a sealed name: the block that can take it
  std::uint64_t fees = 0;
  std::vector<std::string> txids;
};
std::string to_json(const NamedReport& report);
std::string to_text(const NamedReport& report);

std::string to_text(const NodeAccount& account);
/// account.list's answer, or the wallet's accounts out of it.
std::string accounts_json(std::uint64_t height, const std::vector<NodeAccount>& accounts,
                          std::string_view next);
std::string to_text(const std::vector<NodeAccount>& accounts);
/// account.get's answer as a person reads it.
std::string render_account(std::string_view result);

/// `account export` and `import`.
struct AccountFileReport {
  std::string account, name, file;
  bool is_sealed = false;
};
std::string to_json(const AccountFileReport& report);
std::string to_text(const AccountFileReport& report);

/// `account certificate`.
struct CertificateReport {
  std::string account, name, file;
  std::uint64_t height = 0;
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> job;  // none: of the account alone
  std::uint64_t tasks = 0, units = 0, checks = 0;
  // Of a discovery: its name, number and what it is; empty: of work.
  std::string find, number, what;
};
std::string to_json(const CertificateReport& report);
std::string to_text(const CertificateReport& report);

}  // namespace kith::cli
