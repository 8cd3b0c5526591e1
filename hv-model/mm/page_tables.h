// Page tables of paravirtual guests: validated, typed and counted as Xen does it (xen/arch/x86/mm.c), so that
// a guest can map only what is its own and can never write to a page table but through Xen.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "hv-model/frame_table.h"
#include "sim/ids.h"
#include "sim/state.h"

namespace ringside {

class Hypervisor;
class Domain;

class PageTables : public Stateful {
 public:
  explicit PageTables(Hypervisor& hypervisor);

  // The machine-to-phys table: frames of Xen's that every L4 table maps read-only at its slot 256
  // (MACH2PHYS_VIRT_START of a 64-bit guest). Made once, before the first domain.
  // False when memory is exhausted; true at once when it exists.
  bool create_machine_to_phys();
  void set_machine_to_phys(Mfn frame, uint64_t pfn);
  uint64_t machine_to_phys(Mfn frame) const;

  // Takes a general and a type reference, validating the table (and those below it) when its type count
  // was zero. 0 or a negated XEN_ error.
  int64_t get_page_and_type(Domain& domain, Mfn frame, PageType type);
  void put_page_and_type(Domain& domain, Mfn frame);
  int64_t pin(Domain& domain, Mfn frame, PageType level);
  int64_t unpin(Domain& domain, Mfn frame);

  // Writes one page table entry with all checks, as mmu_update's MMU_NORMAL_PT_UPDATE.
  int64_t update_entry(Domain& domain, GuestPhys entry, uint64_t value, bool preserve_ad, DomainId foreign);
  // For grant mappings (results are GNTST_okay or GNTST_general_error): puts a present L1 entry for a frame
  // of another domain at an address (or at the machine address of a PTE), and takes it away. They keep the
  // references that the grant holds.
  int64_t install_grant_mapping(Domain& domain, uint64_t host_address, uint32_t map_flags, Mfn frame,
                                bool writable);
  int64_t remove_grant_mapping(Domain& domain, uint64_t host_address, uint32_t map_flags, Mfn frame,
                               uint64_t replace_with_address);

  // A lasting writable use of a domain's frame by a backend that knows its machine address (XenStore's and
  // the console's rings): the guest can then neither free it under the backend nor make a page table of it.
  // False when the frame is not the domain's or is in use as something else.
  bool hold_for_backend(Domain& domain, Mfn frame);
  uint32_t held_for_backend(Mfn frame) const;

  // Hypercalls. Lists that would take long are continued as Xen does it: the instruction is set back to the
  // SYSCALL, the arguments to what is left, and the value is the hypercall's number.
  int64_t mmu_update(Domain& domain, GuestVirt requests, uint32_t count, GuestVirt done, uint32_t foreign);
  int64_t update_va_mapping(Domain& domain, uint64_t address, uint64_t value, uint64_t flags,
                            uint32_t foreign);
  int64_t mmuext_op(Domain& domain, GuestVirt operations, uint32_t count, GuestVirt done, uint32_t foreign);
  int64_t memory_op(Domain& domain, uint64_t command, GuestVirt argument);

  // A write fault on a page table: Xen emulates it when the guest asked for it
  // (VMASST_TYPE_writable_pagetables and ptwr). True when it was dealt with.
  bool emulate_page_table_write(Domain& domain, GuestVirt address);

  // The core's translations are all dropped, and it is remembered that they were.
  void flush(Domain& domain);

  // MMUEXT_NEW_BASEPTR, and an emulated MOV to CR3: the kernel's root, live at once. 0 or a negated error.
  int64_t set_kernel_root(Domain& domain, Mfn root);
  // Makes the domain's live root (kernel or user) the core's.
  void load_root(Domain& domain);

  void visit_state(StateVisitor& visitor) const override;

  struct Impl;  // page_tables_impl.h
  Impl& impl() { return *impl_; }

 private:
  Hypervisor& hypervisor_;
  std::unique_ptr<Impl> impl_;

 public:
  ~PageTables() override;
};

}  // namespace ringside
