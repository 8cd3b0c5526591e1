# Third parties, each as one target named rs::<package>.

find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Catch2 2 REQUIRED)
find_package(boost_context REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(edit REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(capstone REQUIRED IMPORTED_TARGET capstone)
pkg_check_modules(unicorn IMPORTED_TARGET unicorn)
if(NOT unicorn_FOUND OR unicorn_VERSION VERSION_LESS 2.1.4)
  message(FATAL_ERROR
    "Ringside needs Unicorn 2.1.4 or newer; found '${unicorn_VERSION}'.\n"
    "Unicorn 2.0.1 discards translated addresses and 2.1.1 faults wrongly, so an older one is refused.\n"
    "On Debian 12, run scripts/setup: it pins libunicorn-dev and libunicorn2t64, and nothing else,\n"
    "from a newer suite of the same archive.")
endif()

find_library(SYSTEMC_LIBRARY systemc REQUIRED)
add_library(rs_systemc INTERFACE)
add_library(rs::systemc ALIAS rs_systemc)
target_link_libraries(rs_systemc INTERFACE ${SYSTEMC_LIBRARY})
# Debian built SystemC 2.3.4 as C++17; its headers check that the user's language matches.
target_compile_definitions(rs_systemc INTERFACE SC_CPLUSPLUS=201703L)

# Debian's libimgui.a has the backends for SDL2 and OpenGL 3 in it; its .pc file leaves out what OpenGL needs.
pkg_check_modules(imgui REQUIRED IMPORTED_TARGET imgui)
pkg_check_modules(sdl2 REQUIRED IMPORTED_TARGET sdl2)
pkg_check_modules(png REQUIRED IMPORTED_TARGET libpng)
add_library(rs_imgui INTERFACE)
add_library(rs::imgui ALIAS rs_imgui)
target_link_libraries(rs_imgui INTERFACE PkgConfig::imgui PkgConfig::sdl2 ${CMAKE_DL_LIBS})
add_library(rs::png ALIAS PkgConfig::png)

add_library(rs_format INTERFACE)
add_library(rs::format ALIAS rs_format)
target_link_libraries(rs_format INTERFACE fmt::fmt tl::expected)
add_library(rs::fibers ALIAS Boost::context)
add_library(rs::xxhash ALIAS PkgConfig::xxhash)
add_library(rs::edit ALIAS PkgConfig::edit)
add_library(rs::zstd ALIAS PkgConfig::zstd)
add_library(rs::capstone ALIAS PkgConfig::capstone)
add_library(rs::unicorn ALIAS PkgConfig::unicorn)
