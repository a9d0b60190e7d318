// Configuration as JSON. Read: the same keys as config.toml (node/config.h), for machines that
// write files. Written: what `config show` and the method config.show answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/config.h"

namespace kith::api {

/// Objects within the object are tables: {"log": {"level": "debug"}} and {"log.level": "debug"}
/// are the same.
Result<std::vector<node::Setting>> parse_config_json(std::string_view text, std::string_view name);

/// {"settings":[{"key":...,"value":...,"origin":...,"where":...}]}: every key after all sources.
std::string config_json(const std::vector<node::EffectiveSetting>& settings);

}  // namespace kith::api
