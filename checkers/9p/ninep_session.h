// One 9P session as both ends must keep it: fids, tags in flight, the negotiated size. Plan 9 manual, section
// 5 (the pages are named where a rule is), and diod's protocol.md for 9P2000.L.
//
// Where the effect of a request is open (its answer was changed by a fault, or it was flushed), its fids are
// unsure, and nothing is said of them until they are made anew.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/9p/messages.h"

namespace ringside {

class NinePSession {
 public:
  class Report {
   public:
    virtual ~Report() = default;
    // `rule` without the checker's name.
    virtual void operator()(std::string_view rule, std::string text) const = 0;
  };

  // `arrives`: no fault keeps it from the other end. `genuine`: it is as its sender made it; of one that is
  // not the caller withholds the reports.
  struct Message {
    std::span<const uint8_t> bytes;
    bool arrives = true, genuine = true;
  };
  void request(const Message& message, const Report& report);
  void response(const Message& message, const Report& report);
  // The session is over. Fids are leaked where the client has clunked all that it attached, as it does when
  // it unmounts, and others are left.
  void end(const Report& report);

 private:
  enum class FidState : uint8_t { made, open, ending, unsure };
  struct Fid {
    FidState state = FidState::made;
    bool attached = false;
  };
  struct Pending {
    uint16_t tag = 0;
    uint8_t type = 0;
    bool odd = false;      // it was malformed: any answer is right
    bool flushed = false;  // Rflush has answered for it: it is no longer in flight
    uint16_t old_tag = 0;  // of a Tflush
    uint32_t fid = ninep::nofid, new_fid = ninep::nofid;
    uint64_t count = 0;  // bytes asked for, names to walk
  };

  bool well_formed(const Message& message, bool request, NinePValues& values, const Report& report) const;
  void version_asked(const Message& message, uint16_t tag, const Report& report);
  void judge_fids(const NinePMessageType& row, const NinePValues& values, Pending& pending,
                  const Report& report);
  void judge_new_fid(const NinePMessageType& row, uint32_t fid, const Pending& pending, const Report& report);
  void judge_use(const NinePMessageType& row, const Pending& pending, const Report& report);
  void begin(const Pending& pending);
  void complete(const Pending& pending, const NinePMessageType& row, const NinePValues& values,
                const Report& report);
  void make_unsure(const Pending& pending);
  void flush_answered(const Pending& flush);
  Pending* find_pending(uint16_t tag);
  void put_pending(const Pending& pending);
  void drop_pending(Pending* pending);
  void put_fid(uint32_t number, Fid fid);
  Fid* find_fid(uint32_t number);

  // What a client makes without end is not kept without end.
  static constexpr size_t kKeptMax = 65536;

  NinePDialect dialect_ = NinePDialect::dotl;
  bool began_ = false;    // a Tversion was answered
  bool followed_ = true;  // false: more fids or tags than are kept
  bool ever_attached_ = false;
  uint32_t msize_ = 0;  // 0: not agreed
  std::unordered_map<uint32_t, Fid> fids_;
  std::vector<Pending> pending_;  // few at a time
};

}  // namespace ringside
