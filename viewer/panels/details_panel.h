// The cursor's crossing: its fields as a tree, and its bytes. What the mouse points at in one is marked in
// the other.
#pragma once

#include "viewer/panels/table_view.h"

namespace ringside::viewer {

class DetailsPanel final : public Panel {
 public:
  std::string_view id() const override { return "details"; }
  std::string_view title() const override { return "Details"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  struct Line {
    std::string name, value;
    size_t offset = 0, size = 0;
    int depth = 0;
    bool is_group = false;
  };
  void collect(const std::vector<DecodedField>& fields, int depth);
  void draw_fields(Frame& frame, Rect area);
  void draw_bytes(Frame& frame, Rect area);

  Row row_ = kNoRow;
  uint64_t history_ = 0;
  std::vector<Line> lines_;
  float scroll_ = 0, bytes_scroll_ = 0;
  size_t marked_offset_ = 0, marked_size_ = 0;  // of the last frame, for both halves
};

}  // namespace ringside::viewer
