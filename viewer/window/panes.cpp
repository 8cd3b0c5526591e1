#include "viewer/window/panes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ringside::viewer {

namespace {

constexpr int kDepthMax = 8;
constexpr float kSmallestPart = 0.08F;

class PanesParser {
 public:
  PanesParser(std::string_view text, const std::function<bool(std::string_view)>& is_panel)
      : text_(text), is_panel_(is_panel) {}

  Result<std::unique_ptr<Pane>> parse() {
    auto pane = one(0);
    if (!pane) return pane;
    skip();
    if (at_ != text_.size()) return wrong("something is left over");
    return pane;
  }

 private:
  tl::unexpected<Error> wrong(std::string_view what) const {
    return fail(fmt::format("layout '{}', character {}: {}", text_, at_ + 1, what));
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  std::string_view word() {
    skip();
    const size_t from = at_;
    while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != '(' && text_[at_] != ')') ++at_;
    return text_.substr(from, at_ - from);
  }

  Result<std::unique_ptr<Pane>> one(int depth) {
    if (depth > kDepthMax) return wrong("splits within splits within splits: that is too deep");
    const std::string_view name = word();
    if (name != "rows" && name != "cols") {
      if (!is_panel_(name)) return wrong(fmt::format("there is no panel '{}'", name));
      auto leaf = std::make_unique<Pane>();
      leaf->panel = name;
      return leaf;
    }
    if (at_ == text_.size() || text_[at_] != '(') return wrong("a ( is missing");
    ++at_;
    auto split = std::make_unique<Pane>();
    split->is_stacked = name == "rows";
    const std::string_view part = word();
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), split->part);
    if (error != std::errc{} || end != part.data() + part.size() || !(split->part > 0 && split->part < 1))
      return wrong("a number between 0 and 1 is missing");
    split->part = std::clamp(split->part, kSmallestPart, 1 - kSmallestPart);
    auto first = one(depth + 1);
    if (!first) return first;
    auto second = one(depth + 1);
    if (!second) return second;
    skip();
    if (at_ == text_.size() || text_[at_] != ')') return wrong("a ) is missing");
    ++at_;
    split->first = std::move(*first);
    split->second = std::move(*second);
    return split;
  }

  std::string_view text_;
  const std::function<bool(std::string_view)>& is_panel_;
  size_t at_ = 0;
};

}  // namespace

Result<std::unique_ptr<Pane>> parse_panes(std::string_view text,
                                          const std::function<bool(std::string_view)>& is_panel) {
  return PanesParser(text, is_panel).parse();
}

std::string to_text(const Pane& pane) {
  if (pane.is_leaf()) return pane.panel;
  return fmt::format("{}({:.3f} {} {})", pane.is_stacked ? "rows" : "cols", pane.part, to_text(*pane.first),
                     to_text(*pane.second));
}

void place_panes(Pane& root, Rect area, float gap, std::vector<PlacedPane>& leaves,
                 std::vector<PlacedSplit>& splits) {
  if (root.is_leaf()) {
    leaves.push_back({&root, area});
    return;
  }
  Rect second = area;
  const float length = (root.is_stacked ? area.h : area.w) - gap;
  const Rect first =
      root.is_stacked ? second.take_top(length * root.part) : second.take_left(length * root.part);
  const Rect handle = root.is_stacked ? second.take_top(gap) : second.take_left(gap);
  splits.push_back({&root, area, handle});
  place_panes(*root.first, first, gap, leaves, splits);
  place_panes(*root.second, second, gap, leaves, splits);
}

void close_pane(std::unique_ptr<Pane>& root, const Pane* leaf) {
  if (root->is_leaf()) return;
  for (auto* side : {&root->first, &root->second}) {
    if (side->get() != leaf) continue;
    // By way of a local: the sibling is the split's own.
    auto sibling = std::move(side == &root->first ? root->second : root->first);
    root = std::move(sibling);
    return;
  }
  close_pane(root->first, leaf);
  close_pane(root->second, leaf);
}

void split_pane(Pane& leaf, bool is_stacked, const std::string& panel) {
  if (!leaf.is_leaf()) return;
  leaf.first = std::make_unique<Pane>();
  leaf.first->panel = leaf.panel;
  leaf.second = std::make_unique<Pane>();
  leaf.second->panel = panel;
  leaf.panel.clear();
  leaf.is_stacked = is_stacked;
  leaf.part = 0.5F;
}

}  // namespace ringside::viewer
