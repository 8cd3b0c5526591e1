// generate_dissector TEMPLATE OUTPUT: writes the Wireshark dissector for all payload types of the house.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "machine/machine.h"
#include "wireshark/dissector.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: generate_dissector TEMPLATE OUTPUT\n");
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  const std::string dissector_template(std::istreambuf_iterator<char>(in), {});
  ringside::register_all_payload_types();
  const auto types = ringside::PayloadRegistry::instance().all();
  std::ofstream out(argv[2], std::ios::binary | std::ios::trunc);
  out << ringside::lua_dissector(dissector_template, types);
  out.close();
  if (!in || dissector_template.empty() || !out) {
    std::fprintf(stderr, "generate_dissector: cannot turn '%s' into '%s'\n", argv[1], argv[2]);
    return 2;
  }
  return 0;
}
