// Hostile block frontends. The first byte says what the backend offers; then come the operations of
// frontend_bench.h on the disk's folder, and these of our own (code 15):
//
//   code % 8 = 0  connect as a real frontend does: shape (1: bits 0-1 ring order, bit 2 the 32-bit layout,
//   bit 3
//                 persistent grants, bits 4-5 queues less one, bit 6 numbered references of a single page)
//              1  a request: queue (1), operation (1), segments (1), sector (1), first grant (1), sectors (1:
//                 first and last in four bits each), copies (1), and an event
//              2  an indirect one: queue (1), operation (1), segments (2), sector (1), list's grant (1)
//              3  a list of segments into a page: page (1), how many (1), first grant (1), sectors (1)
//              4  req_prod of a ring: queue (1), added to what it is (1, signed)
//              5  the toolstack: 0 attach, 1 detach, 2 detach by force (1)
//              6  another size: sectors, times 8 (1)
//              7  close and come back
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz/driver.h"
#include "fuzz/frontend_bench.h"
#include "host/disk_image.h"
#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr uint64_t kDiskBytes = 256 * 1024;

// One file for the whole process; what the guests write stays in memory.
const std::string& image_path() {
  static const std::string path = [] {
    const int descriptor = memfd_create("blkif", 0);
    if (descriptor < 0 || ftruncate(descriptor, kDiskBytes) != 0) std::abort();
    return "/proc/self/fd/" + std::to_string(descriptor);
  }();
  return path;
}

struct BlkBench {
  explicit BlkBench(uint8_t offered) {
    DiskImageConfig image_config;
    image_config.name = "xvda";
    image_config.path = image_path();
    auto opened = DiskImage::open(image_config, bench.clock, bench.events, bench.wiring);
    if (!opened) FrontendBench::fail("no image");
    image = std::move(*opened);
    BlkBackendConfig config;
    config.barrier = offered & 1;
    config.discard = offered & 2;
    config.read_only = (offered & 12) == 12;
    config.flush = !(offered & 16);
    config.persistent_grants_max = offered & 32 ? 4 : 1056;
    config.indirect_segments = offered & 64 ? 1024 : 256;
    config.sector_bytes = offered & 128 ? 4096 : 512;
    backend = std::make_unique<BlkBackend>(bench.hypervisor, bench.toolstack, *bench.domain, *image, config);
  }

  std::string node(const std::string& name) const { return folder.frontend + "/" + name; }

  // Ring q lies in pages 4q to 4q+3 and has port slot q.
  void connect(uint8_t shape) {
    narrow = shape & 4;
    order = shape & 3 ? (shape & 3) - 1u : 0u;
    const unsigned queues = (shape >> 4 & 3) + 1;
    bench.write_node(node("protocol"), narrow ? "x86_32-abi" : "x86_64-abi");
    bench.write_node(node("feature-persistent"), shape & 8 ? "1" : "0");
    bench.write_node(node("multi-queue-num-queues"), std::to_string(queues));
    bench.write_node(node("ring-page-order"), std::to_string(order));
    for (unsigned queue = 0; queue < queues; ++queue) {
      const std::string base = queues == 1 ? "" : "queue-" + std::to_string(queue) + "/";
      bench.store(4 * queue, 0, std::array<uint32_t, 4>{0, 1, 0, 1});
      bench.write_node(node(base + "event-channel"), std::to_string(bench.make_port(queue).value));
      for (unsigned page = 0; page < 1u << order; ++page) {
        bench.grant(4 * queue + page, 4 * queue + page, false);
        const bool numbered = order != 0 || (shape & 64);
        bench.write_node(node(base + (numbered ? "ring-ref" + std::to_string(page) : "ring-ref")),
                         std::to_string(FrontendBench::reference(4 * queue + page)));
      }
    }
    set_state(XenbusState::initialised);
    bench.advance(microseconds(50));
  }
  void set_state(XenbusState state) {
    bench.write_node(node("state"), std::to_string(static_cast<unsigned>(state)));
  }

  GuestPhys at(unsigned queue, uint64_t offset) const {
    return bench.address(4 * queue + static_cast<unsigned>(offset / kPageSize) % 4) + offset % kPageSize;
  }
  void put(unsigned queue, std::span<const uint8_t> slot) {
    const GuestPhys prod = at(queue, 0);
    const auto index = bench.memory->load<uint32_t>(prod);
    const uint32_t slots = 32u << order;
    const uint64_t offset = 64 + uint64_t{index % slots} * slot.size();
    for (size_t i = 0; i < slot.size(); ++i) bench.memory->store(at(queue, offset + i), slot[i]);
    bench.memory->store(prod, index + 1);
  }
  // A slot with the fields that all requests have.
  std::vector<uint8_t> slot(uint8_t operation, uint8_t second, uint64_t sector) const {
    std::vector<uint8_t> bytes(narrow ? 108 : 112);
    bytes[0] = operation;
    bytes[1] = second;
    const uint64_t id = bench.clock.now.ps;
    std::memcpy(bytes.data() + (narrow ? 4 : 8), &id, sizeof id);
    std::memcpy(bytes.data() + (narrow ? 12 : 16), &sector, sizeof sector);
    return bytes;
  }

  void request(FuzzInput& input) {
    const unsigned queue = input.take<uint8_t>() % 4;
    const auto operation = input.take<uint8_t>(), segments = input.take<uint8_t>();
    const auto sector = input.take<uint8_t>(), grant = input.take<uint8_t>();
    const auto sectors = input.take<uint8_t>(), copies = input.take<uint8_t>();
    std::vector<uint8_t> bytes = slot(operation, segments, sector == 0xff ? ~uint64_t{3} : sector);
    const size_t first = narrow ? 20 : 24;
    for (uint8_t i = 0; i < 11; ++i) {
      const uint32_t gref = grant == 0xff ? 0xffffffff : FrontendBench::reference(grant + i);
      std::memcpy(bytes.data() + first + i * 8, &gref, sizeof gref);
      bytes[first + i * 8 + 4] = sectors & 15;
      bytes[first + i * 8 + 5] = sectors >> 4;
    }
    for (unsigned copy = 0; copy <= copies % 40u; ++copy) put(queue, bytes);
    bench.notify(queue);
  }

  void indirect(FuzzInput& input) {
    const unsigned queue = input.take<uint8_t>() % 4;
    const auto operation = input.take<uint8_t>();
    const auto segments = input.take<uint16_t>();
    const auto sector = input.take<uint8_t>(), list = input.take<uint8_t>();
    std::vector<uint8_t> bytes = slot(6, operation, sector);
    std::memcpy(bytes.data() + 2, &segments, sizeof segments);
    for (uint8_t i = 0; i < 8; ++i) {
      const uint32_t gref = FrontendBench::reference(list + i);
      std::memcpy(bytes.data() + (narrow ? 24 : 28) + i * 4, &gref, sizeof gref);
    }
    put(queue, bytes);
    bench.notify(queue);
  }

  void list(FuzzInput& input) {
    const auto page = input.take<uint8_t>(), count = input.take<uint8_t>();
    const auto grant = input.take<uint8_t>(), sectors = input.take<uint8_t>();
    for (unsigned i = 0; i < count; ++i) {
      const blkif_request_segment segment{FrontendBench::reference(grant + i),
                                          static_cast<uint8_t>(sectors & 15),
                                          static_cast<uint8_t>(sectors >> 4)};
      bench.store(page, i * sizeof segment, segment);
    }
  }

  void own(uint8_t code, FuzzInput& input) {
    switch (code % 8) {
      case 0: connect(input.take<uint8_t>()); break;
      case 1: request(input); break;
      case 2: indirect(input); break;
      case 3: list(input); break;
      case 4: {
        const GuestPhys prod = at(input.take<uint8_t>() % 4, 0);
        bench.memory->store(prod,
                            bench.memory->load<uint32_t>(prod) + static_cast<uint32_t>(input.take<int8_t>()));
        break;
      }
      case 5: {
        const auto command = input.take<uint8_t>();
        command % 3 == 0 ? (void)backend->attach() : (void)backend->detach(command % 3 == 2);
        break;
      }
      case 6: (void)backend->resize(uint64_t{input.take<uint8_t>()} * 8 * 512); break;
      default:
        set_state(XenbusState::closed);
        bench.advance(milliseconds(1));
        set_state(XenbusState::initialising);
        bench.advance(microseconds(20));
        break;
    }
  }

  FrontendBench bench;
  const FrontendFolder folder{
      "/local/domain/1/device/vbd/51712",
      {"ring-ref", "event-channel", "ring-page-order", "multi-queue-num-queues", "protocol",
       "feature-persistent", "ring-ref0", "ring-ref1", "queue-0/ring-ref", "queue-0/event-channel",
       "queue-1/ring-ref", "queue-1/event-channel", "state"}};
  std::unique_ptr<DiskImage> image;
  std::unique_ptr<BlkBackend> backend;
  bool narrow = false;
  unsigned order = 0;
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  constexpr uint8_t kOwn = 15, kTime = 13;
  return {
      // A read, a write, a flush, a barrier, a discard; then it closes and comes back.
      {3, kOwn, 0,    0,  kOwn,  1,  0,     0,  2,    8, 20, 0x70, 0, kTime, 10, kOwn,  1,  0,     1,  2,
       8, 30,   0x31, 0,  kTime, 10, kOwn,  1,  0,    3, 0,  0,    0, 0,     0,  kTime, 10, kOwn,  1,  0,
       2, 1,    0,    25, 0x70,  0,  kTime, 10, kOwn, 1, 0,  5,    0, 4,     20, 0,     0,  kTime, 10, kOwn,
       7, kOwn, 0,    64, kOwn,  1,  0,     0,  1,    8, 20, 0x70, 3, kTime, 10},
      // Persistent grants, two queues of two pages, indirect requests.
      {0x60, kOwn, 0,  0x1a,  kOwn, 3,    40, 30, 20, 0x10,  kOwn, 2,     1,  0,     30,
       0,    0,    40, kTime, 20,   kOwn, 2,  0,  1,  30,    0,    4,     40, kTime, 20,
       kOwn, 1,    1,  0,     11,   0,    16, 0,  0,  kTime, 255,  kTime, 255},
      // The 32-bit layout; by force.
      {0,    kOwn, 0, 4,     kOwn, 1,    0, 0, 2,     8, 20,   0x70, 5,
       kOwn, 5,    2, kTime, 10,   kOwn, 5, 0, kTime, 1, kOwn, 0,    4},
      // Indices that jump, a size that changes under requests, a disk that is detached and does not close.
      {1,    kOwn, 0, 0,   kOwn, 1, 0,     0, 1,    200, 20, 0x70,  0,   kOwn, 6, 10,    kTime, 10,
       kOwn, 4,    0, 100, 6,    0, kTime, 1, kOwn, 5,   1,  kTime, 255, 11,   6, kTime, 255},
  };
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  FuzzInput input(data, size);
  BlkBench blk(input.take<uint8_t>());
  blk.bench.advance(microseconds(20));
  run_frontend_operations(blk.bench, input, blk.folder,
                          [&blk](uint8_t code, FuzzInput& rest) { blk.own(code, rest); });
  state_digest(*blk.backend);
  blk.bench.faults.set(0, 0);
  blk.backend.reset();
  blk.bench.advance(seconds(2));
  blk.bench.check_returned();
  return 0;
}
