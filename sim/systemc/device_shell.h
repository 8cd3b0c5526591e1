// A device core as a SystemC module, for people who build a SystemC platform of their own: the registers
// behind a TLM-2.0 target socket, the interrupt as an sc_out<bool>.
//
//   using UartShell = DeviceShell<Uart>;           // devices/uart/uart_shell.h
//   UartShell uart("uart", UartConfig{});          // arguments behind the name are the core's
//   router.socket.bind(uart.socket);
//   uart.interrupt.bind(irq4);
//   uart.core.set_output(...);                     // what is not a register is the core's own
//
// A core is a BusTarget with an InterruptPin named `interrupt`; it says how long its range is (kBusLength)
// and what its bus carries at once (kBusWidthMax). It is made from a DeviceSite, whose clock and events the
// shell drives with SystemC's time. (Ringside's own machine needs no shells: there, cores sit on its buses.)
//
// Time: an access with an annotated delay waits for it first, so it must come from an SC_THREAD, as
// b_transport by the standard may wait. The core acts at sc_time_stamp(); a change of its pin reaches the
// port one delta cycle later.
#pragma once

#include <tlm_utils/simple_target_socket.h>
#include <algorithm>
#include <string>
#include <systemc>
#include <tlm>
#include <utility>

#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/interrupt.h"

namespace ringside {

// What a core stands on, kept in step with SystemC's time.
class SystemcSite : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(SystemcSite);
  explicit SystemcSite(sc_core::sc_module_name module_name)
      : sc_core::sc_module(module_name), notices_(wiring_, "dom1") {
    SC_METHOD(run_events);
    sensitive << wake_;
    dont_initialize();
  }

  DeviceSite device_site(std::string device) {
    return {"dom1", std::move(device), clock_, events_, wiring_, notices_};
  }
  // For taps: the wires are named "dom1/<module>/...".
  Wiring& wiring() { return wiring_; }

  // Before anything is asked of the core: brings it to SystemC's time. Behind it: settle().
  void catch_up() {
    clock_.now = now();
    events_.run_due(clock_.now);
  }
  // Wakes up when the core next wants to act.
  void settle() {
    wake_.cancel();
    const Tick next = events_.next_tick();
    if (next == Tick::never()) return;
    // What a double holds exactly; a later event is looked at again then.
    constexpr uint64_t kFarthest = 1ull << 53;
    const uint64_t distance = next > clock_.now ? std::min((next - clock_.now).ps, kFarthest) : 0;
    wake_.notify(sc_core::sc_time(static_cast<double>(distance), sc_core::SC_PS));
  }

 private:
  // SystemC counts in its own resolution, which is a picosecond unless the platform sets another.
  static Tick now() {
    const sc_core::sc_time picosecond(1, sc_core::SC_PS);
    const sc_core::sc_time& stamp = sc_core::sc_time_stamp();
    if (picosecond.value() != 0) return {stamp.value() / picosecond.value()};
    const auto resolution_ps =
        static_cast<uint64_t>(sc_core::sc_get_time_resolution().to_seconds() * 1e12 + 0.5);
    return {stamp.value() * resolution_ps};
  }
  void run_events() {
    catch_up();
    settle();
  }

  Clock clock_;
  EventQueue events_;
  Wiring wiring_{clock_, events_};
  Notices notices_;
  sc_core::sc_event wake_;
};

template <class Core>
class DeviceShell : public SystemcSite {
 public:
  SC_HAS_PROCESS(DeviceShell);
  tlm_utils::simple_target_socket<DeviceShell> socket;
  sc_core::sc_out<bool> interrupt;
  Core core;

  template <class... Arguments>
  explicit DeviceShell(sc_core::sc_module_name module_name, Arguments&&... arguments)
      : SystemcSite(module_name),
        socket("socket"),
        interrupt("interrupt"),
        core(device_site(basename()), std::forward<Arguments>(arguments)...) {
    socket.register_b_transport(this, &DeviceShell::b_transport);
    core.interrupt.connect([this](bool) { level_changed_.notify(sc_core::SC_ZERO_TIME); });
    // One process writes the port, whoever made the pin change: a signal may have only one writer.
    SC_METHOD(drive_interrupt);
    sensitive << level_changed_;
  }

  // Runs `action` on the core at SystemC's time: for what is not a register, as a character that arrives.
  template <class Action>
  void act(Action action) {
    catch_up();
    action(core);
    settle();
  }

 private:
  void drive_interrupt() { interrupt.write(core.interrupt.level()); }

  void b_transport(tlm::tlm_generic_payload& transaction, sc_core::sc_time& delay) {
    transaction.set_dmi_allowed(false);
    const unsigned length = transaction.get_data_length();
    if (transaction.get_byte_enable_ptr() != nullptr) {
      return transaction.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    }
    if (length == 0 || transaction.get_streaming_width() < length) {
      return transaction.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    }
    const uint64_t address = transaction.get_address();
    if (length > Core::kBusLength || address > Core::kBusLength - length) {
      return transaction.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    }
    if (transaction.get_command() == tlm::TLM_IGNORE_COMMAND) {
      return transaction.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    }
    if (delay != sc_core::SC_ZERO_TIME) {
      sc_core::wait(delay);
      delay = sc_core::SC_ZERO_TIME;
    }
    catch_up();
    transfer(transaction.is_write(), address, transaction.get_data_ptr(), length);
    settle();
    transaction.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  // In naturally aligned pieces that the device's bus carries, the lowest address first. Little-endian.
  void transfer(bool write, uint64_t address, uint8_t* data, unsigned length) {
    for (unsigned done = 0; done < length;) {
      unsigned size = Core::kBusWidthMax;
      while (size > length - done || (address + done) % size != 0) size /= 2;
      uint64_t value = 0;
      if (write) {
        for (unsigned i = 0; i < size; ++i) value |= uint64_t{data[done + i]} << (8 * i);
        core.write(address + done, size, value);
      } else {
        value = core.read(address + done, size);
        for (unsigned i = 0; i < size; ++i) data[done + i] = static_cast<uint8_t>(value >> (8 * i));
      }
      done += size;
    }
  }

  sc_core::sc_event level_changed_;
};

}  // namespace ringside
