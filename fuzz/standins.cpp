// Recordings of any content, and drivers that ask them anything: a session that somebody has made by hand is
// input like a guest. An input is a row of operations. Up to the first `begin` they are what the recording
// says; behind it what is asked of it. Messages are put together from few words and numbers, so that what is
// asked has often been recorded.
//
// Besides what the sanitizers find: an answer of 9P is one whole message no longer than the msize, a disk's
// read gives what was recorded or an error, and nothing schedules without end.
#include <cstdlib>
#include <string>

#include "fuzz/device_bench.h"
#include "fuzz/driver.h"
#include "host/9p/message_writer.h"
#include "host/9p/recorded_service.h"
#include "host/recorded_disk.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/recorded_events.h"
#include "hv-model/xenstore/recorded_store.h"

namespace ringside {

namespace {

enum Code : uint8_t { ninep_message, ninep_raw, disk, store, store_raw, events, time, begin, codes };

constexpr std::string_view kTexts[] = {"", "a", "b", "..", "9P2000.L", "9P2000", "root", "d"};
constexpr std::string_view kPaths[] = {"a", "/local/domain/1/a", "/b", "/b/c", "@releaseDomain", ""};
constexpr uint8_t kTypes[] = {ninep::Tversion, ninep::Tattach,  ninep::Twalk,     ninep::Tlopen,
                              ninep::Tread,    ninep::Twrite,   ninep::Tclunk,    ninep::Tgetattr,
                              ninep::Treaddir, ninep::Tlcreate, ninep::Tunlinkat, ninep::Tflush,
                              ninep::Topen,    ninep::Tsetattr, ninep::Trenameat};

// A message by the table, its fields from the input.
std::vector<uint8_t> message_of(FuzzInput& input) {
  const uint8_t choice = input.take<uint8_t>();
  const auto type = static_cast<uint8_t>(kTypes[choice % std::size(kTypes)] + (choice >> 7));
  NinePWriter out(type, input.take<uint8_t>() % 4);
  const NinePMessageType* row = ninep_message_type(type);
  for (const NinePField& field : row->fields) {
    const uint8_t byte = input.take<uint8_t>();
    switch (field.kind) {
      case NinePFieldKind::u8: out.u8(byte % 4); break;
      case NinePFieldKind::u16: out.u16(byte % 4); break;
      case NinePFieldKind::u32: out.u32(byte < 250 ? byte : 8192u << (byte - 250)); break;
      case NinePFieldKind::u64: out.u64(byte < 250 ? byte % 16 : ~uint64_t{0} - byte); break;
      case NinePFieldKind::text: out.text(kTexts[byte % std::size(kTexts)]); break;
      case NinePFieldKind::qid: out.qid(byte & 0x80, 0, byte % 4); break;
      case NinePFieldKind::data:
      case NinePFieldKind::entries: {
        const auto bytes = input.take_bytes(byte % 64);
        out.u32(bytes.size());
        std::copy(bytes.begin(), bytes.end(), out.grow(bytes.size()).begin());
        break;
      }
      case NinePFieldKind::names:
        out.u16(byte % 4);
        for (int i = 0; i < byte % 4; ++i) out.text(kTexts[input.take<uint8_t>() % std::size(kTexts)]);
        break;
      case NinePFieldKind::qids:
        out.u16(byte % 4);
        for (int i = 0; i < byte % 4; ++i) out.qid(input.take<uint8_t>() & 0x80, 0, 1);
        break;
      case NinePFieldKind::stat: out.u16(0); break;
    }
  }
  return out.finish();
}

std::vector<uint8_t> store_message(FuzzInput& input) {
  const uint8_t type = input.take<uint8_t>() % 24;
  std::string body(kPaths[input.take<uint8_t>() % std::size(kPaths)]);
  body += '\0';
  const auto rest = input.take_bytes(input.take<uint8_t>() % 16);
  body.append(rest.begin(), rest.end());
  const uint32_t header[4] = {type, input.take<uint8_t>() % 4u, input.take<uint8_t>() % 3u,
                              static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  return message;
}

std::vector<uint8_t> image_data(FuzzInput& input) {
  ImageDataRecord record{};
  record.operation = input.take<uint8_t>() % 5;
  record.status = input.take<uint8_t>() % 4;
  record.sector = input.take<uint8_t>() % 32;
  const uint8_t count = input.take<uint8_t>();
  record.count = count < 250 ? count % 8 : ~uint64_t{0};
  record.disk_sectors = 64;
  std::vector<uint8_t> payload(sizeof record + (count % 9) * size_t{512}, input.take<uint8_t>());
  std::memcpy(payload.data(), &record, sizeof record);
  return payload;
}

struct Bench {
  Bench() {
    domain = &hypervisor.create_domain();
    domain->max_pages = 8;
    domain->shared_info = hypervisor.frames.allocate(domain->id).value();
  }
  void advance(Tick span) {
    const Tick until = saturating_add(clock.now, span);
    unsigned ran = 0;
    while (events.next_tick() <= until && until != Tick::never()) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
      if (++ran > 100'000) std::abort();
    }
    clock.now = until;
  }
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(*Memory::create(GuestPhys{0x100000}, 32 * kPageSize));
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore xenstore;
  Domain* domain = nullptr;
  UnansweredRequests unanswered;
};

struct Recordings {
  NinePRecording ninep;
  DiskRecording disk;
  XenStoreRecording store{DomainId{1}};
  EventRecording events;
};

void learn(FuzzInput& input, uint8_t code, Recordings& into, Tick& at) {
  const uint8_t flags = input.take<uint8_t>();
  switch (code) {
    case ninep_message: {
      const auto message = message_of(input);
      into.ninep.learn(message, static_cast<uint32_t>(message.size() + (flags == 255)));
      break;
    }
    case ninep_raw: {
      const auto bytes = input.take_bytes(flags % 64);
      into.ninep.learn(bytes, flags);
      break;
    }
    case disk: (void)into.disk.learn(image_data(input)); break;
    case store: into.store.learn(store_message(input), flags & 1, at); break;
    case store_raw: into.store.learn(input.take_bytes(flags % 64), flags & 1, at); break;
    case events: {
      const EventRecord record{.port = input.take<uint8_t>() % 8u,
                               .operation = static_cast<uint8_t>(input.take<uint8_t>() % 14),
                               .state = static_cast<uint8_t>(input.take<uint8_t>() % 7),
                               .remote_domain = static_cast<uint16_t>(input.take<uint8_t>() % 4),
                               .remote_port = input.take<uint8_t>() % 8u};
      into.events.learn({reinterpret_cast<const uint8_t*>(&record), sizeof record}, flags & 1, flags & 30,
                        at);
      break;
    }
    default: at = saturating_add(at, microseconds(flags)); break;
  }
}

class Asker {
 public:
  Asker(Bench& bench, Recordings recordings)
      : bench_(bench),
        service_({}, std::move(recordings.ninep), bench.unanswered, bench.clock, bench.events),
        disk_("disk", "old", std::move(recordings.disk), bench.unanswered, bench.wiring),
        store_(bench.hypervisor, bench.xenstore, DomainId{1}, "old", std::move(recordings.store),
               bench.unanswered),
        events_(bench.hypervisor, "old", bench.unanswered) {
    events_.add(DomainId{1}, std::move(recordings.events));
    bench.hypervisor.channels.set_remote_ends(&events_);
    bench.xenstore.let_answer(DomainId{1}, store_);
    connection_ = bench.xenstore.connect(DomainId{1}, [](std::vector<uint8_t>) {});
  }
  ~Asker() {
    bench_.hypervisor.channels.set_remote_ends(nullptr);
    bench_.xenstore.disconnect(connection_);
  }

  void ask(FuzzInput& input, uint8_t code) {
    const uint8_t choice = input.take<uint8_t>();
    switch (code) {
      case ninep_message: receive(message_of(input)); break;
      case ninep_raw: {
        const auto bytes = input.take_bytes(choice % 64);
        receive({bytes.begin(), bytes.end()});
        break;
      }
      case disk: ask_disk(input, choice); break;
      case store: bench_.xenstore.handle(connection_, store_message(input)); break;
      case store_raw: bench_.xenstore.handle(connection_, input.take_bytes(choice % 64)); break;
      case events: ask_events(input, choice); break;
      default: bench_.advance(microseconds(choice)); break;
    }
  }

 private:
  void receive(std::vector<uint8_t> message) {
    service_.receive(std::move(message), [this](std::vector<uint8_t> answer) {
      uint32_t size = 0;
      if (answer.size() < 7 || answer.size() > std::max<uint32_t>(service_.msize(), 1 << 20)) std::abort();
      std::memcpy(&size, answer.data(), sizeof size);
      if (size != answer.size()) std::abort();
    });
  }
  void ask_disk(FuzzInput& input, uint8_t choice) {
    const uint64_t offset = input.take<uint8_t>() % 32 * 512;
    std::vector<uint8_t> bytes(input.take<uint8_t>() % 8 * size_t{512}, input.take<uint8_t>());
    switch (choice % 4) {
      case 0: (void)disk_.read(offset, bytes); break;
      case 1: (void)disk_.write(offset, bytes); break;
      case 2: (void)disk_.discard(offset, bytes.size()); break;
      default: (void)disk_.flush(); break;
    }
  }
  void ask_events(FuzzInput& input, uint8_t choice) {
    EventChannels& channels = bench_.hypervisor.channels;
    const DomainId remote{static_cast<uint16_t>(input.take<uint8_t>() % 4)};
    const EventPort port{input.take<uint8_t>() % 8u};
    switch (choice % 4) {
      case 0: (void)channels.alloc_unbound(DomainId{1}, remote); break;
      case 1: (void)channels.bind_interdomain(DomainId{1}, remote, port); break;
      case 2: (void)channels.send(DomainId{1}, port); break;
      default: (void)channels.close(DomainId{1}, port); break;
    }
  }

  Bench& bench_;
  NinePRecordedService service_;
  RecordedDisk disk_;
  RecordedXenStore store_;
  RecordedEvents events_;
  XenStore::ConnectionId connection_ = 0;
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  // A conversation as message_of() makes it: choice of the type (with 0x80: its answer), tag, fields.
  const std::vector<std::vector<uint8_t>> conversation = {
      {0, 0, 251, 4},
      {0x80, 0, 251, 4},  // version
      {1, 1, 0, 249, 6, 0, 0},
      {0x81, 1, 0x80},  // attach
      {2, 1, 0, 1, 1, 1},
      {0x82, 1, 1, 0},  // walk to "a"
      {3, 2, 1, 0},
      {0x83, 2, 0, 0},  // open
      {4, 1, 1, 0, 8},
      {0x84, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8},  // read
      {5, 1, 1, 2, 3, 9, 9, 9},
      {0x85, 1, 3},  // write
      {4, 1, 1, 0, 8},
      {0x84, 1, 8, 1, 2, 9, 9, 9, 6, 7, 8},  // read
      {2, 1, 0, 2, 0},
      {0x82, 1, 0},
      {3, 2, 2, 0},
      {0x83, 2, 0x80, 0},
      {8, 3, 2, 0, 60},
      {0x88, 3, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0, 'a'},
      {9, 1, 2, 2, 0, 0, 0},
      {0x89, 1, 0, 0},  // create
      {10, 1, 0, 2, 0},
      {0x8a, 1},  // unlink
  };
  std::vector<uint8_t> spoken;
  for (const bool asks : {false, true}) {
    for (const std::vector<uint8_t>& message : conversation) {
      if (asks && (message[0] & 0x80) != 0) continue;
      spoken.insert(spoken.end(), {ninep_message, 1});
      spoken.insert(spoken.end(), message.begin(), message.end());
      spoken.insert(spoken.end(), {time, 100});
    }
    spoken.push_back(begin);
  }
  seeds.push_back(std::move(spoken));
  for (uint8_t code = 0; code < begin; ++code) {
    std::vector<uint8_t> seed;
    for (int half = 0; half < 2; ++half) {
      for (uint8_t i = 0; i < 40; ++i) {
        seed.insert(seed.end(), {code, 1, static_cast<uint8_t>(i * 7), i, 1, 2, 3, 4});
      }
      seed.push_back(begin);
    }
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  FuzzInput input(data, size);
  Recordings recordings;
  Tick at;
  while (!input.empty()) {
    const uint8_t code = input.take<uint8_t>() % codes;
    if (code == begin) break;
    learn(input, code, recordings, at);
  }
  Bench bench;
  {
    Asker asker(bench, std::move(recordings));
    while (!input.empty()) asker.ask(input, input.take<uint8_t>() % begin);
    bench.advance(seconds(1));
  }
  bench.advance(seconds(1));
  return 0;
}
