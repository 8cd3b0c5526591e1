// Where a device stands: the machine's clock, queue and wiring, the domain that it belongs to and the name
// that the scenario gave it. Every device core is made from one. Nothing here is owned by the device.
#pragma once

#include <string>
#include <string_view>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/notice.h"
#include "sim/wire.h"

namespace ringside {

struct DeviceSite {
  std::string domain;  // "dom1"
  std::string name;    // "uart0"
  const Clock& clock;
  EventQueue& events;
  Wiring& wiring;
  Notices& notices;

  // The wire of this domain with this name: "uart0/tx" gives "dom1/uart0/tx".
  Wire& wire(std::string_view path, WireKind kind, const PayloadType& type,
             CapturePolicy capture = {}) const {
    return wiring.add(domain + "/" + std::string(path), kind, type, capture);
  }
  void notice(NoticeKind kind, std::string message) const { notices.emit(kind, name, std::move(message)); }
  // The same place under another name, for a part of the device.
  DeviceSite named(std::string other) const {
    return {domain, std::move(other), clock, events, wiring, notices};
  }
};

}  // namespace ringside
