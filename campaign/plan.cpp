#include "campaign/plan.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "sim/assert.h"
#include "sim/random.h"

namespace ringside {

// Between two processes of one host: the sites as they lie in memory, behind the rest as MessagePack.
std::string Baseline::to_bytes() const {
  nlohmann::json json;
  for (const PlanWire& wire : wires)
    json["wires"].push_back({wire.name, wire.actions, wire.glob, wire.spread});
  json["kinds"] = kinds;
  json["hash"] = hash;
  json["usual_lines"] = usual_lines;
  json["cpu_seconds"] = cpu_seconds;
  json["judgement"] = {judgement.verdict, judgement.exit_code, judgement.instructions,
                       judgement.at.ps,   judgement.symptom,   judgement.reason};
  for (const auto& blocks : code) {
    auto& list = json["code"].emplace_back(nlohmann::json::array());
    for (const SeenBlock& block : blocks)
      list.push_back({block.address.value, nlohmann::json::binary(block.bytes)});
  }
  const std::vector<uint8_t> rest = nlohmann::json::to_msgpack(json);
  const uint64_t rest_size = rest.size();
  std::string bytes(reinterpret_cast<const char*>(&rest_size), sizeof rest_size);
  bytes.append(rest.begin(), rest.end());
  bytes.append(reinterpret_cast<const char*>(sites.data()), sites.size() * sizeof(Site));
  return bytes;
}

Baseline Baseline::from_bytes(const std::string& bytes) {
  uint64_t rest_size = 0;
  SIM_ASSERT(bytes.size() >= sizeof rest_size);
  std::memcpy(&rest_size, bytes.data(), sizeof rest_size);
  const auto begin = bytes.begin() + sizeof rest_size;
  const auto json = nlohmann::json::from_msgpack(begin, begin + static_cast<ptrdiff_t>(rest_size));
  Baseline baseline;
  if (json.contains("wires")) {
    for (const auto& wire : json["wires"])
      baseline.wires.push_back({wire[0].get<std::string>(), wire[1].get<std::vector<std::string>>(),
                                wire[2].get<uint32_t>(), wire[3].get<uint64_t>()});
  }
  baseline.kinds = json["kinds"].get<std::vector<std::string>>();
  baseline.hash = json["hash"].get<uint64_t>();
  baseline.usual_lines = json["usual_lines"].get<std::set<std::string>>();
  baseline.cpu_seconds = json["cpu_seconds"].get<double>();
  const auto& judged = json["judgement"];
  baseline.judgement = {judged[0].get<RunVerdict>(),  judged[1].get<int>(),
                        judged[2].get<uint64_t>(),    Tick{judged[3].get<uint64_t>()},
                        judged[4].get<std::string>(), judged[5].get<std::string>()};
  if (json.contains("code")) {
    for (const auto& list : json["code"]) {
      auto& blocks = baseline.code.emplace_back();
      for (const auto& block : list) blocks.push_back({{block[0].get<uint64_t>()}, block[1].get_binary()});
    }
  }
  const size_t head = sizeof rest_size + rest_size;
  baseline.sites.resize((bytes.size() - head) / sizeof(Site));
  if (!baseline.sites.empty())
    std::memcpy(baseline.sites.data(), bytes.data() + head, baseline.sites.size() * sizeof(Site));
  return baseline;
}

// Floyd's: each subset is as likely as any other, and only the chosen ones are kept.
std::vector<uint64_t> choose(uint64_t count, uint64_t bound, uint64_t seed, std::string_view stream) {
  count = std::min(count, bound);
  Random random = Random(seed).fork(stream);
  std::unordered_set<uint64_t> taken;
  std::vector<uint64_t> chosen;
  for (uint64_t top = bound - count; top < bound; ++top) {
    const uint64_t drawn = random.below(top + 1);
    const uint64_t taken_now = taken.insert(drawn).second ? drawn : top;
    taken.insert(taken_now);
    chosen.push_back(taken_now);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

Plan::Plan(const Baseline& baseline, std::optional<uint64_t> random, uint64_t seed, Shard shard)
    : chosen_all_(!random), shard_(shard) {
  first_point_.reserve(baseline.sites.size() + 1);
  const std::vector<bool> has_points = spread(baseline);
  uint64_t point = 0;
  for (size_t number = 0; number < baseline.sites.size(); ++number) {
    first_point_.push_back(point);
    if (has_points[number]) point += baseline.wires[baseline.sites[number].wire].actions.size();
  }
  first_point_.push_back(point);
  if (random) chosen_ = choose(*random, point, seed, "campaign");
}

// Of T sites of a glob N: those at which another N-th part of T is complete.
std::vector<bool> Plan::spread(const Baseline& baseline) const {
  struct Count {
    uint64_t all = 0, seen = 0;
  };
  std::map<uint32_t, Count> counts;
  for (const Site& site : baseline.sites) ++counts[baseline.wires[site.wire].glob].all;
  std::vector<bool> chosen;
  for (const Site& site : baseline.sites) {
    const PlanWire& wire = baseline.wires[site.wire];
    Count& count = counts[wire.glob];
    const uint64_t before = count.seen++ * wire.spread / count.all;
    chosen.push_back(wire.spread == 0 || wire.spread >= count.all ||
                     count.seen * wire.spread / count.all != before);
  }
  return chosen;
}

uint64_t Plan::own() const { return chosen() / shard_.of + (chosen() % shard_.of >= shard_.number ? 1 : 0); }

size_t Plan::site_of(uint64_t point) const {
  const auto behind = std::upper_bound(first_point_.begin(), first_point_.end(), point);
  return static_cast<size_t>(behind - first_point_.begin()) - 1;
}

uint64_t Plan::rank_of(uint64_t point) const {
  if (chosen_all_) return point;
  return static_cast<uint64_t>(std::lower_bound(chosen_.begin(), chosen_.end(), point) - chosen_.begin());
}

uint64_t Plan::next_own(uint64_t from) const {
  uint64_t rank = rank_of(std::min(from, points()));
  rank += (shard_.number - 1 + shard_.of - rank % shard_.of) % shard_.of;
  if (rank >= chosen()) return points();
  return chosen_all_ ? rank : chosen_[rank];
}

}  // namespace ringside
