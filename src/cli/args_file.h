// Arguments of `kith receive` and `kith send`; as in args.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kith::cli {

struct ReceiveArgs {
  std::string dir = ".";
  std::vector<std::string> listen;  // empty: UDP and TCP on free ports
  bool once = false;
  std::optional<std::uint64_t> size_max;
  std::vector<std::string> from;  // peer ids; empty: everybody
  std::string psk_file;
};
struct SendArgs {
  std::string file;
  std::string target;
  std::string name;  // empty: the file's own
  std::string psk_file;
};

}  // namespace kith::cli
