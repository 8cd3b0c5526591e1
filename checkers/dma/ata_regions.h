// The tables of an IDE controller's bus masters ("Programming Interface for Bus Master IDE Controller",
// Intel, revision 1.0): from the start to the stop the table and its regions are the controller's. The
// checker reads the table when the driver sets Start.
#pragma once

#include <array>
#include <vector>

#include "checkers/dma/dma_role.h"

namespace ringside {

class AtaRegions final : public DmaRole {
 public:
  using DmaRole::DmaRole;
  void on_crossing(const Seen& seen) override;
  void transfer(const Seen& seen, const DmaRecord& record) override;

 private:
  struct Region {
    MemoryRange range;
    std::array<uint8_t, 8> descriptor{};
  };
  struct Engine {
    bool started = false, to_memory = false;
    bool known = false;  // the table is the one that was read at the start
    uint32_t table = 0;
    std::vector<Region> regions;
    std::vector<const Region*> sorted;  // by address
    size_t current = 0;                 // the descriptor that was fetched last
  };
  void write_register(const Seen& seen, unsigned number, unsigned offset, uint8_t value);
  void start(const Seen& seen, Engine& engine);
  void read_table(const Seen& seen, Engine& engine);
  void judge_overlaps(const Seen& seen, Engine& engine);
  bool fetches(const Seen& seen, Engine& engine, const DmaRecord& record);

  std::array<Engine, 2> engines_;
};

}  // namespace ringside
