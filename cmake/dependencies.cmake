# Imported targets for the libraries that tools/bootstrap fetched, and for those of the system.

set(WEIRHOUSE_DEPS ${CMAKE_SOURCE_DIR}/.deps)
if(NOT EXISTS ${WEIRHOUSE_DEPS}/arrow/include/arrow/api.h)
  message(FATAL_ERROR "Arrow is missing under .deps/: run `make setup` first")
endif()

# Resolved, so that the run path does not lead through the link in .deps.
file(REAL_PATH ${WEIRHOUSE_DEPS}/arrow WEIRHOUSE_ARROW)
function(weirhouse_import name library include)
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${library})
  target_include_directories(${name} SYSTEM INTERFACE ${include})
endfunction()

weirhouse_import(arrow::arrow ${WEIRHOUSE_ARROW}/libarrow.so ${WEIRHOUSE_ARROW}/include)
weirhouse_import(arrow::compute ${WEIRHOUSE_ARROW}/libarrow_compute.so ${WEIRHOUSE_ARROW}/include)
weirhouse_import(arrow::parquet ${WEIRHOUSE_ARROW}/libparquet.so ${WEIRHOUSE_ARROW}/include)
weirhouse_import(duckdb::duckdb ${WEIRHOUSE_DEPS}/duckdb/lib/libduckdb.so ${WEIRHOUSE_DEPS}/duckdb/include)

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)  # libpq, the client's library
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(GTest REQUIRED)
find_package(Boost 1.81 REQUIRED)

find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
weirhouse_import(rocksdb::rocksdb ${ROCKSDB_LIBRARY} /usr/include)
find_library(RE2_LIBRARY re2 REQUIRED)
weirhouse_import(re2::lib ${RE2_LIBRARY} /usr/include)
# libarrow_compute exports a newer RE2 under the same names. Whichever comes first on the link line is
# found first by all, so ours must: nothing here calls Arrow's regular expression kernels. (libparquet
# does the same with simdjson, which is why that library is not used at all.)
target_link_options(re2::lib INTERFACE "LINKER:--push-state,--no-as-needed" "${RE2_LIBRARY}" "LINKER:--pop-state")
# libparquet exports an OpenSSL of its own as well; libpq's libssl and we want the system's.
set_property(TARGET OpenSSL::Crypto APPEND PROPERTY INTERFACE_LINK_OPTIONS
             "LINKER:--push-state,--no-as-needed" "${OPENSSL_CRYPTO_LIBRARY}" "LINKER:--pop-state")
