// TOML through toml++, without its exceptions: the header-only form, compiled here and nowhere
// else, because the packaged library is built with them.
#include "node/config.h"

#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/format.h"

namespace kith::node {
namespace {

constexpr std::size_t table_depth_max = 8;

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
