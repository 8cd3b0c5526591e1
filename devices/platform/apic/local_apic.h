// The local APIC of the one core: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3A,
// chapter 10 (order number 325384), xAPIC mode as in the Pentium 4: version 0x14, six local vectors, no
// TSC-deadline timer, no x2APIC.
//
// The way of an interrupt: accept() (from the I/O APIC, a message, the timer, a LINT pin, an IPI) sets a bit
// in IRR; when its class is above the processor's priority the request to the core is raised; the core asks
// acknowledge() for the vector, which moves it from IRR to ISR; the guest's write to EOI clears it there, and
// tells the I/O APIC if it was level-triggered. The 8259A's request comes in at LINT0 and passes through.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "devices/platform/apic/payloads.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/event_queue.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

struct LocalApicConfig {
  uint8_t id = 0;
  uint64_t bus_hz = 100'000'000;        // what the timer counts, before its divider
  unsigned physical_address_bits = 40;  // CPUID 8000'0008: what IA32_APIC_BASE may hold
};

// What leaves the local APIC. Each may be empty.
struct LocalApicOutputs {
  std::function<void(bool level)> interrupt;  // INTR to the core, changes only
  std::function<void()> nmi;
  std::function<void()> init;                                    // an INIT message for this core
  std::function<std::optional<uint8_t>()> external_acknowledge;  // ExtINT: the 8259A's INTA cycle
  std::function<void(uint8_t vector)> end_of_interrupt;          // the EOI broadcast, for the I/O APIC
};

// One interrupt on its way to the local APIC.
struct ApicInterrupt {
  uint8_t vector = 0;
  ApicDelivery delivery = ApicDelivery::fixed;
  bool level = false;  // triggered by level: its EOI is broadcast
  ApicSource source = ApicSource::io_apic;
};

class LocalApic final : public Stateful, public BusTarget {
 public:
  static constexpr uint64_t kDefaultBase = 0xfee0'0000;

  // Maps itself on the memory bus where IA32_APIC_BASE says. All outlive it.
  LocalApic(const DeviceSite& site, const LocalApicConfig& config, Bus& memory, LocalApicOutputs outputs);
  ~LocalApic() override;
  LocalApic(const LocalApic&) = delete;
  LocalApic& operator=(const LocalApic&) = delete;

  // --- For the I/O APIC, devices and pins ---
  // False when no APIC takes it: disabled, or for another destination.
  bool accept(const ApicInterrupt& interrupt, uint8_t destination, bool logical);
  // A store to 0xfee..... by a device (10.11).
  void message_interrupt(uint32_t address, uint32_t data);
  // LINT0 (the 8259A's INTR) and LINT1 (NMI).
  void set_pin(unsigned lint, bool level);

  // --- For the core ---
  // The request, as `outputs.interrupt` was told last.
  bool output() const { return output_; }
  std::optional<uint8_t> acknowledge();
  void set_task_priority(uint8_t cr8);
  uint8_t task_priority() const { return static_cast<uint8_t>(task_priority_ >> 4); }
  static constexpr uint32_t kBaseMsr = 0x1b;
  uint64_t base_msr() const { return base_msr_; }
  // False: #GP.
  bool set_base_msr(uint64_t value);

  // --- For the machine ---
  // Power-on state (10.4.7.1): software-disabled, all local vectors masked.
  void reset();
  // INIT (10.4.7.3): as reset, but the APIC ID and IA32_APIC_BASE stay. A message's INIT has done it already.
  void init();
  // What a BIOS does before it starts a system: enabled, LINT0 is ExtINT, LINT1 is NMI (MP specification,
  // 3.6.2.2). For machines that start a kernel without one.
  void set_virtual_wire();

  // The 4 KiB of registers, as mapped.
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct LocalApicRegisters;
  enum Local : unsigned { timer, thermal, performance, lint0, lint1, error, kLocals };
  static constexpr unsigned kLint = lint0;  // LINT0 and LINT1 follow each other

  class VectorSet {
   public:
    bool has(uint8_t vector) const { return (words_[vector >> 5] >> (vector & 31) & 1) != 0; }
    void set(uint8_t vector, bool value) {
      const uint32_t bit = 1u << (vector & 31);
      words_[vector >> 5] = value ? words_[vector >> 5] | bit : words_[vector >> 5] & ~bit;
    }
    int highest() const;  // -1: none
    uint32_t word(unsigned index) const { return words_[index]; }
    void clear() { words_.fill(0); }

   private:
    std::array<uint32_t, 8> words_{};
  };

  // The registers' handlers (local_apic_registers.h).
  uint64_t read_task_priority();
  void write_task_priority(uint64_t value);
  uint64_t read_processor_priority();
  void write_end_of_interrupt(uint64_t value);
  void write_spurious(uint64_t value);
  template <unsigned word>
  uint64_t read_in_service() {
    return in_service_.word(word);
  }
  template <unsigned word>
  uint64_t read_trigger_mode() {
    return trigger_mode_.word(word);
  }
  template <unsigned word>
  uint64_t read_request() {
    return request_.word(word);
  }
  void write_error_status(uint64_t value);
  void write_command(uint64_t value);
  template <unsigned index>
  void write_local(uint64_t) {
    local_written(index);
  }
  void write_initial_count(uint64_t value);
  uint64_t read_current_count();
  void write_divide(uint64_t value);

  uint32_t stored(uint32_t offset) const;
  void store(uint32_t offset, uint32_t value);
  uint32_t local(unsigned index) const;
  bool enabled_by_hardware() const;
  bool enabled_by_software() const;
  bool is_for_us(uint8_t destination, bool logical) const;
  void deliver(const ApicInterrupt& interrupt);
  void take(const ApicInterrupt& interrupt);
  void local_written(unsigned index);
  void pin_changed(unsigned lint, bool rises);
  bool pin_active(unsigned lint) const;
  void end_local_level(uint8_t vector);
  void raise_local(unsigned index, ApicSource source);
  void record_error(uint32_t bits);
  uint8_t processor_priority() const;
  int deliverable() const;  // the vector, or -1
  bool external_request() const;
  void update_output();
  void remap();

  // The timer (local_apic_timer.cpp).
  void start_timer(uint32_t initial);
  void stop_timer();
  void set_timer_mode();
  uint64_t counts_since_start() const;
  Tick tick_of_count(uint64_t count) const;
  uint32_t current_count() const;
  bool expiry_matters() const;
  void schedule_timer();

  const DeviceSite site_;
  const LocalApicConfig config_;
  Bus& memory_;
  const LocalApicOutputs outputs_;
  Wire& wire_;
  Bus::Mapping mapping_ = 0;
  uint64_t mapped_at_ = 0;
  RegisterFile<LocalApic> registers_;

  uint64_t base_msr_ = 0;
  uint8_t task_priority_ = 0;
  VectorSet in_service_, trigger_mode_, request_;
  uint32_t errors_ = 0;  // since the last write to ESR
  bool error_armed_ = true;
  std::array<bool, 2> pins_{};
  bool external_message_ = false;  // an ExtINT message from the I/O APIC waits
  bool output_ = false;

  bool timer_periodic_ = false;
  unsigned timer_divider_ = 2;
  uint32_t timer_initial_ = 0;  // counts from one expiry to the next
  uint32_t timer_first_ = 0;    // counts from timer_started_ to the first expiry; 0: the timer stands
  Tick timer_started_;
  EventQueue::Handle timer_event_;
};

}  // namespace ringside
