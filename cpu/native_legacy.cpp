// Delivery outside of long mode: real mode's vectors, and the gates of 16- and 32-bit protected mode with
// virtual-8086 mode. AMD64 Architecture Programmer's Manual volume 2 (revision 3.38), 8.6 "Real-mode
// interrupt control transfers" and 8.7 "Legacy protected-mode interrupt control transfers".
#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

constexpr uint8_t kTss = 10, kNotPresent = 11, kStack = 12, kGeneral = 13;
constexpr uint32_t kExternal = 1, kInIdt = 2;
constexpr uint64_t kTrapFlag = 1 << 8, kInterruptFlag = 1 << 9, kNestedFlag = 1 << 14, kResumeFlag = 1 << 16,
                   kVirtual8086Flag = 1 << 17, kAlignmentFlag = 1 << 18;

}  // namespace

NativeUnicornCpu::Delivered NativeUnicornCpu::deliver_real(const Event& event) {
  const uc_x86_mmr idtr = read_table(UC_X86_REG_IDTR);
  uint16_t entry[2];
  if (event.vector * 4u + 3 > idtr.limit) return tl::unexpected(Failure{kGeneral, std::nullopt, 0});
  if (auto got = load(idtr.base + event.vector * 4u, entry, 4); !got) return got;
  const uint64_t flags = read(UC_X86_REG_RFLAGS), stack = read(UC_X86_REG_RSP);
  const uint16_t frame[3] = {static_cast<uint16_t>(rip()), static_cast<uint16_t>(read(UC_X86_REG_CS)),
                             static_cast<uint16_t>(flags)};
  const auto top = static_cast<uint16_t>(stack - 6);
  const uint64_t base = (read(UC_X86_REG_SS) & 0xffff) << 4;
  for (uint16_t i = 0; i < 3; ++i) {
    if (auto put = save(base + static_cast<uint16_t>(top + 2 * i), &frame[i], 2); !put) return put;
  }
  write(UC_X86_REG_RSP, (stack & ~0xffffull) | top);
  uint16_t selector = entry[1];
  known_selector_ = selector;
  known_base_ = uint64_t{selector} << 4;
  uc_context_save(uc_, lent_);
  uc_context_reg_write(lent_, UC_X86_REG_CS, &selector);
  uc_context_restore(uc_, lent_);
  write(UC_X86_REG_RFLAGS, flags & ~(kInterruptFlag | kTrapFlag | kResumeFlag | kAlignmentFlag));
  write(UC_X86_REG_RIP, entry[0]);
  return {};
}

NativeUnicornCpu::Delivered NativeUnicornCpu::deliver_protected(const Event& event) {
  const uint32_t external = event.kind == EventKind::software ? 0 : kExternal;
  const auto fails = [](uint8_t vector, uint32_t code) { return tl::unexpected(Failure{vector, code, 0}); };
  const bool from_8086 = in_virtual_8086();
  const unsigned cpl = privilege();
  const uint32_t gate_code = event.vector * 8u + kInIdt + external;

  const uc_x86_mmr idtr = read_table(UC_X86_REG_IDTR);
  uint64_t gate = 0;
  if (event.vector * 8u + 7 > idtr.limit) return fails(kGeneral, gate_code);
  if (auto got = load(idtr.base + event.vector * 8u, &gate, 8); !got) return got;
  const unsigned type = gate >> 40 & 31;
  const bool is_trap = (type & 0xf7) == 7, is_wide = type & 8;
  if (type == 5) {
    // DEVIATES: APM volume 2, 12.3 - interrupts through task gates are not modelled.
    environment_.notice("an interrupt through a task gate is not modelled: #GP instead");
    return fails(kGeneral, gate_code);
  }
  if ((type & 0xf6) != 6) return fails(kGeneral, gate_code);
  if (event.kind == EventKind::software && (gate >> 45 & 3) < cpl) return fails(kGeneral, gate_code);
  if (!(gate >> 47 & 1)) return fails(kNotPresent, gate_code);

  const auto read_descriptor = [&](uint16_t selector, Descriptor& into, uint8_t vector) -> Delivered {
    const uc_x86_mmr table = read_table(selector & 4 ? UC_X86_REG_LDTR : UC_X86_REG_GDTR);
    if ((selector & 0xfffc) == 0) return fails(vector, external);
    if ((selector | 7u) > table.limit) return fails(vector, (selector & 0xfffcu) + external);
    return load(table.base + (selector & 0xfff8), &into.bits, 8);
  };
  const auto selector = static_cast<uint16_t>(gate >> 16);
  const uint32_t code_error = (selector & 0xfffcu) + external;
  Descriptor code;
  if (auto got = read_descriptor(selector, code, kGeneral); !got) return got;
  if (!code.is_code() || code.privilege() > cpl) return fails(kGeneral, code_error);
  if (!code.is_present()) return fails(kNotPresent, code_error);
  const unsigned new_cpl = code.is_conforming() ? cpl : code.privilege();
  if (from_8086 && new_cpl != 0) return fails(kGeneral, code_error);
  const bool inner = new_cpl < cpl;

  Segment stack_segment;
  uint64_t stack = read(UC_X86_REG_RSP);
  if (inner) {
    const uc_x86_mmr tss = read_table(UC_X86_REG_TR);
    const bool wide_tss = (tss.flags >> 8 & 8) != 0;
    const uint64_t offset = wide_tss ? 4 + new_cpl * 8 : 2 + new_cpl * 4;
    const uint32_t tss_error = (tss.selector & 0xfffcu) + external;
    if (offset + (wide_tss ? 5 : 3) > tss.limit) return fails(kTss, tss_error);
    uint32_t pointer = 0;
    uint16_t inner_stack = 0;
    if (auto got = load(tss.base + offset, &pointer, wide_tss ? 4 : 2); !got) return got;
    if (auto got = load(tss.base + offset + (wide_tss ? 4 : 2), &inner_stack, 2); !got) return got;
    Descriptor descriptor;
    if (auto got = read_descriptor(inner_stack, descriptor, kTss); !got) return got;
    const uint32_t stack_error = (inner_stack & 0xfffcu) + external;
    if ((inner_stack & 3u) != new_cpl || descriptor.privilege() != new_cpl ||
        !descriptor.is_writable_data()) {
      return fails(kTss, stack_error);
    }
    if (!descriptor.is_present()) return fails(kStack, stack_error);
    stack_segment = Segment::from(inner_stack, descriptor);
    stack = pointer;
  }

  MachineState state = capture_state();
  const MachineState before = state;
  if (!inner) stack_segment = state.ss;
  const uint64_t saved_flags =
      event.kind == EventKind::exception && event.vector != 1 ? state.rflags | kResumeFlag : state.rflags;
  uint64_t frame[10];
  size_t count = 0;
  if (event.error_code) frame[count++] = *event.error_code;
  frame[count++] = state.rip;
  frame[count++] = state.cs.selector;
  frame[count++] = saved_flags;
  if (inner) {
    frame[count++] = state.rsp;
    frame[count++] = state.ss.selector;
  }
  if (from_8086) {
    for (const Segment* segment : {&state.es, &state.ds, &state.fs, &state.gs}) {
      frame[count++] = segment->selector;
    }
  }
  const uint64_t width = is_wide ? 4 : 2;
  const uint64_t mask = stack_segment.is_big() ? 0xffff'ffff : 0xffff;
  const uint64_t top = (stack - count * width) & mask;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t at = stack_segment.base + ((top + i * width) & mask);
    if (auto put = save(at, &frame[i], width, new_cpl == 3); !put) {
      load_state(before);
      return put;
    }
  }
  state.cs = Segment::from(static_cast<uint16_t>((selector & 0xfffc) | new_cpl), code);
  if (inner) state.ss = stack_segment;
  if (from_8086) {
    for (Segment* segment : {&state.es, &state.ds, &state.fs, &state.gs}) *segment = {0, 0, 0, 0};
  }
  state.rsp = mask == 0xffff ? (stack & ~0xffffull) | top : top;
  state.rip = (gate & 0xffff) | (is_wide ? gate >> 32 & 0xffff'0000 : 0);
  state.rflags &=
      ~(kTrapFlag | kNestedFlag | kResumeFlag | kVirtual8086Flag | (is_trap ? 0 : kInterruptFlag));
  load_state(state);
  return {};
}

}  // namespace ringside
