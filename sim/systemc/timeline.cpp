#include "sim/systemc/timeline.h"

#include <systemc>

#include <algorithm>

#include "sim/assert.h"

namespace ringside {

namespace {

// The run loop's stack: Unicorn's translator and our own handlers run on it, with room for sanitizers.
constexpr size_t kStackBytes = 8 << 20;

}  // namespace

struct Timeline::Impl {
  // The only process of ours: its thread is the run loop.
  struct RunLoop : sc_core::sc_module {
    SC_HAS_PROCESS(RunLoop);
    RunLoop(sc_core::sc_module_name module_name, std::function<void()>& loop_body)
        : sc_core::sc_module(module_name), body(loop_body) {
      SC_THREAD(main);
      set_stack_size(kStackBytes);
    }
    void main() {
      body();
      sc_core::sc_stop();
    }
    std::function<void()>& body;
  };

  Impl() {
    context = std::make_unique<sc_core::sc_simcontext>();
    enter();
    // "Simulation stopped by user" is no news: every run ends so.
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    sc_core::sc_set_time_resolution(1, sc_core::SC_PS);
    sc_core::sc_set_stop_mode(sc_core::SC_STOP_IMMEDIATE);
    loop = std::make_unique<RunLoop>("run_loop", body);
  }

  ~Impl() {
    enter();
    loop.reset();
    sc_core::sc_curr_simcontext = nullptr;
    sc_core::sc_default_global_context = nullptr;
  }

  // SystemC keeps "the" simulation in two globals; ours is current whenever we call it.
  void enter() {
    sc_core::sc_curr_simcontext = context.get();
    sc_core::sc_default_global_context = context.get();
  }

  Clock clock;
  EventQueue events;
  std::function<void()> body;
  std::unique_ptr<sc_core::sc_simcontext> context;
  std::unique_ptr<RunLoop> loop;
};

Timeline::Timeline() : impl_(std::make_unique<Impl>()) {}
Timeline::~Timeline() = default;

Clock& Timeline::clock() { return impl_->clock; }
const Clock& Timeline::clock() const { return impl_->clock; }
EventQueue& Timeline::events() { return impl_->events; }

void Timeline::run(std::function<void()> body) {
  impl_->enter();
  impl_->body = std::move(body);
  sc_core::sc_start();
}

Tick Timeline::next_tick() const {
  const Tick ours = impl_->events.next_tick();
  if (!sc_core::sc_pending_activity()) return ours;
  // SystemC's own time may lag behind the clock (advance_to), so its activity is counted from its own.
  const Tick modules{sc_core::sc_time_stamp().value() + sc_core::sc_time_to_pending_activity().value()};
  return std::min(ours, modules);
}

void Timeline::advance_to(Tick to) {
  Clock& clock = impl_->clock;
  if (to > clock.now) clock.now = to;
  const Tick modules_now{sc_core::sc_time_stamp().value()};
  if (clock.now > modules_now) {
    const Tick distance = clock.now - modules_now;
    // Nobody else wants to act by then: SystemC's time may lag, and a million context switches are saved.
    const bool idle =
        !sc_core::sc_pending_activity() || sc_core::sc_time_to_pending_activity().value() > distance.ps;
    if (!idle) sc_core::wait(sc_core::sc_time::from_value(distance.ps));
  }
  impl_->events.run_due(clock.now);
}

std::string systemc_version() {
  return std::to_string(sc_core::sc_version_major) + '.' + std::to_string(sc_core::sc_version_minor) + '.' +
         std::to_string(sc_core::sc_version_patch);
}

}  // namespace ringside

// SystemC's library wants one. Our programs have a main of their own, so that nobody calls it.
int sc_main(int, char*[]) { return 0; }
