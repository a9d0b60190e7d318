#include "api/config_json.h"

#include "api/views.h"
#include "base/format.h"
#include "node/config_text.h"

namespace kith::api {
namespace {

Result<std::string> text_of(const Json& value, std::string_view name, std::string_view key) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return std::string(value.get<bool>() ? "true" : "false");
  if (value.is_number()) return value.dump();
  return fail(Code::config, base::format("{}: {}: {} is no value of any key", name, key,
                                         value.is_null() ? "null" : "a list within a list"));
}

Result<void> flatten(const Json& object, const std::string& prefix, std::string_view name,
                     std::vector<node::Setting>& settings) {
  for (const auto& [key, value] : object.items()) {
    const std::string full = prefix + key;
    if (value.is_object()) {
      TRY_VOID(flatten(value, full + ".", name, settings));
      continue;
    }
    node::Setting setting{full, {}, node::Origin::file, std::string(name)};
    if (value.is_array()) {
      for (const Json& item : value) setting.values.push_back(TRY(text_of(item, name, full)));
    } else {
      setting.values.push_back(TRY(text_of(value, name, full)));
    }
    settings.push_back(std::move(setting));
  }
  return {};
}

Json value_of(const node::EffectiveSetting& setting) {
  switch (setting.type) {
    case node::ConfigType::addresses:
    case node::ConfigType::texts: return setting.values;
    case node::ConfigType::count:
      if (const auto count = node::parse_count(setting.values.front())) return to_json(*count);
      break;
    case node::ConfigType::flag:
      if (const auto flag = node::parse_flag(setting.values.front())) return *flag;
      break;
    case node::ConfigType::text:
    case node::ConfigType::choice:
    case node::ConfigType::size:
    case node::ConfigType::duration: break;
  }
  return setting.values.front();
}

}  // namespace

Json config_view(const std::vector<node::EffectiveSetting>& settings) {
  Json list = Json::array();
  for (const auto& setting : settings) {
    list.push_back(Json{{"key", setting.key},
                        {"value", value_of(setting)},
                        {"origin", node::name_of(setting.origin)},
                        {"where", setting.where.empty() ? Json(nullptr) : Json(setting.where)}});
  }
  return Json{{"settings", std::move(list)}};
}

std::string config_json(const std::vector<node::EffectiveSetting>& settings) {
  return to_line(config_view(settings));
}

Result<std::vector<node::Setting>> parse_config_json(std::string_view text, std::string_view name) {
  auto json = parse_json(text);
  if (!json) return fail(Code::config, base::format("{}: {}", name, json.error().message));
  if (!json->is_object()) return fail(Code::config, base::format("{}: not a JSON object", name));
  std::vector<node::Setting> settings;
  TRY_VOID(flatten(*json, "", name, settings));
  return settings;
}

}  // namespace kith::api
