// The parts of a scenario's TOML that describe domains and their devices.
#pragma once

#include "machine/scenario.h"
#include "machine/toml_reader.h"

namespace ringside {

void read_domain(TomlReader& table, DomainScenario& domain);
void read_disk(TomlReader& table, DiskScenario& disk);
void read_uart(TomlReader& table, UartScenario& uart);
void read_nic(TomlReader& table, NicScenario& nic);
void read_network(TomlReader& table, NetworkScenario& network);
void read_peer(TomlReader& table, PeerScenario& peer);
void read_console(TomlReader& table, ConsoleScenario& console);
void read_capture(TomlReader& table, CaptureScenario& capture);

// Once they have their domains.
void number_consoles(Scenario& scenario, TomlReader& top);

// Gives each device its domain and each thing without a name one, and says what does not fit together.
void assign_devices(Scenario& scenario, TomlReader& top);

}  // namespace ringside
