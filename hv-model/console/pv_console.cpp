#include "hv-model/console/pv_console.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <vector>

#include "hv-model/console/console_payloads.h"
#include "hv-model/xen_abi.h"
#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

namespace {

using Ring = xencons_interface;
constexpr uint32_t kOutSize = sizeof(Ring::out);
constexpr uint32_t kInSize = sizeof(Ring::in);

}  // namespace

struct PvConsole::Impl {
  Hypervisor& hypervisor;
  Domain& domain;
  const GuestPhys page;
  EventPort port;
  bool dead = false;
  EventQueue::Handle back;
  const std::string name;
  Wire& out_wire;
  Wire& in_wire;
  Output output;
  std::deque<uint8_t> typed;    // not shown on the wire yet
  std::deque<uint8_t> crossed;  // shown, and waiting for room: what a fault has added or delayed
  bool complained = false;      // about indices, once for each time they go wrong
  uint64_t out_bytes = 0, in_bytes = 0, running_hash = 0;
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);

  Impl(Hypervisor& given, Domain& given_domain, Mfn ring, EventPort given_port, const std::string& given_name)
      : hypervisor(given),
        domain(given_domain),
        page(ring.address()),
        port(given_port),
        name(given_name),
        out_wire(given.wiring.add(fmt::format("{}/{}/out", given_domain.name, given_name), WireKind::message,
                                  kConsoleBytes)),
        in_wire(given.wiring.add(fmt::format("{}/{}/in", given_domain.name, given_name), WireKind::message,
                                 kConsoleBytes)) {}

  uint32_t load(size_t offset) const { return hypervisor.memory.load<uint32_t>(page + offset); }
  void complain(const char* ring, uint32_t producer, uint32_t consumer);
  void pump();
  bool take_output();
  bool put_input();
  bool put_crossed();
  void print(const std::vector<uint8_t>& chunk);
  void later(Wire& wire, const Verdict& verdict, const std::vector<uint8_t>& chunk,
             void (Impl::*then)(const std::vector<uint8_t>&));
  void serve_port() {
    hypervisor.channels.set_handler(port, [this] { pump(); });
  }
  void come_back(EventPort remote);
  void hold(const std::vector<uint8_t>& chunk) { crossed.insert(crossed.end(), chunk.begin(), chunk.end()); }
};

void PvConsole::Impl::complain(const char* ring, uint32_t producer, uint32_t consumer) {
  if (complained) return;
  complained = true;
  domain.notices.emit(NoticeKind::unusual, name,
                      fmt::format("{} ring: producer {} is {} ahead of consumer {}", ring, producer,
                                  producer - consumer, consumer));
}

void PvConsole::Impl::pump() {
  if (dead) return;
  const bool took = take_output();
  const bool put = put_input();
  if (took || put) (void)hypervisor.channels.send(DomainId{0}, port);
}

void PvConsole::Impl::later(Wire& wire, const Verdict& verdict, const std::vector<uint8_t>& chunk,
                            void (Impl::*then)(const std::vector<uint8_t>&)) {
  if (verdict.punctual()) return (this->*then)(chunk);
  wire.release(verdict, "console/delayed", [weak = std::weak_ptr(alive), chunk, then] {
    if (const auto console = weak.lock()) {
      ((*console)->*then)(chunk);
      (*console)->pump();
    }
  });
}

// xenconsoled binds to the port that the domain's nodes name (domain_create_ring).
void PvConsole::Impl::come_back(EventPort remote) {
  back = {};
  const int64_t bound = hypervisor.channels.bind_interdomain(DomainId{0}, domain.id, remote);
  if (bound < 0) {
    domain.notices.emit(NoticeKind::unusual, name,
                        fmt::format("port {} cannot be bound again: error {}", remote.value, -bound));
    return;
  }
  port = EventPort{static_cast<uint32_t>(bound)};
  dead = false;
  serve_port();
}

void PvConsole::Impl::print(const std::vector<uint8_t>& chunk) {
  if (output && !chunk.empty()) output(chunk);
}

// buffer_append() of xenconsoled: true when bytes were taken.
bool PvConsole::Impl::take_output() {
  const uint32_t consumer = load(offsetof(Ring, out_cons)), producer = load(offsetof(Ring, out_prod));
  const uint32_t count = producer - consumer;
  if (count == 0) return false;
  if (count > kOutSize) {
    complain("output", producer, consumer);
    return false;
  }
  complained = false;
  std::vector<uint8_t> chunk(count);
  const uint32_t offset = consumer % kOutSize;
  const uint32_t first = std::min(count, kOutSize - offset);
  SIM_ASSERT(hypervisor.memory.read(page + (offsetof(Ring, out) + offset), chunk.data(), first));
  SIM_ASSERT(hypervisor.memory.read(page + offsetof(Ring, out), chunk.data() + first, count - first));
  hypervisor.memory.store(page + offsetof(Ring, out_cons), producer);
  out_bytes += count;
  running_hash = hash_mix(running_hash, hash64(chunk));
  const Verdict verdict = out_wire.pass(Direction::out, chunk);
  // An error has no place in a stream of bytes: what fails is lost.
  if (verdict.fail) return true;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) later(out_wire, verdict, chunk, &Impl::print);
  return true;
}

// Puts what has crossed already: true when bytes were put.
bool PvConsole::Impl::put_crossed() {
  bool put = false;
  while (!crossed.empty()) {
    const uint32_t consumer = load(offsetof(Ring, in_cons)), producer = load(offsetof(Ring, in_prod));
    if (producer - consumer > kInSize) {
      complain("input", producer, consumer);
      break;
    }
    const uint32_t offset = producer % kInSize;
    const auto count = static_cast<uint32_t>(
        std::min<size_t>({crossed.size(), kInSize - (producer - consumer), kInSize - offset}));
    if (count == 0) break;
    std::array<uint8_t, kInSize> chunk;
    std::copy_n(crossed.begin(), count, chunk.begin());
    crossed.erase(crossed.begin(), crossed.begin() + count);
    running_hash = hash_mix(running_hash, hash64({chunk.data(), count}));
    in_bytes += count;
    hypervisor.memory.write(page + (offsetof(Ring, in) + offset), chunk.data(), count);
    hypervisor.memory.store(page + offsetof(Ring, in_prod), producer + count);
    put = true;
  }
  return put;
}

bool PvConsole::Impl::put_input() {
  bool put = put_crossed();
  while (!typed.empty() && crossed.empty()) {
    const uint32_t consumer = load(offsetof(Ring, in_cons)), producer = load(offsetof(Ring, in_prod));
    if (producer - consumer > kInSize) {
      complain("input", producer, consumer);
      break;
    }
    const size_t count = std::min<size_t>(typed.size(), kInSize - (producer - consumer));
    if (count == 0) break;
    std::vector<uint8_t> chunk(typed.begin(), typed.begin() + static_cast<ptrdiff_t>(count));
    typed.erase(typed.begin(), typed.begin() + static_cast<ptrdiff_t>(count));
    const Verdict verdict = in_wire.pass(Direction::in, chunk);
    for (uint32_t copy = 0; copy < verdict.copies && !verdict.fail; ++copy)
      later(in_wire, verdict, chunk, &Impl::hold);
    put = put_crossed() || put;
  }
  return put;
}

PvConsole::PvConsole(Hypervisor& hypervisor, Domain& domain, Mfn ring, EventPort port,
                     const std::string& name)
    : impl_(std::make_unique<Impl>(hypervisor, domain, ring, port, name)) {
  SIM_ASSERT(hypervisor.memory.contains(ring));
  impl_->serve_port();
}

PvConsole::~PvConsole() {
  impl_->hypervisor.events.cancel(impl_->back);
  if (!impl_->dead) impl_->hypervisor.channels.set_handler(impl_->port, nullptr);
}

void PvConsole::crash(Tick back_after) {
  Impl& dying = *impl_;
  if (dying.dead) return;
  const Channel* channel = dying.hypervisor.channels.find(DomainId{0}, dying.port);
  const EventPort remote = channel != nullptr ? channel->remote_port : EventPort{};
  dying.dead = true;
  dying.crossed.clear();
  dying.alive = std::make_shared<Impl*>(impl_.get());  // what a fault has delayed is lost with it
  (void)dying.hypervisor.channels.close(DomainId{0}, dying.port);
  if (back_after.ps == 0) return;
  dying.back =
      dying.hypervisor.events.schedule(saturating_add(dying.hypervisor.clock.now, back_after), "console/back",
                                       [impl = impl_.get(), remote] { impl->come_back(remote); });
}

void PvConsole::set_output(Output output) { impl_->output = std::move(output); }

void PvConsole::type(std::span<const uint8_t> bytes) {
  impl_->typed.insert(impl_->typed.end(), bytes.begin(), bytes.end());
  impl_->pump();
}

size_t PvConsole::untyped_bytes() const { return impl_->typed.size() + impl_->crossed.size(); }

void PvConsole::visit_state(StateVisitor& visitor) const {
  visitor.number("out_bytes", impl_->out_bytes);
  visitor.number("in_bytes", impl_->in_bytes);
  visitor.number("waiting", untyped_bytes());
  visitor.number("traffic", impl_->running_hash);
  if (impl_->dead) visitor.number("back_at", impl_->back.at.ps);
}

}  // namespace ringside
