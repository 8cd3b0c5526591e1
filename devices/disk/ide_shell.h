// A disk as an sc_module: the registers of IdePorts behind `socket`, INTRQ at `interrupt`. DMA moves data in
// the core's own memory: act([](IdePorts& ide) { ide.memory()->write(...); }).
#pragma once

#include "devices/disk/ide_ports.h"
#include "sim/systemc/device_shell.h"

namespace ringside {

using IdeShell = DeviceShell<IdePorts>;

}  // namespace ringside
