// What `kith receive` and `kith send` say, as JSON and as text for a person.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace kith::cli {

/// `kith receive`, once it listens. Addresses of packets, which are faster, are told first.
struct ListeningReport {
  std::string peer_id;
  std::vector<std::string> addresses;  // for whoever sends
  std::string dir;
};
std::string to_json(const ListeningReport& report);
std::string to_text(const ListeningReport& report);

/// A file that has crossed.
struct FileReport {
  bool is_sent = false;  // else received
  std::string name;
  std::string path;  // received ones: what it is called here
  std::string peer_id;
  std::string sha256;     // hex
  std::string transport;  // such as udp/kith
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  // of these, what an earlier try had brought
  double seconds = 0;

  /// Of what this try brought.
  double mib_s() const;
};
std::string to_json(const FileReport& report);
std::string to_text(const FileReport& report);

/// An offer that `kith receive` did not take, or that did not come to its end.
struct FileFailureReport {
  std::string name;  // empty: it came to no name
  std::string peer_id;
  Error error;
};
std::string to_json(const FileFailureReport& report);
std::string to_text(const FileFailureReport& report);

}  // namespace kith::cli
