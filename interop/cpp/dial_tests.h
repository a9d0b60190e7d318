// The dialler's tests: each returns what it measured as the inside of a JSON object, or throws a
// Failure. interop/README.md describes them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "blocking_stream.h"

namespace interop {

struct TestOptions {
  std::map<std::string, std::uint64_t> numbers;
  std::string private_network_key;

  std::uint64_t number(const std::string& name, std::uint64_t otherwise) const {
    const auto found = numbers.find(name);
    return found == numbers.end() ? otherwise : found->second;
  }
};

bool is_test(const std::string& name);
std::string run_test(const std::string& name, const std::string& address,
                     const TestOptions& options);
/// For the inside of a JSON string.
std::string escape(const std::string& text);

}  // namespace interop
