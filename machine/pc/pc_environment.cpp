#include "machine/pc/pc_environment.h"

#include "cpu/native_cpuid.h"

namespace ringside {

CpuEnvironment::CpuidLeaf PcEnvironment::cpuid(uint32_t leaf, uint32_t subleaf) {
  return native_cpuid(leaf, subleaf, cpu_frequency_hz_);
}

// Counts cycles of the core since power on.
uint64_t PcEnvironment::time_stamp_counter(Tick now) {
  constexpr uint64_t kSecond = 1'000'000'000'000, kMega = 1'000'000;
  if (cpu_frequency_hz_ % kMega == 0) {
    // Kernels ask a million times a second: no division of 128 bits.
    const uint64_t seconds = now.ps / kSecond, rest = now.ps % kSecond;
    return seconds * cpu_frequency_hz_ + rest * (cpu_frequency_hz_ / kMega) / kMega;
  }
  return static_cast<uint64_t>(static_cast<unsigned __int128>(now.ps) * cpu_frequency_hz_ / kSecond);
}

uint32_t PcEnvironment::port_in(uint16_t port, unsigned size) {
  catch_up();
  const auto value = static_cast<uint32_t>(ports_.read(port, size));
  look_ahead();
  return value;
}

void PcEnvironment::port_out(uint16_t port, unsigned size, uint32_t value) {
  catch_up();
  ports_.write(port, size, value);
  look_ahead();
}

uint64_t PcEnvironment::memory_read(GuestPhys address, unsigned size) {
  catch_up();
  const uint64_t value = memory_.read(address.value, size);
  look_ahead();
  return value;
}

void PcEnvironment::memory_write(GuestPhys address, unsigned size, uint64_t value) {
  catch_up();
  memory_.write(address.value, size, value);
  look_ahead();
}

std::optional<uint8_t> PcEnvironment::acknowledge_interrupt() { return platform_->acknowledge_interrupt(); }

std::optional<uint64_t> PcEnvironment::read_msr(uint32_t index) { return platform_->read_msr(index); }

bool PcEnvironment::write_msr(uint32_t index, uint64_t value) {
  catch_up();
  const bool known = platform_->write_msr(index, value);
  look_ahead();
  return known;
}

uint8_t PcEnvironment::task_priority() { return platform_->task_priority(); }

void PcEnvironment::set_task_priority(uint8_t cr8) {
  catch_up();
  platform_->set_task_priority(cr8);
  look_ahead();
}

void PcEnvironment::notice(const std::string& message) { notices_.emit(NoticeKind::unusual, "cpu", message); }

}  // namespace ringside
