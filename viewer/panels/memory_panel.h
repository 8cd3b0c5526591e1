// Memory at the cursor, as bytes and letters, at an address that somebody types: hexadecimal, or a register
// with what is added to it ("rsp+40").
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

class MemoryPanel final : public Panel {
 public:
  std::string_view id() const override { return "memory"; }
  std::string_view title() const override { return "Memory"; }
  void draw(Frame& frame) override;
  bool on_key(std::string_view key, ViewState& view) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  // None where the text is no address, or what it names is not known yet.
  std::optional<uint64_t> address(ViewState& view, std::string& error) const;
  void scroll(int64_t bytes);

  std::string text_ = "rsp";
  int64_t offset_ = 0;  // by which it was scrolled
  bool is_physical_ = false;
  uint64_t in_sight_ = 256;
};

}  // namespace ringside::viewer
