# Writes a C++ source that holds every page of docs/errors, sorted by name.
#
#   cmake -DROOT=docs/errors -DOUT=error_pages.cc -P cmake/embed_error_pages.cmake
file(GLOB paths LIST_DIRECTORIES false RELATIVE ${ROOT} ${ROOT}/*.md)
list(SORT paths)

set(rows "")
foreach(path IN LISTS paths)
  file(READ ${ROOT}/${path} hex HEX)
  file(SIZE ${ROOT}/${path} size)
  string(REGEX REPLACE "(..)" "\\\\x\\1" escaped "${hex}")
  string(APPEND rows "    {\"${path}\", std::string_view(\"${escaped}\", ${size})},\n")
endforeach()

file(WRITE ${OUT}.new
     "// Made from docs/errors by cmake/embed_error_pages.cmake.\n"
     "#include \"app/cli/error_pages.h\"\n\n"
     "namespace weirhouse::cli {\n"
     "namespace {\n"
     "constexpr ErrorPage kPages[] = {\n${rows}};\n"
     "}  // namespace\n\n"
     "std::span<const ErrorPage> ErrorPages() { return kPages; }\n"
     "}  // namespace weirhouse::cli\n")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}.new)
