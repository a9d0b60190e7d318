#include "codec/account_name.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "codec/printable.h"

namespace kith::codec {
namespace {

struct Alike {
  char from;
  char to;
};
constexpr std::array<Alike, 7> alike = {
    {{'0', 'o'}, {'1', 'l'}, {'i', 'l'}, {'5', 's'}, {'2', 'z'}, {'8', 'b'}, {'9', 'g'}}};

struct AlikePair {
  std::string_view from;
  char to;
};
constexpr std::array<AlikePair, 3> alike_pairs = {{{"vv", 'w'}, {"rn", 'm'}, {"cl", 'd'}}};

bool is_allowed(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

Result<void> refuse(std::string_view name, std::string_view why) {
  return fail(Code::malformed, base::format("name {}: {}", printable(name), why));
}

/// Character by character, without dashes.
std::string single(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '-') continue;
    const auto found = std::ranges::find(alike, c, &Alike::from);
    out.push_back(found == alike.end() ? c : found->to);
  }
  return out;
}

}  // namespace

std::string fold_name(std::string_view text) {
  std::string folded(text);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

Result<void> check_name(std::string_view name) {
  if (name.size() < name_bytes_min || name.size() > name_bytes_max) {
    return fail(Code::malformed, base::format("name of {} characters, not {} to {}", name.size(),
                                             name_bytes_min, name_bytes_max));
  }
  if (!std::ranges::all_of(name, is_allowed)) {
    return refuse(name, "only a-z, 0-9 and - may be in it");
  }
  if (name.front() == '-' || name.back() == '-') return refuse(name, "- is first or last");
  if (name.find("--") != std::string_view::npos) return refuse(name, "- twice in a row");
  return {};
}

Result<std::string> skeleton_of(std::string_view name) {
  TRY_VOID(check_name(name));
  const std::string plain = single(name);
  std::string skeleton;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::string_view pair = std::string_view(plain).substr(i, 2);
    const auto found = std::ranges::find(alike_pairs, pair, &AlikePair::from);
    if (found == alike_pairs.end()) {
      skeleton.push_back(plain[i]);
    } else {
      skeleton.push_back(found->to);
      ++i;
    }
  }
  return skeleton;
}

Hash name_id(std::string_view name) {
  const Result<std::string> skeleton = skeleton_of(name);
  ASSERT(skeleton);
  return tagged_hash("kith/name/1", {base::as_bytes(*skeleton)});
}

}  // namespace kith::codec
