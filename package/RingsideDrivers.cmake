# ringside_hosted_driver(NAME SOURCES file... [DEFINES name...] [INCLUDES folder...] [RENAME name...]): a driver in C
# for the host: a static library for a test program to link. Several drivers of one test program each have an rs_main();
# as another C name each, MAIN names this one's.
function(ringside_hosted_driver name)
  cmake_parse_arguments(ARG "" "MAIN" "SOURCES;DEFINES;INCLUDES" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINES})
  target_include_directories(${name} PUBLIC ${ARG_INCLUDES})
  # Frame pointers and lines, for the reports of what a driver did wrong.
  target_compile_options(${name} PRIVATE -g -fno-omit-frame-pointer)
  if(ARG_MAIN)
    target_compile_definitions(${name} PRIVATE rs_main=${ARG_MAIN})
  endif()
  target_link_libraries(${name} PUBLIC Ringside::ringside)
endfunction()
