// Hostile console frontends: the first console's ring (page 0, port slot 0) and a further console behind
// XenBus. The operations are those of frontend_bench.h on the further console's folder, and these of our own
// (code 15):
//
//   code % 4 = 0  somebody types at the first console: length (1), bytes
//              1  and at the further one
//              2  indices of a ring: page (1), which of the four (1), value (2)
//              3  connect as a real frontend does: page (1)
#include <cstddef>
#include <string>

#include "fuzz/driver.h"
#include "fuzz/frontend_bench.h"
#include "hv-model/console/console_backend.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr uint8_t kFurtherSlot = 1;

void connect(FrontendBench& bench, const FrontendFolder& folder, uint8_t page) {
  bench.grant(page, page, false);
  bench.write_node(folder.frontend + "/ring-ref", std::to_string(FrontendBench::reference(page)));
  bench.write_node(folder.frontend + "/port", std::to_string(bench.make_port(kFurtherSlot).value));
  bench.write_node(folder.frontend + "/state", "3");
  bench.advance(milliseconds(1));
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  return {
      // Prints at the first: bytes, out_prod (word 771), the event; types there.
      {0, 0, 0, 4, 3, 'a', 'b', 'c', 2, 0, 192, 3, 6, 0, 12, 50, 15, 0, 4, 'l', 's', '\r', '\n', 12, 50},
      // Connects the further one, prints, types, closes, comes back.
      {15, 3,  5, 15, 2, 5,  3, 3,  0, 6,  1, 12, 50, 15, 1, 2, 'x', 'y', 12,
       50, 11, 5, 13, 9, 11, 6, 13, 9, 11, 1, 13, 9,  15, 3, 6, 13,  9},
      // Indices that cannot be, a grant that is no grant, a port that is none.
      {15, 2, 0, 3,   0xff, 0xff, 6, 0, 12,  50, 15, 2,   0,  1, 9,  9,
       15, 0, 1, 'x', 12,   50,   9, 0, 200, 9,  1,  200, 11, 3, 13, 9},
  };
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  FrontendBench bench;
  const int64_t bound =
      bench.hypervisor.channels.bind_interdomain(DomainId{0}, bench.domain->id, bench.make_port(0));
  const EventPort backend_port{static_cast<uint32_t>(bound)};
  {
    PvConsole first(bench.hypervisor, *bench.domain, bench.pages[0], backend_port);
    ConsoleBackend further(bench.hypervisor, bench.toolstack, *bench.domain, {"console1", 1});
    first.set_output([](std::span<const uint8_t>) {});
    further.set_output([](std::span<const uint8_t>) {});
    const FrontendFolder folder{"/local/domain/1/device/console/1", {"ring-ref", "port", "type", "online"}};
    FuzzInput input(data, size);
    run_frontend_operations(bench, input, folder, [&](uint8_t code, FuzzInput& own) {
      switch (code % 4) {
        case 0: first.type(own.take_bytes(own.take<uint8_t>())); break;
        case 1: further.type(own.take_bytes(own.take<uint8_t>())); break;
        case 2: {
          const auto page = own.take<uint8_t>();
          const uint64_t index = offsetof(xencons_interface, in_cons) + 4u * (own.take<uint8_t>() & 3);
          bench.store(page, index, uint32_t{own.take<uint16_t>()});
          break;
        }
        default: connect(bench, folder, own.take<uint8_t>()); break;
      }
    });
    state_digest(first);
    state_digest(further);
  }
  (void)bench.hypervisor.channels.close(DomainId{0}, backend_port);
  bench.advance(milliseconds(10));
  bench.check_returned();
  return 0;
}
