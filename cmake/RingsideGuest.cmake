# Guest programs: freestanding x86-64 code, made of a runtime (guest/) and a program's own sources. This file serves
# this tree (guest/CMakeLists.txt includes it) and projects that use an installed Ringside (RingsideConfig.cmake does).
#
# Who includes it has set:
#   RINGSIDE_GUEST_DIR       the runtime's sources
#   RINGSIDE_GUEST_INCLUDES  folders of headers
#   RINGSIDE_GUEST_BINARIES  where objects and the runtime's archive go
#   RINGSIDE_GUEST_OUTPUT    where programs go by default; empty: the caller's own binary folder
#   RINGSIDE_GUEST_WARNINGS  for the programs' own sources
#   RINGSIDE_GUEST_LINK      further flags of the link of paravirtual programs
#
# The compiler is called directly, with the same flags whatever the build type, the sanitizers and the user's CFLAGS
# are: every preset must make the same bytes, because a session holds the hash of its kernel.

get_filename_component(root ${RINGSIDE_GUEST_DIR} DIRECTORY)
set(flags
  -std=gnu11 -O2 -g0
  -ffreestanding -nostdlib -static -fno-pic -fno-pie -no-pie
  -mno-red-zone -mgeneral-regs-only
  -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-ident
  -fno-tree-loop-distribute-patterns
  -ffile-prefix-map=${root}=. -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
foreach(folder ${RINGSIDE_GUEST_INCLUDES})
  list(APPEND flags -I${folder})
endforeach()
# Functions are called from everywhere, and see what is in the cache.
set(RINGSIDE_GUEST_ROOT ${root} CACHE INTERNAL "")
set(RINGSIDE_GUEST_FLAGS ${flags} CACHE INTERNAL "")
foreach(name DIR BINARIES OUTPUT WARNINGS LINK)
  set(RINGSIDE_GUEST_${name} ${RINGSIDE_GUEST_${name}} CACHE INTERNAL "")
endforeach()
set(RINGSIDE_GUEST_RUNTIME ${RINGSIDE_GUEST_BINARIES}/runtime.a CACHE INTERNAL "")
set(RINGSIDE_GUEST_PC_DRIVER ${RINGSIDE_GUEST_BINARIES}/pc_driver.a CACHE INTERNAL "")
set(RINGSIDE_GUEST_PC_FLAGS -mcmodel=small -fno-omit-frame-pointer CACHE INTERNAL "")

# Where a source's object goes: by its place in the runtime, or in the project.
function(ringside_guest_place place source)
  foreach(folder ${RINGSIDE_GUEST_ROOT} ${CMAKE_SOURCE_DIR})
    file(RELATIVE_PATH relative ${folder} ${source})
    if(NOT relative MATCHES "^\\.\\./")
      set(${place} ${relative} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  string(REGEX REPLACE "^/" "elsewhere/" relative ${source})
  set(${place} ${relative} PARENT_SCOPE)
endfunction()

# Compiles SOURCES into objects of their own below objects/NAME/, and lists them in the variable `objects`.
function(ringside_guest_objects objects name)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLAGS" ${ARGN})
  set(made)
  foreach(source ${ARG_SOURCES})
    get_filename_component(source ${source} ABSOLUTE)
    ringside_guest_place(place ${source})
    set(object ${RINGSIDE_GUEST_BINARIES}/objects/${name}/${place}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_C_COMPILER} ${RINGSIDE_GUEST_FLAGS} ${ARG_FLAGS} -MMD -MF ${object}.d -MT ${object}
              -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "Guest object ${name}: ${place}"
      VERBATIM)
    list(APPEND made ${object})
  endforeach()
  set(${objects} ${made} PARENT_SCOPE)
endfunction()

# Builds OUTPUT from SOURCES with FLAGS, RUNTIME sources, and from what of LIBRARY they need, with the linker script
# SCRIPT. Target: guest_NAME, part of `all`, whose property OUTPUT_FILE says where the program is.
function(ringside_guest_program name)
  cmake_parse_arguments(ARG "" "OUTPUT;SCRIPT;LIBRARY" "SOURCES;RUNTIME;FLAGS;OWN_FLAGS;LINK_FLAGS" ${ARGN})
  if(NOT ARG_OUTPUT)
    set(ARG_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.elf)
    if(RINGSIDE_GUEST_OUTPUT)
      set(ARG_OUTPUT ${RINGSIDE_GUEST_OUTPUT}/${name}.elf)
    endif()
  endif()
  get_filename_component(ARG_OUTPUT ${ARG_OUTPUT} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_BINARY_DIR})
  ringside_guest_objects(runtime_objects ${name} SOURCES ${ARG_RUNTIME} FLAGS -Wall -Wextra ${ARG_FLAGS})
  ringside_guest_objects(objects ${name} SOURCES ${ARG_SOURCES}
    FLAGS ${RINGSIDE_GUEST_WARNINGS} ${ARG_FLAGS} ${ARG_OWN_FLAGS})
  set(objects ${runtime_objects} ${objects})
  get_filename_component(folder ${ARG_OUTPUT} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${ARG_OUTPUT}
    COMMAND ${CMAKE_C_COMPILER} ${RINGSIDE_GUEST_FLAGS} ${ARG_FLAGS} -Wl,--build-id=none -Wl,-z,noexecstack
            -Wl,-z,max-page-size=4096 ${ARG_LINK_FLAGS} -T ${ARG_SCRIPT} ${objects} ${ARG_LIBRARY} -o ${ARG_OUTPUT}
    DEPENDS ${objects} ${ARG_LIBRARY} ${ARG_SCRIPT}
    COMMENT "Guest program ${name}"
    VERBATIM)
  add_custom_target(guest_${name} ALL DEPENDS ${ARG_OUTPUT})
  set_target_properties(guest_${name} PROPERTIES OUTPUT_FILE ${ARG_OUTPUT})
endfunction()

# An archive of objects, of which each program takes what it needs. Target: guest_NAME.
function(ringside_guest_archive name archive)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLAGS" ${ARGN})
  ringside_guest_objects(objects ${name} SOURCES ${ARG_SOURCES} FLAGS -Wall -Wextra ${ARG_FLAGS})
  add_custom_command(
    OUTPUT ${archive}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
    COMMAND ${CMAKE_AR} crD ${archive} ${objects}
    DEPENDS ${objects}
    COMMENT "Guest ${name}"
    VERBATIM)
  add_custom_target(guest_${name} DEPENDS ${archive})
endfunction()

# The runtime of paravirtual guests, and what drivers that are written for ringside/hosted.h (they define rs_main(), not
# guest_main()) need on a PC besides its runtime.
function(ringside_guest_runtime)
  if(TARGET guest_runtime)
    return()
  endif()
  set(dir ${RINGSIDE_GUEST_DIR})
  file(GLOB runtime CONFIGURE_DEPENDS ${dir}/*.c ${dir}/*.S)
  ringside_guest_archive(runtime ${RINGSIDE_GUEST_RUNTIME} SOURCES ${runtime} FLAGS -mcmodel=kernel)
  file(GLOB driver CONFIGURE_DEPENDS ${dir}/pc/pc_driver.c ${dir}/driver*.c)
  ringside_guest_archive(pc_driver ${RINGSIDE_GUEST_PC_DRIVER} SOURCES ${driver} FLAGS ${RINGSIDE_GUEST_PC_FLAGS})
endfunction()

# What both kinds of programs may be given for their own sources, as flags.
macro(ringside_guest_own_flags)
  list(TRANSFORM ARG_DEFINES PREPEND -D)
  set(own_flags ${ARG_DEFINES} ${ARG_FLAGS})
  foreach(folder ${ARG_INCLUDES})
    get_filename_component(folder ${folder} ABSOLUTE)
    list(APPEND own_flags -I${folder})
  endforeach()
endmacro()

# ringside_guest(NAME SOURCES file... [OUTPUT file] [DEFINES name...] [INCLUDES folder...] [FLAGS flag...]
#                [PLANTED name...]): a paravirtual guest. With PLANTED the frontends that have switches
# (planted_bugs.h) are built anew for it, and come before those of the runtime.
function(ringside_guest name)
  cmake_parse_arguments(ARG "" "OUTPUT" "SOURCES;DEFINES;INCLUDES;FLAGS;PLANTED" ${ARGN})
  ringside_guest_runtime()
  ringside_guest_own_flags()
  if(ARG_PLANTED)
    list(TRANSFORM ARG_PLANTED PREPEND -D)
    list(APPEND own_flags ${ARG_PLANTED})
    list(APPEND ARG_SOURCES ${RINGSIDE_GUEST_DIR}/blkfront.c ${RINGSIDE_GUEST_DIR}/vif.c)
  endif()
  ringside_guest_program(${name} SOURCES ${ARG_SOURCES} OUTPUT ${ARG_OUTPUT} LIBRARY ${RINGSIDE_GUEST_RUNTIME}
    SCRIPT ${RINGSIDE_GUEST_DIR}/guest.lds FLAGS -mcmodel=kernel OWN_FLAGS ${own_flags}
    LINK_FLAGS ${RINGSIDE_GUEST_LINK})
  add_dependencies(guest_${name} guest_runtime)
endfunction()

# ringside_pc_guest(NAME SOURCES file... [OUTPUT file] [DEFINES name...] [INCLUDES folder...] [FLAGS flag...]): a
# ring-0 program for the personalities "bare" and "pvh" and for QEMU's -kernel. Its symbols stay in, for stack traces.
function(ringside_pc_guest name)
  cmake_parse_arguments(ARG "" "OUTPUT" "SOURCES;DEFINES;INCLUDES;FLAGS" ${ARGN})
  ringside_guest_runtime()
  ringside_guest_own_flags()
  file(GLOB runtime CONFIGURE_DEPENDS ${RINGSIDE_GUEST_DIR}/pc/*.c ${RINGSIDE_GUEST_DIR}/pc/*.S)
  list(FILTER runtime EXCLUDE REGEX "/pc_driver[.]c$")
  ringside_guest_program(${name}
    RUNTIME ${runtime} ${RINGSIDE_GUEST_DIR}/format.c ${RINGSIDE_GUEST_DIR}/string.c SOURCES ${ARG_SOURCES}
    OUTPUT ${ARG_OUTPUT} LIBRARY ${RINGSIDE_GUEST_PC_DRIVER} SCRIPT ${RINGSIDE_GUEST_DIR}/pc/pc.lds
    FLAGS ${RINGSIDE_GUEST_PC_FLAGS} OWN_FLAGS ${own_flags})
  add_dependencies(guest_${name} guest_pc_driver)
endfunction()
