#include "hv-model/mm/continuation.h"

namespace ringside {

namespace {

constexpr uint64_t kSyscallLength = 2;

}  // namespace

bool can_continue(Domain& domain, uint64_t number) {
  if (domain.cpu == nullptr || domain.in_multicall || domain.cpu->general(Registers::rax) != number)
    return false;
  uint8_t bytes[kSyscallLength] = {};
  const GuestVirt at{domain.cpu->rip() - kSyscallLength};
  return domain.copy_from_guest(bytes, at, sizeof bytes) && bytes[0] == 0x0f && bytes[1] == 0x05;
}

int64_t continue_hypercall(Domain& domain, uint64_t number, std::initializer_list<uint64_t> arguments) {
  static constexpr Registers::General kOrder[] = {Registers::rdi, Registers::rsi, Registers::rdx,
                                                  Registers::r10, Registers::r8,  Registers::r9};
  size_t position = 0;
  for (const uint64_t value : arguments) domain.cpu->set_general(kOrder[position++], value);
  domain.cpu->set_rip(domain.cpu->rip() - kSyscallLength);
  return static_cast<int64_t>(number);
}

}  // namespace ringside
