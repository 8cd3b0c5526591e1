// How a run with a fault ended, in the words of a campaign's table and of [campaign] in a scenario.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sim/result.h"

namespace ringside {

enum class RunVerdict : uint8_t {
  survived,
  expectation_failed,
  driver_hung,
  guest_crashed,
  invariant_broken,
  simulator_fault,  // ours: a signal, an assertion, a loop of the host
};
inline constexpr size_t kRunVerdicts = 6;
inline constexpr std::array<RunVerdict, kRunVerdicts> kAllRunVerdicts = {
    RunVerdict::survived,      RunVerdict::expectation_failed, RunVerdict::driver_hung,
    RunVerdict::guest_crashed, RunVerdict::invariant_broken,   RunVerdict::simulator_fault};

std::string_view to_string(RunVerdict verdict);
// One letter for a cell of the table, one word without blanks for the name of a file.
char letter_of(RunVerdict verdict);
std::string_view word_of(RunVerdict verdict);
std::optional<RunVerdict> run_verdict_of(std::string_view name);
RunVerdict run_verdict_of(ExitCode code);

}  // namespace ringside
