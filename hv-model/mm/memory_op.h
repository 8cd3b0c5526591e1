// The parts of HYPERVISOR_memory_op share one call: who asks, what, and how far an earlier part of it came.
#pragma once

#include "hv-model/mm/page_tables_impl.h"

namespace ringside {

struct MemoryCall {
  Hypervisor& hypervisor;
  PageTables::Impl& impl;
  Domain& domain;
  uint64_t command = 0;  // XENMEM_*
  uint64_t start = 0;    // extents that are done
  GuestVirt argument;
  uint64_t extents_max = 0;

  // Extents of a domU are at most 2^order frames (Xen's CONFIG_DOMU_MAX_ORDER).
  static constexpr unsigned kOrderMax = 9;

  bool extents_readable(uint64_t handle, uint64_t count) const;
  // Lets others run, and goes on behind `progress` extents later. The value for RAX.
  int64_t pause(uint64_t progress);
};

// reservation.cpp
int64_t change_reservation(MemoryCall& call);
int64_t exchange(MemoryCall& call);

}  // namespace ringside
