// A fiber: a program with a stack of its own that gives the processor back by itself. On Boost.Context's
// fcontext, because a fiber whose machine is gone is dropped as it stands: nothing unwinds the stack of a C
// program. Address sanitizer is told of every switch.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>

#include "sim/result.h"

namespace ringside {

class Fiber {
 public:
  static constexpr size_t kStackBytes = size_t{4} << 20;

  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Gives it a stack, at an address that is the same in every run if the host allows it, with a page behind
  // it that nobody may touch. `body` begins with the first resume().
  Result<> create(std::function<void()> body);

  // From outside: runs it until it suspends itself or its body returns. Not once it is done.
  void resume();
  // From inside.
  void suspend();

  bool done() const { return done_; }
  // What the body has thrown, once it is done.
  const std::exception_ptr& failure() const { return failure_; }
  const std::byte* stack() const { return stack_; }
  bool on_stack(const void* address) const {
    const auto* byte = static_cast<const std::byte*>(address);
    return byte >= stack_ && byte < stack_ + kStackBytes;
  }

 private:
  struct Switch;
  void run();

  std::function<void()> body_;
  std::byte* stack_ = nullptr;
  void* inside_ = nullptr;   // where it goes on
  void* outside_ = nullptr;  // where who resumed it goes on
  bool done_ = false;
  std::exception_ptr failure_;
  // For address sanitizer: its own stack of fakes on each side, and the other side's stack.
  void* fake_inside_ = nullptr;
  void* fake_outside_ = nullptr;
  const void* outer_stack_ = nullptr;
  size_t outer_stack_bytes_ = 0;
};

}  // namespace ringside
