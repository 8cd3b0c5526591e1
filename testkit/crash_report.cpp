#include "testkit/crash_report.h"

#include <execinfo.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>

#include "testkit/running_test.h"

extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace ringside::test {

namespace {

constexpr size_t kFramesMax = 48;
constexpr size_t kFramesShown = 6;

// As it goes over the connection; the same program reads it.
struct DeathRecord {
  DeathCause cause = DeathCause::signal;
  int32_t signal = 0, code = 0;
  uint64_t address = 0;  // that it wanted to access
  uint64_t instruction = 0;
  uint64_t count = 0;
  std::array<uint64_t, kFramesMax> frames{};
  std::array<char, 256> note{};
  std::array<char, 128> ending{};
};

int report_to = -1;
bool reported = false;
double limit_seconds = 0;
void (*last_deed)() = nullptr;
std::array<char, 256> note{};

void send_all(const void* bytes, size_t size) {
  for (const char* at = static_cast<const char*>(bytes); size != 0;) {
    const ssize_t sent = write(report_to, at, size);
    if (sent <= 0) return;
    at += sent;
    size -= static_cast<size_t>(sent);
  }
}

void say(DeathRecord& record) {
  if (reported) return;
  reported = true;
  std::array<void*, kFramesMax> frames{};
  const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
  record.count = static_cast<uint64_t>(count);
  for (size_t i = 0; i < record.count; ++i) record.frames[i] = reinterpret_cast<uint64_t>(frames[i]);
  record.note = note;
  std::strncpy(record.ending.data(), RunningTest::instance().ending.c_str(), record.ending.size() - 1);
  if (IsolatedChild* child = RunningTest::instance().child) child->flush();
  const MessageHead frame{kDeathMessage, 0, sizeof record};
  send_all(&frame, sizeof frame);
  send_all(&record, sizeof record);
}

// Whatever happens from here on has been reported.
[[noreturn]] void leave() {
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF}) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  alarm(2);
  if (last_deed != nullptr) last_deed();
  _exit(70);
}

void on_signal(int number, siginfo_t* information, void* context) {
  DeathRecord record;
  record.cause = number == SIGPROF ? DeathCause::cpu_time : DeathCause::signal;
  record.signal = number;
  record.code = information->si_code;
  record.address = reinterpret_cast<uint64_t>(information->si_addr);
#if defined(__x86_64__)
  record.instruction = static_cast<uint64_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#else
  (void)context;
#endif
  say(record);
  leave();
}

void on_sanitizer_report() {
  DeathRecord record;
  record.cause = DeathCause::sanitizer;
  say(record);
}

void on_exit_called() {
  DeathRecord record;
  record.cause = DeathCause::called_exit;
  say(record);
  leave();
}

[[noreturn]] void on_terminate() {
  std::string what = "an exception that nobody could catch";
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      what = error.what();
    } catch (...) {
    }
  }
  std::strncpy(note.data(), what.c_str(), note.size() - 1);
  DeathRecord record;
  record.cause = DeathCause::terminated;
  say(record);
  leave();
}

std::string name_of(const DeathRecord& record) {
  switch (record.cause) {
    case DeathCause::cpu_time:
      return fmt::format("it would not end: {} s of CPU time are used up (RINGSIDE_CPU_LIMIT)", cpu_limit());
    case DeathCause::sanitizer: return "a sanitizer stopped it; its report is on standard error";
    case DeathCause::called_exit: return "it called exit()";
    case DeathCause::terminated: return fmt::format("it was terminated: {}", record.note.data());
    case DeathCause::signal: break;
  }
  switch (record.signal) {
    case SIGSEGV:
    case SIGBUS:
      return fmt::format("it crashed: {} at address {:#x}", record.signal == SIGSEGV ? "SIGSEGV" : "SIGBUS",
                         record.address);
    case SIGFPE: return "it crashed: SIGFPE (a division by zero, or the like)";
    case SIGILL: return "it crashed: SIGILL (an instruction that is none, or a trap)";
    case SIGABRT: return "it crashed: SIGABRT (abort() was called)";
    default: return fmt::format("it crashed: signal {}", record.signal);
  }
}

// The folders of the house's own code lie where this file lies.
bool is_own(const std::string& file) {
  static const std::string root = [] {
    const std::string here = __FILE__;
    return here.substr(0, here.rfind("testkit/"));
  }();
  if (root.empty() || !file.starts_with(root)) return false;
  const std::string inside = file.substr(root.size());
  const std::string folder = inside.substr(0, inside.find('/'));
  constexpr std::array<const char*, 14> kFolders{"sim",      "cpu",      "host",    "devices",  "boot",
                                                 "hv-model", "checkers", "machine", "campaign", "control",
                                                 "testkit",  "include",  "guest",   "cli"};
  return std::any_of(kFolders.begin(), kFolders.end(), [&](const char* own) { return folder == own; });
}

bool is_foreign(const CodePlace& place) {
  return place.in_system || place.file.empty() || place.file.starts_with("/usr/") || is_own(place.file);
}

}  // namespace

double cpu_limit() {
  const char* given = std::getenv("RINGSIDE_CPU_LIMIT");
  const double seconds = given != nullptr ? std::strtod(given, nullptr) : 0;
  return seconds > 0 ? seconds : 10;
}

void set_last_deed(void (*deed)()) { last_deed = deed; }

void prepare_crash_reports() {
  static const bool done = [] {
    std::array<void*, 4> frames{};
    return backtrace(frames.data(), static_cast<int>(frames.size())) >= 0;
  }();
  (void)done;
}

void report_deaths(int socket, double cpu_seconds_max) {
  const bool first = report_to < 0;
  report_to = socket;
  limit_seconds = cpu_seconds_max;
  reported = false;
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (first) {
    static std::vector<char> stack(64 << 10);
    const stack_t alternate{stack.data(), 0, stack.size()};
    sigaltstack(&alternate, nullptr);
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF})
      sigaction(number, &action, nullptr);
    std::set_terminate(on_terminate);
    std::atexit(on_exit_called);
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(on_sanitizer_report);
  }
  // A timer is not inherited, the other limit counts anew: for a driver that blocks signals.
  const auto seconds = static_cast<time_t>(cpu_seconds_max);
  const auto rest = static_cast<suseconds_t>((cpu_seconds_max - static_cast<double>(seconds)) * 1e6);
  const itimerval timer{{0, 0}, {seconds, rest}};
  setitimer(ITIMER_PROF, &timer, nullptr);
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  // The hard limit kills, whatever signals are blocked.
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(limit.rlim_max, static_cast<rlim_t>(seconds) + 2);
  setrlimit(RLIMIT_CPU, &limit);
}

void report_deaths_again() { report_deaths(report_to, limit_seconds); }

IsolatedEnd read_death(std::string_view message) {
  IsolatedEnd end;
  end.died = true;
  DeathRecord record;
  if (message.size() != sizeof record) return end;
  std::memcpy(&record, message.data(), sizeof record);
  record.count = std::min<uint64_t>(record.count, record.frames.size());
  std::vector<uint64_t> addresses(record.frames.begin(),
                                  record.frames.begin() + static_cast<ptrdiff_t>(record.count));
  // Frames before the instruction are the handler's.
  const auto fault = std::find(addresses.begin(), addresses.end(), record.instruction);
  if (fault != addresses.end()) addresses.erase(addresses.begin(), fault);
  for (uint64_t& address : addresses) {
    // Behind a call stands the place that it returns to.
    if (address != record.instruction) --address;
  }
  end.text = name_of(record);
  if (record.ending[0] != '\0')
    end.text = fmt::format("in the ending '{}': {}", record.ending.data(), end.text);
  size_t shown = 0;
  const CodePlace* before = nullptr;
  const std::vector<CodePlace> places = find_places(addresses);
  for (const CodePlace& place : places) {
    if (place.function.starts_with("C_A_T_C_H_")) break;  // below it is the framework
    if (is_foreign(place)) continue;
    const bool again = before != nullptr && before->line == place.line && before->file == place.file;
    before = &place;
    if (again) continue;  // a recursion
    if (end.file.empty()) {
      end.file = place.file;
      end.line = place.line;
    }
    if (++shown > kFramesShown) break;
    const bool body =
        place.function.starts_with("ringside_case_") || place.function.starts_with("ringside_test_");
    end.text += fmt::format("\n  {} {}, {}:{}", shown == 1 ? "in" : "called by",
                            body ? "the test's body" : place.function, place.file, place.line);
  }
  return end;
}

}  // namespace ringside::test
