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
    RunLoop(sc_core::sc_module_name module_name, std::function<bool()>& loop_body)
        : sc_core::sc_module(module_name), body(loop_body) {
      SC_THREAD(main);
      set_stack_size(kStackBytes);
    }
    void main() {
      handle = sc_core::sc_get_current_process_handle();
      while (!body()) {
        sc_core::sc_pause();
        sc_core::wait(sc_core::SC_ZERO_TIME);
      }
      sc_core::sc_stop();
    }
    std::function<bool()>& body;
    sc_core::sc_process_handle handle;
  };

  Impl() {
    context = std::make_unique<sc_core::sc_simcontext>();
    enter();
    // "Simulation stopped by user" is no news: every run ends so.
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions("tracing timescale unit set", sc_core::SC_DO_NOTHING);
    // Somebody's model must not end the process: what it reports becomes an exception, caught where it is
    // called.
    sc_core::sc_report_handler::set_actions(sc_core::SC_ERROR, sc_core::SC_THROW);
    sc_core::sc_report_handler::set_actions(sc_core::SC_FATAL, sc_core::SC_THROW);
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

  // Whether the body is what runs, and may therefore wait.
  bool in_body() const {
    return loop->handle.valid() && sc_core::sc_get_current_process_handle() == loop->handle;
  }

  // The earliest time at which a module wants to act; its own time counts where it has more to do now.
  static Tick next_module_tick() {
    if (!sc_core::sc_pending_activity()) return Tick::never();
    // SystemC's own time may lag behind the clock, so its activity is counted from its own.
    return Tick{sc_core::sc_time_stamp().value() + sc_core::sc_time_to_pending_activity().value()};
  }

  Clock clock;
  EventQueue events;
  std::function<bool()> body;
  std::string failure;
  std::unique_ptr<sc_core::sc_simcontext> context;
  std::unique_ptr<RunLoop> loop;
};

Timeline::Timeline() : impl_(std::make_unique<Impl>()) {}
Timeline::~Timeline() = default;

Clock& Timeline::clock() { return impl_->clock; }
const Clock& Timeline::clock() const { return impl_->clock; }
EventQueue& Timeline::events() { return impl_->events; }

void Timeline::enter() { impl_->enter(); }

bool Timeline::run(std::function<void()> body) {
  return run_part([whole = std::move(body)] {
    whole();
    return true;
  });
}

bool Timeline::run_part(std::function<bool()> body) {
  impl_->enter();
  impl_->body = std::move(body);
  try {
    sc_core::sc_start();
    return true;
  } catch (const std::exception& error) {
    impl_->failure = error.what();
    return false;
  }
}

const std::string& Timeline::failure() const { return impl_->failure; }

Tick Timeline::next_tick() const { return std::min(impl_->events.next_tick(), Impl::next_module_tick()); }

void Timeline::advance_to(Tick to) {
  Clock& clock = impl_->clock;
  if (to > clock.now) clock.now = to;
  const bool may_wait = impl_->in_body();
  for (;;) {
    const Tick ours = impl_->events.next_tick();
    const Tick modules = may_wait ? Impl::next_module_tick() : Tick::never();
    if (std::min(ours, modules) > clock.now) return;
    if (modules > ours) {
      impl_->events.run_due(ours);
      continue;
    }
    // A million context switches are saved by waiting only where somebody wants to act.
    sc_core::wait(sc_core::sc_time::from_value(modules.ps - sc_core::sc_time_stamp().value()));
  }
}

void Timeline::catch_up_modules() {
  if (!impl_->in_body()) return;
  const uint64_t modules_now = sc_core::sc_time_stamp().value();
  if (impl_->clock.now.ps > modules_now) {
    sc_core::wait(sc_core::sc_time::from_value(impl_->clock.now.ps - modules_now));
  }
}

void Timeline::settle_signals() {
  if (impl_->in_body()) sc_core::wait(sc_core::SC_ZERO_TIME);
}

std::string systemc_version() {
  return std::to_string(sc_core::sc_version_major) + '.' + std::to_string(sc_core::sc_version_minor) + '.' +
         std::to_string(sc_core::sc_version_patch);
}

}  // namespace ringside

// SystemC's library wants one. Our programs have a main of their own, so that nobody calls it. Whoever links
// ours may have one, too.
[[gnu::visibility("default"), gnu::weak]] int sc_main(int, char*[]) { return 0; }
