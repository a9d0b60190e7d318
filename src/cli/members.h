// Reading a node's answers member by member: the first that is missing or of another kind is the
// fault. Internal to cli: whoever includes it pays for nlohmann/json.
#pragma once

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/format.h"

namespace kith::cli {

using Json = nlohmann::ordered_json;

/// Of one answer, or of an object in it.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  std::string text(const char* name) {
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_string()) return found->get<std::string>();
    miss(name);
    return {};
  }
  /// "" for null and for what is not there.
  std::string optional_text(const char* name) {
    const auto found = json_.find(name);
    return found != json_.end() && found->is_string() ? found->get<std::string>() : std::string();
  }
  /// A number, or a decimal string beyond 2^53.
  std::uint64_t number(const char* name) {
    const auto found = json_.find(name);
    const auto value = found == json_.end() ? std::nullopt : number_of(*found);
    if (!value) miss(name);
    return value.value_or(0);
  }
  std::optional<std::uint64_t> optional_number(const char* name) {
    const auto found = json_.find(name);
    return found == json_.end() ? std::nullopt : number_of(*found);
  }
  const Json& list(const char* name) {
    static const Json none = Json::array();
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_array()) return *found;
    miss(name);
    return none;
  }
  bool flag(const char* name) {
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_boolean()) return found->get<bool>();
    miss(name);
    return false;
  }
  /// An object; an empty one, and the fault, for what is none.
  const Json& object(const char* name) {
    static const Json none = Json::object();
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_object()) return *found;
    miss(name);
    return none;
  }
  Result<void> fault() const {
    if (missed_.empty()) return {};
    return fail(
        Code::protocol,
        base::format("the node's answer lacks \"{}\", or has something else there", missed_));
  }

 private:
  static std::optional<std::uint64_t> number_of(const Json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (!value.is_string()) return std::nullopt;
    const auto& digits = value.get_ref<const std::string&>();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
  }
  void miss(const char* name) {
    if (missed_.empty()) missed_ = name;
  }

  const Json& json_;
  std::string missed_;
};

inline Result<Json> parse_answer(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return fail(Code::protocol, "the node answered with what is no JSON object");
}

}  // namespace kith::cli
