// What stand-ins were asked and could not answer from their recordings: a list for the end of the run. Each
// request is kept once, in the order in which it came first, with how often it came.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/state.h"

namespace ringside {

class UnansweredRequests : public Stateful {
 public:
  static constexpr size_t kKeptMax = 1000;  // different ones; further ones are only counted

  struct Request {
    std::string standin;  // "share/data"
    std::string request;  // "Tread /hello.txt offset=0 count=4096"
    std::string why;      // "nobody has read byte 20 of /hello.txt"
    uint64_t times = 1;
  };

  void add(const std::string& standin, const std::string& request, const std::string& why) {
    ++count_;
    const std::string key = standin + '\n' + request;
    const auto found = places_.find(key);
    if (found != places_.end()) {
      ++requests_[found->second].times;
    } else if (requests_.size() < kKeptMax) {
      places_.emplace(key, requests_.size());
      requests_.push_back({standin, request, why});
    }
  }

  uint64_t count() const { return count_; }
  const std::vector<Request>& requests() const { return requests_; }

  void visit_state(StateVisitor& visitor) const override { visitor.number("unanswered", count_); }

 private:
  uint64_t count_ = 0;
  std::vector<Request> requests_;
  std::map<std::string, size_t> places_;
};

}  // namespace ringside
