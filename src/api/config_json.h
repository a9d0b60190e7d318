// Configuration written as JSON: the same keys as config.toml (node/config.h), for machines that
// write files.
#pragma once

#include <string_view>
#include <vector>

#include "node/config.h"

namespace kith::api {

/// Objects within the object are tables: {"log": {"level": "debug"}} and {"log.level": "debug"}
/// are the same.
Result<std::vector<node::Setting>> parse_config_json(std::string_view text, std::string_view name);

}  // namespace kith::api
