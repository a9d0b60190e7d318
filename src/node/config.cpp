#include "node/config.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/format.h"
#include "node/config_text.h"
#include "node/config_transports.h"

namespace kith::node {
namespace {

constexpr std::string_view environment_prefix = "KITH_";

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

std::string suggest(std::string_view word, std::span<const std::string_view> candidates) {
  const auto near = nearest(word, candidates);
  return near ? base::format("; did you mean {}?", *near) : std::string();
}

std::vector<std::string_view> key_names() {
  std::vector<std::string_view> names;
  for (const ConfigKey& key : config_keys()) names.push_back(key.name);
  return names;
}

/// "1s..1h" as two texts.
std::pair<std::string_view, std::string_view> range_of(const ConfigKey& key) {
  const std::size_t dots = key.allowed.find("..");
  ASSERT(dots != std::string_view::npos);
  return {key.allowed.substr(0, dots), key.allowed.substr(dots + 2)};
}

template <class T, class Parse>
Result<T> parse_in_range(const ConfigKey& key, std::string_view text, Parse&& parse) {
  const T value = TRY(parse(text));
  const auto [low, high] = range_of(key);
  if (value < *parse(low) || value > *parse(high)) {
    return fail(Code::config, base::format("{} is not within {} to {}", text, low, high));
  }
  return value;
}

Result<void> check_choice(const ConfigKey& key, std::string_view text) {
  std::string_view rest = key.allowed;
  while (!rest.empty()) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    if (rest.substr(0, bar) == text) return {};
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return fail(Code::config, base::format("\"{}\" is none of {}", text, key.allowed));
}

Result<ConfigValue> parse_value(const ConfigKey& key, const std::vector<std::string>& values) {
  ConfigValue value;
  if (key.type == ConfigType::addresses) {
    if (values.size() > config_list_max) {
      return fail(Code::config,
                  base::format("{} values, the limit is {}", values.size(), config_list_max));
    }
    for (const auto& text : values) {
      value.addresses.push_back(TRY(codec::Multiaddr::parse(text)));
    }
    return value;
  }
  if (key.type == ConfigType::texts) {
    if (values.size() > config_list_max) {
      return fail(Code::config,
                  base::format("{} values, the limit is {}", values.size(), config_list_max));
    }
    value.texts = values;
    return value;
  }
  if (values.size() != 1) {
    return fail(Code::config, base::format("{} values where one belongs", values.size()));
  }
  value.text = values.front();
  switch (key.type) {
    case ConfigType::text: break;
    case ConfigType::choice: TRY_VOID(check_choice(key, value.text)); break;
    case ConfigType::count:
      value.count = TRY(parse_in_range<std::uint64_t>(key, value.text, parse_count));
      break;
    case ConfigType::size:
      value.count = TRY(parse_in_range<std::uint64_t>(key, value.text, parse_size));
      break;
    case ConfigType::duration:
      value.duration = TRY(parse_in_range<Duration>(key, value.text, parse_duration));
      break;
    case ConfigType::flag: value.flag = TRY(parse_flag(value.text)); break;
    case ConfigType::addresses:
    case ConfigType::texts: UNREACHABLE();
  }
  return value;
}

/// What no single key's range can say.
void check_together(const Settings& settings, std::vector<std::string>& faults) {
  const host::HostConfig& host = settings.node.host;
  if (host.peers_min > host.peers_high) {
    faults.push_back(
        base::format("min_peers {} is above max_peers {}", host.peers_min, host.peers_high));
  }
  if (host.limits.connections_max < host.peers_high) {
    faults.push_back(base::format("connections_max {} is below max_peers {}",
                                  host.limits.connections_max, host.peers_high));
  }
  const peer::RttConfig& rtt = settings.node.quality.rtt;
  if (rtt.timeout_min > rtt.timeout_max) {
    faults.push_back(
        base::format("quality.request_timeout_min {} is above "
                     "quality.request_timeout_max {}",
                     format_duration(rtt.timeout_min), format_duration(rtt.timeout_max)));
  }
  const Duration recommend = settings.node.recommend.interval;
  if (recommend != Duration::zero() && recommend < 2min) {
    faults.push_back(base::format("quality.recommend_interval {} is neither 0 nor at least 2m",
                                  format_duration(recommend)));
  }
  for (const auto& address : settings.http.addresses) {
    if (codec::as_tcp(address)) continue;
    faults.push_back(
        base::format("api.http: {} is not /ip4 or /ip6 and /tcp", address.to_string()));
  }
  const auto check_backoff = [&](std::string_view prefix, Duration min, Duration max) {
    if (min <= max) return;
    faults.push_back(base::format("{}backoff_min {} is above {}backoff_max {}", prefix,
                                  format_duration(min), prefix, format_duration(max)));
  };
  const ComputeSettings& compute = settings.compute;
  if (!compute.hours.empty() && !compute.rules.hours) {
    faults.push_back(
        base::format("compute.hours \"{}\" is no span such as 22:00-06:30", compute.hours));
  }
  for (const std::string& job : compute.jobs) {
    const bool is_number =
        !job.empty() && job.size() < 16 && job.find_first_not_of("0123456789") == std::string::npos;
    if (!is_number) faults.push_back(base::format("compute.jobs: \"{}\" is no number", job));
  }
  check_transports(settings, faults);
  check_backoff("dial.", host.book.backoff_min, host.book.backoff_max);
  check_backoff("dial.bootstrap_", host.bootstrap_backoff_min, host.bootstrap_backoff_max);
}

/// Not ours although the name begins alike: read elsewhere, or set by container platforms for a
/// service that is called "kith".
bool is_foreign_variable(std::string_view name) {
  constexpr std::string_view others[] = {"KITH_HOME",
                                         "KITH_CONFIG",
                                         "KITH_BIN",
                                         "KITH_JOBS",
                                         "KITH_NVRTC",
                                         "KITH_PORT",
                                         "KITH_WALLET_PASSPHRASE",
                                         "KITH_ACCOUNT_PASSPHRASE"};
  return std::ranges::find(others, name) != std::end(others) || name.starts_with("KITH_PORT_") ||
         name.starts_with("KITH_SERVICE_");
}

}  // namespace

std::string_view name_of(Origin origin) {
  switch (origin) {
    case Origin::defaults: return "default";
    case Origin::file: return "file";
    case Origin::environment: return "environment";
    case Origin::flag: return "flag";
  }
  return "unknown";
}

std::string_view name_of(ConfigType type) {
  switch (type) {
    case ConfigType::text: return "text";
    case ConfigType::choice: return "choice";
    case ConfigType::count: return "number";
    case ConfigType::size: return "size";
    case ConfigType::duration: return "duration";
    case ConfigType::flag: return "true or false";
    case ConfigType::addresses:
    case ConfigType::texts: return "list";
  }
  return "unknown";
}

Result<Settings> load_settings(std::vector<Setting> sources) {
  std::vector<std::string> faults;
  bool are_of_flags = true;  // all of them: then the command was wrong, and no file
  std::map<std::string_view, const Setting*> chosen;
  for (const Setting& setting : sources) {
    if (find_config_key(setting.key) == nullptr) {
      faults.push_back(base::format("{}: unknown key \"{}\"{}", setting.where, setting.key,
                                    suggest(setting.key, key_names())));
      are_of_flags &= setting.origin == Origin::flag;
      continue;
    }
    const Setting*& best = chosen[setting.key];
    if (best == nullptr || best->origin <= setting.origin) best = &setting;
  }
  Settings settings;
  for (const ConfigKey& key : config_keys()) {
    const bool has_list = is_list(key.type);
    EffectiveSetting effective{std::string(key.name), {}, key.type, Origin::defaults, ""};
    if (const auto found = chosen.find(key.name); found != chosen.end()) {
      effective.values = found->second->values;
      effective.origin = found->second->origin;
      effective.where = found->second->where;
      // One text for a list, as a variable or a flag gives it.
      if (has_list && effective.values.size() == 1)
        effective.values = split_list(effective.values[0]);
    } else if (has_list) {
      effective.values = split_list(key.default_text);
    } else {
      effective.values = {std::string(key.default_text)};
    }
    if (auto value = parse_value(key, effective.values)) {
      key.apply(settings, *std::move(value));
    } else {
      faults.push_back(
          base::format("{}: {}: {}", effective.where, key.name, value.error().message));
      are_of_flags &= effective.origin == Origin::flag;
    }
    settings.effective.push_back(std::move(effective));
  }
  if (!faults.empty()) {
    return fail(are_of_flags ? Code::usage : Code::config, join(faults, "\n"));
  }
  check_together(settings, faults);
  if (!faults.empty()) return fail(Code::config, join(faults, "\n"));
  apply_transports(settings);
  return settings;
}

std::string environment_name(std::string_view key) {
  std::string name(environment_prefix);
  for (const char c : key) {
    name.push_back(c == '.' || c == '-'   ? '_'
                   : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A')
                                          : c);
  }
  return name;
}

Result<std::vector<Setting>> read_environment(
    std::span<const std::pair<std::string, std::string>> variables) {
  std::vector<Setting> settings;
  std::vector<std::string> faults;
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys()) names.push_back(environment_name(key.name));
  for (const auto& [name, value] : variables) {
    if (!name.starts_with(environment_prefix) || is_foreign_variable(name)) continue;
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      const std::vector<std::string_view> views(names.begin(), names.end());
      faults.push_back(
          base::format("unknown environment variable {}{}", name, suggest(name, views)));
      continue;
    }
    const ConfigKey& key = config_keys()[static_cast<std::size_t>(found - names.begin())];
    settings.push_back({std::string(key.name), {value}, Origin::environment, name});
  }
  if (!faults.empty()) return fail(Code::config, join(faults, "\n"));
  return settings;
}

Result<Setting> parse_assignment(std::string_view text, std::string_view flag) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(Code::usage, base::format("{} takes KEY=VALUE, not \"{}\"", flag, text));
  }
  return Setting{std::string(text.substr(0, equals)),
                 {std::string(text.substr(equals + 1))},
                 Origin::flag,
                 std::string(flag)};
}

}  // namespace kith::node
