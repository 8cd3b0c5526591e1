// Drivers that mistreat their operating system: each is told of by the file and line of its call, and its run
// fails with exit code 6. The line is that of the call in this very file.
#include <catch2/catch.hpp>

#include "ringside/hosted.h"
#include "tests/hosted/hosted_run.h"

using namespace ringside;

namespace {

constexpr const char* kXen =
    "name = \"misuse\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted\"\nmemory = \"16M\"\n"
    "[expect]\nshutdown = \"poweroff\"\nwithin = \"5s\"\n";
constexpr const char* kPc =
    "name = \"misuse\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted-pc\"\nmemory = \"16M\"\n"
    "[[uart]]\nname = \"uart0\"\n[expect]\nshutdown = \"poweroff\"\nwithin = \"5s\"\n";

// One violation, of this rule, that names this line.
void expect_violation(const char* scenario, const std::function<void()>& program, const std::string& rule,
                      int line) {
  const HostedRun run = run_hosted(scenario, {{"dom1", program}});
  for (const Violation& violation : run.report.violations)
    UNSCOPED_INFO(violation.rule << ": " << violation.text);
  REQUIRE(run.report.violations.size() == 1);
  CHECK(run.report.violations[0].rule == "driver/" + rule);
  CHECK(run.report.violations[0].text.find("misuse_test.cpp:" + std::to_string(line) + ":") !=
        std::string::npos);
  CHECK(run.report.exit_code == ExitCode::invariant_broken);
}

int never(void*) { return 0; }

}  // namespace

TEST_CASE("pages that are not freed, and pages that are freed twice") {
  expect_violation(
      kXen, [] { rs_alloc_pages(3); }, "pages_leaked", __LINE__);
  expect_violation(
      kXen,
      [] {
        void* pages = rs_alloc_pages(2);
        rs_free_pages(pages, 2);
        rs_free_pages(pages, 2);
      },
      "freed_twice", __LINE__ - 2);
  expect_violation(
      kXen,
      [] {
        void* pages = rs_alloc_pages(2);
        if (rs_free_pages(pages, 1) != 0) rs_free_pages(pages, 2);
      },
      "freed_not_given", __LINE__ - 2);
}

TEST_CASE("grants and ports that stay, and pages that are freed while they are granted") {
  expect_violation(
      kXen,
      [] {
        void* page = rs_alloc_pages(1);
        const int grant = rs_grant(page, 0, 0);
        if (rs_free_pages(page, 1) == 0) return;
        rs_grant_end(grant);
        rs_free_pages(page, 1);
      },
      "freed_while_granted", __LINE__ - 4);
  expect_violation(
      kXen, [] { rs_event_alloc(0); }, "port_leaked", __LINE__);
  static char own[2 * RS_PAGE_SIZE];
  expect_violation(
      kXen, [] { rs_grant(own, 0, 0); }, "granted_not_given", __LINE__);
}

TEST_CASE("sleeping where a driver must not") {
  expect_violation(
      kXen,
      [] {
        const unsigned long before = rs_irq_save();
        rs_wait_until(never, nullptr, rs_now_ns() + 1000);
        rs_irq_restore(before);
      },
      "sleep_interrupts_off", __LINE__ - 3);
  // A handler: COM1's transmitter is empty from the start.
  expect_violation(
      kPc,
      [] {
        static int slept;
        slept = 0;
        rs_request_irq(
            4,
            [](void*) {
              rs_out8(0x3f9, 0);
              rs_wait_until(never, nullptr, rs_now_ns() + 1000);
              slept = 1;
            },
            nullptr);
        rs_out8(0x3fc, 0x0b);
        rs_out8(0x3f9, 2);
        rs_wait_until([](void*) { return slept; }, nullptr, rs_now_ns() + 1'000'000);
        rs_free_irq(4);
      },
      "sleep_in_handler", __LINE__ - 9);
}

TEST_CASE("returning with interrupts off, and restoring what was not saved") {
  expect_violation(
      kXen, [] { rs_irq_save(); }, "interrupts_off", __LINE__);
  expect_violation(
      kPc, [] { rs_irq_save(); }, "interrupts_off", __LINE__);
  expect_violation(
      kXen, [] { rs_irq_restore(0); }, "restore_without_save", __LINE__);
}

TEST_CASE("what the domain has not") {
  expect_violation(
      kXen, [] { rs_in8(0x3f8); }, "not_here", __LINE__);
  expect_violation(
      kPc, [] { rs_grant(nullptr, 0, 0); }, "not_here", __LINE__);
}

TEST_CASE("registers outside of their mapping") {
  expect_violation(
      kPc,
      [] {
        rs_mmio local_apic = rs_mmio_map(0xfee00000, 4096);
        rs_read32(local_apic, 4096);
        rs_mmio_unmap(local_apic);
      },
      "registers_outside", __LINE__ - 3);
}

TEST_CASE("a program that throws ends its domain as crashed") {
  const HostedRun run = run_hosted(kXen, {{"dom1", [] { throw std::runtime_error("on purpose"); }}});
  CHECK(run.report.exit_code == ExitCode::guest_crashed);
  CHECK(run.report.reason == "the program has thrown: on purpose");
  const HostedRun panicked = run_hosted(kXen, {{"dom1", [] { rs_panic("it is %d", 3); }}});
  CHECK(panicked.report.exit_code == ExitCode::guest_crashed);
  CHECK(panicked.console == "panic: it is 3\r\n");
}

TEST_CASE("a hosted domain without a program is refused in plain words") {
  const auto scenario = parse_scenario(kXen, "misuse_test.cpp", {});
  REQUIRE(scenario);
  const auto machine = Machine::create(*scenario, {});
  REQUIRE(!machine);
  CHECK(machine.error().message.find("'dom1' is hosted") != std::string::npos);
}

TEST_CASE("arguments of a hypercall that point nowhere are refused") {
  long result = 0, own_processor = 0;
  run_hosted(kXen, {{"dom1", [&] {
                       result = rs_hypercall(32, 4, 0x1234567, 0, 0);  // event_channel_op, send
                       own_processor = rs_hypercall(23, 0, 0, 0, 0);   // iret
                     }}});
  CHECK(result == -14);
  CHECK(own_processor == -38);
}
