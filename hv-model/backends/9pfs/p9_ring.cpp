#include "hv-model/backends/9pfs/p9_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/xen_error.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
constexpr uint32_t kHeaderBytes = NinePService::kHeaderBytes;
constexpr size_t kRecordBytes = sizeof(P9MessageRecord);
// What a ring's messages and answers may take together, unless it is one message.
constexpr uint64_t kInFlightBytesMax = 4 << 20;
// What is reckoned for an answer without file data: Rreadlink's target is the longest (Rstat is cut to it).
constexpr uint64_t kPlainAnswerBytes = 4096 + 64;
// Up to the count of a Tread or a Treaddir: fid[4] offset[8] count[4] behind the header.
constexpr uint32_t kCountOffset = kHeaderBytes + 12;

uint32_t load_u32(std::span<const uint8_t> bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

// Memory that a message in flight takes. It is given back when its answer is in the ring, or when nobody
// holds the message any more: dropped by a fault, or forgotten by the service (a Tflush or a Tversion may
// abort it).
struct P9Ring::Charge {
  Charge(std::weak_ptr<P9Ring> the_ring, uint64_t the_memory)
      : ring(std::move(the_ring)), memory(the_memory) {}
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { settle(); }
  void settle() {
    if (std::exchange(settled, true)) return;
    if (const auto held = ring.lock()) held->give_back(memory);
  }
  const std::weak_ptr<P9Ring> ring;
  const uint64_t memory;
  bool settled = false;
};

std::shared_ptr<P9Ring> P9Ring::connect(P9Share& share, uint8_t number, FlexRing memory, EventPort port,
                                        Broken broken) {
  std::shared_ptr<P9Ring> ring(new P9Ring(share, number, std::move(memory), port, std::move(broken)));
  const auto serve = [weak = std::weak_ptr<P9Ring>(ring)] {
    if (const auto held = weak.lock()) held->serve();
  };
  share.hypervisor.channels.set_handler(port, serve);
  // Xen raises an event when a channel is bound: messages may have been there before.
  share.hypervisor.events.schedule(share.hypervisor.clock.now, "9pfs/first_look", serve);
  return ring;
}

P9Ring::P9Ring(P9Share& share, uint8_t number, FlexRing memory, EventPort port, Broken broken)
    : share_(share),
      number_(number),
      ring_(std::move(memory)),
      port_(port),
      broken_(std::move(broken)),
      indices_wire_(share.hypervisor.wiring.add(
          fmt::format("{}/ring/{}/{}/indices", share.frontend.name, share.config.name, number),
          WireKind::sampled, kP9IndicesPayload)) {
  const FlexRing::Indices start = ring_->indices();
  out_cons_ = start.out_cons;
  in_prod_ = start.in_prod;
}

P9Ring::~P9Ring() { close(); }

void P9Ring::close() {
  if (!ring_) return;
  (void)share_.hypervisor.channels.close(kBackendDomain, port_);
  ring_.reset();
  waiting_.clear();
}

void P9Ring::serve() {
  if (!ring_) return;
  sample_indices(Direction::out);
  put_waiting();
  take_requests();
}

bool P9Ring::sound(const FlexRing::Indices& seen) {
  std::string why;
  if (seen.out_cons != out_cons_) {
    why = fmt::format("out_cons is {}, but the backend had put {} there", seen.out_cons, out_cons_);
  } else if (seen.in_prod != in_prod_) {
    why = fmt::format("in_prod is {}, but the backend had put {} there", seen.in_prod, in_prod_);
  } else if (seen.out_prod - out_cons_ > ring_->size()) {
    why = fmt::format("out_prod is {}, but a ring of {} bytes is read up to {}", seen.out_prod, ring_->size(),
                      out_cons_);
  } else if (in_prod_ - seen.in_cons > ring_->size()) {
    why = fmt::format("in_cons is {}, but a ring of {} bytes is written up to {}", seen.in_cons,
                      ring_->size(), in_prod_);
  }
  if (!why.empty()) break_ring(why);
  return why.empty();
}

void P9Ring::take_requests() {
  if (!ring_) return;
  held_back_ = false;
  // The guest does not run meanwhile, so that one look at the indices tells all.
  const FlexRing::Indices seen = ring_->indices();
  if (!sound(seen)) return;
  const uint32_t first = out_cons_;
  while (ring_) {
    const std::optional<uint32_t> size = whole_message(seen.out_prod - out_cons_);
    if (!size) break;
    const uint64_t memory = memory_needed(*size);
    if (in_flight_ > 0 && in_flight_bytes_ + memory > kInFlightBytesMax) {
      held_back_ = true;
      break;
    }
    receive(take(*size), memory);
  }
  if (!ring_ || out_cons_ == first) return;
  sample_indices(Direction::in);
  // A frontend that found little room waits for some; where there is enough, the answer's event will do.
  if (seen.out_prod - first > ring_->size() / 2) notify();
}

std::optional<uint32_t> P9Ring::whole_message(uint32_t queued) {
  if (queued < kHeaderBytes) return std::nullopt;
  std::array<uint8_t, 4> bytes{};
  ring_->read_out(out_cons_, bytes);
  const uint32_t size = load_u32(bytes, 0);
  // A larger one than the ring would never be whole.
  const uint32_t size_max = std::min(ring_->size(), share_.service.msize());
  if (size < kHeaderBytes || size > size_max) {
    break_ring(fmt::format("a message of {} bytes, where {} to {} can be", size, kHeaderBytes, size_max));
    return std::nullopt;
  }
  return size <= queued ? std::optional(size) : std::nullopt;
}

uint64_t P9Ring::memory_needed(uint32_t size) const {
  std::array<uint8_t, kCountOffset + 4> bytes{};
  ring_->read_out(out_cons_, std::span(bytes).first(std::min<size_t>(size, bytes.size())));
  uint64_t answer = kPlainAnswerBytes;
  if (bytes[4] == ninep::Tread || bytes[4] == ninep::Treaddir) {
    answer += std::min(load_u32(bytes, kCountOffset), share_.service.msize());
  }
  return size + answer;
}

// The bytes are copied once, and what is judged from here on is the copy; the size that was seen before
// stands.
std::vector<uint8_t> P9Ring::take(uint32_t size) {
  std::vector<uint8_t> payload(kRecordBytes + size);
  const P9MessageRecord record{share_.frontend.id.value, static_cast<uint8_t>(share_.config.device), number_};
  std::memcpy(payload.data(), &record, sizeof record);
  ring_->read_out(out_cons_, std::span(payload).subspan(kRecordBytes));
  std::memcpy(payload.data() + kRecordBytes, &size, sizeof size);
  out_cons_ += size;
  ring_->publish_out_cons(out_cons_);
  return payload;
}

void P9Ring::receive(std::vector<uint8_t> payload, uint64_t memory) {
  ++in_flight_;
  in_flight_bytes_ += memory;
  const auto charge = std::make_shared<Charge>(weak_from_this(), memory);
  const Verdict verdict = share_.t.pass(Direction::out, payload);
  payload.erase(payload.begin(),
                payload.begin() + static_cast<ptrdiff_t>(std::min(payload.size(), kRecordBytes)));
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      submit(copy + 1 == verdict.copies ? std::move(payload) : payload, charge, verdict.fail);
      continue;
    }
    share_.t.release(verdict, "9pfs/late_request",
                     [weak = weak_from_this(), payload, charge, fail = verdict.fail] {
                       if (const auto self = weak.lock()) self->submit(payload, charge, fail);
                     });
  }
}

void P9Ring::submit(std::vector<uint8_t> message, const ChargeRef& charge, int64_t fail) {
  if (!ring_) return;
  if (message.size() < kHeaderBytes) return;  // a fault has cut it: nobody can say what it was
  // Of a message that a fault has cut or corrupted, there are still as many bytes as there are.
  const auto size = static_cast<uint32_t>(message.size());
  std::memcpy(message.data(), &size, sizeof size);
  if (fail != 0) {
    respond(error_message(message, fail), charge);
    return;
  }
  const NinePMessageType* type = ninep_message_type(message[4]);
  if (type != nullptr && type->type % 2 == 0) {
    const NinePValues values = ninep_values(type->fields, share_.dialect, message, kHeaderBytes);
    if (values.problem == ninep::cut_short) {
      // xen_9pfs_pdu_vunmarshal; what else is wrong with a message is for the service to answer.
      break_ring(
          fmt::format("{} of {} bytes: its field '{}' is cut short", type->name, size, values.problem_field));
      return;
    }
  }
  share_.service.receive(std::move(message), [charge](std::vector<uint8_t> answer) {
    if (const auto self = charge->ring.lock()) self->respond(std::move(answer), charge);
  });
}

void P9Ring::respond(std::vector<uint8_t> message, const ChargeRef& charge) {
  if (!ring_) return;
  if (message.size() > kHeaderBytes && message[4] == ninep::Rversion) {
    const NinePValues values =
        ninep_values(ninep_message_type(ninep::Rversion)->fields, share_.dialect, message, kHeaderBytes);
    if (values.problem.empty()) share_.dialect = ninep_dialect(values.text(1)).value_or(share_.dialect);
  }
  if (!share_.r.tapped()) return put_later(std::move(message), charge);
  std::vector<uint8_t> payload = payload_of(message);
  const Verdict verdict = share_.r.pass(Direction::in, payload);
  const size_t sent = message.size();
  message.assign(payload.begin() + static_cast<ptrdiff_t>(std::min(payload.size(), kRecordBytes)),
                 payload.end());
  // Cut by a fault: less than a header is nothing, and the ring has no other measure of what there is.
  if (message.size() < kHeaderBytes) return;
  if (message.size() < sent) {
    const auto size = static_cast<uint32_t>(message.size());
    std::memcpy(message.data(), &size, sizeof size);
  }
  if (verdict.fail != 0) message = error_message(message, verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      put_later(copy + 1 == verdict.copies ? std::move(message) : message, charge);
      continue;
    }
    share_.r.release(verdict, "9pfs/late_response", [weak = weak_from_this(), message, charge] {
      if (const auto self = weak.lock()) self->put_later(message, charge);
    });
  }
}

void P9Ring::put_later(std::vector<uint8_t> message, const ChargeRef& charge) {
  if (!ring_ || message.empty()) return;
  waiting_.push_back({std::move(message), charge});
  put_waiting();
}

void P9Ring::put_waiting() {
  if (!ring_ || waiting_.empty()) return;
  const FlexRing::Indices seen = ring_->indices();
  if (!sound(seen)) return;
  const uint32_t first = in_prod_;
  while (!waiting_.empty()) {
    const std::vector<uint8_t>& message = waiting_.front().message;
    if (message.size() > ring_->size()) {
      // The msize that the client has asked for does not fit its own ring: QEMU's backend gives up, too.
      break_ring(fmt::format("an answer of {} bytes for a ring of {}", message.size(), ring_->size()));
      return;
    }
    if (ring_->size() - (in_prod_ - seen.in_cons) < message.size()) break;
    ring_->write_in(in_prod_, message);
    in_prod_ += static_cast<uint32_t>(message.size());
    waiting_.front().charge->settle();
    waiting_.pop_front();
  }
  if (in_prod_ == first) return;
  ring_->publish_in_prod(in_prod_);
  sample_indices(Direction::in);
  notify();
}

// An error in place of what was asked or answered, as a fault wants it.
std::vector<uint8_t> P9Ring::error_message(std::span<const uint8_t> message, int64_t error) const {
  const auto number = static_cast<uint32_t>(error < 0 ? -error : error);
  std::vector<uint8_t> answer(kHeaderBytes + 4);
  answer[4] = ninep::Rlerror;
  answer[5] = message[5];
  answer[6] = message[6];
  std::memcpy(answer.data() + kHeaderBytes, &number, sizeof number);
  if (share_.dialect == NinePDialect::base) {
    const std::string text = fmt::format("error {}", number);
    answer[4] = ninep::Rerror;
    answer.resize(kHeaderBytes);
    answer.push_back(static_cast<uint8_t>(text.size()));
    answer.push_back(0);
    answer.insert(answer.end(), text.begin(), text.end());
  }
  const auto size = static_cast<uint32_t>(answer.size());
  std::memcpy(answer.data(), &size, sizeof size);
  return answer;
}

void P9Ring::break_ring(const std::string& why) {
  share_.notice(NoticeKind::unusual, fmt::format("ring {} is broken: {}", number_, why));
  close();
  broken_(fmt::format("ring {}: {}", number_, why));
}

void P9Ring::give_back(uint64_t memory) {
  --in_flight_;
  in_flight_bytes_ -= memory;
  if (!held_back_) return;
  held_back_ = false;
  share_.hypervisor.events.schedule(share_.hypervisor.clock.now, "9pfs/go_on", [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->take_requests();
  });
}

void P9Ring::notify() { (void)share_.hypervisor.channels.send(kBackendDomain, port_); }

std::vector<uint8_t> P9Ring::payload_of(std::span<const uint8_t> message) const {
  const P9MessageRecord record{share_.frontend.id.value, static_cast<uint8_t>(share_.config.device), number_};
  std::vector<uint8_t> payload(kRecordBytes + message.size());
  std::memcpy(payload.data(), &record, sizeof record);
  std::memcpy(payload.data() + kRecordBytes, message.data(), message.size());
  return payload;
}

void P9Ring::sample_indices(Direction direction) {
  if (!indices_wire_.tapped()) return;
  const FlexRing::Indices seen = ring_->indices();
  if (seen == last_sample_) return;
  last_sample_ = seen;
  (void)indices_wire_.show(direction, P9IndicesRecord{.out_prod = seen.out_prod,
                                                      .out_cons = seen.out_cons,
                                                      .in_prod = seen.in_prod,
                                                      .in_cons = seen.in_cons,
                                                      .in_flight = in_flight_,
                                                      .waiting = static_cast<uint32_t>(waiting_.size())});
}

void P9Ring::visit_state(StateVisitor& visitor) const {
  uint64_t answers = 0;
  for (const Waiting& waiting : waiting_) answers = hash_mix(answers, hash64(waiting.message));
  visitor.number("ring_frame", ring_ ? ring_->interface_frame().value : 0);
  visitor.number("ring_port", port_.value);
  visitor.number("ring_out_cons", out_cons_);
  visitor.number("ring_in_prod", in_prod_);
  visitor.number("ring_in_flight", in_flight_);
  visitor.number("ring_in_flight_bytes", in_flight_bytes_);
  visitor.number("ring_held_back", held_back_);
  visitor.number("ring_waiting", waiting_.size());
  visitor.number("ring_answers", answers);
}

}  // namespace ringside
