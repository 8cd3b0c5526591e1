#include "hv-model/pv/hypercall_page.h"

#include <cstring>

#include "hv-model/xen_abi.h"

namespace ringside {

std::array<uint8_t, kPageSize> make_hypercall_page() {
  constexpr size_t kStubSize = 32;
  constexpr uint8_t kBreakpoint = 0xcc;
  std::array<uint8_t, kPageSize> page;
  page.fill(kBreakpoint);
  for (uint32_t number = 0; number < kPageSize / kStubSize; ++number) {
    uint8_t* at = page.data() + number * kStubSize;
    const auto put = [&at](std::initializer_list<uint8_t> bytes) {
      for (const uint8_t byte : bytes) *at++ = byte;
    };
    const auto put_number = [&] {
      put({0xb8});  // mov $number, %eax
      std::memcpy(at, &number, sizeof number);
      at += sizeof number;
      put({0x0f, 0x05});  // syscall
    };
    put({0x51, 0x41, 0x53});  // push %rcx; push %r11: SYSCALL overwrites both
    if (number == __HYPERVISOR_iret) {
      put({0x50});  // push %rax: the top of struct iret_context; the hypercall does not come back here
      put_number();
    } else {
      put_number();
      put({0x41, 0x5b, 0x59, 0xc3});  // pop %r11; pop %rcx; ret
    }
  }
  return page;
}

}  // namespace ringside
