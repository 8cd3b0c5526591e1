// The machine that kernels read about in ACPI: an Intel 440FX with PIIX3 interrupt routing and PIIX4 power
// management, as the models of devices/platform and devices/pci have it. Compiled when the simulator is built.
DefinitionBlock ("", "DSDT", 2, "RINGSD", "PC440FX ", 0x00000001)
{
    // Sleeping: only soft-off. SLP_TYP 0 of the PIIX4 (82371AB datasheet, 7.1.3, PMCNTRL).
    Name (\_S5, Package (4) { 0, 0, 0, 0 })

    // Whoever wants to know whether the kernel uses the 8259s (0) or the I/O APIC (1). Routing is the same.
    Name (\PICF, 0)
    Method (\_PIC, 1) { PICF = Arg0 }

    Scope (\_SB)
    {
        Device (CPU0)
        {
            Name (_HID, "ACPI0007")
            Name (_UID, 0)
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_BBN, 0)

            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0x00, 0xFF, 0, 0x100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xE0000000, 0xFEBFFFFF, 0, 0x1EC00000)
            })

            // INTx of device d, pin p (0 is INTA#) goes to PIRQ (d - 1 + p) mod 4.
            Method (_PRT, 0, NotSerialized)
            {
                Local0 = Package (124) {}
                Local1 = 0
                While (Local1 < 124)
                {
                    Local2 = (Local1 >> 2) + 1
                    Local3 = Local1 & 3
                    Switch (ToInteger ((Local2 - 1 + Local3) & 3))
                    {
                        Case (0) { Local4 = Package (4) { 0, 0, \_SB.PCI0.ISA.LNKA, 0 } }
                        Case (1) { Local4 = Package (4) { 0, 0, \_SB.PCI0.ISA.LNKB, 0 } }
                        Case (2) { Local4 = Package (4) { 0, 0, \_SB.PCI0.ISA.LNKC, 0 } }
                        Default  { Local4 = Package (4) { 0, 0, \_SB.PCI0.ISA.LNKD, 0 } }
                    }
                    Local4 [0] = (Local2 << 16) | 0xFFFF
                    Local4 [1] = Local3
                    Local0 [Local1] = Local4
                    Local1++
                }
                Return (Local0)
            }

            Device (ISA)
            {
                Name (_ADR, 0x00010000)

                // PIRQRC[A:D] (82371SB datasheet, 2.5.10): bit 7 set is off, bits 3-0 are the IRQ.
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8
                }
                Method (STAT, 1)
                {
                    If (Arg0 & 0x80) { Return (0x09) }
                    Return (0x0B)
                }
                Method (CURR, 1, Serialized)
                {
                    Name (ROUT, ResourceTemplate ()
                    {
                        Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, , , LINE) { 0 }
                    })
                    CreateDWordField (ROUT, LINE._INT, IRQN)
                    If (!(Arg0 & 0x80)) { IRQN = Arg0 & 0x0F }
                    Return (ROUT)
                }
                // The IRQ that a resource of _PRS's form asks for.
                Method (WANT, 1)
                {
                    CreateDWordField (Arg0, 5, IRQN)
                    Return (IRQN)
                }
                Name (MAY, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 10, 11 }
                })

                Device (LNKA)
                {
                    Name (_HID, EisaId ("PNP0C0F"))
                    Name (_UID, 1)
                    Method (_PRS) { Return (MAY) }
                    Method (_STA) { Return (STAT (PRQA)) }
                    Method (_DIS) { PRQA |= 0x80 }
                    Method (_CRS) { Return (CURR (PRQA)) }
                    Method (_SRS, 1) { PRQA = WANT (Arg0) }
                }
                Device (LNKB)
                {
                    Name (_HID, EisaId ("PNP0C0F"))
                    Name (_UID, 2)
                    Method (_PRS) { Return (MAY) }
                    Method (_STA) { Return (STAT (PRQB)) }
                    Method (_DIS) { PRQB |= 0x80 }
                    Method (_CRS) { Return (CURR (PRQB)) }
                    Method (_SRS, 1) { PRQB = WANT (Arg0) }
                }
                Device (LNKC)
                {
                    Name (_HID, EisaId ("PNP0C0F"))
                    Name (_UID, 3)
                    Method (_PRS) { Return (MAY) }
                    Method (_STA) { Return (STAT (PRQC)) }
                    Method (_DIS) { PRQC |= 0x80 }
                    Method (_CRS) { Return (CURR (PRQC)) }
                    Method (_SRS, 1) { PRQC = WANT (Arg0) }
                }
                Device (LNKD)
                {
                    Name (_HID, EisaId ("PNP0C0F"))
                    Name (_UID, 4)
                    Method (_PRS) { Return (MAY) }
                    Method (_STA) { Return (STAT (PRQD)) }
                    Method (_DIS) { PRQD |= 0x80 }
                    Method (_CRS) { Return (CURR (PRQD)) }
                    Method (_SRS, 1) { PRQD = WANT (Arg0) }
                }

                Device (PIC)
                {
                    Name (_HID, EisaId ("PNP0000"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0020, 0x0020, 1, 2)
                        IO (Decode16, 0x00A0, 0x00A0, 1, 2)
                        IO (Decode16, 0x04D0, 0x04D0, 1, 2)
                        IRQNoFlags () { 2 }
                    })
                }
                Device (PIT)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 1, 4)
                        IRQNoFlags () { 0 }
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0061, 0x0061, 1, 1) })
                }
                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 1, 2)
                        IRQNoFlags () { 8 }
                    })
                }
                Device (FPU)
                {
                    Name (_HID, EisaId ("PNP0C04"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x00F0, 0x00F0, 1, 1)
                        IRQNoFlags () { 13 }
                    })
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 1, 8)
                        IRQNoFlags () { 4 }
                    })
                }
                // What the board decodes and no driver may claim: POST code, fast A20, SMI command, the PIIX4's
                // power management, the firmware configuration device, the APICs.
                Device (RSVD)
                {
                    Name (_HID, EisaId ("PNP0C02"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0080, 0x0080, 1, 1)
                        IO (Decode16, 0x0092, 0x0092, 1, 1)
                        IO (Decode16, 0x00B2, 0x00B2, 1, 2)
                        IO (Decode16, 0x0510, 0x0510, 1, 12)
                        IO (Decode16, 0x0600, 0x0600, 1, 0x40)
                        Memory32Fixed (ReadWrite, 0xFEC00000, 0x1000)
                        Memory32Fixed (ReadWrite, 0xFEE00000, 0x1000)
                    })
                }
            }
        }

        // Off where the machine has none: then nobody answers at its capabilities register.
        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            OperationRegion (HPTM, SystemMemory, 0xFED00000, 0x10)
            Field (HPTM, DWordAcc, NoLock, Preserve) { IDEN, 32, PERD, 32 }
            Method (_STA)
            {
                If ((PERD == 0) || (PERD > 100000000)) { Return (0) }
                Return (0x0F)
            }
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xFED00000, 0x400) })
        }
    }
}
