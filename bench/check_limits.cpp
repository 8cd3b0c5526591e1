// bench_check_limits LIMITS RESULTS...: holds the figures of Google Benchmark's JSON files against those in
// limits.json, and prints one line each. Exit code 1: a figure is past its limit or was not measured; 2: a
// file cannot be read.
//
// A figure is the least of all repetitions, because what else the machine does can only make one longer; or
// their median, where a limit says so ("statistic": "median"). A limit may name a second figure, to subtract
// ("minus") or to divide by ("over"), where another program is the yardstick. A limit in instructions, or in
// MB, is about the benchmark's counter of that name instead of its time.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace {

using Json = nlohmann::json;

struct Unreadable {
  std::string message;
};

Json read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Unreadable{fmt::format("{}: cannot be opened", path)};
  try {
    return Json::parse(file);
  } catch (const Json::exception& error) {
    throw Unreadable{fmt::format("{}: {}", path, error.what())};
  }
}

// "hypercall" names "hypercall/iterations:1/repeats:7/manual_time".
bool names(const std::string& figure, const std::string& run_name) {
  return run_name == figure || run_name.starts_with(figure + "/");
}

struct Results {
  std::vector<Json> runs;

  void add(const Json& file) {
    for (const Json& run : file.at("benchmarks")) {
      if (run.value("run_type", "iteration") == "iteration") runs.push_back(run);
    }
  }

  // What went wrong in it, if anything did.
  std::optional<std::string> error_of(const std::string& figure) const {
    for (const Json& run : runs) {
      if (names(figure, run.at("run_name")) && run.value("error_occurred", false))
        return run.value("error_message", "");
    }
    return std::nullopt;
  }

  // In nanoseconds, or what the counter says.
  std::optional<double> value(const std::string& figure, bool median, const std::string& counter) const {
    static const std::map<std::string, double> kUnits{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    std::vector<double> times;
    for (const Json& run : runs) {
      if (!names(figure, run.at("run_name")) || run.value("error_occurred", false)) continue;
      const double time = run.at("real_time").get<double>() * kUnits.at(run.value("time_unit", "ns"));
      times.push_back(counter.empty() ? time : run.at(counter).get<double>());
    }
    if (times.empty()) return std::nullopt;
    std::sort(times.begin(), times.end());
    return median ? times[times.size() / 2] : times.front();
  }
};

struct Finding {
  bool well = false;
  std::string line;
};

Finding check(const Json& limit, const Results& results) {
  static const std::map<std::string, double> kUnits{{"ns", 1}, {"us", 1e3},         {"ms", 1e6}, {"s", 1e9},
                                                    {"x", 1},  {"instructions", 1}, {"MB", 1}};
  const std::string name = limit.at("name"), unit = limit.at("unit");
  const double at_most = limit.at("at_most");
  const bool median = limit.value("statistic", "") == "median";
  const std::string counter = unit == "instructions" || unit == "MB" ? unit : "";
  std::vector<std::string> needed{limit.at("figure")};
  for (const char* second : {"minus", "over"}) {
    if (limit.contains(second)) needed.push_back(limit.at(second));
  }
  std::vector<double> values;
  for (const std::string& figure : needed) {
    const auto error = results.error_of(figure);
    // What it takes is not on this machine: that is no failure, and is said.
    if (error && error->starts_with("not there: ")) {
      return {true, fmt::format("{:<16} left out: {} ({})", name, figure, *error)};
    }
    if (error) {
      return {false, fmt::format("{:<16} FAILED: {}: {}", name, figure, *error)};
    }
    const std::optional<double> value = results.value(figure, median, counter);
    if (!value) return {false, fmt::format("{:<16} NOT MEASURED: {}", name, figure)};
    values.push_back(*value);
  }
  double measured = values[0];
  if (limit.contains("minus")) measured -= values[1];
  if (limit.contains("over")) measured /= values[1];
  measured /= kUnits.at(unit);
  const bool well = measured <= at_most;
  return {well, fmt::format("{:<16} {:>9.2f} {:<2}  limit {:>7.2f} {:<2}  {}", name, measured, unit, at_most,
                            unit, well ? "ok" : "PAST ITS LIMIT")};
}

int run(int count, char** words) {
  if (count < 3) throw Unreadable{"usage: bench_check_limits LIMITS RESULTS..."};
  Results results;
  for (int i = 2; i < count; ++i) results.add(read_json(words[i]));
  const Json limits = read_json(words[1]);
  int status = 0;
  for (const Json& limit : limits.at("limits")) {
    const Finding finding = check(limit, results);
    fmt::print("{}\n{:<16} {}\n", finding.line, "", limit.at("what").get<std::string>());
    if (!finding.well) status = 1;
  }
  return status;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const Unreadable& error) {
    fmt::print(stderr, "bench: error: {}\n", error.message);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: error: the files are not what was expected: {}\n", error.what());
  }
  return 2;
}
