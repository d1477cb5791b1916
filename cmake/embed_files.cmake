# Writes a C++ source that holds the bytes of every file below a folder, whatever they are.
#
#   cmake -DROOT=examples/flights -DOUT=embedded_flights.cc -DSYMBOL=EmbeddedFlights -DHEADER=app/demo/embedded.h
#         -P cmake/embed_files.cmake
#
# defines `std::span<const EmbeddedFile> weirhouse::demo::SYMBOL()`, sorted by path.
file(GLOB_RECURSE paths LIST_DIRECTORIES false RELATIVE ${ROOT} ${ROOT}/*)
list(FILTER paths EXCLUDE REGEX "(^|/)(__pycache__|\\.weirhouse|landing|seeds)/")
list(SORT paths)

set(rows "")
foreach(path IN LISTS paths)
  file(READ ${ROOT}/${path} hex HEX)
  file(SIZE ${ROOT}/${path} size)
  string(REGEX REPLACE "(..)" "\\\\x\\1" escaped "${hex}")
  string(APPEND rows "    {\"${path}\", std::string_view(\"${escaped}\", ${size})},\n")
endforeach()

get_filename_component(name ${ROOT} NAME)
file(WRITE ${OUT}.new
     "// Made from examples/${name} by cmake/embed_files.cmake.\n"
     "#include \"${HEADER}\"\n\n"
     "namespace weirhouse::demo {\n"
     "namespace {\n"
     "constexpr EmbeddedFile kFiles[] = {\n${rows}};\n"
     "}  // namespace\n\n"
     "std::span<const EmbeddedFile> ${SYMBOL}() { return kFiles; }\n"
     "}  // namespace weirhouse::demo\n")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}.new)
