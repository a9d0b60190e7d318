#include "api/json.h"

#include <algorithm>
#include <array>

#include "base/format.h"

namespace kith::api {
namespace {

constexpr std::uint64_t exact_number_max = std::uint64_t{1} << 53;

struct Shape {
  std::size_t depth = 0;    // the deepest nesting; looked at no further beyond json_depth_max
  std::size_t members = 0;  // of the largest object
};

/// What parsing would cost, without parsing: brackets and colons outside of strings. As far as the
/// text is JSON, which is as far as it is parsed, the count is right.
Shape shape_of(std::string_view text) {
  Shape shape;
  std::array<std::size_t, json_depth_max + 1> members{};  // by depth
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') {
      shape.depth = std::max(shape.depth, ++depth);
      if (depth > json_depth_max) return shape;
      members[depth] = 0;
    }
    if (c == ':') shape.members = std::max(shape.members, ++members[depth]);
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return shape;
}

/// Finds where parsing fails; the library says so only by exceptions or through this interface.
struct FaultFinder final : nlohmann::json_sax<Json> {
  std::size_t position = 0;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception&) override {
    position = at;
    return false;
  }
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (text.size() > json_bytes_max) {
    return fail(Code::too_large,
                base::format("JSON of {} bytes, the limit is {}", text.size(), json_bytes_max));
  }
  const Shape shape = shape_of(text);
  if (shape.depth > json_depth_max) {
    return fail(Code::too_large,
                base::format("JSON nested deeper than the limit of {}", json_depth_max));
  }
  if (shape.members > json_members_max) {
    return fail(Code::too_large,
                base::format("a JSON object of more than {} members", json_members_max));
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded()) return json;
  FaultFinder finder;
  Json::sax_parse(text, &finder);
  const std::string_view before = text.substr(0, std::min(finder.position, text.size()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return fail(Code::malformed,
              base::format("not JSON: line {}, column {}", line, before.size() - line_start));
}

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json to_json(std::uint64_t number) {
  if (number > exact_number_max) return base::format("{}", number);
  return number;
}

}  // namespace kith::api
