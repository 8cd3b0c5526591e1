// Hostile frontends of 9P shares, in front of the real server and a tree in memory. The first byte says what
// the backend offers (bits 0-1 rings less one, bits 2-3 the ring order less one); then come the operations of
// frontend_bench.h on the share's folder, and these of our own (code 15):
//
//   code % 8 = 0  connect as a real frontend does: shape (1: bits 0-1 rings less one, bits 2-3 the ring
//   order)
//              1  a message of a session, and an event: ring (1), which (1), fid (1), newfid (1), number (1)
//              2  any message: ring (1), type (1), length (1), bytes; its size[4] is right, and an event
//              3  any bytes into `out`: ring (1), length (1), bytes, and an event
//              4  out_prod: ring (1), added to what it is (1, signed)
//              5  in_cons: ring (1); 255 takes all, else added (signed)
//              6  the toolstack: 0 attach, 1 detach, 2 detach by force (1)
//              7  close and come back
#include <cstring>
#include <string>

#include "fuzz/driver.h"
#include "fuzz/frontend_bench.h"
#include "host/9p/file_tree.h"
#include "host/9p/message_renderer.h"
#include "host/9p/server.h"
#include "hv-model/backends/9pfs/p9_backend.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr unsigned kPagesPerRing = 9;  // the interface page, and up to 8 of data
constexpr uint64_t kInCons = 0, kInProd = 4, kOutProd = 68, kOrder = 128, kRefs = 132;

// Whoever reads a session of it must get through, too.
class RenderingTap final : public Tap {
 public:
  explicit RenderingTap(Wiring& wiring) : wiring_(wiring) { wiring_.add_tap(*this, "dom1/9p/*"); }
  ~RenderingTap() override { wiring_.remove_tap(*this); }
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict&) override {
    if (to_line(decoder_.decode(wire.payload_type(), wire.name(), crossing.bytes(), crossing.bytes().size()))
            .empty())
      FrontendBench::fail("a message renders as nothing");
  }

 private:
  Wiring& wiring_;
  SessionDecoder decoder_;
};

struct P9Bench {
  explicit P9Bench(uint8_t offered) {
    const auto made = tree.create(tree.root(), "file", NewFile{});
    if (made) {
      const std::vector<uint8_t> contents(9000, 0x42);
      (void)tree.write(*made, 0, contents);
    }
    NinePfsConfig config;
    config.max_rings = (offered & 3) + 1u;
    config.max_ring_page_order = (offered >> 2 & 3) == 0 ? 1 : offered >> 2 & 3;
    backend =
        std::make_unique<NinePfsBackend>(bench.hypervisor, bench.toolstack, *bench.domain, server, config);
  }

  std::string node(const std::string& name) const { return folder.frontend + "/" + name; }
  static unsigned page_of(unsigned ring) { return ring % 4 * kPagesPerRing; }

  void connect(uint8_t shape) {
    const unsigned rings = (shape & 3) + 1u;
    order = shape >> 2 & 3;
    bench.write_node(node("version"), "1");
    bench.write_node(node("num-rings"), std::to_string(rings));
    for (unsigned ring = 0; ring < rings; ++ring) {
      const unsigned first = page_of(ring);
      for (const uint64_t at : {uint64_t{0}, uint64_t{4}, uint64_t{64}, uint64_t{68}})
        bench.store(first, at, uint32_t{0});
      bench.store(first, kOrder, uint32_t{order});
      for (unsigned page = 0; page < kPagesPerRing; ++page) {
        bench.grant(first + page, first + page, false);
        if (page != 0) bench.store(first, kRefs + (page - 1) * 4, FrontendBench::reference(first + page));
      }
      bench.write_node(node("ring-ref" + std::to_string(ring)),
                       std::to_string(FrontendBench::reference(first)));
      bench.write_node(node("event-channel-" + std::to_string(ring)),
                       std::to_string(bench.make_port(ring).value));
    }
    set_state(XenbusState::initialised);
    bench.advance(microseconds(50));
  }
  void set_state(XenbusState state) {
    bench.write_node(node("state"), std::to_string(static_cast<unsigned>(state)));
  }

  GuestPhys index(unsigned ring, uint64_t at) const { return bench.address(page_of(ring)) + at; }
  void add(unsigned ring, uint64_t at, int8_t value) {
    bench.memory->store(index(ring, at),
                        bench.memory->load<uint32_t>(index(ring, at)) + static_cast<uint32_t>(value));
  }
  void put(unsigned ring, std::span<const uint8_t> bytes) {
    const uint32_t half = 2048u << order;
    auto prod = bench.memory->load<uint32_t>(index(ring, kOutProd));
    for (const uint8_t byte : bytes) {
      const uint32_t place = half + (prod++ & (half - 1));
      bench.memory->store(
          bench.address(page_of(ring) + 1 + static_cast<unsigned>(place / kPageSize)) + place % kPageSize,
          byte);
    }
    bench.memory->store(index(ring, kOutProd), prod);
    bench.notify(ring);
  }

  struct Message {
    std::vector<uint8_t> bytes = std::vector<uint8_t>(7);
    Message(uint8_t type, uint16_t tag) {
      bytes[4] = type;
      std::memcpy(&bytes[5], &tag, 2);
    }
    Message& number(uint64_t value, unsigned length) {
      for (; length > 0; --length, value >>= 8) bytes.push_back(static_cast<uint8_t>(value));
      return *this;
    }
    Message& text(std::string_view value) {
      number(value.size(), 2);
      bytes.insert(bytes.end(), value.begin(), value.end());
      return *this;
    }
    const std::vector<uint8_t>& whole() {
      const auto size = static_cast<uint32_t>(bytes.size());
      std::memcpy(bytes.data(), &size, 4);
      return bytes;
    }
  };

  std::vector<uint8_t> session_message(uint8_t which, uint8_t fid, uint8_t newfid, uint8_t number) {
    const auto begin = [&](uint8_t type) { return Message(type, ++tag); };
    switch (which % 16) {
      case 0: return Message(ninep::Tversion, 0xffff).number(number * 256u, 4).text("9P2000.L").whole();
      case 1: return Message(ninep::Tversion, 0xffff).number(number * 256u, 4).text("9P2000").whole();
      case 2:
        return begin(ninep::Tattach).number(fid, 4).number(~0u, 4).text("root").text("").number(0, 4).whole();
      case 3: return begin(ninep::Twalk).number(fid, 4).number(newfid, 4).number(1, 2).text("file").whole();
      case 4: return begin(ninep::Twalk).number(fid, 4).number(newfid, 4).number(0, 2).whole();
      case 5: return begin(ninep::Tlopen).number(fid, 4).number(number, 4).whole();
      case 6: return begin(ninep::Topen).number(fid, 4).number(number, 1).whole();
      case 7: return begin(ninep::Tread).number(fid, 4).number(0, 8).number(number * 64u, 4).whole();
      case 8: {
        Message write = begin(ninep::Twrite).number(fid, 4).number(number, 8).number(number, 4);
        write.bytes.resize(write.bytes.size() + number, 0x55);
        return write.whole();
      }
      case 9: return begin(ninep::Tclunk).number(fid, 4).whole();
      case 10: return begin(ninep::Treaddir).number(fid, 4).number(0, 8).number(number * 64u, 4).whole();
      case 11: return begin(ninep::Tflush).number(static_cast<uint16_t>(tag - number), 2).whole();
      case 12: return begin(ninep::Tgetattr).number(fid, 4).number(0x7ff, 8).whole();
      case 13:
        return begin(ninep::Trenameat).number(fid, 4).text("file").number(newfid, 4).text("other").whole();
      case 14:
        return begin(ninep::Tlcreate)
            .number(fid, 4)
            .text("new")
            .number(2, 4)
            .number(0644, 4)
            .number(0, 4)
            .whole();
      default: return begin(ninep::Tremove).number(fid, 4).whole();
    }
  }

  void own(uint8_t code, FuzzInput& input) {
    switch (code % 8) {
      case 0: connect(input.take<uint8_t>()); break;
      case 1: {
        const auto ring = input.take<uint8_t>(), which = input.take<uint8_t>(), fid = input.take<uint8_t>();
        const auto newfid = input.take<uint8_t>();
        put(ring % 4u, session_message(which, fid, newfid, input.take<uint8_t>()));
        break;
      }
      case 2: {
        const auto ring = input.take<uint8_t>(), type = input.take<uint8_t>();
        Message message(type, ++tag);
        const auto bytes = input.take_bytes(input.take<uint8_t>());
        message.bytes.insert(message.bytes.end(), bytes.begin(), bytes.end());
        put(ring % 4u, message.whole());
        break;
      }
      case 3: {
        const auto ring = input.take<uint8_t>();
        put(ring % 4u, input.take_bytes(input.take<uint8_t>()));
        break;
      }
      case 4: {
        const auto ring = input.take<uint8_t>();
        add(ring, kOutProd, input.take<int8_t>());
        break;
      }
      case 5: {
        const auto ring = input.take<uint8_t>();
        const auto value = input.take<int8_t>();
        value == -1
            ? bench.memory->store(index(ring, kInCons), bench.memory->load<uint32_t>(index(ring, kInProd)))
            : add(ring, kInCons, value);
        bench.notify(ring);
        break;
      }
      case 6: {
        const auto command = input.take<uint8_t>();
        command % 3 == 0 ? (void)backend->attach() : (void)backend->detach(command % 3 == 2);
        break;
      }
      default:
        set_state(XenbusState::closed);
        bench.advance(milliseconds(1));
        set_state(XenbusState::initialising);
        bench.advance(microseconds(20));
        break;
    }
  }

  FrontendBench bench;
  RenderingTap rendering{bench.wiring};
  FileTree tree{FileTreeConfig{.bytes_max = 1 << 20, .files_max = 1000}, bench.clock};
  NinePServer server{NinePServerConfig{.name = "share0", .users = {}}, tree, bench.clock, bench.events};
  const FrontendFolder folder{"/local/domain/1/device/9pfs/0",
                              {"version", "num-rings", "ring-ref0", "event-channel-0", "ring-ref1",
                               "event-channel-1", "tag", "state"}};
  std::unique_ptr<NinePfsBackend> backend;
  unsigned order = 0;
  uint16_t tag = 0;
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  constexpr uint8_t kOwn = 15, kTime = 13;
  return {
      // A session of 9P2000.L: version, attach, walk, open, read, readdir, create, rename, clunk; it closes
      // and
      // comes back with another dialect.
      {0x0f, kOwn, 0,    0x0c,  kOwn,  1,     0,     0,    0,    0, 255, kTime, 1,     kOwn,  1,     1,
       2,    0,    0,    0,     kTime, 1,     kOwn,  1,    0,    3, 0,   1,     0,     kTime, 1,     kOwn,
       1,    0,    5,    1,     0,     0,     kTime, 1,    kOwn, 1, 0,   7,     1,     0,     64,    kTime,
       1,    kOwn, 5,    0,     255,   kOwn,  1,     0,    12,   1, 0,   0,     kOwn,  1,     0,     4,
       0,    2,    0,    kTime, 1,     kOwn,  1,     0,    14,   2, 0,   0,     kTime, 1,     kOwn,  1,
       0,    13,   0,    0,     0,     kTime, 1,     kOwn, 1,    0, 9,   1,     0,     0,     kTime, 1,
       kOwn, 7,    kOwn, 0,     0x08,  kOwn,  1,     0,    1,    0, 0,   200,   kTime, 1},
      // Several rings, messages in parts, a flush of what is in flight.
      {0x07, kOwn, 0, 0x07, kOwn, 1, 0, 0,  0, 0, 64, kTime, 1, kOwn, 1, 1, 2, 0,  0, 0,   kOwn,  1,   2,
       7,    0,    0, 200,  kOwn, 1, 2, 11, 0, 0, 1,  kTime, 1, kOwn, 3, 3, 5, 11, 0, 0,   0,     120, kTime,
       1,    kOwn, 3, 3,    6,    0, 0, 9,  0, 0, 0,  kTime, 1, kOwn, 1, 0, 8, 0,  0, 100, kTime, 5},
      // Indices that jump, sizes that lie, any message, faults on the wires.
      {0x03, kOwn, 0, 0x04, kOwn,  4, 0,    127, 6,    0, kTime, 1,  kOwn, 7, kOwn, 0, 0x04,  kOwn, 3,  0, 4,
       5,    0,    0, 0,    kTime, 1, kOwn, 7,   kOwn, 0, 0x04,  14, 1,    3, kOwn, 2, 0,     110,  12, 0, 0,
       0,    0,    1, 0,    0,     0, 3,    0,   9,    9, kTime, 1,  kOwn, 6, 11,   6, kTime, 50},
  };
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  FuzzInput input(data, size);
  P9Bench share(input.take<uint8_t>());
  share.bench.advance(microseconds(20));
  run_frontend_operations(share.bench, input, share.folder,
                          [&share](uint8_t code, FuzzInput& rest) { share.own(code, rest); });
  state_digest(*share.backend);
  share.bench.faults.set(0, 0);
  share.backend.reset();
  share.bench.advance(seconds(2));
  share.bench.check_returned();
  return 0;
}
