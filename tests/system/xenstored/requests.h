// Makes up requests to XenStore, by a seed: mostly sensible ones on few paths, so that connections meet, and
// all kinds of wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"

namespace ringside {

struct Request {
  uint32_t type = 0, transaction = 0;
  std::string body;
};

// What the generator knows of the connection that asks.
struct Asker {
  uint16_t domain = 0;
  std::vector<uint32_t> transactions;  // open ones
};

class RequestMaker {
 public:
  RequestMaker(uint64_t seed, uint16_t domains, size_t path_length_max)
      : random_(seed), domains_(domains), path_length_max_(path_length_max) {}
  Request make(const Asker& asker);
  Random& random() { return random_; }

 private:
  std::string path(const Asker& asker);
  std::string long_path(const Asker& asker);
  std::string odd_path();
  std::string domain_number();
  std::string domain_above_0();
  std::string permissions();
  std::string value();
  std::string body_of(uint32_t type, const Asker& asker);
  std::string distorted(std::string body);

  Random random_;
  const uint16_t domains_;
  const size_t path_length_max_;
};

}  // namespace ringside
