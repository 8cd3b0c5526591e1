// Hostile drivers of the local APIC and the I/O APIC together. Own codes: pins, messages, INTA, CR8, the base
// MSR, resets.
#include "devices/platform/apic/io_apic.h"
#include "devices/platform/apic/local_apic.h"
#include "fuzz/bus_operations.h"
#include "fuzz/driver.h"

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  // Ranges: 0 local APIC, 1 I/O APIC. Enabled, the timer periodic, an EOI; a level entry, its pin, its EOI.
  return {{3,    0, 0x3c, 0xff, 1, 0, 0,    3,   0, 0xf8, 3, 0,    0,    0, 3, 0, 0xc8,
           0x40, 0, 2,    0,    3, 0, 0xe0, 100, 0, 0,    0, 5,    250,  7, 1, 3, 0,
           0x2c, 0, 0,    0,    0, 5, 250,  7,   1, 3,    0, 0xc0, 0x41, 0, 4, 0},
          {3,    0, 0x3c, 0xff, 1, 0, 0, 3, 1, 0, 0x1a, 0, 0,    0,    3,    1, 4,    0x50, 0x80, 0, 0,
           3,    1, 0,    0x1b, 0, 0, 0, 3, 1, 4, 0,    0, 0,    0,    7,    0, 0x85, 7,    1,    3, 0,
           0x2c, 0, 0,    0,    0, 7, 0, 5, 7, 2, 0,    0, 0xe0, 0xfe, 0x61, 0, 0,    0,    7,    3, 8}};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("apic");
  FuzzInput input(data, size);
  IoApic* io = nullptr;
  LocalApicOutputs outputs;
  outputs.interrupt = [](bool) {};
  outputs.nmi = [] {};
  outputs.init = [] {};
  outputs.external_acknowledge = []() -> std::optional<uint8_t> { return 0x20; };
  outputs.end_of_interrupt = [&io](uint8_t vector) {
    if (io != nullptr) io->end_of_interrupt(vector);
  };
  LocalApic local(bench.site.named("lapic"), {}, bench.mmio, outputs);
  IoApic io_apic(bench.site.named("ioapic"), bench.mmio, local);
  io = &io_apic;
  const std::vector<FuzzRange> ranges{{&bench.mmio, LocalApic::kDefaultBase, 0x1000},
                                      {&bench.mmio, IoApic::kDefaultBase, 0x100}};
  run_bus_operations(bench, input, ranges, [&](uint8_t code, FuzzInput& more) {
    switch (code % 8) {
      case 0: {
        const auto pin = more.take<uint8_t>();
        io_apic.set_pin((pin & 0x7f) % IoApic::kPins, (pin & 0x80) != 0);
        break;
      }
      case 1: local.acknowledge(); break;
      case 2: {
        const auto address = more.take<uint32_t>();
        local.message_interrupt(address, more.take<uint32_t>());
        break;
      }
      case 3: local.set_task_priority(more.take<uint8_t>() & 15); break;
      case 4: local.set_pin(more.take<uint8_t>() & 1, (more.take<uint8_t>() & 1) != 0); break;
      case 5: local.set_base_msr(LocalApic::kDefaultBase | (more.take<uint16_t>() & 0xfff)); break;
      case 6: local.set_virtual_wire(); break;
      default:
        if ((more.take<uint8_t>() & 1) != 0) {
          local.reset();
          io_apic.reset();
        } else {
          local.init();
        }
        break;
    }
  });
  state_digest(local);
  state_digest(io_apic);
  return 0;
}
