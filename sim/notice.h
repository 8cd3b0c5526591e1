// A guest that does something odd gets what hardware or Xen would give it, and the driver's author gets a
// notice. Four kinds, after the ares emulator's vocabulary, and a fifth that the checkers give.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sim/wire.h"

namespace ringside {

enum class NoticeKind : uint8_t {
  unhandled = 1,      // nobody answers there (an unknown hypercall, an unmapped register)
  unimplemented = 2,  // the real thing does more than we do
  unusual = 3,        // allowed, but probably a mistake of the driver
  unverified = 4,     // we do it, but nobody has checked it against the real thing
  violation = 5,      // an invariant was broken: a checker says so (checkers/checker.h)
};
std::string_view to_string(NoticeKind kind);

extern const PayloadType kNoticePayload;

// One per domain; crossings on "<domain>/notice". The first kept_max texts of each component are shown,
// later ones are only counted, so that a hostile guest cannot fill the disk.
class Notices {
 public:
  Notices(Wiring& wiring, std::string_view domain);
  void emit(NoticeKind kind, std::string_view component, std::string message);
  uint64_t count(NoticeKind kind) const { return counts_[static_cast<size_t>(kind)]; }
  static constexpr uint64_t kept_max = 1000;  // per component and run

 private:
  Wire& wire_;
  uint64_t counts_[6] = {};
  std::map<std::string, uint64_t, std::less<>> emitted_;
};

}  // namespace ringside
