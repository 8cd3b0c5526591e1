#include "testkit/tlm_board.h"

#include <fmt/format.h>

#include <map>

#include "machine/pc/pc_board.h"
#include "ringside/error.h"
#include "ringside/systemc.h"
#include "sim/systemc/tlm_bridge.h"

namespace ringside::test {

struct TlmBoard::Impl {
  explicit Impl(PcBoard& on) : board(on) {}

  TlmTargetBridge& target(const std::string& name, TargetSocket& socket) {
    auto& bridge = targets[name];
    if (bridge) throw Error(fmt::format("two models on the board are called '{}'", name));
    bridge = std::make_unique<TlmTargetBridge>((name + "_bridge").c_str(), board.site(name), board.timeline(),
                                               board.timeline().clock());
    bridge->socket.bind(socket);
    return *bridge;
  }

  PcBoard& board;
  std::map<std::string, std::unique_ptr<TlmTargetBridge>> targets;
  std::map<std::string, std::unique_ptr<TlmDmaBridge>> masters;
};

void TlmBoard::memory(const std::string& name, uint64_t address, uint64_t size, TargetSocket& socket) {
  impl_.board.memory_bus().map(name, address, size, impl_.target(name, socket));
}

void TlmBoard::ports(const std::string& name, uint16_t first, uint16_t count, TargetSocket& socket) {
  impl_.board.ports().map(name, first, count, impl_.target(name, socket));
}

void TlmBoard::interrupt(const std::string& name, sc_core::sc_out<bool>& output, unsigned line) {
  const auto found = impl_.targets.find(name);
  if (found == impl_.targets.end())
    throw Error(fmt::format("interrupt(\"{}\"): no model of this name has registers on the board yet", name));
  if (line > 15)
    throw Error(fmt::format("interrupt(\"{}\"): there is no line {}; they are 0 to 15", name, line));
  output.bind(found->second->interrupt_signal);
  impl_.board.platform().connect(found->second->interrupt, line);
}

void TlmBoard::master(const std::string& name, InitiatorSocket& socket) {
  auto& bridge = impl_.masters[name];
  if (bridge) throw Error(fmt::format("two masters on the board are called '{}'", name));
  bridge = std::make_unique<TlmDmaBridge>((name + "_dma").c_str(), impl_.board.dma(name));
  bridge->socket.bind(socket);
}

std::shared_ptr<void> make_models(const MakeModels& make, const std::string& domain, PcBoard& board) {
  struct Kept {
    explicit Kept(PcBoard& on) : bridges(on) {}
    TlmBoard::Impl bridges;
    std::shared_ptr<void> models;
  };
  auto kept = std::make_shared<Kept>(board);
  TlmBoard seen(kept->bridges);
  kept->models = make(domain, seen);
  return kept;
}

}  // namespace ringside::test
