// Scenario files: whatever the text, an error or a scenario. Cannot show: what a machine makes of it.
#include "machine/scenario.h"
#include "fuzz/driver.h"

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  constexpr std::string_view kWhole = R"toml(name = "small"
[machine]
seed = 5
cpu_frequency = "1GHz"
[[domain]]
memory = "32M"
kernel = "k.elf"
[[disk]]
name = "xvda"
image = 'a.img'
latency = { command = "10us", rate = "100MB/s", queue_depth = 0x10 }
[[input]]
when = """> """
send = "ls\r\u0041"
[[fault]]
name = "torn"
at = "image/xvda[operation=write]@2"
do = "fail(-5)"
[check]
allow = ["ring/*"]
[campaign]
actions = ["drop", "delay(1ms)"]
quiet = "1s"
set = { "disk.xvda.read_only" = "true" }
[[campaign.right]]
site = "ring/*"
action = "drop"
verdict = "driver hung"
why = "it has no timeouts"
[expect]
console = ["done", "and"]
shutdown = "poweroff"
within = "3.5s"
)toml";
  return {{kWhole.begin(), kWhole.end()}};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)ringside::parse_scenario(text, "fuzz.toml", {});
  // The same text as a value from the command line.
  (void)ringside::parse_scenario("name = \"a\"\n[[domain]]\nkernel = \"k\"\n", "fuzz.toml",
                                 {{"machine.seed", text}});
  (void)ringside::parse_scenario("name = \"a\"\n[[domain]]\nkernel = \"k\"\n", "fuzz.toml",
                                 {{"fault", text}});
  return 0;
}
