// The example projects, built into the program.
#pragma once

#include <span>
#include <string_view>

namespace weirhouse::demo {

struct EmbeddedFile {
  std::string_view path;  // inside the project
  std::string_view bytes;
};

// The files of examples/flights, sorted by path; made by cmake/embed_files.cmake.
std::span<const EmbeddedFile> EmbeddedFlights();
}  // namespace weirhouse::demo
