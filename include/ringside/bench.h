// What every bench has: virtual time that the test moves, wires that show what crosses, faults, checkers. A
// bench is a small machine without a processor, in which the test does what a driver would do: it accesses
// the registers of devices (ringside/device.h), plays one side of a Xen ring (ringside/ring.h) or of a 9P
// conversation (ringside/ninep.h). Nothing happens but by the test's calls; equal calls give equal results.
//
// Expectations throw ExpectationFailed, which says in which line of the test it was; Catch2 reports it. What
// the test itself does wrong (a fault that cannot be parsed, a device that is not there) throws Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ringside/crossing.h"
#include "ringside/error.h"
#include "ringside/export.h"
#include "ringside/machine.h"
#include "ringside/time.h"

namespace ringside::test {

using Bytes = std::vector<uint8_t>;

// Where in the test an expectation stands: the default argument of those that have one.
struct SourcePlace {
  const char* file = "";
  unsigned line = 0;
  static constexpr SourcePlace current(const char* file = __builtin_FILE(),
                                       unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

// What was expected did not happen. what() begins with "FILE:LINE: ".
class RINGSIDE_API ExpectationFailed : public std::runtime_error {
 public:
  ExpectationFailed(const std::string& text, const SourcePlace& place);
  ~ExpectationFailed() override;
  const SourcePlace& place() const { return place_; }

 private:
  SourcePlace place_;
};

struct BenchOptions {
  std::string domain = "dom1";          // begins the names of the wires
  uint64_t seed = 1;                    // of faults by chance and of losses
  uint64_t memory = 64u << 20;          // bytes, at address 0; costs nothing until it is used
  bool record = true;                   // what crosses the wires is kept, for wire() and save()
  bool check = true;                    // the checkers watch (`ringside checkers` lists them)
  std::vector<std::string> allow = {};  // rules that may be broken, by globs: "device/uart_*"
  // A register access takes so long. 0: time stands still, and a driver that polls needs advance().
  Duration access_time{0};
};

struct FaultStrikes {
  std::string fault;
  uint64_t times;
};

namespace house {
struct Bench;
struct Line;
struct EventPort;
}  // namespace house

// An interrupt line (or anything that is high or low) as the test sees it.
class RINGSIDE_API InterruptLine {
 public:
  bool raised() const;
  uint64_t rises() const;       // how often it has gone up so far
  Duration changed_at() const;  // when it changed last
  // The same line; expectations let time pass until they are met, at most so long.
  InterruptLine within(Duration limit) const { return {*bench_, *line_, limit}; }
  void expect_raised(SourcePlace place = SourcePlace::current()) const;
  void expect_lowered(SourcePlace place = SourcePlace::current()) const;
  // That it goes up once more than `before` times: for pulses, and for edges.
  void expect_rise_after(uint64_t before, SourcePlace place = SourcePlace::current()) const;
  // That it does not change for so long.
  void expect_quiet(Duration duration, SourcePlace place = SourcePlace::current()) const;

  InterruptLine(house::Bench& bench, house::Line& line, Duration limit = Duration{0})
      : bench_(&bench), line_(&line), limit_(limit) {}

 private:
  house::Bench* bench_;
  house::Line* line_;
  Duration limit_;
};

// A piece of the bench's memory, as devices and backends see it. Good as long as the bench.
class RINGSIDE_API Buffer {
 public:
  Buffer() = default;
  Buffer(uint64_t address, std::span<uint8_t> bytes) : address_(address), bytes_(bytes) {}

  uint64_t address() const { return address_; }  // on the bus; of a granted page, in the machine
  size_t size() const { return bytes_.size(); }
  std::span<uint8_t> bytes() const { return bytes_; }
  uint8_t* data() const { return bytes_.data(); }

  // Errors: outside of the buffer.
  std::span<uint8_t> bytes(size_t offset, size_t length) const;
  template <class T>
  T load(size_t offset = 0) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, bytes(offset, sizeof value).data(), sizeof value);
    return value;
  }
  template <class T>
  void store(size_t offset, const T& value) const {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(bytes(offset, sizeof value).data(), &value, sizeof value);
  }
  Bytes copy(size_t offset, size_t length) const;
  void put(size_t offset, std::span<const uint8_t> from) const;
  void fill(uint8_t value) const;

 private:
  uint64_t address_ = 0;
  std::span<uint8_t> bytes_;
};

class RINGSIDE_API Bench {
 public:
  virtual ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // --- Time ---
  Duration now() const;
  // Lets all happen that is due until then.
  void advance(Duration by);
  // Stops as soon as the condition holds, which is asked after each event. False: it did not until the limit.
  bool advance_until(const std::function<bool()>& condition, Duration limit);
  void expect_until(const std::function<bool()>& condition, Duration limit,
                    SourcePlace place = SourcePlace::current());
  // When the next thing happens by itself; nothing will: Duration::max().
  Duration next_event() const;

  // --- What crosses ---
  // Crossings so far on the wires that match: "pio/uart0", "dom1/ring/*".
  Crossings wire(std::string_view glob) const;
  // Whatever was kept until now is forgotten.
  void forget();
  // All that the models and checkers had to say to the driver's author.
  std::vector<std::string> notices() const;
  // That a notice contains this text.
  void expect_notice(std::string_view text, SourcePlace place = SourcePlace::current()) const;
  // Rules that were broken.
  std::vector<Violation> violations() const;
  // That none was, but for those allowed.
  void expect_clean(SourcePlace place = SourcePlace::current()) const;
  // What a RINGSIDE_CASE fails by without having asked: rules that were broken and that nobody has looked at
  // by one of the calls here. A bench that is gone leaves them there.
  std::vector<std::string> complaints() const;
  // Nothing more is to come: what should have been given back by now (grants, fids) is looked for, too.
  void finish(SourcePlace place = SourcePlace::current());
  // Writes what was kept as a session file, for `ringside show` and Wireshark.
  void save(const std::string& path) const;

  // --- Faults (docs/faults.md) ---
  // From now on: "uart0/rx@3 parity", "dma/nic0@2 fail(1)".
  void fault(std::string_view spec);
  std::vector<FaultStrikes> faults() const;
  // That each fault has struck at least once.
  void expect_faults_struck(SourcePlace place = SourcePlace::current()) const;

  house::Bench& house() const { return *house_; }

 protected:
  explicit Bench(std::unique_ptr<house::Bench> made);
  std::unique_ptr<house::Bench> house_;
};

}  // namespace ringside::test
