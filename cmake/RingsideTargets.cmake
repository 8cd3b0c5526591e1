# How a folder becomes a target. One library per folder; what it links is what it may include.

option(RINGSIDE_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(RINGSIDE_WERROR "Treat warnings as errors" OFF)
option(RINGSIDE_UNITY "Compile several files at once where a folder allows it: for builds from nothing" OFF)
option(RINGSIDE_PRECOMPILE "Precompile what most files include: a third off a full build" ON)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Assertions stay on in every build, so NDEBUG is never defined. Line tables suffice for profiles and
# sanitizer reports, and halve the time of a full build.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(CCACHE ccache)
if(CCACHE)
  # What ccache asks for (its manual, "Precompiled headers") before it keeps what was built with them.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(ringside_flags INTERFACE)
# Libraries that a program does not use are left out: SystemC wants a symbol of each program that links it.
target_link_options(ringside_flags INTERFACE -Wl,--as-needed)
target_include_directories(ringside_flags INTERFACE ${CMAKE_SOURCE_DIR})
# Every object may become part of libringside.so, which shows only what is marked for it (ringside/export.h). Programs
# take the same flags, -fPIC and not -fPIE, because a precompiled header is valid with the flags that it was made with.
target_compile_options(ringside_flags INTERFACE -fPIC -fvisibility=hidden)
# What is compiled together may use a name of one file for a local of another; the dev preset sees each file alone.
target_compile_options(ringside_flags INTERFACE -Wall -Wextra $<$<NOT:$<BOOL:${RINGSIDE_UNITY}>>:-Wshadow> $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                                                -Wno-missing-field-initializers
                                                $<$<BOOL:${RINGSIDE_WERROR}>:-Werror>)
# What g++ 12 guesses at the insides of std::string is not suppressed as a system header's when that was precompiled.
# clang and the sanitizers find what is there.
if(RINGSIDE_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ringside_flags INTERFACE -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow
                                                  -Wno-restrict)
endif()
if(RINGSIDE_SANITIZE)
  # -O1 comes behind the build type's -O2 and wins: the code is checked, not timed, and builds sooner.
  # vptr needs RTTI of Debian's own libraries; everything else of UBSan stops at the first finding.
  target_compile_options(ringside_flags INTERFACE -O1 -fsanitize=address,undefined -fno-sanitize=vptr
                                                  -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ringside_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr)
  # clang brings libFuzzer, which wants to see what each input reaches.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(RINGSIDE_FUZZER ON)
    target_compile_options(ringside_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>)
  endif()
endif()

# ringside_precompiled(NAME HEADER): a target whose precompiled header others reuse. It knows what all of them
# define.
function(ringside_precompiled name header)
  if(NOT RINGSIDE_PRECOMPILE)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "// The home of a precompiled header.\n")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ringside_flags rs::format rs::systemc ${ARGN})
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${name} PRIVATE ${header})
endfunction()
function(ringside_reuse_precompiled name from)
  if(TARGET ${from})
    target_precompile_headers(${name} REUSE_FROM ${from})
    target_compile_options(${name} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fpch-preprocess>)
  endif()
endfunction()

# ringside_unity(TARGET [APART file...] FOLDERS folder...): the files of each folder (relative to this one) are compiled
# a few at a time, without those that stand APART because their names collide with others'. Most of a file's time goes
# into its headers, so this halves a build from nothing; who edits a file would rather have it alone.
function(ringside_unity target)
  if(NOT RINGSIDE_UNITY)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "APART;FOLDERS" ${ARGN})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(folder ${ARG_FOLDERS})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
    foreach(file ${ARG_APART})
      list(FILTER sources EXCLUDE REGEX "/${file}$")
    endforeach()
    list(LENGTH sources count)
    math(EXPR per_group "(${count} + 5) / ((${count} + 11) / 6)")
    set(position 0)
    foreach(source ${sources})
      math(EXPR group "${position} / ${per_group}")
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP "${folder}_${group}")
      math(EXPR position "${position} + 1")
    endforeach()
  endforeach()
endfunction()

# ringside_library(NAME [OWN_FLAGS] LINKS target...): every .cpp in this folder and below is in it. OWN_FLAGS: it
# adds definitions or options with which the common precompiled header would not be valid.
function(ringside_library name)
  cmake_parse_arguments(ARG "OWN_FLAGS" "" "LINKS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ringside_flags ${ARG_LINKS})
    if(NOT ARG_OWN_FLAGS)
      ringside_reuse_precompiled(${name} ringside_common)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ringside_flags ${ARG_LINKS})
  endif()
endfunction()

# What scripts/test builds and runs a second time, with sanitizers: tests with the label `asan`, and the
# targets that they run. ringside_asan_test(TEST target...) makes a registered test one of them.
add_custom_target(asan_tests)
function(ringside_asan_test test)
  set_property(TEST ${test} APPEND PROPERTY LABELS asan)
  add_dependencies(asan_tests ${ARGN})
endfunction()

# ringside_test(NAME [LABEL label] [ASAN] [TIMEOUT seconds] LINKS target...): every .cpp in this folder is one
# Catch2 program, registered with CTest as one test with that label.
function(ringside_test name)
  cmake_parse_arguments(ARG "ASAN" "LABEL;TIMEOUT" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE test_support ${ARG_LINKS})
  ringside_reuse_precompiled(${name} ringside_test_common)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  if(ARG_ASAN)
    ringside_asan_test(${name} ${name})
  endif()
endfunction()
