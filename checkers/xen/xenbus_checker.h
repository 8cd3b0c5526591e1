// The checker `xenbus`: both ends of a device walk through the states of public/io/xenbus.h as Linux's
// drivers/xen/xenbus and its frontends and backends do, and have said what the other end needs before they
// say that they are ready.
//
// It sees what stands in XenStore when a request or a transaction is over. What the toolstack takes away and
// makes anew begins anew.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "checkers/xen/xen_device.h"

namespace ringside {

class XenbusChecker final : public Checker {
 public:
  explicit XenbusChecker(Checkers& checkers) : Checker(checkers, "xenbus") {}
  static std::vector<CheckerRule> rules();

  std::vector<std::string> wires() const override { return {}; }
  void on_crossing(const Wire&, Crossing&, Verdict&) override {}
  void on_store_change(const std::string& path) override;
  void on_end(bool orderly) override;

 private:
  void report(std::string_view rule, const DeviceNode& node, std::string text);
  void on_frontend_ready(const DeviceNode& node, unsigned state);
  void on_backend_connected(const DeviceNode& node);
  void on_gone(const DeviceNode& node, unsigned before);

  std::map<std::string, unsigned, std::less<>> states_;  // by the end's folder
  std::vector<std::string> orphans_;                     // frontends whose backend has been taken away
};

}  // namespace ringside
