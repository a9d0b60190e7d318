#include "rt/wal_look.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>

#include "base/format.h"
#include "rt/files.h"
#include "rt/os.h"

namespace kith::rt {
namespace {

constexpr std::string_view suffix = ".wal";
constexpr std::size_t name_bytes = 16 + 1 + 16 + suffix.size();
constexpr std::size_t file_bytes_max = 512 * 1024 * 1024;

Result<std::vector<std::string>> names_in(const std::string& folder) {
  DIR* const open = ::opendir(folder.c_str());
  if (open == nullptr) return fail(os_error(errno, "cannot list " + folder));
  std::vector<std::string> names;
  while (const dirent* const entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    if (name.size() == name_bytes && name.ends_with(suffix)) names.emplace_back(name);
  }
  ::closedir(open);
  std::ranges::sort(names);  // the sequence stands first, in hexadecimal of one length
  return names;
}

WalFileLook look_at(const std::string& folder, const std::string& name, bool is_last) {
  WalFileLook look;
  look.name = name;
  const auto bytes = read_file(folder + "/" + name, file_bytes_max);
  if (!bytes) {
    look.damage = bytes.error();
    return look;
  }
  look.bytes = bytes->size();
  auto file = read_wal_file(*bytes, is_last);
  if (!file) {
    look.damage = file.error();
    return look;
  }
  look.header = file->header;
  look.records = std::move(file->records);
  look.end = file->end;
  look.is_torn = file->is_torn;
  return look;
}

}  // namespace

Result<std::vector<WalFileLook>> look_at_wal(const std::string& folder) {
  const auto names = TRY(names_in(folder));
  std::vector<WalFileLook> looks;
  for (const std::string& name : names) {
    looks.push_back(look_at(folder, name, name == names.back()));
  }
  return looks;
}

}  // namespace kith::rt
