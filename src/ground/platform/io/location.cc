#include "ground/platform/io/location.h"

#include <algorithm>
#include <vector>

#include "ground/base/ascii.h"

namespace weirhouse::platform {
namespace {
// "//lake/a" of "file:////lake/a": whatever number of slashes follows the scheme, the path begins
// there. "file://host/a" names another machine and is no path.
std::string_view WithoutScheme(std::string_view location) {
  constexpr std::string_view kScheme = "file:";
  constexpr std::string_view kLocal = "file://localhost/";
  if (location.starts_with(kLocal)) return location.substr(kLocal.size() - 1);
  if (!location.starts_with(kScheme)) return location;
  const std::string_view path = location.substr(kScheme.size());
  const bool names_a_host = path.starts_with("//") && !path.starts_with("///");
  return path.starts_with('/') && !names_a_host ? path : location;
}

bool IsCanonical(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) return false;
  for (auto at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
    std::string_view rest = path.substr(at + 1);
    rest = rest.substr(0, rest.find('/'));
    if (rest.empty() && at + 1 < path.size()) return false;
    if (rest == "." || rest == "..") return false;
  }
  return true;
}
}  // namespace

std::string CanonicalPath(std::string_view location) {
  const std::string_view path = WithoutScheme(location);
  if (!path.starts_with('/') || IsCanonical(path)) return std::string(path);
  std::vector<std::string_view> names;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      names.push_back(name);
    } else if (!names.empty()) {
      names.pop_back();
    }
  }
  std::string canonical;
  for (const std::string_view name : names) canonical.append("/").append(name);
  return canonical.empty() ? "/" : canonical;
}

std::string DecodedPath(std::string_view location) {
  std::string decoded;
  for (std::size_t i = 0; i < location.size(); ++i) {
    const bool coded = location[i] == '%' && i + 2 < location.size() &&
                       HexDigit(location[i + 1]) >= 0 && HexDigit(location[i + 2]) >= 0;
    if (coded) {
      decoded += static_cast<char>(HexDigit(location[i + 1]) * 16 + HexDigit(location[i + 2]));
      i += 2;
    } else {
      decoded += location[i];
    }
  }
  return CanonicalPath(decoded);
}

bool IsInFolder(std::string_view path, std::string_view folder) {
  if (folder == "/") return path.starts_with('/');
  return path == folder ||
         (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}
}  // namespace weirhouse::platform
