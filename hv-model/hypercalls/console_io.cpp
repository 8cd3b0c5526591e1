// console_io: the hypervisor's own console.
#include <array>
#include <vector>

#include "hv-model/hypercalls/call.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

constexpr uint64_t kBytesMax = 64 * 1024;

// DEVIATES: Xen 4.17 - a release refuses a domU's text (xsm_console_io), a debug build prints it. Early boot
// code writes here, and whoever debugs it wants to read it: the text is accepted and shown.
int64_t write(HypercallInProgress& call) {
  const uint64_t count = call.argument32(1);
  if (count > INT32_MAX) return -XEN_E2BIG;
  if (count > kBytesMax) {
    call.domain.notices.emit(NoticeKind::unimplemented, "console_io",
                             "more than 64 KiB at once: the rest is lost");
  }
  std::vector<uint8_t> text(std::min(count, kBytesMax));
  if (!call.domain.copy_from_guest(text.data(), call.pointer(2), text.size())) return -XEN_EFAULT;
  call.charge(nanoseconds(10) * text.size());
  call.domain.notices.emit(NoticeKind::unusual, "console_io", "a domU writes to the hypervisor's console");
  if (Wire* wire = call.domain.xen_console_wire; wire && wire->tapped()) wire->pass(Direction::out, text);
  return 0;
}

}  // namespace

int64_t hypercall_console_io(HypercallInProgress& call) {
  switch (call.argument32(0)) {
    case CONSOLEIO_write: return write(call);
    default: return -XEN_EPERM;  // the check of privileges comes before the command is looked at
  }
}

}  // namespace ringside
