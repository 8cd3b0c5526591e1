// Two runs wire by wire: a driver hosted and on the core, or before a change and behind it. On each wire the
// crossings must come in the same order with the same fields; when they came, and how the wires interleave,
// does not matter.
//
//   Machine hosted("..."), core("...");
//   ...
//   CHECK(same_crossings(hosted, core));          // prints the first difference of each wire
//
// What two runs of one driver have otherwise, whatever the driver does, is set aside:
//   - where things lie: frame numbers, and what is shown in hexadecimal and is 1 MiB or more. They are
//   renamed
//     on each wire by their first use, so that using one page where the other run used two is a difference;
//   - the arguments of a hypercall that are addresses, and the registers that it does not use;
//   - how long something took, and how many requests were published when the backend looked.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "ringside/crossing.h"
#include "ringside/export.h"
#include "ringside/machine.h"

namespace ringside::test {

struct RINGSIDE_API ComparedWires {
  // Globs of wires, without the domain's name. Empty: all.
  std::vector<std::string> only;
  // Of those, the ones that depend on when the driver looks: how often it polls and sleeps, how many answers
  // it finds at once.
  std::vector<std::string> except = default_exceptions();
  static std::vector<std::string> default_exceptions();
};

// On one wire, the first crossing that is another.
struct RINGSIDE_API WireDifference {
  std::string wire;
  size_t number = 0;     // of the wire's crossings, from 1
  std::string expected;  // its fields in the first run; empty: it has no more
  std::string found;     // and in the second
  std::string text() const;
};

struct RINGSIDE_API ComparedCrossings {
  std::vector<WireDifference> differences;  // one for each wire that has one
  size_t wires = 0, crossings = 0;          // what was compared
  explicit operator bool() const { return differences.empty() && crossings != 0; }
  std::string text() const;
};
RINGSIDE_API std::ostream& operator<<(std::ostream& to, const ComparedCrossings& compared);

RINGSIDE_API ComparedCrossings same_crossings(const Machine& first, const Machine& second,
                                              const ComparedWires& which = {});
// Of crossings that were picked already, of any wires.
RINGSIDE_API ComparedCrossings same_crossings(const Crossings& first, const Crossings& second,
                                              const ComparedWires& which = {});

}  // namespace ringside::test
