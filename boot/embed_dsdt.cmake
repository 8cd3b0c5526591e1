# cmake -DIASL=... -DASL=... -DOUTPUT=dsdt.cpp -P embed_dsdt.cmake: compiles the DSDT and writes its AML as a C++
# array. The AML holds the compiler's version, and neither a date nor a path: equal compilers give equal bytes.
set(aml ${OUTPUT}.aml)
execute_process(COMMAND ${IASL} -vs -p ${aml} ${ASL} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT result EQUAL 0 OR NOT EXISTS ${aml})
  message(FATAL_ERROR "iasl could not compile ${ASL}:\n${said}")
endif()
file(READ ${aml} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "// Made from boot/dsdt.asl.
#include \"boot/acpi.h\"

namespace ringside {

std::span<const uint8_t> acpi_dsdt() {
  static constexpr uint8_t kBytes[] = {
${bytes}
  };
  return kBytes;
}

}  // namespace ringside
")
