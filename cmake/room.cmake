# What is compiled of `sources`: themselves, or files that include several of them each: eight, or fewer where those would be
# so long that an edit in one of them waits for more than some 20 s of compiler (tests cost it more than what they test).
# Headers then cost an eighth, and a build from nothing takes a third of the time. Their text names no folder of this
# machine, so that ccache finds the objects from another clone.
function(weirhouse_compiled out name sources)
  if(NOT WEIRHOUSE_UNITY)
    set(${out} ${sources} PARENT_SCOPE)
    return()
  endif()
  set(bytes_max 80000)
  if(name MATCHES "_test$")
    set(bytes_max 64000)
  endif()
  set(files)
  set(text)
  set(count 0)
  set(bytes 0)
  set(number 0)
  foreach(source IN LISTS sources ITEMS "")  # the last, empty one ends the last file
    set(size 0)
    if(source)
      file(SIZE ${WEIRHOUSE_SOURCES}/${source} size)
    endif()
    math(EXPR bytes "${bytes} + ${size}")
    if(text AND (NOT source OR count EQUAL 8 OR bytes GREATER bytes_max))
      set(file ${CMAKE_BINARY_DIR}/unity/${name}_${number}.cc)
      file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)  # written only if it changes
      list(APPEND files ${file})
      math(EXPR number "${number} + 1")
      set(count 0)
      set(bytes ${size})
      set(text)
    endif()
    string(APPEND text "#include \"${source}\"\n")
    math(EXPR count "${count} + 1")
  endforeach()
  set(${out} ${files} PARENT_SCOPE)
endfunction()
set(WEIRHOUSE_SOURCES ${CMAKE_SOURCE_DIR}/src)

# How tests are compiled beside what their preset says. With -O1 they take 60 % of the compiler's time that they take with -O2,
# and no longer to run, since what they test is compiled as ever (measured: gate_test 20 s and 29 s to compile, 11 s and
# 11 s to run; with -O0 15 s and 20 s).
set(WEIRHOUSE_TEST_OPTIONS -O1)
# Under the address sanitizer the compiler spends most of its time on optimising what instruments the code, so it does that only
# where the time comes back, below: `ground` and `rules`, which the fuzz targets run millions of times. Tests (contract_test:
# 7 s of compiler for 23 s) and the floors above, which call more than they compute, are compiled with -O0 there.
if(WEIRHOUSE_SANITIZE MATCHES "address")
  set(WEIRHOUSE_TEST_OPTIONS -O0)
endif()

# The entries of ctest for the test program of a room: one for each forty of its tests, so that the cores end together.
# Not one for each test: seven rooms make a project once for all tests of a suite (decision 0018).
# Labels: unit, the floor, the room; slow where whole pipelines run; postgres where a server is asked if there is one.
function(weirhouse_add_tests name path tests)
  string(REGEX REPLACE "/.*" "" floor ${path})
  set(labels unit ${floor} ${name})
  if(floor MATCHES "^(work|api|app)$")
    list(APPEND labels slow)
  endif()
  set(count 0)
  foreach(test IN LISTS tests)
    file(STRINGS ${test} cases REGEX "^TEST(_F|_P)?\\(")
    list(LENGTH cases length)
    math(EXPR count "${count} + ${length}")
    file(STRINGS ${test} asks REGEX "getenv.*WEIRHOUSE_TEST_POSTGRES")
    if(asks AND NOT "postgres" IN_LIST labels)
      list(APPEND labels postgres)
    endif()
  endforeach()
  math(EXPR shards "(${count} + 39) / 40")
  if(shards LESS 2)
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS "${labels}")
    return()
  endif()
  foreach(shard RANGE 1 ${shards})
    math(EXPR index "${shard} - 1")
    add_test(NAME ${name}.${shard} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name}.${shard} PROPERTIES TIMEOUT 600 LABELS "${labels}"
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# One room of src/ = one static library `wh_<room>` and one test program `<room>_test`.
#
#   weirhouse_room(rules/gate DEPENDS base platform iceberg LIBRARIES arrow::arrow)
#
# Sources are every *.cc of the room and its sub-rooms but *_test.cc; tests are *_test.cc. `TESTS_USE`: rooms above it
# that its tests need. `NAME`: where another
# room ends alike. Both share a precompiled header: the standard library, fmt, nlohmann-json and Arrow.
function(weirhouse_room path)
  cmake_parse_arguments(M "" "NAME" "DEPENDS;LIBRARIES;TESTS_USE" ${ARGN})
  get_filename_component(name ${path} NAME)
  if(M_NAME)
    set(name ${M_NAME})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${path}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/preload/")  # loaded into other programs: a library of its own
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM M_DEPENDS PREPEND wh_)
  list(TRANSFORM M_TESTS_USE PREPEND wh_)

  weirhouse_compiled(compiled ${name} "${sources}")
  weirhouse_compiled(compiled_tests ${name}_test "${tests}")

  add_library(wh_${name} STATIC ${compiled})
  target_include_directories(wh_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(wh_${name} PUBLIC ${M_DEPENDS} ${M_LIBRARIES} fmt::fmt nlohmann_json::nlohmann_json)
  set(pch wh_pch)
  if(WEIRHOUSE_SANITIZE MATCHES "address" AND path MATCHES "^(work|api|app|testing)/")
    target_compile_options(wh_${name} PRIVATE -O0)
    set(pch wh_unoptimised_pch)
  endif()
  if(WEIRHOUSE_PCH)
    target_precompile_headers(wh_${name} REUSE_FROM ${pch})
  endif()
  set_property(GLOBAL APPEND PROPERTY WEIRHOUSE_ROOMS wh_${name})

  if(tests)
    add_executable(${name}_test ${compiled_tests})
    target_link_libraries(${name}_test PRIVATE wh_${name} ${M_TESTS_USE} wh_testing wh_plants GTest::gmock)
    target_compile_options(${name}_test PRIVATE ${WEIRHOUSE_TEST_OPTIONS})
    if(WEIRHOUSE_PCH)
      target_precompile_headers(${name}_test REUSE_FROM wh_test_pch)
    endif()
    add_dependencies(unit_tests ${name}_test)
    list(TRANSFORM tests PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    weirhouse_add_tests(${name} ${path} "${tests}")
  endif()
endfunction()

# Builds the files of examples/<name> into `target`, which includes app/demo/embedded.h.
function(weirhouse_embed_example target name symbol)
  set(root ${CMAKE_SOURCE_DIR}/examples/${name})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cc)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${root}/*)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DROOT=${root} -DOUT=${out} -DSYMBOL=${symbol} -DHEADER=app/demo/embedded.h
            -P ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
    COMMENT "Embedding examples/${name}")
  target_sources(${target} PRIVATE ${out})
endfunction()
