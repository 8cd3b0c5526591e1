// A core without an emulator, for tests of what stands around one. It keeps registers, counts flushes, and
// walks the page tables of its root itself (four levels, CPL 3). Without a root, addresses are machine
// addresses. run() executes nothing: it moves the clock to the deadline, or returns the exits that a test has
// queued.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "cpu/cpu.h"

namespace ringside {

class FakeCpu : public Cpu {
 public:
  explicit FakeCpu(Memory& memory, Clock* clock = nullptr) : memory_(memory), clock_(clock) {}

  std::deque<Exit> exits;  // given out by run(), first to last
  uint64_t flushes = 0;    // of all translations
  std::vector<GuestVirt> flushed_pages;
  bool task_switched = false;
  Tick charged;

  Exit run(Tick deadline) override {
    if (!exits.empty()) {
      const Exit next = exits.front();
      exits.pop_front();
      return next;
    }
    if (clock_ != nullptr && deadline != Tick::never() && clock_->now < deadline) clock_->now = deadline;
    return {};
  }
  void request_stop() override {}
  void charge(Tick cost) override {
    charged += cost;
    if (clock_ != nullptr) clock_->now += cost;
  }
  Tick exit_cost(ExitReason) const override { return {}; }

  uint64_t general(Registers::General which) const override { return registers_.general[which]; }
  void set_general(Registers::General which, uint64_t value) override { registers_.general[which] = value; }
  uint64_t rip() const override { return registers_.rip; }
  void set_rip(uint64_t value) override { registers_.rip = value; }
  Registers registers() const override { return registers_; }
  void set_registers(const Registers& registers) override { registers_ = registers; }
  void set_fs_base(uint64_t value) override { registers_.fs_base = value; }
  void set_gs_base(uint64_t value) override { registers_.gs_base = value; }

  GuestPhys page_table_root() const override { return root_; }
  void set_page_table_root(GuestPhys root) override {
    root_ = root;
    ++flushes;
  }
  void set_task_switched(bool on) override { task_switched = on; }
  void flush_translations() override { ++flushes; }
  void flush_translation(GuestVirt page) override { flushed_pages.push_back(page); }

  tl::expected<GuestPhys, PageFault> translate(GuestVirt address, Access access) override {
    constexpr uint64_t kPresent = 1, kWritable = 2, kUser = 4, kNoExecute = 1ull << 63;
    constexpr uint64_t kFrameMask = 0x000ffffffffff000ull;
    const uint32_t kind = 4u | (access == Access::write ? 2u : 0u) | (access == Access::fetch ? 16u : 0u);
    if (root_.value == 0) {
      if (memory_.contains({address.value}, 1)) return GuestPhys{address.value};
      return tl::unexpected(PageFault{address, kind});
    }
    GuestPhys table = root_;
    for (unsigned shift = 39; shift >= 12; shift -= 9) {
      const GuestPhys at = table + (address.value >> shift & 511) * sizeof(uint64_t);
      const uint64_t value = memory_.contains(at, sizeof(uint64_t)) ? memory_.load<uint64_t>(at) : 0;
      if ((value & kPresent) == 0) return tl::unexpected(PageFault{address, kind});
      if ((value & kUser) == 0 || (access == Access::write && (value & kWritable) == 0) ||
          (access == Access::fetch && (value & kNoExecute) != 0)) {
        return tl::unexpected(PageFault{address, kind | 1});
      }
      table = {value & kFrameMask};
    }
    return table + address.page_offset();
  }
  tl::expected<void, PageFault> read_virtual(GuestVirt address, void* into, uint64_t length) override {
    return transfer(address, length, Access::read, [&](GuestPhys at, uint64_t done, uint64_t count) {
      return memory_.read(at, static_cast<uint8_t*>(into) + done, count);
    });
  }
  tl::expected<void, PageFault> write_virtual(GuestVirt address, const void* from, uint64_t length) override {
    return transfer(address, length, Access::write, [&](GuestPhys at, uint64_t done, uint64_t count) {
      return memory_.write(at, static_cast<const uint8_t*>(from) + done, count);
    });
  }

  std::string disassemble(GuestVirt, unsigned) override { return {}; }
  void flush_emulator_tlb() override {}
  void visit_state(StateVisitor& visitor) const override {
    visitor.number("rip", registers_.rip);
    for (const uint64_t value : registers_.general) visitor.number("general", value);
    visitor.number("root", root_.value);
  }

 private:
  template <class Copy>
  tl::expected<void, PageFault> transfer(GuestVirt address, uint64_t length, Access access, Copy copy) {
    for (uint64_t done = 0; done < length;) {
      const GuestVirt at = address + done;
      const uint64_t count = std::min(length - done, kPageSize - at.page_offset());
      const auto physical = translate(at, access);
      if (!physical) return tl::unexpected(physical.error());
      if (!copy(*physical, done, count)) return tl::unexpected(PageFault{at, 4});
      done += count;
    }
    return {};
  }

  Memory& memory_;
  Clock* clock_;
  Registers registers_;
  GuestPhys root_;
};

}  // namespace ringside
