// Stores to page tables that the guest may only read. Xen executes them in the guest's stead
// (xen/arch/x86/pv/ro-page-fault.c) when the guest has asked for writable page tables, the page is an L1 in
// use, and the store is one that it can decode. Ours decodes the stores that kernels use on entries: MOV,
// XCHG, CMPXCHG, AND, OR, XOR of any size and the bit instructions, naturally aligned. Others give the page
// fault that they are.
#include <algorithm>
#include <cstring>

#include "hv-model/mm/page_tables_impl.h"

namespace ringside {

namespace {

enum class Operation : uint8_t {
  none,
  store,
  exchange,
  compare_exchange,
  bit_and,
  bit_or,
  bit_xor,
  bit_set,
  bit_reset,
  bit_complement
};

struct Store {
  Operation operation = Operation::none;
  unsigned size = 4;                      // bytes
  uint64_t length = 0;                    // of the instruction
  std::optional<unsigned> from_register;  // otherwise `immediate`
  uint64_t immediate = 0;
};

constexpr size_t kInstructionMax = 15;

// Reads the bytes of one instruction (Intel SDM volume 2, chapter 2). Reading past the end sets `bad`.
class Reader {
 public:
  Reader(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}
  uint8_t byte() {
    if (at_ >= size_) {
      bad_ = true;
      return 0;
    }
    return bytes_[at_++];
  }
  uint64_t signed_bytes(unsigned count) {
    uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i) value |= uint64_t{byte()} << (8 * i);
    const unsigned unused = 64 - 8 * count;
    return static_cast<uint64_t>(static_cast<int64_t>(value << unused) >> unused);
  }
  void skip(unsigned count) {
    for (unsigned i = 0; i < count; ++i) byte();
  }
  size_t at() const { return at_; }
  bool bad() const { return bad_; }

 private:
  const uint8_t* bytes_;
  size_t size_;
  size_t at_ = 0;
  bool bad_ = false;
};

// Skips SIB and displacement: the address is the one that faulted. False for a register operand.
bool skip_memory_operand(Reader& reader, uint8_t modrm) {
  const unsigned mode = modrm >> 6, base = modrm & 7;
  if (mode == 3) return false;
  unsigned displacement = mode == 1 ? 1 : mode == 2 ? 4 : 0;
  if (base == 4) {
    const uint8_t sib = reader.byte();
    if (mode == 0 && (sib & 7) == 5) displacement = 4;
  } else if (mode == 0 && base == 5) {
    displacement = 4;
  }
  reader.skip(displacement);
  return true;
}

struct Opcode {
  uint16_t code;  // 0x0fxx for two-byte ones
  int extension;  // the register field of ModRM; -1: a register operand
  Operation operation;
  unsigned immediate_bytes;  // 4: or the operand's size, if that is less
  bool of_bytes = false;     // the operand is one byte
};

constexpr Opcode kOpcodes[] = {
    {0x89, -1, Operation::store, 0},
    {0xc7, 0, Operation::store, 4},
    {0x87, -1, Operation::exchange, 0},
    {0x0fb1, -1, Operation::compare_exchange, 0},
    {0x21, -1, Operation::bit_and, 0},
    {0x09, -1, Operation::bit_or, 0},
    {0x31, -1, Operation::bit_xor, 0},
    {0x81, 4, Operation::bit_and, 4},
    {0x81, 1, Operation::bit_or, 4},
    {0x81, 6, Operation::bit_xor, 4},
    {0x83, 4, Operation::bit_and, 1},
    {0x83, 1, Operation::bit_or, 1},
    {0x83, 6, Operation::bit_xor, 1},
    {0x0fba, 5, Operation::bit_set, 1},
    {0x0fba, 6, Operation::bit_reset, 1},
    {0x0fba, 7, Operation::bit_complement, 1},
    {0x0fab, -1, Operation::bit_set, 0},
    {0x0fb3, -1, Operation::bit_reset, 0},
    {0x0fbb, -1, Operation::bit_complement, 0},
    {0x88, -1, Operation::store, 0, true},
    {0xc6, 0, Operation::store, 1, true},
    {0x86, -1, Operation::exchange, 0, true},
    {0x0fb0, -1, Operation::compare_exchange, 0, true},
    {0x20, -1, Operation::bit_and, 0, true},
    {0x08, -1, Operation::bit_or, 0, true},
    {0x30, -1, Operation::bit_xor, 0, true},
    {0x80, 4, Operation::bit_and, 1, true},
    {0x80, 1, Operation::bit_or, 1, true},
    {0x80, 6, Operation::bit_xor, 1, true},
};

// LOCK, and segment overrides: the address is known already. Linux turns LOCK into an override of DS where
// there is one processor.
bool is_ignored_prefix(uint8_t byte) {
  constexpr uint8_t kPrefixes[] = {0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
  return std::find(std::begin(kPrefixes), std::end(kPrefixes), byte) != std::end(kPrefixes);
}

std::optional<Store> decode(const uint8_t* bytes, size_t available) {
  constexpr uint8_t kOperandSize = 0x66, kTwoByte = 0x0f;
  Reader reader(bytes, available);
  Store store;
  uint8_t byte = reader.byte();
  for (; (is_ignored_prefix(byte) || byte == kOperandSize) && !reader.bad(); byte = reader.byte()) {
    if (byte == kOperandSize) store.size = 2;
  }
  uint8_t rex = 0;
  if ((byte & 0xf0) == 0x40) {
    rex = byte;
    byte = reader.byte();
  }
  if ((rex & 8) != 0) store.size = 8;
  const uint16_t code = byte == kTwoByte ? static_cast<uint16_t>(kTwoByte << 8 | reader.byte()) : byte;
  const uint8_t modrm = reader.byte();
  const unsigned field = modrm >> 3 & 7;
  for (const Opcode& known : kOpcodes) {
    if (known.code != code || (known.extension >= 0 && static_cast<unsigned>(known.extension) != field))
      continue;
    if (!skip_memory_operand(reader, modrm)) return std::nullopt;
    store.operation = known.operation;
    if (known.of_bytes) store.size = 1;
    if (known.extension < 0) store.from_register = field | (rex & 4) << 1;
    // AH, CH, DH and BH are not decoded.
    if (known.of_bytes && known.extension < 0 && rex == 0 && field >= 4) return std::nullopt;
    if (known.immediate_bytes != 0) {
      const unsigned wide = known.immediate_bytes == 4 && store.size == 2 ? 2 : known.immediate_bytes;
      store.immediate = reader.signed_bytes(wide);
    }
    store.length = reader.at();
    if (reader.bad()) return std::nullopt;
    return store;
  }
  return std::nullopt;
}

constexpr uint64_t kCarry = 1, kParity = 4, kAuxiliary = 0x10, kZero = 0x40, kSign = 0x80, kOverflow = 0x800;

uint64_t mask_of(unsigned size) { return ~uint64_t{0} >> (64 - 8 * size); }

// What an instruction that writes so many bytes of a register leaves in it.
void write_register(uint64_t& into, uint64_t value, unsigned size) {
  into = size >= 4 ? value : (into & ~mask_of(size)) | value;
}

uint64_t result_flags(uint64_t result, unsigned size) {
  const unsigned sign_bit = 8 * size - 1;
  uint64_t flags = (result >> sign_bit & 1) != 0 ? kSign : 0;
  if ((result & mask_of(size)) == 0) flags |= kZero;
  if (__builtin_parity(result & 0xff) == 0) flags |= kParity;
  return flags;
}

uint64_t subtract_flags(uint64_t left, uint64_t right, unsigned size) {
  const uint64_t mask = mask_of(size);
  const uint64_t result = (left - right) & mask;
  uint64_t flags = result_flags(result, size);
  if ((left & mask) < (right & mask)) flags |= kCarry;
  if (((left ^ right) & (left ^ result)) >> (8 * size - 1) & 1) flags |= kOverflow;
  if (((left ^ right ^ result) & 0x10) != 0) flags |= kAuxiliary;
  return flags;
}

// What the store leaves in memory, in registers and in the flags. False where it cannot be done this way.
bool execute(const Store& store, uint64_t old, Registers& registers, uint64_t& value) {
  constexpr uint64_t kArithmetic = kCarry | kParity | kAuxiliary | kZero | kSign | kOverflow;
  const uint64_t mask = mask_of(store.size);
  const uint64_t operand =
      (store.from_register ? registers.general[*store.from_register] : store.immediate) & mask;
  const auto set_flags = [&](uint64_t flags, uint64_t which) {
    registers.rflags = (registers.rflags & ~which) | flags;
  };
  switch (store.operation) {
    case Operation::store: value = operand; return true;
    case Operation::exchange:
      value = operand;
      write_register(registers.general[*store.from_register], old, store.size);
      return true;
    case Operation::compare_exchange: {
      const uint64_t expected = registers.general[Registers::rax] & mask;
      set_flags(subtract_flags(expected, old, store.size), kArithmetic);
      value = expected == old ? operand : old;
      if (expected != old) write_register(registers.general[Registers::rax], old, store.size);
      return true;
    }
    case Operation::bit_and: value = old & operand; break;
    case Operation::bit_or: value = old | operand; break;
    case Operation::bit_xor: value = old ^ operand; break;
    case Operation::bit_set:
    case Operation::bit_reset:
    case Operation::bit_complement: {
      // A bit number from a register may address memory beyond the operand: only plain ones here.
      const uint64_t bits = 8 * store.size;
      if (store.from_register && operand >= bits) return false;
      const uint64_t bit = uint64_t{1} << (operand % bits);
      set_flags((old & bit) != 0 ? kCarry : 0, kCarry);
      value = store.operation == Operation::bit_set     ? old | bit
              : store.operation == Operation::bit_reset ? old & ~bit
                                                        : old ^ bit;
      return true;
    }
    case Operation::none: return false;
  }
  set_flags(result_flags(value, store.size), kArithmetic);
  return true;
}

std::optional<Store> fetch(Domain& domain, uint64_t rip) {
  uint8_t bytes[kInstructionMax] = {};
  // An instruction may end at a page's end with nothing behind it.
  size_t available = sizeof bytes;
  if (!domain.copy_from_guest(bytes, GuestVirt{rip}, available)) {
    available = std::min<size_t>(available, kPageSize - rip % kPageSize);
    if (!domain.copy_from_guest(bytes, GuestVirt{rip}, available)) return std::nullopt;
  }
  return decode(bytes, available);
}

}  // namespace

bool PageTables::emulate_page_table_write(Domain& domain, GuestVirt address) {
  Impl& impl = *impl_;
  if ((domain.vm_assist >> VMASST_TYPE_writable_pagetables & 1) == 0 || !domain.vcpu.kernel_mode ||
      domain.cpu == nullptr) {
    return false;
  }
  const auto walk = impl.find_l1_entry(domain, address.value);
  if (!walk || (walk->value & (entry::kPresent | entry::kWritable)) != entry::kPresent) return false;
  const Mfn table = entry::frame(walk->value);
  const PageInfo* info = impl.frames().find(table);
  if (info == nullptr || info->owner != domain.id || info->type != PageType::l1 || info->type_count == 0 ||
      !info->validated) {
    return false;
  }
  Registers registers = domain.cpu->registers();
  const auto store = fetch(domain, registers.rip);
  if (!store || address.value % store->size != 0) return false;

  const uint64_t within = address.page_offset() & ~uint64_t{7};
  const unsigned shift = 8 * (address.value & 7);
  const uint64_t mask = mask_of(store->size) << shift;
  const auto whole = impl.memory().load<uint64_t>(table.address() + within);
  uint64_t value = 0;
  if (!execute(*store, (whole & mask) >> shift, registers, value)) return false;
  value = (whole & ~mask) | (value << shift & mask);

  // The table keeps its type while its entry is changed.
  impl.frames().get_page(table, domain.id);
  impl.frames().add_type_reference(table);
  const int64_t error = impl.modify_entry(domain, table, 1, static_cast<unsigned>(within / sizeof(uint64_t)),
                                          value, false, domain.id);
  impl.put_page_and_type(domain, table);
  if (error != 0) return false;
  registers.rip += store->length;
  domain.cpu->set_registers(registers);
  return true;
}

}  // namespace ringside
