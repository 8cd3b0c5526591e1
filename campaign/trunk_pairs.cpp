// Second faults: a child that has its first one becomes a trunk itself.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>

#include "campaign/isolated.h"
#include "campaign/trunk.h"

namespace ringside {

namespace {

// The share of one of `of` equal parts, so that all together are `total`.
uint64_t part(uint64_t total, uint64_t number, uint64_t of) {
  const auto up_to = [&](uint64_t n) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(total) * n / of);
  };
  return up_to(number + 1) - up_to(number);
}

}  // namespace

// In a child of the trunk. True: it goes on with the fault of `point`, as whatever its role is then; false:
// there is nothing more to do for this point.
bool Trunk::prepare_pairs(uint64_t point) {
  first_point_ = point;
  if (orders_.done.count(point) != 0 && orders_.survived.count(point) == 0) return false;
  // A child of its own runs to the end first: whether pairs make sense, and how many there are, is only known
  // then.
  if (run_alone(point)) return true;
  const ChildReport& alone = *second_place().report;
  if (alone.verdict != RunVerdict::survived || alone.later_points == 0) return false;
  if (orders_.pairs_max) {
    const uint64_t share = part(*orders_.pairs_max, orders_.plan->rank_of(point), orders_.plan->chosen());
    chosen_ = choose(share, alone.later_points, orders_.seed, fmt::format("pairs of {}", point));
  } else {
    chosen_.resize(alone.later_points);
    std::iota(chosen_.begin(), chosen_.end(), uint64_t{0});
  }
  const auto earlier = orders_.seconds_done.find(point);
  if (earlier != orders_.seconds_done.end())
    std::erase_if(chosen_, [&](uint64_t second) { return earlier->second.count(second) != 0; });
  if (chosen_.empty()) return false;
  role_ = Role::second_trunk;
  // Its end is known; what it spends from here on, it spends on forks.
  limit_time(0);
  return true;
}

Trunk::Place& Trunk::second_place() {
  return places_[orders_.jobs + static_cast<size_t>(own_place_ - places_.data())];
}

// Forks, waits, and passes the report on. True in the child.
bool Trunk::run_alone(uint64_t point) {
  Place& place = second_place();
  if (fork_at(place, point)) return true;
  int status = 0;
  while (waitpid(place.process, &status, 0) < 0 && errno == EINTR) {
  }
  TrunkMessage message;
  message.point = point;
  reported(place, status, message);
  *place.report = message.report;
  if (orders_.done.count(point) == 0) send(message);
  return false;
}

const FaultAction* Trunk::strike_second(const FaultSite& site, const WantedWire& wire) {
  const uint64_t first = later_points_;
  later_points_ += wire.actions.size();
  while (chosen_[next_chosen_] < later_points_) {
    const uint64_t second = chosen_[next_chosen_];
    const FaultAction& action = wire.actions[second - first];
    Place& place = second_place();
    if (fork_at(place, first_point_)) return &action;
    int status = 0;
    while (waitpid(place.process, &status, 0) < 0 && errno == EINTR) {
    }
    TrunkMessage message;
    message.point = first_point_;
    message.second = second;
    message.second_fault.nth = site.nth;
    message.second_fault.wire = wire.name;
    message.second_fault.action = action.text;
    message.second_fault.kind = kinds_->names()[kinds_->kind_of(site.wire, site.crossing.bytes())];
    reported(place, status, message);
    send(message);
    if (++next_chosen_ == chosen_.size()) finish_second_trunk();
  }
  return nullptr;
}

void Trunk::finish_second_trunk() {
  TrunkMessage message;
  message.kind = TrunkMessage::Kind::pairs_done;
  message.point = first_point_;
  message.second = chosen_.size();
  send(message);
  own_place_->report->done = true;
  _exit(0);
}

}  // namespace ringside
