// A connected ring of a 9P share: takes whole T messages from the frontend's bytes, hands them to the
// service, and puts its R messages into the other direction as they come. It lives from the frontend's
// Initialised to its end.
//
//   out bytes --take_requests--> T wire --submit--> NinePService
//   in bytes <--put_waiting-- waiting_ <-- R wire <--respond--+
//
// Several messages are in flight at a time. What they and their answers may need of memory is counted, and
// above a limit messages stay in the ring; an answer for which the ring has no room waits for the frontend.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/9p/messages.h"
#include "host/9p/service.h"
#include "hv-model/backends/9pfs/flex_ring.h"
#include "hv-model/backends/9pfs/p9_backend.h"
#include "hv-model/hypervisor.h"

namespace ringside {

// What the rings of a share have in common.
struct P9Share {
  Hypervisor& hypervisor;
  Domain& frontend;
  NinePService& service;
  const NinePfsConfig config;
  Wire& t;
  Wire& r;
  NinePDialect dialect = NinePDialect::dotl;  // of the last Rversion

  void notice(NoticeKind kind, std::string text) {
    frontend.notices.emit(kind, "9pfs/" + config.name, std::move(text));
  }
};

class P9Ring : public std::enable_shared_from_this<P9Ring>, public Stateful {
 public:
  // The frontend has broken the ring's rules, as the text says. It is called once, and should close the ring.
  using Broken = std::function<void(const std::string& why)>;

  // `port` is domain 0's end of the ring's event channel; it and the memory are given up by close().
  static std::shared_ptr<P9Ring> connect(P9Share& share, uint8_t number, FlexRing memory, EventPort port,
                                         Broken broken);
  ~P9Ring() override;

  void close();

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Charge;
  using ChargeRef = std::shared_ptr<Charge>;
  struct Waiting {
    std::vector<uint8_t> message;
    ChargeRef charge;
  };

  P9Ring(P9Share& share, uint8_t number, FlexRing memory, EventPort port, Broken broken);

  // Does what there is to do; called at each event.
  void serve();
  void take_requests();
  // The size of the message that begins there, once all of it is there. Breaks the ring if it cannot be one.
  std::optional<uint32_t> whole_message(uint32_t queued);
  uint64_t memory_needed(uint32_t size) const;
  std::vector<uint8_t> take(uint32_t size);
  // Shows a message on its wire, and submits what the taps leave of it.
  void receive(std::vector<uint8_t> payload, uint64_t memory);
  void submit(std::vector<uint8_t> message, const ChargeRef& charge, int64_t fail);
  void respond(std::vector<uint8_t> message, const ChargeRef& charge);
  void put_later(std::vector<uint8_t> message, const ChargeRef& charge);
  void put_waiting();
  std::vector<uint8_t> error_message(std::span<const uint8_t> message, int64_t error) const;
  // False when the indices cannot be: the ring is broken then.
  bool sound(const FlexRing::Indices& seen);
  void break_ring(const std::string& why);
  void give_back(uint64_t memory);
  void notify();
  std::vector<uint8_t> payload_of(std::span<const uint8_t> message) const;
  void sample_indices(Direction direction);

  P9Share& share_;
  const uint8_t number_;
  std::optional<FlexRing> ring_;  // until it is closed
  const EventPort port_;
  const Broken broken_;
  Wire& indices_wire_;
  uint32_t out_cons_, in_prod_;
  std::deque<Waiting> waiting_;
  uint32_t in_flight_ = 0;
  uint64_t in_flight_bytes_ = 0;
  bool held_back_ = false;  // a message stays in the ring until memory is given back
  std::optional<FlexRing::Indices> last_sample_;
};

}  // namespace ringside
