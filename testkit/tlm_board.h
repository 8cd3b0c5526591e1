// The models of a test on its machine's boards, and the bridges in front of them. Without SystemC in it, for
// who holds it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringside {
class PcBoard;
}

namespace ringside::test {

class TlmBoard;

using MakeModels = std::function<std::shared_ptr<void>(const std::string& domain, TlmBoard& board)>;

// Makes the models of one board. What it returns keeps them and the bridges, and goes before the machine.
std::shared_ptr<void> make_models(const MakeModels& make, const std::string& domain, PcBoard& board);

}  // namespace ringside::test
