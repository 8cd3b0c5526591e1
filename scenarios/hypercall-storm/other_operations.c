// Version, console, physical devices, assists, and all that a domain without privileges is refused.
#include "storm.h"

// --- xen_version ---

static long version(unsigned command, int hostile) {
  static char buffer[4096];
  memset(buffer, 0, 8);
  if (command == XENVER_get_features && !hostile) ((xen_feature_info_t*)buffer)->submap_idx = 0;
  if (command == XENVER_pagesize)
    return call(__HYPERVISOR_xen_version, command, hostile ? wild_address() | 1 : 0, 0, 0);
  if (hostile) return call(__HYPERVISOR_xen_version, command, unreadable_address(), 0, 0);
  return call(__HYPERVISOR_xen_version, command,
              place(buffer, command == XENVER_commandline ? 1024 : sizeof buffer), 0, 0);
}

static long version_unknown(unsigned command, int hostile) {
  (void)hostile;
  return call(__HYPERVISOR_xen_version, command ? command : 11 + random_below(1u << 30), wild_address(), 0,
              0);
}

// --- console_io ---

static long console_write(unsigned unused, int hostile) {
  (void)unused;
  static const char text[] = "a storm of hypercalls\n";
  if (!hostile)
    return call(__HYPERVISOR_console_io, CONSOLEIO_write, random_below(sizeof text), place(text, sizeof text),
                0);
  if (one_in(2))
    return call(__HYPERVISOR_console_io, CONSOLEIO_write, (1u << 31) | random_word(),
                place(text, sizeof text), 0);
  return call(__HYPERVISOR_console_io, CONSOLEIO_write, 1 + random_below(1u << 30), unreadable_address(), 0);
}

static long console_refused(unsigned command, int hostile) {
  (void)hostile;
  return call(__HYPERVISOR_console_io, command ? command : 2 + random_below(1u << 30), random_below(64),
              wild_address(), 0);
}

// --- physdev_op ---

static long physdev(unsigned command, int hostile) {
  static char bitmap[8192];
  union {
    struct physdev_irq_status_query query;
    struct physdev_set_iopl iopl;
    struct physdev_set_iobitmap iobitmap;
    struct physdev_irq irq;
    uint64_t words[4];
  } op;
  memset(&op, 0, sizeof op);
  switch (command) {
    case PHYSDEVOP_irq_status_query:
      op.query.irq = (uint32_t)(hostile && one_in(2) ? 56 + random_below(1u << 30) : random_below(16));
      break;
    case PHYSDEVOP_set_iopl:
      op.iopl.iopl = (uint32_t)(hostile && one_in(2) ? 4 + random_below(1u << 30) : random_below(4));
      break;
    case PHYSDEVOP_set_iobitmap:
      op.iobitmap.nr_ports =
          (uint32_t)(hostile && one_in(2) ? 65537 + random_below(1u << 30) : random_below(65537));
      set_xen_guest_handle_raw(op.iobitmap.bitmap, (uint8_t*)bitmap);
      break;
    default: op.irq.irq = (uint32_t)random_below(16); break;
  }
  const uint64_t at = hostile && one_in(2) ? unreadable_address() : place(&op, sizeof op);
  return call(__HYPERVISOR_physdev_op, command, at, 0, 0);
}

static long unmask_notify(unsigned unused, int hostile) {
  (void)unused;
  return call(__HYPERVISOR_physdev_op, PHYSDEVOP_IRQ_UNMASK_NOTIFY, hostile ? wild_address() : 0, 0, 0);
}

static const unsigned char physdev_commands[] = {PHYSDEVOP_apic_read,
                                                 PHYSDEVOP_apic_write,
                                                 PHYSDEVOP_eoi,
                                                 PHYSDEVOP_map_pirq,
                                                 PHYSDEVOP_unmap_pirq,
                                                 PHYSDEVOP_manage_pci_add,
                                                 PHYSDEVOP_manage_pci_remove,
                                                 PHYSDEVOP_restore_msi,
                                                 PHYSDEVOP_manage_pci_add_ext,
                                                 PHYSDEVOP_setup_gsi,
                                                 PHYSDEVOP_get_free_pirq,
                                                 PHYSDEVOP_pci_mmcfg_reserved,
                                                 PHYSDEVOP_pci_device_add,
                                                 PHYSDEVOP_pci_device_remove,
                                                 PHYSDEVOP_prepare_msix,
                                                 PHYSDEVOP_dbgp_op};

static long physdev_refused(unsigned unused, int hostile) {
  (void)unused;
  uint64_t words[16];
  for (unsigned i = 0; i < 16; ++i) words[i] = random_word();
  const unsigned command = one_in(4) ? 64 + (unsigned)random_below(1u << 30)
                                     : physdev_commands[random_below(sizeof physdev_commands)];
  return call(__HYPERVISOR_physdev_op, command, place_for(words, sizeof words, hostile), 0, 0);
}

// --- vm_assist ---

static long vm_assist(unsigned command, int hostile) {
  static const unsigned types[] = {VMASST_TYPE_writable_pagetables, VMASST_TYPE_architectural_iopl,
                                   VMASST_TYPE_runstate_update_flag, VMASST_TYPE_m2p_strict};
  return call(__HYPERVISOR_vm_assist, command, hostile ? 6 + random_below(26) : types[random_below(4)], 0, 0);
}

static long vm_assist_unknown(unsigned unused, int hostile) {
  (void)unused;
  (void)hostile;
  return call(__HYPERVISOR_vm_assist, 2 + random_below(1u << 30), random_word(), 0, 0);
}

// --- refused altogether ---

static long refused(unsigned number, int hostile) {
  uint64_t words[24];
  for (unsigned i = 0; i < 24; ++i) words[i] = one_in(2) ? random_below(64) : random_word();
  const uint64_t at = place_for(words, sizeof words, hostile);
  // Some take the structure first, some a command.
  if (number == __HYPERVISOR_platform_op || number == __HYPERVISOR_sysctl || number == __HYPERVISOR_domctl) {
    return call5(number, at, random_word(), random_word(), random_word(), random_word());
  }
  return call5(number, random_below(20), at, random_word(), at, random_word());
}

static long unknown(unsigned unused, int hostile) {
  (void)unused;
  static const uint64_t numbers[] = {11, 43, 44, 45, 46, 47, 49, 50, 63};
  uint64_t number = numbers[random_below(sizeof numbers / sizeof numbers[0])];
  if (hostile) number = 64 + (random_word() >> random_below(50)) % (~0ul - 64);
  return call5(number, random_word(), random_word(), random_word(), random_word(), random_word());
}

struct operation other_operations[] = {
    {"xen_version version", version, XENVER_version, kCannotFail, 0, 0, 0},
    {"xen_version extraversion", version, XENVER_extraversion, kBoth, 0, 0, 0},
    {"xen_version compile_info", version, XENVER_compile_info, kBoth, 0, 0, 0},
    {"xen_version capabilities", version, XENVER_capabilities, kBoth, 0, 0, 0},
    {"xen_version changeset", version, XENVER_changeset, kBoth, 0, 0, 0},
    {"xen_version platform_parameters", version, XENVER_platform_parameters, kBoth, 0, 0, 0},
    {"xen_version get_features", version, XENVER_get_features, kBoth, 0, 0, 0},
    {"xen_version pagesize", version, XENVER_pagesize, kBoth, 0, 0, 0},
    {"xen_version guest_handle", version, XENVER_guest_handle, kBoth, 0, 0, 0},
    {"xen_version commandline", version, XENVER_commandline, kBoth, 0, 0, 0},
    {"xen_version build_id", version_unknown, XENVER_build_id, kRefused, 0, 0, 0},
    {"xen_version unknown", version_unknown, 0, kRefused, 0, 0, 0},
    {"console_io write", console_write, 0, kBoth, 0, 0, 0},
    {"console_io read", console_refused, CONSOLEIO_read, kRefused, 0, 0, 0},
    {"console_io unknown", console_refused, 0, kRefused, 0, 0, 0},
    {"physdev_op irq_status_query", physdev, PHYSDEVOP_irq_status_query, kBoth, 0, 0, 0},
    {"physdev_op set_iopl", physdev, PHYSDEVOP_set_iopl, kBoth, 0, 0, 0},
    {"physdev_op set_iobitmap", physdev, PHYSDEVOP_set_iobitmap, kBoth, 0, 0, 0},
    {"physdev_op alloc_irq_vector", physdev, PHYSDEVOP_alloc_irq_vector, kBoth, 0, 0, 0},
    {"physdev_op IRQ_UNMASK_NOTIFY", unmask_notify, 0, kCannotFail, 0, 0, 0},
    {"physdev_op all others", physdev_refused, 0, kRefused, 0, 0, 0},
    {"physdev_op_compat", refused, __HYPERVISOR_physdev_op_compat, kRefused, 0, 0, 0},
    {"vm_assist enable", vm_assist, VMASST_CMD_enable, kBoth, 0, 0, 0},
    {"vm_assist disable", vm_assist, VMASST_CMD_disable, kBoth, 0, 0, 0},
    {"vm_assist unknown", vm_assist_unknown, 0, kRefused, 0, 0, 0},
    {"platform_op", refused, __HYPERVISOR_platform_op, kRefused, 0, 0, 0},
    {"xsm_op", refused, __HYPERVISOR_xsm_op, kRefused, 0, 0, 0},
    {"hvm_op", refused, __HYPERVISOR_hvm_op, kRefused, 0, 0, 0},
    {"sysctl", refused, __HYPERVISOR_sysctl, kRefused, 0, 0, 0},
    {"domctl", refused, __HYPERVISOR_domctl, kRefused, 0, 0, 0},
    {"kexec_op", refused, __HYPERVISOR_kexec_op, kRefused, 0, 0, 0},
    {"argo_op", refused, __HYPERVISOR_argo_op, kRefused, 0, 0, 0},
    {"xenpmu_op", refused, __HYPERVISOR_xenpmu_op, kRefused, 0, 0, 0},
    {"dm_op", refused, __HYPERVISOR_dm_op, kRefused, 0, 0, 0},
    {"hypfs_op", refused, __HYPERVISOR_hypfs_op, kRefused, 0, 0, 0},
    {"mca", refused, __HYPERVISOR_arch_0, kRefused, 0, 0, 0},
    {"unknown hypercall", unknown, 0, kRefused, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
