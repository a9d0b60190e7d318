// TOML through toml++, without its exceptions: the header-only form, compiled here and nowhere
// else, because the packaged library is built with them.
#include "node/config.h"

#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
// Under NDEBUG the library turns its assertions into promises to the optimiser, and "[{" breaks one
// of them; without, it would abort there. As nothing at all they let its error handling speak.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/impl/preprocessor.h>
// The same for what it calls unreachable: a Latin letter where blanks may stand gets there.
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE \
  return {}
#include <toml++/toml.h>

#include "base/format.h"

namespace kith::node {
namespace {

constexpr std::size_t table_depth_max = 8;
/// toml++ builds a table in a table for each dot of a key, and takes them down by recursion: half a
/// million would overflow the stack. No line of ours has more than one dot outside of strings.
constexpr std::size_t line_dots_max = 256;

/// The first line with too many dots outside of quotes; 0 when there is none.
std::size_t find_deep_key(std::string_view text) {
  std::size_t line = 1;
  std::size_t dots = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      dots = 0;
      quote = 0;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '.' && ++dots > line_dots_max) {
      return line;
    }
  }
  return 0;
}

std::string place(std::string_view name, const toml::source_region& source) {
  return base::format("{}:{}", name, source.begin.line);
}

/// A scalar as the text that the key's own type reads; empty for kinds no key has.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return base::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return base::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return std::nullopt;
}

Result<std::vector<std::string>> values_of(const toml::node& node, std::string_view where,
                                           std::string_view key) {
  if (auto text = text_of(node)) return std::vector<std::string>{*std::move(text)};
  std::vector<std::string> values;
  if (const auto* list = node.as_array()) {
    for (const toml::node& item : *list) {
      auto text = text_of(item);
      if (!text)
        return fail(Code::config, base::format("{}: {}: a list within a list", where, key));
      values.push_back(*std::move(text));
    }
    return values;
  }
  return fail(Code::config, base::format("{}: {}: dates are no values of any key", where, key));
}

Result<void> flatten(const toml::table& table, const std::string& prefix, std::string_view name,
                     std::size_t depth, std::vector<Setting>& settings) {
  if (depth > table_depth_max) {
    return fail(Code::config, base::format("{}: {}: tables within tables", name, prefix));
  }
  for (const auto& [key, node] : table) {
    const std::string full = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      TRY_VOID(flatten(*inner, full + ".", name, depth + 1, settings));
      continue;
    }
    std::string where = place(name, node.source());
    auto values = TRY(values_of(node, where, full));
    settings.push_back({full, std::move(values), Origin::file, std::move(where)});
  }
  return {};
}

}  // namespace

Result<std::vector<Setting>> parse_toml(std::string_view text, std::string_view name) {
  if (text.size() > config_file_bytes_max) {
    return fail(Code::too_large, base::format("{} has {} bytes, the limit is {}", name, text.size(),
                                              config_file_bytes_max));
  }
  if (const std::size_t line = find_deep_key(text); line != 0) {
    return fail(Code::config,
                base::format("{}:{}: a key of more than {} parts", name, line, line_dots_max));
  }
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    return fail(Code::config, base::format("{}: {}", place(name, parsed.error().source()),
                                           parsed.error().description()));
  }
  std::vector<Setting> settings;
  TRY_VOID(flatten(parsed.table(), "", name, 0, settings));
  return settings;
}

}  // namespace kith::node
