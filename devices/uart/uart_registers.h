// The PC16550D's registers, as its table II prints them (June 1995, section 8.0). Where several stand at one
// address, the bank says when: DLAB (LCR bit 7) selects the divisor, and the direction of the access tells
// the rest apart.
#pragma once

#include "devices/uart/uart.h"

namespace ringside {

struct UartRegisters {
  enum Bank : uint8_t { plain = 0, divisor = 1, writes = 2 };

  // The order is UartRegister's.
  static constexpr Register<Uart> kRows[] = {
      {{"RBR", 0, 1, RegisterAccess::read_only, 0, 0, "8.0", plain}, &Uart::read_rbr},
      {{"THR", 0, 1, RegisterAccess::write_only, 0, 0xff, "8.0", writes}, nullptr, &Uart::write_thr},
      {{"IER", 1, 1, RegisterAccess::read_write, 0, 0x0f, "8.6", plain}, nullptr, &Uart::write_ier},
      {{"IIR", 2, 1, RegisterAccess::read_only, 0x01, 0, "8.5", plain}, &Uart::read_iir},
      {{"FCR", 2, 1, RegisterAccess::write_only, 0, 0, "8.4", writes}, nullptr, &Uart::write_fcr},
      {{"LCR", 3, 1, RegisterAccess::read_write, 0, 0xff, "8.1", plain}, nullptr, &Uart::write_lcr},
      {{"MCR", 4, 1, RegisterAccess::read_write, 0, 0x1f, "8.7", plain}, nullptr, &Uart::write_mcr},
      {{"LSR", 5, 1, RegisterAccess::read_only, 0x60, 0, "8.3", plain}, &Uart::read_lsr, &Uart::write_lsr},
      {{"MSR", 6, 1, RegisterAccess::read_only, 0, 0, "8.8", plain}, &Uart::read_msr, &Uart::write_msr},
      {{"SCR", 7, 1, RegisterAccess::read_write, 0, 0xff, "8.9", plain}},
      // The datasheet leaves the divisor undefined after power on. 12 (9600 baud) is what PC firmware and
      // QEMU begin with, so that a guest which never sets a rate is heard.
      {{"DLL", 0, 1, RegisterAccess::read_write, 12, 0xff, "8.2", divisor}},
      {{"DLM", 1, 1, RegisterAccess::read_write, 0, 0xff, "8.2", divisor}},
  };
};

inline constexpr std::span<const Register<Uart>> kUartRegisters = UartRegisters::kRows;

}  // namespace ringside
