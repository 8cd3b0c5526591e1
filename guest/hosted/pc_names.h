/* As xen_names.h: for the runtime of ring-0 programs. */
#ifndef HOSTED_PC_NAMES_H
#define HOSTED_PC_NAMES_H

#define guest_main hosted_pc_guest_main
#define machine hosted_pc_machine
#define has_word hosted_pc_has_word
#define number_of hosted_pc_number_of
#define power_off hosted_pc_power_off
#define pass hosted_pc_pass
#define fail hosted_pc_fail
#define print hosted_pc_print
#define console_drain hosted_pc_console_drain
#define print_bytes hosted_pc_print_bytes
#define allocate hosted_pc_allocate
#define bind_irq hosted_pc_bind_irq
#define mask_irq hosted_pc_mask_irq
#define set_level_triggered hosted_pc_set_level_triggered
#define spurious_interrupts hosted_pc_spurious_interrupts
#define wait_until hosted_pc_wait_until
#define exceptions_start hosted_pc_exceptions_start
#define pic_start hosted_pc_pic_start
#define pic_dispatch hosted_pc_pic_dispatch
#define exception_hook hosted_pc_exception_hook
#define pci_read hosted_pc_pci_read
#define pci_write hosted_pc_pci_write
#define pci_find hosted_pc_pci_find
#define pci_bar hosted_pc_pci_bar
#define pci_enable hosted_pc_pci_enable
#define pci_route_interrupt hosted_pc_pci_route_interrupt
#define read_tsc hosted_pc_read_tsc
#define tsc_per_microsecond hosted_pc_tsc_per_microsecond
#define delay_microseconds hosted_pc_delay_microseconds
#define microseconds_now hosted_pc_microseconds_now
#define start_timer hosted_pc_start_timer
#define timer_ticks hosted_pc_timer_ticks
#define local_apic_read hosted_pc_local_apic_read
#define local_apic_write hosted_pc_local_apic_write
#define io_apic_read hosted_pc_io_apic_read
#define io_apic_write hosted_pc_io_apic_write
#define apic_virtual_wire hosted_pc_apic_virtual_wire
#define console_start hosted_pc_console_start
#define in16_repeated hosted_pc_in16_repeated
#define out16_repeated hosted_pc_out16_repeated
#define program_name hosted_pc_program_name

#endif
