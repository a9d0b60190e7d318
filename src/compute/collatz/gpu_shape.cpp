#include "compute/collatz/gpu_shape.h"

#include <array>
#include <charconv>

#include "base/format.h"

namespace kith::compute::collatz {
namespace {

constexpr std::string_view first_line = "kith collatz shapes 1\n";

struct Field {
  std::string_view name;
  std::uint32_t GpuShape::* value;
  std::uint32_t least, most;
  bool is_power;
};
constexpr std::array<Field, 7> fields = {{
    {"group", &GpuShape::group, 32, 1024, true},
    {"copies", &GpuShape::copies, 1, 32, true},
    {"halves", &GpuShape::halves, 0, 1, false},
    {"burst", &GpuShape::burst, 1, 64, true},
    {"unroll", &GpuShape::unroll, 1, 16, true},
    {"nines", &GpuShape::nines, 16, std::uint32_t{1} << 22, false},
    {"items_bits", &GpuShape::items_bits, 16, 23, false},
}};

bool is_key_character(char c) { return c >= ' ' && c <= '~'; }

/// The text up to `end`, which is taken off too; nothing when `end` is not in it.
std::string_view take_until(std::string_view& text, char end, bool& is_found) {
  const std::size_t at = text.find(end);
  is_found = at != std::string_view::npos;
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(is_found ? at + 1 : text.size());
  return part;
}

Result<std::pair<std::string, GpuShape>> parse_line(std::string_view line) {
  const auto bad = [line] {
    return fail(Code::malformed, base::format("not a shape: \"{}\"", line.substr(0, 60)));
  };
  bool is_found = false;
  const std::string key(take_until(line, '\t', is_found));
  if (!is_found || key.empty() || key != shape_key(key)) return bad();
  GpuShape shape;
  for (const Field& field : fields) {
    const std::string_view number = take_until(line, ' ', is_found);
    if (is_found == (&field == &fields.back())) return bad();
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size()) return bad();
    shape.*field.value = value;
  }
  if (const auto checked = check_shape(shape); !checked) {
    return fail(Code::malformed, checked.error().message);
  }
  return std::pair(key, shape);
}

}  // namespace

Result<void> check_shape(const GpuShape& shape) {
  for (const Field& field : fields) {
    const std::uint32_t value = shape.*field.value;
    if (value < field.least || value > field.most ||
        (field.is_power && (value & (value - 1)) != 0)) {
      return fail(Code::usage, base::format("a shape with {} {}, which is from {} to {}{}",
                                            field.name, value, field.least, field.most,
                                            field.is_power ? " and a power of two" : ""));
    }
  }
  return {};
}

Result<GpuShapes> parse_shapes(std::string_view text) {
  if (text.size() > shapes_bytes_max) {
    return fail(Code::malformed, base::format("a file of shapes of {} bytes", text.size()));
  }
  const std::string_view whole = text;
  if (!text.starts_with(first_line)) return fail(Code::malformed, "this is no file of shapes");
  text.remove_prefix(first_line.size());
  GpuShapes shapes;
  while (!text.empty()) {
    bool is_found = false;
    const std::string_view line = take_until(text, '\n', is_found);
    if (!is_found || shapes.size() == shapes_max) {
      return fail(Code::malformed, "a file of shapes without an end");
    }
    shapes.push_back(TRY(parse_line(line)));
  }
  // One text a value: no leading zeros, nothing that is not looked at.
  if (encode_shapes(shapes) != whole) return fail(Code::malformed, "not as shapes are written");
  return shapes;
}

std::string encode_shapes(const GpuShapes& shapes) {
  std::string text(first_line);
  for (const auto& [key, shape] : shapes) {
    text += key;
    for (const Field& field : fields) {
      text += base::format("{}{}", &field == &fields.front() ? '\t' : ' ', shape.*field.value);
    }
    text += '\n';
  }
  return text;
}

std::string shape_key(std::string_view words) {
  std::string key;
  for (const char c : words.substr(0, shape_key_bytes_max)) {
    if (is_key_character(c)) key += c;
  }
  return key;
}

}  // namespace kith::compute::collatz
