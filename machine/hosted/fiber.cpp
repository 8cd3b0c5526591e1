#include "machine/hosted/fiber.h"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>

#include "sim/assert.h"
#include "sim/host_pages.h"
#include "sim/sanitizer.h"

#if defined(RINGSIDE_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace ringside {

namespace {

namespace context = boost::context::detail;
constexpr size_t kGuardBytes = 4096;

}  // namespace

// One switch of stacks, with what the sanitizer wants to hear before and behind it.
struct Fiber::Switch {
  static void before(void** fake, const void* bottom, size_t bytes) {
#if defined(RINGSIDE_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(fake, bottom, bytes);
#else
    (void)fake, (void)bottom, (void)bytes;
#endif
  }
  static void behind(void* fake, const void** bottom, size_t* bytes) {
#if defined(RINGSIDE_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(fake, bottom, bytes);
#else
    (void)fake, (void)bottom, (void)bytes;
#endif
  }
  // A fiber's first moments.
  static void enter(context::transfer_t from) {
    Fiber& self = *static_cast<Fiber*>(from.data);
    self.outside_ = from.fctx;
    behind(nullptr, &self.outer_stack_, &self.outer_stack_bytes_);
    self.run();
    self.done_ = true;
    // The stack is not used again: no stack of fakes is kept.
    before(nullptr, self.outer_stack_, self.outer_stack_bytes_);
    context::jump_fcontext(self.outside_, &self);
    SIM_ASSERT(false);
  }
};

Fiber::~Fiber() {
  if (stack_ == nullptr) return;
#if defined(RINGSIDE_ADDRESS_SANITIZER)
  // What a dropped program has allocated is not lost, it was never given the chance: its stack stays.
  if (!done_ && inside_ != nullptr) {
    __lsan_register_root_region(stack_, kStackBytes);
    return;
  }
#endif
  munmap(stack_ - kGuardBytes, kStackBytes + kGuardBytes);
}

Result<> Fiber::create(std::function<void()> body) {
  void* pages = map_host_pages(kStackBytes + kGuardBytes, HostPlace::stack);
  if (pages == nullptr) return fail("cannot get memory for the stack of a hosted program");
  mprotect(pages, kGuardBytes, PROT_NONE);
  stack_ = static_cast<std::byte*>(pages) + kGuardBytes;
#if defined(RINGSIDE_ADDRESS_SANITIZER)
  // The place is that of an earlier fiber, whose frames are still marked there.
  __asan_unpoison_memory_region(stack_, kStackBytes);
#endif
  body_ = std::move(body);
  return {};
}

void Fiber::run() {
  try {
    body_();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Fiber::resume() {
  SIM_ASSERT(stack_ != nullptr && !done_);
  if (inside_ == nullptr) inside_ = context::make_fcontext(stack_ + kStackBytes, kStackBytes, &Switch::enter);
  Switch::before(&fake_outside_, stack_, kStackBytes);
  const context::transfer_t back = context::jump_fcontext(inside_, this);
  Switch::behind(fake_outside_, nullptr, nullptr);
  inside_ = back.fctx;
}

void Fiber::suspend() {
  Switch::before(&fake_inside_, outer_stack_, outer_stack_bytes_);
  const context::transfer_t again = context::jump_fcontext(outside_, this);
  Switch::behind(fake_inside_, &outer_stack_, &outer_stack_bytes_);
  outside_ = again.fctx;
}

}  // namespace ringside
