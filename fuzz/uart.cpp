// Hostile drivers and peers of the UART. Codes: 0-3 read a register, 4-8 write one, 9 faults on the wires, 10
// characters from the peer, 11 one character with errors, 12 modem lines, 13 the reset pin, 14 and 15 time.
#include "devices/uart/uart.h"
#include "fuzz/device_bench.h"
#include "fuzz/driver.h"

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  return {
      // 115200 8N1 with FIFOs; interrupts on; a text out, a text in, read back.
      {4, 3,   0x80, 4, 0,   1,  4,   1,  0, 4,   3,   3,   4,  2,   0xc7, 4, 4, 0x0b, 4, 1, 0x0f, 4,
       0, 'h', 4,    0, 'i', 15, 200, 10, 3, 'a', 'b', 'c', 15, 255, 0,    2, 0, 5,    0, 0, 0,    2},
      // Loopback, parity, a break, scratch.
      {4, 3, 0x5b, 4, 4, 0x1f, 4, 0, 'x', 15, 255, 0, 6, 0, 5, 0, 0, 11, 'y', 7, 15, 255, 4, 7, 1, 0, 7, 13},
  };
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("uart0");
  FuzzInput input(data, size);
  UartConfig config;
  const auto options = input.take<uint8_t>();
  config.peer_waits_for_room = (options & 1) == 0;
  config.peer_obeys_rts = (options & 2) != 0;
  Uart uart(bench.site, config);
  uart.set_output([](uint8_t) {});
  while (!input.empty()) {
    const uint8_t code = input.take<uint8_t>() & 15;
    switch (code) {
      case 0:
      case 1:
      case 2:
      case 3: uart.read(input.take<uint8_t>() & 7, 1u << code); break;
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: {
        const uint8_t offset = input.take<uint8_t>() & 7;
        uart.write(offset, 1, input.take<uint8_t>());
        break;
      }
      case 9: {
        const auto seed = input.take<uint8_t>();
        bench.faults.set(seed, input.take<uint8_t>());
        break;
      }
      case 10: uart.receive(input.take_bytes(input.take<uint8_t>() & 31)); break;
      case 11: {
        UartCharacter character;
        character.byte = input.take<uint8_t>();
        character.errors = input.take<uint8_t>();
        uart.receive(character);
        break;
      }
      case 12: uart.set_modem_inputs(input.take<uint8_t>()); break;
      case 13: uart.reset(); break;
      case 14: bench.advance(nanoseconds(input.take<uint16_t>())); break;
      default: bench.advance(microseconds(10 * input.take<uint8_t>())); break;
    }
  }
  state_digest(uart);
  return 0;
}
